#!/usr/bin/env python3
"""Every public function with hostile arguments: it answers, or it refuses with a code of the project and a hint.

Each function of schema influence has a call here that works in a small program (CALLS; a new function without one
fails). In that call one argument after the other is replaced by every value of its type that somebody might send by
mistake or on purpose, and in JSON every key by values of every kind. Each call runs in a subtransaction that is
rolled back. What may come back is an answer, or SQLSTATE IN0xx with a hint; any other code is PostgreSQL's own and says
nothing about what is to be done. No text of a million characters may be taken by a function that writes.
"""

import json
import random
import re

from pg import Script, quote, settings
from tap import Tap


def v(n):
    return "'00000000-0000-0000-0000-%012d'::uuid" % n


STORY = """
SET TimeZone = 'UTC'; SET jit = off;
DO $$ BEGIN PERFORM influence.uninstall('drop all influence data in ' || current_database()); PERFORM influence.install(); END $$;
CREATE FUNCTION pg_temp.v(n int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid $$;
SELECT influence.create_program('Shop', 'USD', 'UTC', '{"model": "linear", "coupon_rule": "none"}', '{"hold": "1 day", "minimums": {"USD": 1}}');
SELECT influence.set_admission_rule(1, 'channels', '>=', 0, valid_from => '2020-01-01');
SELECT influence.create_category('all'), influence.create_category('garden', 1);
SELECT influence.create_topic(n) FROM unnest('{art,bikes,cats,dogs,eggs,figs}'::text[]) n;
SELECT influence.add_product('p' || n, 'Product ' || n, 1, 1000 * n, 'USD', 9, 'Acme', 'Shop', valid_from => '2020-01-01') FROM generate_series(1, 4) n;
SELECT influence.set_commission_rate(1, 0.1, valid_from => '2020-01-01'), influence.set_exchange_rate('EUR', 'USD', 1.1, 'desk', '2020-01-01');
SELECT influence.register_creator('anna', 'Anna', country => 'DE', residence => 'DE', vertical => 'garden'),
       influence.register_creator('bert', 'Bert', country => 'US', visitor_id => pg_temp.v(9));
SELECT influence.register_creator('cleo', 'Cleo');
SELECT influence.apply_creator(1, c, '2020-01-02') FROM generate_series(1, 2) c;
SELECT influence.add_channel(1, 'instagram', 'anna'), influence.record_channel_metrics(1, 1, '2024-05-01', 1000, 10, 900, 80, 10, 5, 5);
SELECT influence.create_storefront(1, 'annas.garden', 'Garden');
SELECT influence.publish_post(1, c, 'post ' || c, 'photo', '[{"product_id": 1}]', 'art', published_at => '2024-05-01') FROM generate_series(1, 2) c;
SELECT influence.publish_post(1, 1, 'post of today', 'photo', '[{"product_id": 1}]', 'art', published_at => now() - interval '1 hour');
SELECT influence.create_membership_plan('prime', 'Prime', 1000, 'USD');
SELECT influence.register_shopper(pg_temp.v(n), 's' || n, 'DE', 'de') FROM generate_series(1, 4) n;
SELECT influence.set_display_name(pg_temp.v(1), 'Ruth Miller'), influence.set_interests(pg_temp.v(1), '{art,bikes,cats,dogs,eggs}');
SELECT influence.record_membership(pg_temp.v(1), 'prime', '2024-01-01');
SELECT influence.add_to_cohort('beta', 'shopper', pg_temp.v(1)::text, '2024-01-01');
SELECT influence.follow(pg_temp.v(1), 1, since => '2024-02-01'), influence.mute(pg_temp.v(1), topic => 'figs');
SELECT influence.add_friend(pg_temp.v(2), pg_temp.v(1)), influence.add_friend(pg_temp.v(1), pg_temp.v(3)), influence.accept_friend(pg_temp.v(3), pg_temp.v(1));
SELECT influence.create_list('shopper', pg_temp.v(3)::text, 'l', 'wish', 'Wishes', 'public');
SELECT influence.add_list_item(1, 1, 'note', 9), influence.add_list_item(1, 2);
SELECT influence.reserve_list_item(1, 1, pg_temp.v(1), 'g1');
SELECT influence.record_touch(1, pg_temp.v(1), 't' || n, 'click', n, '2024-05-10', 1) FROM generate_series(1, 2) n;
SELECT influence.record_order(1, pg_temp.v(1), 'o1', '[{"line_no": 1, "product_id": 1, "quantity": 3, "paid_price": 9000}]', '2024-05-11 12:00');
SELECT influence.record_order(1, pg_temp.v(2), 'o2', '[{"line_no": 1, "product_id": 2, "quantity": 1, "paid_price": 9000}]', '2024-05-11 12:00');
SELECT influence.react(pg_temp.v(1), 1, 'smile', 'smile', '2024-05-10 10:00');
SELECT influence.comment_on_post(pg_temp.v(1), 1, 'c', 'Nice');
SELECT influence.run_payouts(1, '2024-05', '2024-06-20');
SELECT influence.set_commission_budget(1, 1000000, 'Acme', '2024-01-01'), influence.set_bonus_rule(1, 'basket', 'large', 100000, 500, '2024-01-01');
SELECT influence.create_campaign(1, 'spring', 'Spring', 'Acme', 100000, '2024-05-01', '2024-07-01', '{1}');
SELECT influence.create_sponsored_campaign(1, 'ad', 'Acme', 'Ad', '{1}', 100000, 'impression', 1000, now(), now() + interval '9 days');
INSERT INTO influence.impression (visitor_id, shown_at, impression_id, program_id, request_id, post_id, creator_id, rank, score, features, profile, profile_version, sources, propensity, disclosure, device)
SELECT pg_temp.v(1), '2024-06-01'::timestamptz + n * interval '1 minute', 4711 + n, 1, 'r', 1, 1, 1, 0, '{1,2}', 'standard', 1, '{follow}', 1, 'affiliate', 'web' FROM generate_series(0, 999) n;
SELECT influence.agree_exclusivity(2, 'x1', 'Luma', 'desk', valid_from => '2024-01-01'), influence.set_brand_rule(1, 'Other', false, '2024-01-01', '2025-01-01'),
       influence.authorise_seller('Other', 'Shop', '2024-01-01'), influence.set_capability(1, 'vote', valid_from => '2024-01-01');
SELECT influence.authorise_seller('Acme', 'Shop', '2020-01-01'), influence.send_sample(1, 1, 'sample', 1, 'desk', sent_at => '2024-05-02'), influence.make_offer(1, 1, 'offer', 'Shop', 1, 'desk', 0.2, offered_at => '2024-05-02'),
       influence.record_strike(1, 'strike', 'spam', 'desk', '2024-05-02'), influence.hold_payouts(2, 'odd', 'hold', 'desk');
SELECT influence.create_tax_authority('FIN', 'Finance', 'DE', 'Europe/Berlin'), influence.set_tax_rule('FIN', 'withholding', 0.1), influence.set_tier_table(1, 'units', 'volume', '{0}', '{0.1}', valid_from => '2024-07-01'),
       influence.create_brand_account(1, 'Acme');
SELECT influence.give_feedback(pg_temp.v(1), 'creator', 2, 'hide', '2024-05-12'), influence.assign_feed_profile(1, 'standard', surface => 'feed', valid_from => '2024-01-01');
SELECT influence.record_adjustment(1, 2, -100000, 'debt', 'note');
INSERT INTO influence.sponsored_charge (sponsored_campaign_id, kind, impression_id, program_id, visitor_id, post_id, occurred_at) SELECT 1, 'impression', 4711, 1, pg_temp.v(1), 1, now();
INSERT INTO influence.sponsored_pending (sponsored_campaign_id, kind, impression_id, occurred_at) SELECT sponsored_campaign_id, kind, impression_id, occurred_at FROM influence.sponsored_charge;
INSERT INTO influence.fraud_case (creator_id, signal, case_ref, evidence, score, state) VALUES (1, 'brushing', 'case', '{}', 0.5, 'open');
SELECT influence.settle_tiers(1), influence.refresh_stats(), influence.refresh_scores(), influence.refresh_neighbors();
CREATE TEMP TABLE kept AS SELECT f.impression AS token FROM influence.get_feed(1, pg_temp.v(1)) f LIMIT 1;
CREATE FUNCTION pg_temp.long_text(n int) RETURNS text LANGUAGE sql STABLE AS $$ SELECT left(string_agg(md5(i::text), ''), n) FROM generate_series(1, n / 32 + 1) i $$;
-- 'ok', or the SQLSTATE, with "!" where there is no hint, and what is said
CREATE FUNCTION pg_temp.attempt(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text;
    detail text;
    hint text;
BEGIN
    BEGIN
        EXECUTE call;
        RAISE EXCEPTION USING ERRCODE = 'ZZ000';
    EXCEPTION
        WHEN SQLSTATE 'ZZ000' THEN RETURN 'ok';
        WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
            RETURN concat(SQLSTATE, CASE WHEN hint = '' THEN '!' END, ' ', regexp_replace(concat_ws(' / ', left(message, 200), left(detail, 200), left(hint, 300)), '[[:space:]]+', ' ', 'g'));
    END;
END $$;
"""

