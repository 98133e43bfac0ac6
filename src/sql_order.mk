# The parts of the install script, in the order in which they are concatenated.
# A part may use objects of the parts above it.
SQL_PARTS = \
	src/common/guard.sql \
	src/common/common.sql \
	src/commission/commission.sql \
	src/commission/tiers.sql \
	src/attribution/attribution.sql \
	src/attribution/journey.sql \
	src/attribution/markov.sql \
	src/engagement/engagement.sql \
	src/feed/ranking.sql \
	src/program/install.sql \
	src/program/helpers.sql \
	src/program/identity.sql \
	src/program/tables_reference.sql \
	src/program/tables_creator.sql \
	src/program/tables_visitor.sql \
	src/program/tables_order.sql \
	src/payout/tables_ledger.sql \
	src/payout/tables_stats.sql \
	src/attribution/tables_attribution.sql \
	src/commission/tables_commission.sql \
	src/program/programs.sql \
	src/program/products.sql \
	src/program/creators.sql \
	src/engagement/admission.sql \
	src/program/posts.sql \
	src/program/shoppers.sql \
	src/program/touches.sql \
	src/attribution/coupons.sql \
	src/attribution/order_credits.sql \
	src/attribution/explain.sql \
	src/commission/rates.sql \
	src/commission/commission_choice.sql \
	src/commission/commissions.sql \
	src/commission/explain_commission.sql \
	src/program/orders.sql \
	src/program/returns.sql \
	src/payout/watermark.sql \
	src/payout/ledger.sql \
	src/attribution/reattribution.sql \
	src/payout/payouts.sql \
	src/payout/statements.sql \
	src/payout/books.sql \
	src/payout/stats.sql \
	src/payout/jobs.sql \
	src/feed/feed.sql
