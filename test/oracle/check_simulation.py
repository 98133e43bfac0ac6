#!/usr/bin/env python3
"""simulate_program() against programs that really had the other rules.

Three programs with random rate cards, tier tables, attribution and commission policies are told the same story: touches,
orders over three months, returns of every kind, events, coupons; bonuses, budgets, holds and rounding are the same. Then
program A simulated under the rules of B has to say, creator by creator, what B booked and settled; simulated under
nothing, what A did. The simulation never sees B.
"""

import json
import random

from datetime import datetime, timedelta
from pg import Script, quote, settings
from tap import Tap

MODELS = ["first_touch", "last_touch", "last_non_direct", "linear", "position_based", "j_shaped", "inverse_j", "time_decay", "shapley"]
MONTHS = ["2024-02", "2024-03", "2024-04"]
START, END = datetime(2024, 2, 1), datetime(2024, 5, 1)
JOB = "SELECT influence.do_job('reattribute', 0, NULL, now())"
PROGRAMS, CREATORS, PRODUCTS = 3, 6, 5


def visitor(n):
    return "00000000-0000-4000-8000-%012d" % n


def rule(rng, chance, values):
    return {name: rng.choice(choices) for name, choices in values.items() if rng.random() < chance}


class Rules:
    """What the programs differ in."""

    def __init__(self, rng):
        self.rates, keys = [], set()
        for n in range(rng.randint(2, 7)):
            row = rule(rng, 0.25, {"creator_id": range(1, CREATORS + 1), "product_id": range(1, PRODUCTS + 1), "category_id": [1, 2, 3], "country": ["DE", "FR"],
                                   "directness": ["direct", "indirect"], "customer_kind": ["new", "returning"], "boost": ["boosted", "organic"], "priority": [-1, 1]}) if n else {}
            key = tuple(sorted(row.items()))
            if key in keys:
                continue
            keys.add(key)
            cut = (START + timedelta(hours=rng.randrange(90 * 24))).isoformat()
            for limits in ([{"valid_to": cut}, {"valid_from": cut}] if rng.random() < 0.4 else [{}]):
                amount = {"flat_amount": rng.randint(0, 500)} if rng.random() < 0.2 else {"rate": rng.choice(["0.1", "0.05", "0.123456789", "0", "0.333"])}
                protect = {"protect_days": rng.randint(1, 40)} if "valid_from" in limits and rng.random() < 0.6 else {}
                self.rates.append({**row, **limits, **amount, **protect})
        self.tiers = []
        for category in rng.sample([0, 1, 2, 3], rng.choice([0, 1, 1, 2, 3])):
            measure, mode = rng.choice(["revenue", "orders", "units"]), rng.choice(["graduated", "volume"])
            steps = sorted(rng.sample(range(1, 9), rng.randint(0, 3)))
            self.tiers.append({"measure": measure, "mode": mode, "thresholds": [0] + [s * (5000 if measure == "revenue" else 1) for s in steps],
                               "rates": [rng.choice(["0.04", "0.0777", "0.12", "0.2"]) for _ in range(len(steps) + 1)], **({"category_id": category} if category else {})})
        self.attribution = {"model": rng.choice(MODELS), "lookback": rng.choice(["7 days", "30 days", "1 month"]), "view_lookback": rng.choice(["0", "2 days"]),
                            "reuse": rng.choice(["reuse", "consume", "session"]), "session_lifetime": rng.choice(["6 hours", "24 hours", "5 days"]),
                            "match": rng.choice(["any", "any", "product", "category"]), "coupon_rule": rng.choice(["none", "override", "only_without_click", "last_touch"]),
                            "half_life": rng.choice(["2 days", "7 days"]), "view_min_ms": rng.choice([0, 1000])}
        self.commission = {"platform_rate": rng.choice([0, 0.02, 0.015]), "line_cap": rng.choice([None, None, 700]), "order_cap": rng.choice([None, None, 1500]),
                           "month_cap": rng.choice([None, 2500, 6000]), "month_minimum": rng.choice([None, None, 2000]), "tier_restate": rng.choice(["until_lock", "forever"])}