# Values to try, by type: SQL expressions.
NULL = "NULL"
LONG = "pg_temp.long_text(1000000)"
TEXTS = [NULL, "''", "' '", "E'\\x01\\n\\t'", "E'\\u202Eabc\\u2066'", "repeat('x', 201)", "pg_temp.long_text(9000)", LONG, "'NaN'", "'-1'", "'infinity'",
         "'''; DROP TABLE influence.touch; --'", "'%s %I $1 {}'", "'{\"a\":'", "'9999999999999999999999'", "'2024-02-30'", "'0000-00'", "'ÄöÜ ß \u0130 \ufb01'", "'--'",
         "'99999-12'", "'2024-06'", "'USD'", "'usd'", "'EUR'", "'XXX'"]
BIGINTS = [NULL, "0", "-1", "1", "2", "999", "9223372036854775807", "(-9223372036854775808)"]
INTS = [NULL, "0", "-1", "1", "32768", "2147483647", "(-2147483648)"]
NUMERICS = [NULL, "0", "-1", "'NaN'", "'Infinity'", "'-Infinity'", "1e400", "1e-400", "-1e400", "0.12345678901", "1e18", "1e30", "1.000000001", "0.5"]
FLOATS = [NULL, "0", "-1", "'NaN'", "'Infinity'", "'-Infinity'", "1.7e308", "-1.7e308", "5e-324", "0.5", "1", "1e18"]
TIMES = [NULL, "'infinity'", "'-infinity'", "'294276-12-31 23:59:59+00'", "'4713-01-01 00:00+00 BC'", "'1970-01-01 00:00+00'", "'2024-06-15 00:00+00'", "'2500-01-01 00:00+00'", "now()"]
INTERVALS = [NULL, "'0'", "'-1 day'", "'178000000 years'", "'-178000000 years'", "'1 month -31 days'", "'2147483647 days'", "'1 microsecond'", "'100 years'", "'1 month'"]
VALUES = {
    "text": TEXTS,
    "bigint": BIGINTS,
    "integer": INTS,
    "numeric": NUMERICS,
    "double precision": FLOATS,
    "boolean": [NULL, "true", "false"],
    "uuid": [NULL, "'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'", v(1), v(2), v(3), v(5)],
    "timestamp with time zone": TIMES,
    "interval": INTERVALS,
    "bytea": [NULL, "''", "'\\x00'", "'\\xffffffffffffffffffffffffffffffff'", "decode(repeat('00', 4096), 'hex')", "decode(repeat('ff', 4096), 'hex')", "sha256('x')"],
}


# of these texts a hash is compared, or the beginning kept
COMPARED = {("end_job", "outcome"), ("end_job", "failure"), ("record_gift_purchase", "token"), ("reserve_list_item", "token")}


def arrays(values, long):
    return ([NULL, "'{}'", "'{NULL}'"] + ["ARRAY[%s]" % x for x in values] + ["ARRAY[ARRAY[%s,%s],ARRAY[%s,%s]]" % ((values[-1],) * 4), "ARRAY[%s,NULL]" % values[-1],
            "ARRAY[%s,%s]" % (values[-1], values[-1]), "array_prepend(%s, ARRAY(SELECT %s))" % (values[-1], values[-1]), long])


VALUES["bigint[]"] = arrays(BIGINTS[1:], "ARRAY(SELECT i::bigint FROM generate_series(1, 20000) i)")
VALUES["numeric[]"] = arrays(NUMERICS[1:], "ARRAY(SELECT 0.5 FROM generate_series(1, 20000) i)")
VALUES["double precision[]"] = arrays(FLOATS[1:], "ARRAY(SELECT 0.5::float8 FROM generate_series(1, 20000) i)")
VALUES["text[]"] = arrays(["'x'", "''", "repeat('x', 201)", LONG], "ARRAY(SELECT i::text FROM generate_series(1, 20000) i)")
VALUES["timestamp with time zone[]"] = arrays(TIMES[1:], "ARRAY(SELECT now() FROM generate_series(1, 20000) i)")

