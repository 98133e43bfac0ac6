#!/usr/bin/env python3
"""The analysts' views against what a random program was told (reports_story.py), counted once more in Python.

What the two programs that pay by the last click should show is worked out in reports_model.py from the calls alone; what all
programs book is compared with the ledger, earnings and credits. Amounts have to agree to the cent, ratios to the digits that the views show.
"""

import random
from datetime import timedelta
from fractions import Fraction

from pg import settings
from reports_model import Model, rates
from reports_story import Story
from tap import Tap


def value(text):
    if text is None or not text.lstrip("-").replace(".", "", 1).isdigit():
        return {"t": True, "f": False}.get(text, text)
    return Fraction(text)


QUERIES = {
    "order_credits": (3, "SELECT program_id, order_ref, line_no, creator_id, nullif(touch_ref, ''), credit, returned, commission, clawed_back, campaign_id, post_id, day, country "
                         "FROM influence.order_credits WHERE program_id < 3"),
    "creator_daily": (3, "SELECT program_id, creator_id, day, views, clicks, carts, visitors, orders, lines, revenue, returned, commission, clawed_back, net_revenue, net_commission, "
                         "kept_revenue, kept_commission, conversion_rate, return_rate, average_order_value, earnings_per_click FROM influence.creator_daily WHERE program_id < 3"),
    "campaign_report": (1, "SELECT campaign_id, posts, views, clicks, exposed, exposed_buyers, orders, revenue, returned, revenue_in_set, commissions, costs, total_cost, budget_left, "
                           "kept_per_cost, set_orders, set_pieces, set_revenue, set_returned, set_revenue_before FROM influence.campaign_report"),
    "roi_report": (2, "SELECT program_id, month, sales, revenue, returned, orders, commissions, settlements, bonuses, fees, campaign_costs, cost, kept_less_cost, kept_per_cost, cost_per_order, "
                      "exposed, exposed_buyers FROM influence.roi_report WHERE program_id < 3"),
    "funnel_daily": (5, "SELECT program_id, day, surface, embed, in_app, views, clicks, carts, viewers, clickers, carters, buyers, orders, revenue, returned FROM influence.funnel_daily WHERE program_id < 3"),
    "creator_hours": (5, "SELECT program_id, creator_id, channel, collaboration, hour, views, clicks, carts, orders, revenue, returned, earned, conversion_rate, "
                         "return_rate, average_order_value, earnings_per_click FROM influence.creator_hours WHERE program_id < 3"),
    "post_report": (2, "SELECT program_id, post_id, impressions, smiles, views, clicks, carts, visitors, orders, revenue, returned, kept, earned, conversion_rate, return_rate, "
                       "average_order_value, earnings_per_click FROM influence.post_report WHERE program_id < 3"),
    "use_case_matrix": (4, "SELECT program_id, use_case, category_id, customer_kind, views, clicks, carts, orders, revenue, returned, earned FROM influence.use_case_matrix WHERE program_id < 3"),
    "creator_month": (3, "SELECT program_id, month, creator_id, posts, clips, views, clicks, orders, revenue, kept, earned, conversion_rate, return_rate, average_order_value, earnings_per_click "
                         "FROM influence.creator_month WHERE program_id < 3"),
    "program_health": (2, "SELECT program_id, month, admitted, active, posting, selling, orders, revenue, kept, return_rate, top_creator_share, top_1_percent_share, top_10_percent_share, hhi, gini, "
                          "smiles, smiles_per_1000_views FROM influence.program_health WHERE program_id < 3"),
    "vertical_supply": (3, "SELECT program_id, month, vertical, posting, posts, clips, views, clicks, share_of_clips, share_of_views FROM influence.vertical_supply WHERE program_id < 3"),
    "market_report": (2, "SELECT program_id, country, creators, clicks, visitors, orders, buyers, sales, sales_kept, revenue, returned, earned FROM influence.market_report WHERE program_id < 3"),
    "experiment_report": (3, "SELECT program_id, experiment, variant, participants, crossed_over, clickers, buyers, orders, revenue, returned, lift, z_score::float8 "
                             "FROM influence.experiment_report WHERE program_id < 3"),
    "member_value": (3, "SELECT program_id, segment, social_active, buyers, orders, revenue, returned FROM influence.member_value WHERE program_id < 3 AND orders > 0"),
    "cohort_report": (2, "SELECT program_id, member_kind, members, active, views, clicks, orders, revenue, returned FROM influence.cohort_report WHERE program_id < 3 AND cohort = 'beta'"),
    "product_praise": (1, "SELECT product_id, ups, downs, smiles, lines, pieces, returned_lines, return_rate, praise, debiased_praise FROM influence.product_praise"),
}
# what has to be empty
CHECKS = {
    "the split over touches sums to each creator's line": "SELECT * FROM (SELECT program_id, visitor_id, order_ref, line_no, creator_id, sum(credit) AS a, sum(returned) AS b, sum(commission) AS c, sum(clawed_back) AS d, "
        "sum(written_off) AS e FROM influence.order_credits WHERE creator_id > 0 GROUP BY 1, 2, 3, 4, 5) x FULL JOIN (SELECT * FROM influence.creator_line WHERE creator_id > 0) y USING (program_id, visitor_id, order_ref, line_no, creator_id) "
        "WHERE (a, b, c, d, e) IS DISTINCT FROM (revenue, returned, commission, clawed_back, written_off) AND (coalesce(a, 0), coalesce(revenue, 0), earned) <> (0, 0, 0)",
    "each line's credits are its base": "SELECT * FROM (SELECT program_id, visitor_id, order_ref, line_no, sum(credit) AS a FROM influence.order_credits GROUP BY 1, 2, 3, 4) x FULL JOIN influence.order_line l USING (program_id, visitor_id, order_ref, line_no) "
        "WHERE a IS DISTINCT FROM base_amount",
    "days are the earnings": "SELECT * FROM (SELECT program_id, creator_id, sum(commission) AS a, sum(clawed_back) AS b, sum(net_commission) AS c FROM influence.creator_daily GROUP BY 1, 2) x "
        "FULL JOIN (SELECT program_id, creator_id, sum(amount) FILTER (WHERE kind = 'commission') AS d, coalesce(-sum(amount) FILTER (WHERE kind = 'clawback'), 0) AS e, sum(amount) AS f FROM influence.earning WHERE creator_id > 0 GROUP BY 1, 2) y "
        "USING (program_id, creator_id) WHERE (coalesce(a, 0), coalesce(b, 0), coalesce(c, 0)) <> (coalesce(d, 0), coalesce(e, 0), coalesce(f, 0))",
    "earned clawbacks are what came back": "SELECT * FROM (SELECT program_id, creator_id, (occurred_at AT TIME ZONE time_zone)::date AS day, -sum(base) AS a FROM influence.earning JOIN influence.program USING (program_id) "
        "WHERE kind = 'clawback' AND creator_id > 0 AND program_id <> 2 GROUP BY 1, 2, 3) x FULL JOIN (SELECT * FROM influence.creator_daily WHERE program_id <> 2 AND returned <> 0) y USING (program_id, creator_id, day) WHERE coalesce(a, 0) <> coalesce(returned, 0)",
    "scorecards are the ledger": "SELECT * FROM (SELECT program_id, creator_id, total FROM influence.creator_scorecard) x FULL JOIN (SELECT program_id, party_id AS creator_id, sum(CASE WHEN credit_account = 'payable' THEN amount ELSE -amount END) AS a "
        "FROM influence.ledger WHERE party_id > 0 GROUP BY 1, 2) y USING (program_id, creator_id) WHERE coalesce(total, 0) <> coalesce(a, 0)",
    "and the income of months": "SELECT * FROM (SELECT program_id, creator_id, total AS a FROM influence.creator_scorecard) x FULL JOIN (SELECT program_id, creator_id, sum(total) AS b FROM influence.creator_income GROUP BY 1, 2) y USING (program_id, creator_id) "
        "WHERE coalesce(a, 0) <> coalesce(b, 0)",
    "return on spending is the income of months": "SELECT * FROM (SELECT program_id, month, cost - campaign_costs AS a FROM influence.roi_report) x FULL JOIN (SELECT program_id, month, sum(total) AS b FROM influence.creator_income GROUP BY 1, 2) y "
        "USING (program_id, month) WHERE coalesce(a, 0) <> coalesce(b, 0)",
    "the books are in order": "SELECT * FROM influence.check_books()",
    "every view opens and is listed": "SELECT v.name FROM influence_internal.installed_views() v WHERE to_regclass('influence.' || v.name) IS NULL",
}