def literal(value):
    return quote(json.dumps(value))


def arguments(row):
    return ", ".join("%s => %s" % (k, quote("{%s}" % ",".join(map(str, v))) if isinstance(v, list) else quote(str(v))) for k, v in row.items())


def story(rng, orders):
    """The statements of a program, which has the number %(p)d."""
    def moment(low, high):
        return low + timedelta(hours=rng.randrange(int((high - low).total_seconds() // 3600)))

    told = []
    for v in range(1, 16):
        for n in range(rng.randint(1, 9)):
            touch = {"visitor_id": visitor(v), "touched_at": moment(START - timedelta(days=20), END).isoformat(), "kind": rng.choice(["click", "click", "view", "cart"])}
            if rng.random() < 0.9:
                touch["creator_id"] = rng.randint(1, CREATORS)
            elif touch["kind"] != "cart":
                touch["channel"] = rng.choice(["direct", "search"])
            if touch["kind"] == "view":
                touch["viewable_ms"] = rng.choice([500, 2000])
            if rng.random() < 0.5 or touch["kind"] == "cart":
                touch["product_id"] = rng.randint(1, PRODUCTS)
            if rng.random() < 0.3:
                touch["boosted"] = True
            touch["touch_ref"] = "%%(p)d touch %d" % n
            told.append("SELECT * FROM influence.record_touches(%%(p)d, %s)" % literal([touch]))
    sales = sorted((moment(START, END), n) for n in range(orders))
    after, bought = [], {}
    for at, n in sales:
        buyer, lines = rng.randint(1, 15), []
        for line in range(1, rng.choice([1, 1, 2, 3]) + 1):
            lines.append({"line_no": line, "product_id": rng.randint(1, PRODUCTS), "quantity": rng.randint(1, 3), "paid_price": rng.choice([0, 333, 1000, 5000, rng.randint(1, 9999)]),
                          **rule(rng, 0.4, {"new_customer": [True, False], "renewal_no": [0, 1], "tax": [50]})})
        details = rule(rng, 0.5, {"country": ["DE", "FR", "US"], "coupon": ["ONE", "two"]})
        order = "%%(p)d, '%s', 'order %d'" % (visitor(buyer), n)
        told.append("SELECT * FROM influence.record_order(%s, %s, '%s', details => %s)" % (order, literal(lines), at, literal(details)))
        for k in range(rng.choice([0, 0, 0, 1, 2, 4])):
            line, kind = rng.choice(lines), rng.choice(["return", "return", "chargeback", "chargeback_reversed", "goodwill"])
            amount = rng.randint(0, max(1, line["paid_price"]))
            pieces = "quantity => 1" if kind in ("return", "chargeback") and rng.random() < 0.5 else "amount => %d" % amount
            after.append("SELECT pg_temp.outcome_of($$(SELECT status FROM influence.record_return(%s, %d, 'r%d', %s, returned_at => '%s', kind => '%s'))$$)"
                         % (order, line["line_no"], k, pieces, moment(at, at + timedelta(days=70)), kind))
        if rng.random() < 0.85:
            after.append("SELECT * FROM influence.record_order_event(%s, 'shipped', '%s')" % (order, at + timedelta(hours=rng.randint(0, 200))))
        if rng.random() < 0.06:
            after.append("SELECT * FROM influence.record_order_event(%s, 'cancelled', '%s')" % (order, at + timedelta(hours=rng.randint(0, 900))))
        bought.setdefault(buyer, []).append(n)
    for buyer, refs in bought.items():
        if len(refs) > 1 and rng.random() < 0.3:
            first, second = rng.sample(refs, 2)
            after.append("SELECT * FROM influence.record_order_event(%%(p)d, '%s', 'order %d', 'replaced', '2024-05-02', replacement_ref => 'order %d')"
                         % (visitor(buyer), first, second))
    rng.shuffle(after)
    return told + after


def run(rng, orders):
    script = Script()
    script.sql("DO $$ BEGIN PERFORM influence.uninstall('drop all influence data in ' || current_database()); PERFORM influence.install(); END $$")
    script.sql("SELECT influence.create_category('a')").sql("SELECT influence.create_category('b', 1)").sql("SELECT influence.create_category('c')")
    for p in range(1, PRODUCTS + 1):
        script.sql("SELECT influence.add_product('sku %d', 'Product', %d, brand => '%s')" % (p, rng.randint(1, 3), rng.choice("XY")))
    for c in range(1, CREATORS + 1):
        script.sql("SELECT influence.register_creator('creator %d', 'Name %d', visitor_id => %s)" % (c, c, quote(visitor(c)) if c < 3 else "NULL"))
    zone = rng.choice(["UTC", "Europe/Berlin", "America/New_York"])
    payout = {"rounding": rng.choice(["half_up", "half_even", "down"]), "rounding_scope": rng.choice(["line", "order"]), "earns_at": rng.choice(["placed", "shipped"]),
              "max_clawback_age": rng.choice([None, "20 days"]), **rng.choice([{"hold": "10 days"}, {"hold_after_month_end": 5}])}
    rules, told = [Rules(rng) for _ in range(PROGRAMS)], story(rng, orders)
    owner, credit = rng.randint(1, CREATORS), rng.choice(["NULL", "150"])
    bonuses = [(kind, rng.randint(1, 4) if kind == "frequency" else rng.randint(1, 9) * 2000, rng.randint(1, 900)) for kind in rng.sample(["basket", "frequency"], rng.randint(0, 2))]
    month = rng.choice(range(2, 5))
    budgets = [(rng.choice(["", "X"]), rng.randint(1, 9) * 300)] if rng.random() < 0.7 else []
    posts = [(c, rng.randint(1, PRODUCTS), START - timedelta(days=rng.randint(-60, 30))) for c in range(2, CREATORS + 1) for _ in range(2)]
    for p, r in enumerate(rules, 1):
        script.sql("SELECT influence.create_program('program %d', 'EUR', '%s', %s, %s, commission => %s)" % (p, zone, literal(r.attribution), literal(payout), literal(r.commission)))
        script.sql("SELECT influence.set_admission_rule(%d, 'channels', '>=', 0, valid_from => '2020-01-01')" % p)
        for c in range(2, CREATORS + 1):			# the first one is never admitted
            script.sql("SELECT influence.apply_creator(%d, %d, '2020-01-02')" % (p, c))
        for row in r.rates:
            script.sql("SELECT influence.set_commission_rate(%d, %s)" % (p, arguments({"valid_from": "2020-01-01", **row})))
        for row in r.tiers:
            script.sql("SELECT influence.set_tier_table(%d, %s)" % (p, arguments({"valid_from": "2020-01-01", **row})))
        for code, cut in (("ONE", "2024-03-10"), ("TWO", "2024-01-01")):
            script.sql("SELECT influence.set_coupon(%d, '%s', %d, '%s', fixed_credit => %s)" % (p, code, owner, cut, credit))
        for kind, threshold, amount in bonuses:
            script.sql("SELECT influence.set_bonus_rule(%d, '%s', '%s', %d, %d, '2024-01-01')" % (p, kind, kind, threshold, amount))
        for brand, amount in budgets:
            script.sql("SELECT influence.set_commission_budget(%d, %d, '%s', '2024-%02d-05', '2024-%02d-25')" % (p, amount, brand, month, month))
        for n, (c, product, at) in enumerate(posts):
            script.sql("SELECT influence.publish_post(%d, %d, 'post %d %d', 'photo', %s, published_at => '%s')" % (p, c, p, n, literal([{"product_id": product}]), at))
    script.sql("SELECT influence.set_creator_status(%d, 'suspended', 'test', 'test', since => '2024-03-20')" % CREATORS)
    for statement in told:
        for p in range(1, PROGRAMS + 1):
            script.sql(statement % {"p": p})
    script.sql(JOB).sql("SELECT influence.settle_tiers()")
    script.query("booked", """SELECT x.program_id, x.month, x.creator_id, sum(x.amount), sum(x.settled)
        FROM (SELECT e.program_id, to_char(e.ordered_at AT TIME ZONE g.time_zone, 'YYYY-MM') AS month, e.creator_id, e.amount, 0 AS settled
                FROM influence.earning e JOIN influence.program g USING (program_id)
              UNION ALL
              SELECT s.program_id, s.month, s.creator_id, s.amount, s.amount FROM influence.settlement s) x
       GROUP BY 1, 2, 3""")
    script.query("books", "SELECT check_name, subject FROM influence.check_books()")
    script.query("stages", "SELECT DISTINCT stage FROM influence.settlement")
    script.sql("BEGIN READ ONLY")
    for a in range(1, PROGRAMS + 1):
        for m in MONTHS:
            script.query("now %d %s" % (a, m), "SELECT creator_id, commission_now, settlement_now, commission_then, settlement_then FROM influence.simulate_program(%d, '%s')" % (a, m))
            for b, r in enumerate(rules, 1):
                script.query("%d %d %s" % (a, b, m), "SELECT creator_id, commission_then, settlement_then FROM influence.simulate_program(%d, '%s', %s, %s, %s, %s)"
                             % (a, m, literal(r.rates), literal(r.tiers), literal(r.attribution), literal(r.commission)))
    script.sql("COMMIT")
    return script.run()


def nonzero(rows):
    """Who has nothing may be there or not; the total is the sum of the rows."""
    return {tuple(r) for r in rows if r[0] is not None and any(v != "0" for v in r[1:])}


def check(tap, seed, orders):
    got = run(random.Random(seed), orders)
    booked = {}
    for program, month, *row in got["booked"]:
        booked.setdefault((int(program), month), []).append(row)
    name, cases, failures, others, sums = "seed %d" % seed, 0, [], 0, []
    for a in range(1, PROGRAMS + 1):
        for m in MONTHS:
            want = nonzero(booked.get((a, m), []))
            rows = got["now %d %s" % (a, m)]
            now = nonzero([r[:3] for r in rows])
            if now != want or nonzero([[r[0]] + r[3:] for r in rows]) != want:
                failures.append("program %d, %s, as it is: %s instead of %s" % (a, m, sorted(now - want), sorted(want - now)))
            for b in range(1, PROGRAMS + 1):
                want, said = nonzero(booked.get((b, m), [])), got["%d %d %s" % (a, b, m)]
                cases += len(want)
                others += said != [r[:1] + r[1:3] for r in rows]
                if nonzero(said) != want:
                    failures.append("program %d under the rules of %d, %s: %s instead of %s" % (a, b, m, sorted(nonzero(said) - want), sorted(want - nonzero(said))))
                if sum(int(r[1]) for r in said[:-1]) != int(said[-1][1]) or said[-1][0] is not None:
                    sums.append(said)
    tap.group(name + ": simulated is what was booked", cases, failures)
    tap.ok(not sums, name + ": the total is the sum of the rows", sums)
    tap.ok(got["books"] == [], name + ": check_books() finds nothing", got["books"])
    tap.ok(others > 5, name + ": other rules bring something else", [others])
    return {s for s, in got["stages"]}


def main():
    tap = Tap()
    rounds, seed = settings()
    stages = set()
    for n in range(4 if rounds == 1 else 40):
        stages |= check(tap, seed + n, 45)
    tap.ok(stages >= {"tier", "line_cap", "order_cap", "month_cap", "budget", "minimum", "after_lock", "coupon"}, "the stories have every kind of settlement", [stages])
    tap.done()


if __name__ == "__main__":
    main()