# JSON as whole arguments ...
NESTED = "(repeat('[', 1000) || repeat(']', 1000))"
DOCUMENTS = [NULL, "'null'", "'{}'", "'[]'", "'[[]]'", "'[{}]'", "'[null]'", "'[1]'", "'[\"x\"]'", "'1'", "'\"x\"'", "'true'", "'1e400'", "'{\"a\": 1, \"a\": 2}'", "'[{\"a\": 1}]'", "'{\"\": null}'",
             NESTED, "('{\"a\": ' || %s || '}')" % NESTED, "('[{\"a\": ' || %s || '}]')" % NESTED, "(repeat('{\"a\":', 1000) || '1' || repeat('}', 1000))", "to_json(pg_temp.long_text(1000000))::text"]
# ... and in place of each value in one that works
LEAVES = ["null", "{}", "[]", "[null]", '{"a": 1}', '""', '"x"', '" "', '"NaN"', '"-1"', '"1"', '"1.5"', '"infinity"', '"-infinity"', '"1e400"', '"9223372036854775808"', '"294276-12-31"', '"4713-01-01 BC"',
          '"2024-02-30"', '"178000000 years"', '"-1 day"', '"00000000-0000-0000-0000-000000000005"', '"USD"', '"\\u0001\\u202e"', "true", "false", "0", "-1", "1", "1.5", "1e400", "-1e400", "1e-400",
          "9223372036854775807", "-9223372036854775808", "9223372036854775808", "2147483648"]
LONG_LEAF = "@long@"
NESTED_LEAF = "@nested@"

# What a parameter is in a call that works, where the call does not say otherwise.
GOOD = {
    "program_id": "1", "creator_id": "1", "visitor_id": v(1), "viewer_id": v(1), "giver_id": v(1), "product_id": "1", "post_id": "1", "category_id": "1", "channel_id": "1", "list_id": "1",
    "campaign_id": "1", "sponsored_campaign_id": "1", "comment_id": "1", "currency": "'USD'", "country": "'DE'", "actor": "'desk'", "period": "'2024-05'", "order_ref": "'o1'", "brand": "'Acme'",
    "seller": "'Shop'", "name": "'name'", "title": "'Title'", "note": "'note'", "reason": "'reason'", "model": "'linear'", "topic": "'art'", "amount": "100", "rate": "0.1", "platform": "'instagram'",
    "profile": "'standard'", "party_id": "(SELECT party_id FROM influence.payout LIMIT 1)", "authority": "'FIN'", "source": "'source'", "as_of": "'2024-07-01 00:00+00'", "line_no": "1", "policy": "'{}'",
    "valid_from": "'2030-01-01 00:00+00'", "valid_to": "'2031-01-01 00:00+00'", "quantity": "1", "surface": "'app'", "device": "'web'", "plan_id": "'prime'", "application_id": "1", "metric": "'followers'",
    "page_size": "10", "note_": "''", "vertical": "'garden'", "tier": "'micro'", "mode": "'graduated'", "thresholds": "'{0,200}'", "rates": "'{0.1,0.2}'", "rounding": "'half_up'", "time_zone": "'UTC'",
    "position_weights": "'{0.4,0.2,0.4}'", "reuse": "'reuse'", "match": "'any'", "confidence": "0.95", "trim_share": "0.1", "half_life": "'7 days'", "lookback": "'30 days'", "view_lookback": "'1 day'",
    "cart_lookback": "'90 days'", "session_lifetime": "'1 day'", "transform": "'exposure'", "last_k": "3", "language": "'de'", "occurred_at": "'2024-06-10 00:00+00'", "measured_at": "'2024-06-10 00:00+00'",
    "signal": "'brushing'", "case_ref": "'case'", "min_posts": "1", "max_posts": "5", "k": "10", "flat_amount": NULL, "cohort": "'beta'", "member_kind": "'shopper'", "hold_ref": "'hold'",
    "state": "(SELECT influence.engagement_agg(i, 100 + i) FROM generate_series(1, 9) i)",
    "journey": "(SELECT influence.journey('2024-05-01'::timestamptz + i * interval '1 day', CASE WHEN i %% 3 = 0 THEN 'conversion' ELSE 'click' END, i, i %% 2, i, NULL, NULL, NULL, NULL, 1, '{7}') FROM generate_series(1, 9) i)".replace("%%", "%"),
    "prior": "(SELECT influence.engagement_prior(s) FROM (SELECT influence.engagement_agg(i * g, 100 * g) s FROM generate_series(1, 9) i, generate_series(1, 9) g GROUP BY g) x)",
}
TOUCHES = "$$SELECT * FROM (VALUES ('a', timestamptz '2025-06-01 10:00+00', 1::bigint, 7::bigint), ('a', '2025-06-02 10:00+00', 2, 8)) t(visitor, touched_at, touch_id, creator_id)$$"
CONVERSIONS = "$$SELECT * FROM (VALUES ('a', timestamptz '2025-06-03 10:00+00', 1::bigint, 777::bigint)) t(visitor, converted_at, conversion_id, amount)$$"
CHOICES = "$$SELECT u::bigint AS user_id, (u * 7 + i * i) % 40 + 1::bigint AS item_id, timestamptz '2024-01-01' + u * interval '1 hour' + i * interval '1 minute' AS at, 1::float8 AS weight FROM generate_series(1, 50) u, generate_series(1, 6) i$$"