def main():
    tap, (rounds, seed) = Tap(), settings()
    for number in range(1 if rounds == 1 else 5):
        story = Story(random.Random(seed + number), 150)
        s = story.script
        for name, (_, text) in QUERIES.items():
            s.query(name, text)
        for name, text in CHECKS.items():
            s.query("check " + name, text)
        s.query("settlements", "SELECT program_id, month, sum(amount) FROM influence.settlement GROUP BY 1, 2")
        s.query("now", "SELECT extract(epoch FROM now())")
        s.query("years", "SELECT segment, sum(shoppers), sum(years) FROM influence.member_value WHERE program_id = 1 AND segment <> 'guest' GROUP BY 1")
        s.query("facts", "SELECT (SELECT count(*) FROM influence.credit WHERE superseded_by IS NOT NULL), (SELECT count(*) FROM influence.earning WHERE revision > 0), (SELECT count(*) FROM influence.unearned_return)")
        answers = s.run()
        model = Model(story)
        model.now = story.origin + timedelta(seconds=float(answers["now"][0][0]) - story.origin.timestamp())
        settled = {(int(r[0]), r[1]): int(r[2]) for r in answers["settlements"]}
        expected = {"order_credits": model.credits(), "creator_daily": model.daily(), "campaign_report": model.campaign(), "roi_report": model.roi(settled), "funnel_daily": model.funnel(),
                    "creator_hours": model.hours(), "use_case_matrix": model.use_cases(), "creator_month": {k: v + rates(v[3], v[4], v[5], v[5] - v[6], v[7]) for k, v in model.months().items()}, "post_report": model.post_rows(), "program_health": model.health(),
                    "vertical_supply": model.supply(), "market_report": model.markets(), "experiment_report": model.experiment(), "member_value": model.members(), "cohort_report": model.cohort(), "product_praise": model.praise()}
        for name, (width, _) in QUERIES.items():
            found = {tuple(map(value, r[:width])): list(map(value, r[width:])) for r in answers.get(name, [])}
            wrong = ["%s %s: expected %s, found %s" % (name, k, [str(x) for x in expected[name].get(k, [])], [str(x) for x in found.get(k, [])])
                     for k in set(expected[name]) | set(found) if not same(expected[name].get(k), found.get(k))]
            tap.group("%s is what the program was told" % name, len(expected[name]), wrong)
        for name in CHECKS:
            rows = answers.get("check " + name, [])
            tap.ok(not rows, name, rows)
        tap.ok(all(int(x) > 10 for x in answers["facts"][0]), "credits were superseded, earnings revised, and lines came back unearned: %s" % answers["facts"][0])
        tap.ok(len(settled) > 2, "months were settled", settled)
        time = sum(((b or model.now) - max(a, story.origin)).total_seconds() for _, a, b in story.members) / 31557600
        member = [r for r in answers["years"] if r[0] == "member"][0]
        tap.ok(int(member[1]) == len(story.members) and abs(float(member[2]) - time) < 1e-4, "the years of members: %.6f" % time, [member])
    tap.done()


def same(a, b):
    if a is None or b is None or len(a) != len(b):
        return False
    return all(x == y or (isinstance(x, float) and y is not None and abs(x - float(y)) < 2e-6) or (x is not None and y is not None and not isinstance(y, str) and x == y) for x, y in zip(a, b))


if __name__ == "__main__":
    main()