# function: parameters that the call gives besides those without a default, or other values than those above
CALLS = {
    "accept_friend": {"friend_id": v(2)},
    "accrual_ageing": {},
    "add_campaign_products": {"products": "'{2}'"},
    "add_channel": {"platform": "'tiktok'", "handle": "'anna'"},
    "add_friend": {"friend_id": v(4)},
    "add_list_item": {"product_id": "3", "before_product": "1"},
    "add_product": {"sku": "'new'", "price": "100", "valid_from": "'2024-01-01 00:00+00'"},
    "add_products": {"products": [{"sku": "q", "title": "Q", "category_id": 1, "price": 100, "currency": "USD", "stock": 5, "brand": "Acme", "seller": "Shop", "image": "https://x", "valid_from": "2024-01-01"}]},
    "add_to_cohort": {"cohort": "'new'", "member_id": "'00000000-0000-0000-0000-000000000002'", "since": "'2024-01-01 00:00+00'", "until": "'2025-01-01 00:00+00'"},
    "admission_metrics": {},
    "adopt_cluster": {},
    "agree_exclusivity": {"exclusivity_ref": "'ref'", "brand": "'Acme'"},
    "apply_creator": {"creator_id": "3", "submitted_at": "'2024-06-01 00:00+00'"},
    "assign_feed_profile": {"version": "1", "surface": "'other'", "experiment": "'e'", "variant": "'v'", "share": "0.5"},
    "attribute": {"touches": TOUCHES, "conversions": CONVERSIONS},
    "attribute_totals": {"touches": TOUCHES, "conversions": CONVERSIONS},
    "attribute_journey": {},
    "authorise_seller": {"brand": "'Luma'"},
    "balances": {},
    "block": {"creator_id": "2", "direction": "'by_creator'"},
    "block_shopper": {"other_id": v(4)},
    "book_earnings": {},
    "brand_funds": {},
    "charge_sponsors": {},
    "check_books": {},
    "clawback_minor": {"commission": "100", "base": "1000", "returned_before": "100", "returned_now": "100"},
    "close_period": {},
    "comment_on_post": {"comment_ref": "'new'", "body": "'Good'", "occurred_at": "'2024-06-10 00:00+00'"},
    "commission_minor": {},
    "confirm_payout": {"bank_ref": "'bank'", "paid_at": "'2024-06-25 00:00+00'"},
    "create_brand_account": {"brand": "'Acme'"},
    "create_campaign": {"campaign_ref": "'new'", "products": "'{1}'"},
    "create_category": {"parent_id": "1"},
    "create_feed_profile": {"profile": "'mine'", "weights": dict.fromkeys("bias follow interest quality neighbor affinity engagement sales freshness price_fit fatigue exploration format sound".split(), 1.5)},
    "create_list": {"owner_kind": "'shopper'", "owner_id": "'00000000-0000-0000-0000-000000000001'", "list_ref": "'ref'", "kind": "'gift'", "visibility": "'link'", "for_person": "'Tom'",
                    "token": "'abcdefghijklmnopqrstuvwxyz'", "program_id": NULL, "agent_id": NULL, "for_visitor": NULL},
    "create_membership_plan": {"plan_id": "'gold'", "fee": "100", "product_id": "1"},
    # the keys of policies are tried with set_..._policy(): each look at a time zone takes its time
    "create_program": {"name": "'New'", "attribution": "'{\"model\": \"linear\"}'", "payout": "'{\"hold\": \"14 days\"}'", "commission": "'{\"line_cap\": 5000}'", "dedup_group": "'g'"},
    "create_sponsored_campaign": {"campaign_ref": "'new'", "post_ids": "'{1}'", "budget": "10000", "pricing": "'click'", "bid": "10", "valid_from": "now()", "valid_to": "now() + interval '1 day'", "disclosure": "'paid'",
                                  "targeting": {"verticals": ["garden"], "topics": ["art"], "countries": ["DE"], "surfaces": ["app"], "cohorts": ["beta"], "plans": ["prime"]},
                                  "frequency_cap": {"impressions": 3, "per": "1 day"}},
    "create_storefront": {"creator_id": "2", "slug": "'bert'", "bio": "'Bio'", "logo": "'https://logo'", "agent_id": NULL},
    "create_tax_authority": {"authority": "'IRS'", "year_starts": "'04-06'"},
    "create_topic": {"name": "'new'"},
    "creator_ranking": {"metric": "'followers'", "tier": "''", "vertical": "''", "country": "''", "platform": "''", "after_rank": "0"},
    "creator_signals": {},
    "creator_statement": {"of_currency": "'USD'"},
    "decide_application": {"decision": "'rejected'", "decided_at": "'2024-06-01 00:00+00'"},
    "decide_case": {"confirmed": "true"},
    "decide_offer": {"offer_ref": "'offer'", "accepted": "true", "decided_at": "'2024-05-03 00:00+00'"},
    "do_job": {"job": "'scores'", "period": "'2024-06-01'"},
    "doctor": {},
    "due_periods": {"job": "'scores'"},
    "end_admission_rule": {"rule_id": "1"},
    "end_authorisation": {"brand": "'Other'"},
    "end_bonus_rule": {"bonus_id": "1"}, "end_campaign": {"valid_to": "'2024-06-01 00:00+00'"},
    "end_commission_rate": {"rate_id": "1"}, "end_tax_rule": {"rule_id": "1"}, "end_tier_table": {"tier_id": "1"},
    "end_brand_rule": {"brand": "'Other'", "allowed": "false", "valid_to": "'2024-12-01 00:00+00'"},
    "end_capability": {"rule_id": "1"},
    "end_commission_budget": {"budget_id": "1"},
    "end_exclusivity": {"creator_id": "2", "exclusivity_ref": "'x1'"},
    "end_feed_assignment": {"assignment_id": "(SELECT max(assignment_id) FROM influence.feed_assignment)", "ended_at": "now() + interval '1 day'"},
    "end_job": {"run_id": "(SELECT influence.start_job('scores', 0, '2024-06-02', '2024-06-02'))", "outcome": "'failed'", "failure": "'why'"},
    "end_membership": {},
    "end_retention": {},
    "engagement_mean": {}, "engagement_median": {}, "engagement_posts": {}, "engagement_trimmed_mean": {}, "engagement_variance": {},
    "evaluate_ranking": {"interactions": CHOICES, "items": NULL, "ranker": "'popularity'", "protocol": "'leave_last_out'"},
    "explain_application": {}, "explain_attribution": {}, "explain_commission": {}, "explain_feed": {"surface": "'feed'", "intent": "'browse'"},
    "explain_missing_sale": {}, "explain_payout": {}, "explain_score": {},
    "fail_payout": {"failed_at": "'2024-06-25 00:00+00'"},
    "feed_features": {}, "find_fraud": {},
    "find_friends": {"name": "'Ruth'"},
    "fit_feed_profile": {"since": "'2024-06-01 00:00+00'", "until": "'2024-06-02 20:00+00'", "l2": "1", "clip": "10"},
    "follow": {"creator_id": "2", "topic": NULL, "since": "'2024-06-01 00:00+00'"},
    "forget_creator": {"creator_id": "3"},
    "forget_shopper": {},
    "format_minor": {},
    "get_comments": {"after_comment": NULL},
    "get_feed": {"cursor": "(SELECT max(next_cursor) FROM influence.get_feed(1, %s, 1, NULL, '2024-05-20 00:00+00', 'feed', 'browse', 'web'))" % v(1), "as_of": "'2024-05-20 00:00+00'", "surface": "'feed'", "intent": "'browse'"},
    "get_friends": {},
    "get_list": {"token": "'abcdefghijklmnopqrstuvwxyz'", "after_position": "0", "after_product": "0"},
    "get_lists": {"owner_kind": "'shopper'", "owner_id": "'00000000-0000-0000-0000-000000000003'", "after_list": "0"},
    "get_trending": {"kind": "'post'", "scope": "0", "half_life": "'3d'", "cursor": NULL},
    "give_feedback": {"target_kind": "'creator'", "target_id": "1", "kind": "'hide'", "event_ref": "'ref'"},
    "hold_payouts": {"hold_ref": "'new'", "kind": "'fraud'", "evidence": {"orders": 3}},
    "identify": {"visitor_id": v(7), "shopper_id": v(1)},
    "import_balance": {"adjustment_ref": "'new'", "available_at": "'2024-06-11 00:00+00'"},
    "install": {"owner_role": "'influence_owner'"},
    "item_neighbors": {"interactions": "$$SELECT u::bigint AS user_id, (u + i * i) % 9 + 1::bigint AS item_id, timestamptz '2024-01-01' + i * interval '1 day' AS at FROM generate_series(1, 9) u, generate_series(1, 3) i$$", "shrink": "1", "max_history": "10"},
    "journey_counts": {}, "journey_events": {}, "journey_path": {}, "journey_paths": {},
    "last_attribution_stats": {},
    "lift_strike": {"strike_ref": "'strike'", "lifted_at": "'2024-06-01 00:00+00'"},
    "logistic_step": {"sums": "(SELECT influence.logistic_agg(i % 2 = 0, ARRAY[1, i], '{0,0}', 1) FROM generate_series(1, 9) i)", "coefficients": "'{0,0}'", "l2": "1"},
    "make_offer": {"creator_id": "2", "offer_ref": "'new'", "rate": "0.1", "valid_from": NULL, "valid_to": "'2031-01-01 00:00+00'", "expires_at": "'2030-01-01 00:00+00'", "offered_at": "'2024-06-01 00:00+00'"},
    "markov_credit": {"state": "(SELECT influence.markov_agg(ARRAY[i, i + 1]::bigint[], 1, 10, 1, 1) FROM generate_series(1, 5) i)"},
    "may": {"capability": "'vote'", "at": "'2024-06-01 00:00+00'"},
    "membership_at": {"at": "'2024-06-01 00:00+00'"},
    "minor_unit_digits": {},
    "move_list_item": {"before_product": "2"},
    "mute": {"creator_id": NULL, "topic": "'art'", "until": "'2030-01-01 00:00+00'"},
    "my_gifts": {},
    "nearby_products": {"latitude": "50", "longitude": "10", "radius_km": "10"},
    "plan_payouts": {},
    "product_vote_score": {"product_ids": "'{1}'"},
    "publish_post": {"creator_id": "1", "post_ref": "'new'", "kind": "'video'", "tags": [{"product_id": 1, "x": 0.5, "y": 0.5, "t_from_ms": 0, "t_to_ms": 1000}], "body": "'Text'", "media": "'https://m'",
                     "published_at": "'2024-06-01 00:00+00'", "disclosure": "'paid'", "countries": "'{DE}'",
                     "details": {"duration_ms": 3000, "sound": "s", "language": "de", "use_case": "review", "vertical": "garden", "campaign_id": 1}},
    "rank_items": {"history": "'{1,2}'", "neighbors": "$$SELECT 1::bigint AS item_id, 2::bigint AS neighbor_id, 0.5::float8 AS similarity$$", "at": "'{2024-01-01,2024-01-02}'", "weights": "'{1,1}'", "half_life": "2"},
    "reached_tier": {},
    "react": {"kind": "'share'", "event_ref": "'new'"},
    "reattribute": {},
    "rebuild_trends": {},
    "reconcile": {"kind": "'payouts'", "query": "$$SELECT 'anna'::text AS party, '2024-05'::text AS period, 'USD'::text AS currency, 100::bigint AS amount, 'bank'::text AS reference$$"},
    "record_adjustment": {"adjustment_ref": "'new'", "for_period": "'2024-05'", "available_at": "'2024-06-11 00:00+00'"},
    "record_bonus": {"bonus_ref": "'new'", "kind": "'bonus'", "available_at": "'2024-06-11 00:00+00'"},
    "record_campaign_cost": {"cost_ref": "'new'", "kind": "'media'", "incurred_at": "'2024-06-11 00:00+00'"},
    "record_channel_metrics": dict.fromkeys("followers posts views likes comments shares saves interactions reach impressions".split(), "100"),
    "record_channel_post": dict(dict.fromkeys("followers views likes comments shares saves interactions reach impressions".split(), "100"), post_ref="'new'", published_at="'2024-05-01 00:00+00'"),
    "record_channel_posts": {"posts": [{"post_ref": "new", "measured_at": "2024-06-01", "published_at": "2024-05-01", "topic": "art", "followers": 100, "views": 90, "likes": 9, "comments": 1, "shares": 1, "saves": 1,
                                        "interactions": 12, "reach": 50, "impressions": 99}]},
    "record_channel_topics": {"topics": {"art": 3, "bikes": 1}},
    "record_funding": {"funding_ref": "'new'", "received_at": "'2024-06-01 00:00+00'"},
    "record_gift_purchase": {"gift_ref": "'g1'", "token": "'abcdefghijklmnopqrstuvwxyz'"},
    "record_impressions": {"impressions": [{"impression": "@token@", "shown_at": "@now@", "seen": True, "dwell_ms": 100, "clicked": True, "device": "web"}], "request_id": "'new'"},
    "record_membership": {"visitor_id": v(2), "valid_from": "'2024-01-01 00:00+00'", "valid_to": "'2025-01-01 00:00+00'"},
    "record_order": {"order_ref": "'new'", "lines": [{"line_no": 1, "product_id": 1, "quantity": 2, "list_price": 2000, "paid_price": 1999, "discount_seller": 1, "discount_platform": 1, "tax": 100, "shipping": 10, "points": 1, "gift_card": 1,
                                                         "seller": "Shop", "cost": 100, "new_customer": True, "membership": "prime", "renewal_no": 1, "base_amount": 100}, {"line_no": 2, "sku": "p2", "quantity": 1, "paid_price": 5}], "ordered_at": "'2024-06-01 00:00+00'",
                     "details": {"coupon": "CODE", "country": "DE", "device": "web", "experiment": "e", "variant": "v", "holdout": False, "gift": False}},
    "record_order_event": {"kind": "'shipped'", "event_ref": "'new'", "replacement_ref": NULL},
    "record_quality_score": {"score_ref": "'new'", "score": "0.5", "scored_at": "'2024-06-01 00:00+00'"},
    "record_return": {"return_ref": "'new'", "amount": "3000", "returned_at": "'2024-06-01 00:00+00'", "kind": "'return'"},
    "record_sponsor_payment": {"payment_ref": "'new'", "received_at": "'2024-06-01 00:00+00'"},
    "record_strike": {"strike_ref": "'new'", "points": "1"},
    "record_survey": {"survey": "'new'", "value": "0.5", "segment": "'young'", "sample_size": "100"},
    "record_tax_profile": {"entity": "'individual'", "residence": "'DE'", "form": "'W8'", "form_expires": "'2031-01-01 00:00+00'", "vat_id": "'DE123456789'", "self_billing": "true", "valid_from": "now()"},
    "record_touch": {"touch_ref": "'new'", "kind": "'click'", "touched_at": "'2024-06-01 00:00+00'",
                     "details": {"channel": "feed", "link": "l", "sub_id": "s", "landing_page": "p", "referrer": "r", "device": "web", "app_version": "1", "language": "de", "consent": "all", "session_id": "x", "surface": "app", "country": "DE"}},
    "record_touches": {"touches": [{"visitor_id": "00000000-0000-0000-0000-000000000001", "touch_ref": "new", "kind": "click", "creator_id": 1, "touched_at": "2024-06-01", "product_id": 1, "post_id": 1,
                                    "channel": "feed", "link": "l", "device": "web", "country": "DE", "session_id": "x", "list_id": 1, "sub_id": "s", "campaign_id": 1, "coupon": "C", "position": 1, "impression_id": 4711,
                                    "category_id": 1, "price": 100, "currency": "USD", "stock": 5, "landing_page": "p", "referrer": "r", "surface": "app", "app_version": "1", "language": "de", "in_app": True, "cta": "buy",
                                    "embed": "blog.example.com", "boosted": False, "consent": "all", "viewable_ms": 100, "experiment": "e", "variant": "v", "bot_verdict": "human", "bot_rules_version": 1}]},
    "refresh_neighbors": {}, "refresh_scores": {}, "refresh_stats": {},
    "refund_sponsored": {"refund_ref": "'new'", "impression_ids": "'{4711}'"},
    "register_creator": {"creator_ref": "'new'", "kind": "'person'", "residence": "'DE'", "agency_of": "'{}'", "visitor_id": v(8)},
    "register_shopper": {"visitor_id": v(8), "external_key": "'key'"},
    "release_gift": {"gift_ref": "'g1'"},
    "release_hold": {},
    "remove_from_cohort": {"member_id": "'00000000-0000-0000-0000-000000000001'", "until": "'2025-01-01 00:00+00'"},
    "remove_list": {},
    "remove_list_item": {},
    "rename_storefront": {"slug": "'roses'", "agent_id": NULL},
    "replay_application": {"at": NULL, "known_at": NULL},
    "reserve_list_item": {"product_id": "2", "gift_ref": "'new'", "token": "'abcdefghijklmnopqrstuvwxyz'", "reserved_at": "'2024-06-01 00:00+00'"},
    "resolve_slug": {"slug": "'annas.garden'"},
    "return_sample": {"sample_ref": "'sample'", "returned_at": "'2024-06-01 00:00+00'"},
    "run_payouts": {"as_of": "'2024-07-10 00:00+00'", "period": "'2024-06'"},
    "sample_eligible": {},
    "rotate_seal_secret": {"rotation_ref": "'new'", "grace": "'1 day'"},
    "schedule_jobs": {"dry_run": "true"},
    "score_creators": {"posts": "$$SELECT c::bigint AS creator_id, 'garden'::text AS vertical, 'micro'::text AS tier, (c * i)::bigint AS interactions, 1000::bigint AS base FROM generate_series(1, 5) c, generate_series(1, 5) i$$"},
    "seal_stats": {},
    "send_sample": {"sample_ref": "'new'", "value": "10", "sent_at": "'2024-06-01 00:00+00'", "posts_due": "1", "due_at": "'2024-07-01 00:00+00'"},
    "set_admission_rule": {"comparison": "'>='", "threshold": "100", "effect": "'reject'"},
    "set_attribution_policy": {"policy": {"model": "linear", "lookback": "30 days", "view_lookback": "0", "half_life": "7 days", "position_weights": [0.4, 0.2, 0.4], "coupon_rule": "none"}},
    "set_bonus_rule": {"kind": "'basket'", "threshold": "100"},
    "set_brand_rule": {"brand": "'New'", "allowed": "true"},
    "set_capability": {"capability": "'vote'", "plan": "'prime'"},
    "set_category_topic": {"category": "'garden'", "topic": "'bikes'"},
    "set_comment_status": {"new_status": "'removed'", "since": "'2024-06-01 00:00+00'"},
    "set_commission_budget": {"brand": "'Luma'"},
    "set_commission_policy": {"policy": {"platform_rate": 0.1, "line_cap": 5000, "order_cap": 5000, "month_cap": 5000, "month_minimum": 1, "base_less": ["tax"], "tier_restate": "forever"}},
    "set_commission_rate": {"directness": "'direct'", "customer_kind": "'new'", "boost": "'organic'", "protect_days": "3", "priority": "1"},
    "set_coupon": {"code": "'CODE'", "fixed_credit": "100"},
    "set_creator_status": {"new_status": "'suspended'", "since": "'2024-06-01 00:00+00'", "strikes": "1"},
    "set_display_name": {"display_name": "'Ruth'"},
    "set_exchange_rate": {"currency_from": "'GBP'", "currency_to": "'USD'"},
    "set_interests": {"topics": "'{art,bikes,cats,dogs,eggs}'", "weights": "'{1,1,1,1,1}'"},
    "set_list_items": {"items": [{"product_id": 3, "note": "n", "wanted": 2}, {"product_id": 1, "note": "n", "wanted": 2}]},
    "set_moderation": {"first_posts": "1"},
    "set_payout_destination": {"method": "'iban'", "destination": "'DE89370400440532013000'", "valid_from": "now()"},
    "set_payout_policy": {"policy": {"hold": "14 days", "minimums": {"USD": 100}, "rounding": "half_even", "rounding_scope": "order", "max_clawback_age": "180 days", "earns_at": "shipped", "hold_from": "delivered", "granularity": {"USD": 10},
                                     "demands_destination": False, "demands_tax_profile": False, "tax_authorities": ["FIN"], "pay_when_funded": True, "seal_after": "40 days"}},
    "set_post_status": {"new_status": "'removed'", "since": "'2024-06-01 00:00+00'"},
    "set_price": {"price": "100", "currency": "'USD'"},
    "set_product_location": {"location_ref": "'shop'", "latitude": "50", "longitude": "10"},
    "set_quota": {},
    "set_setting": {"name": "'feed_caps'", "value": {"post": 3, "creator": 4}},
    "set_size_tier": {"tier": "'new'", "followers_from": "12345"},
    "set_sponsored_budget": {"budget": "200000"},
    "set_sponsored_status": {"new_status": "'paused'"},
    "set_stock": {},
    "set_tax_rule": {"kind": "'vat'", "residence": "'DE'", "entity": "'individual'", "form": "'W8'"},
    "set_tier_table": {"measure": "'revenue'"},
    "settle_tiers": {},
    "shrunk_rate": {"posts": "3"}, "shrunk_rate_bounds": {"posts": "3"},
    "simulate_admission": {"rules": [{"metric": "followers", "comparison": ">=", "threshold": 3500, "platform": "instagram", "country": "DE", "vertical": "garden", "effect": "review"}]},
    "simulate_program": {"rates": [{"rate": 0.1, "creator_id": 1, "product_id": 1, "category_id": 0, "country": "DE", "priority": 1, "valid_from": "2024-01-01", "valid_to": "2025-01-01", "directness": "direct",
                                    "customer_kind": "new", "boost": "organic", "protect_days": 3}],
                         "tiers": [{"measure": "units", "mode": "volume", "thresholds": [0, 5], "rates": [0.1, 0.2], "category_id": 1, "valid_from": "2024-01-01", "valid_to": "2025-01-01"}],
                         "attribution": {"model": "linear", "lookback": "30 days", "position_weights": [0.4, 0.2, 0.4]}, "commission": {"platform_rate": 0.1, "line_cap": 5000}},
    "split_amount": {"weights": "'{1,2}'"},
    "start_job": {"job": "'scores'", "period": "'2024-06-03'"},
    "stat_progress": {},
    "tier_progress": {"as_of": "'2024-07-10 00:00+00'"},
    "tiered_amount": {},
    "unfollow": {"topic": NULL}, "unfriend": {"friend_id": v(3)},
    "uninstall": {"confirm": "'drop all influence data in ' || current_database()"},
    "unmute": {"creator_id": NULL, "topic": "'figs'"},
    "unschedule_jobs": {},
    "update_creator": {"country": "'US'", "since": "'2024-06-01 00:00+00'"},
    "update_list": {"visibility": "'link'", "token": "'abcdefghijklmnopqrstuvwxyz'"},
    "update_list_item": {"wanted": "3"},
    "update_shopper": {},
    "update_storefront": {"bio": "'Bio'", "logo": "'https://x'", "banner": "'https://x'", "colours": {"primary": "#aabbcc", "text": "#000000"}, "agent_id": NULL},
    "verify_channel": {"verified": "true", "since": "'2024-06-01 00:00+00'"},
    "version": {},
    "visitor_key": {"external_id": "'ext'"},
    "vote_product": {"vote": "1", "program_id": NULL},
    "wilson_lower_bound": {"positives": "9", "trials": "10"},
    "withdraw_feedback": {"target_kind": "'creator'", "target_id": "2", "kind": "'hide'"},
    "withdraw_offer": {"offer_ref": "'offer'", "withdrawn_at": "'2024-06-01 00:00+00'"},
    "write_off_balance": {"party_id": "2", "write_off_ref": "'new'"},
    # aggregates and window functions; a NULL argument is a row, too
    "decayed_score": {"weight": "1", "at": "'2024-06-01 00:00+00'"}, "engagement_agg": {"interactions": "9", "base": "100", "posts": "2"}, "engagement_prior": {"creator": "(SELECT influence.engagement_agg(i, 100) FROM generate_series(1, 9) i)"},
    "engagement_rate": {"interactions": "9", "base": "100"}, "markov_agg": {"path": "'{1,2}'", "conversions": "1", "value": "10", "nulls": "1", "order_k": "1"}, "median_engagement_rate": {"interactions": "9", "base": "100"},
    "trimmed_engagement_rate": {"interactions": "9", "base": "100"}, "logistic_agg": {"positive": "true", "features": "'{1,2}'", "coefficients": "'{0,0}'", "weight": "1"},
    "posting_regularity": {"published_at": "'2024-06-01 00:00+00'"}, "growth_rate": {}, "tiered_commission": {}, "tiered_commission_step": {}, "topic_focus": {"topic_id": "1", "posts": "3"},
    "journey": {"kind": "'click'", "id": "1", "order_id": "1", "channel": "'direct'", "weight": "0.5", "excluded_creator_ids": "'{7}'"},
}

# queries of the caller, whose errors come through
QUERIES = {("attribute", "touches"), ("attribute", "conversions"), ("attribute_totals", "touches"), ("attribute_totals", "conversions"), ("evaluate_ranking", "interactions"), ("evaluate_ranking", "items"),
           ("item_neighbors", "interactions"), ("rank_items", "neighbors"), ("reconcile", "query"), ("score_creators", "posts")}
# bytes of another origin; what memory cannot hold
STATES = "XX001"
# PostgreSQL does not say what it met
UNQUOTED = r"array dimensions|expected JSON array|evidence::text|value too long for type character"
# a call that works would need more than a story: what is refused then
EXPECTED = {"fit_feed_profile": "IN005 |ok"}

FUNCTIONS = """
SELECT p.oid, p.proname, p.prokind, p.provolatile, i, coalesce(p.proargnames[i], ''), CASE WHEN i IS NOT NULL THEN format_type(p.proargtypes[i - 1], NULL) END, i > p.pronargs - p.pronargdefaults
  FROM pg_proc p LEFT JOIN generate_series(1, 99) i ON i <= p.pronargs
 WHERE p.pronamespace = 'influence'::regnamespace
   AND p.proname !~ '^journey_(in|out|recv|send)$' AND p.prokind <> 'p'
 ORDER BY p.proname, p.oid::regprocedure::text, i
"""


def mutations(value):
    """A JSON value with each of its parts replaced in turn by each hostile one, or left out: (path, value)."""
    def walk(part, path, put):
        if path:
            for leaf in LEAVES:
                yield path, leaf, put(Raw(leaf))
            for leaf in (LONG_LEAF, NESTED_LEAF):
                yield path, leaf, put(leaf)
        if isinstance(part, dict):
            for key in part:
                yield path + [key], "(left out)", put({k: x for k, x in part.items() if k != key})
                yield from walk(part[key], path + [key], lambda x, key=key: put({**part, key: x}))
        elif isinstance(part, list):
            for i in range(len(part)):
                yield from walk(part[i], path + [i], lambda x, i=i: put(part[:i] + [x] + part[i + 1:]))
            yield path + ["twice"], "", put(part + part)
    return walk(value, [], lambda x: x)


class Raw:
    """JSON that json.dumps would not write."""
    def __init__(self, text):
        self.text = text


def written(value):
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, dict):
        return "{%s}" % ", ".join("%s: %s" % (json.dumps(k), written(x)) for k, x in value.items())
    if isinstance(value, list):
        return "[%s]" % ", ".join(map(written, value))
    return json.dumps(value)


class Chooser:
    """A part of the values, always the same for a seed; those that found most are always among them. A long run takes all."""
    ALWAYS = {NULL, LONG, "0", "-1", "'infinity'", "null", "{}", '""', '"x"', "1e400", LONG_LEAF}

    def __init__(self, rounds, seed):
        self.share = 1 if rounds > 1 else 0.2
        self.random = random.Random(seed)

    def takes(self, value):
        return value in self.ALWAYS or self.random.random() < self.share


def typed(expression, kind):
    return "(%s)::%s" % (expression, kind)


def calls_of(name, kind, parameters, chooser):
    """(parameter, what, SQL) of the call that works and of those that are to be tried."""
    given = {}
    for parameter, typename, optional in parameters:
        if parameter in CALLS[name]:
            given[parameter] = CALLS[name][parameter]
        elif parameter in GOOD:
            given[parameter] = GOOD[parameter]
        elif not optional:
            raise KeyError("no value for %s of %s" % (parameter, name))
    types = {p: t for p, t, _ in parameters}

    def call(changed):
        values = [typed(x, types[p]) for p, x in {**sql, **changed}.items()]
        if kind == "f":
            return "SELECT * FROM influence.%s(%s)" % (name, ", ".join("%s => %s" % x for x in zip({**sql, **changed}, values)))
        ordered = [typed({**sql, **changed}[p], t) for p, t, _ in parameters]
        return "SELECT influence.%s(%s)%s FROM generate_series(1, 3)" % (name, ", ".join(ordered), " OVER ()" if kind == "w" else "")

    sql = {p: document(x) if types[p] == "jsonb" and not isinstance(x, str) else x for p, x in given.items()}
    yield "", "as it should be", call({})
    for parameter, typename, optional in parameters:
        if typename == "jsonb":
            for text in DOCUMENTS:
                yield parameter, text, call({parameter: text})
            if not isinstance(given.get(parameter, ""), str):
                for path, leaf, value in mutations(given[parameter]):
                    if chooser.takes(leaf):
                        yield parameter, "%s = %s" % ("/".join(map(str, path)), leaf), call({parameter: document(value)})
        elif typename in VALUES:
            for value in VALUES[typename]:
                if chooser.takes(value):
                    yield parameter, value, call({parameter: value})


def document(value):
    text = quote(written(value))
    for mark, sql in (("@token@", "(SELECT token FROM pg_temp.kept)"), ("@now@", "now()::text"), (LONG_LEAF, LONG), (json.dumps(NESTED_LEAF), NESTED)):
        if mark in text:
            text = "replace(%s, %s, %s)" % (text, quote(mark), sql)
    return text + "::jsonb"


def functions():
    found = {}
    for oid, name, kind, volatile, i, parameter, typename, optional in Script().query("f", FUNCTIONS).run()["f"]:
        f = found.setdefault(oid, (name, kind, volatile, []))
        if i is not None:
            f[3].append((parameter, typename, optional == "t"))
    return found.values()


def main():
    tap = Tap()
    Script().sql("SELECT influence.install()").run()
    public = list(functions())
    chooser = Chooser(*settings())
    unknown = sorted({f[0] for f in public} - set(CALLS))
    tap.group("every public function has a call here", len(public), ["no call of " + name for name in unknown])
    cases = []
    for name, kind, volatile, parameters in public:
        if name not in unknown:
            cases += [(name, volatile, p, what, sql) for p, what, sql in calls_of(name, kind, parameters, chooser)]
    script = Script().sql(STORY).sql("SET statement_timeout = '10s'").sql("\\set ON_ERROR_STOP off\nSELECT 1")
    for i, (name, volatile, parameter, what, sql) in enumerate(cases):
        script.query(str(i), "SELECT pg_temp.attempt(%s)" % quote(sql))
    results = script.run()
    wrong, raw, bare, long, mute = [], [], [], [], []
    for i, (name, volatile, parameter, what, sql) in enumerate(cases):
        got = (results.get(str(i)) or [["lost: no answer within 10 s"]])[0][0]
        case = "%s %s = %s: %s" % (name, parameter, what, got)
        if parameter == "" and not re.match(EXPECTED.get(name, "ok"), got):
            wrong.append(case)
        elif got == "ok":
            if volatile == "v" and (name, parameter) not in COMPARED and (what == LONG or what.endswith(LONG_LEAF)):
                long.append(case)
        elif got.startswith("IN0"):
            if got[5] == "!":
                bare.append(case)
            # what is said of a JSON argument names the key, or the item, that is wrong
            words = re.sub("[_/]|[0-9]", " ", what.split(" = ")[0]).split() if " = " in what else []
            if words and re.search(r"value that is not possible|number is out of range", got) and not any(word in got for word in words) and not re.search(UNQUOTED, got):
                mute.append(case)
        elif not ((name, parameter) in QUERIES and got[:2] in ("42", "22", "08")) and not got.startswith(STATES):
            raw.append(case)
    asked = [c for c in cases if c[2]]
    tap.group("the calls work", len(cases) - len(asked), wrong)
    tap.group("no error of PostgreSQL's own", len(asked), raw)
    tap.group("each refusal has a hint", len(asked), bare)
    tap.group("what is wrong in JSON is named", sum(" = " in c[3] for c in asked), mute)
    tap.group("no text of a million characters is kept", sum(c[1] == "v" and LONG in c[4] for c in asked), long)
    tap.done()


if __name__ == "__main__":
    main()
