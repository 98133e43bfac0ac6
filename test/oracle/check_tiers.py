#!/usr/bin/env python3
"""Commission by tiers against tier_model.py: tiered_amount, reached_tier, tiered_commission, tiered_commission_step.

Random tables, amounts beside their thresholds and at the ends of bigint, one in twelve tables spoilt. Then the laws: f is
odd, the steps of a partition and of each of its beginnings add up to the aggregate, and states are the same bytes by
worker, by shuffle and combined in any order. --self-test checks the model alone.
"""

from fractions import Fraction
import random
import sys

import tier_model as model
from check_money import random_amount, random_rate
from money_model import INT64_MAX, INT64_MIN, MoneyError, ROUNDINGS
from pg import Script, array, outcomes, quote, settings
from tap import Tap

AMOUNTS, GROUPS, MANY = 10000, 4000, 800
ERROR_SAFE = """
CREATE FUNCTION pg_temp.try_amount(amount bigint, t bigint[], r numeric[], mode text, rounding text) RETURNS text LANGUAGE plpgsql AS $f$
BEGIN
    RETURN influence.tiered_amount(amount, t, r, mode, rounding);
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE;
END $f$;
CREATE FUNCTION pg_temp.try_reached(amount bigint, t bigint[]) RETURNS text LANGUAGE plpgsql AS $f$
BEGIN
    RETURN influence.reached_tier(amount, t);
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE;
END $f$;
CREATE FUNCTION pg_temp.try_group(amounts bigint[], t bigint[], r numeric[], mode text) RETURNS text LANGUAGE plpgsql AS $f$
BEGIN
    RETURN (SELECT influence.tiered_commission(a, t, r, mode) FROM unnest(amounts) a);
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE;
END $f$;
CREATE FUNCTION pg_temp.try_steps(amounts bigint[], t bigint[], r numeric[], mode text) RETURNS text LANGUAGE plpgsql AS $f$
BEGIN
    RETURN (SELECT array_agg(step ORDER BY n)
              FROM (SELECT n, influence.tiered_commission_step(a, t, r, mode) OVER (ORDER BY n) AS step
                      FROM unnest(amounts) WITH ORDINALITY u(a, n)) s);
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE;
END $f$;
"""
STATES = """
CREATE AGGREGATE pg_temp.state_of(bigint, bigint[], numeric[], text) (
    SFUNC = influence_internal.tiered_commission_trans, STYPE = bytea);
CREATE AGGREGATE pg_temp.combined(bytea) (
    SFUNC = influence_internal.tiered_commission_combine, STYPE = bytea);
"""
PARALLEL = """
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 3
"""


def outcome(function, *args):
    """What the call must answer, as text: the value or the SQLSTATE."""
    try:
        value = function(*args)
    except MoneyError as error:
        return str(error)
    return array(value) if isinstance(value, list) else None if value is None else str(value)


def tier_table(rng, spoilt=0.08):
    """(thresholds, rates, mode)"""
    n = rng.choice([1, 1, 2, 2, 3, 3, 3, 4, 5, 8, 20] + ([1000] if rng.random() < 0.03 else []))
    top = rng.choice([10, 1000, 100000, 10**9, 10**15, INT64_MAX])
    thresholds = [0] + sorted({rng.randint(1, max(top, 2 * n)) for _ in range(n - 1)})
    if rng.random() < 0.1:
        thresholds[-1:] = [INT64_MAX] if len(thresholds) > 1 else [0]
    if rng.random() < 0.3:  # what programs have: some percent, ascending or not
        rates = ["0.%02d" % rng.randint(0, 30) + rng.choice(["", "5", "25"]) for _ in thresholds]
    elif rng.random() < 0.6:
        rates = ["%d.%09d" % divmod(rng.getrandbits(rng.randint(1, 31)), 10**9) for _ in thresholds]
    else:
        rates = [random_rate(rng) for _ in thresholds] if len(thresholds) < 10 else ["0.1"] * len(thresholds)
    mode = rng.choice(model.MODES)
    if rng.random() < spoilt:
        position = rng.randrange(len(thresholds))
        thresholds, rates, mode = rng.choice([
            (thresholds[:-1], rates, mode), (thresholds, rates[1:], mode), ([], [], mode), (None, rates, mode), (thresholds, None, mode),
            (thresholds, rates, None), (thresholds, rates, rng.choice(["", "Volume", "graduated ", "slab"])),
            (thresholds[:position] + [None] + thresholds[position + 1:], rates, mode),
            (thresholds, rates[:position] + [None] + rates[position + 1:], mode),
            ([rng.choice([1, -1])] + thresholds[1:], rates, mode), (thresholds + [thresholds[-1]], rates + ["0.1"], mode),
            (thresholds + [-1], rates + ["0.1"], mode), (list(range(1001)), ["0.1"] * 1001, mode)])
    return thresholds, rates, mode


def amount_near(rng, thresholds):
    if thresholds and rng.random() < 0.6:
        near = (rng.choice(thresholds) or 0) + rng.choice([-1, 0, 1])
        return max(min(near * rng.choice([1, 1, 1, -1]), INT64_MAX), INT64_MIN)
    return random_amount(rng)


def check_amounts(tap, seed, cases):
    rng = random.Random("tiers %d" % seed)
    rows = []
    for i in range(cases):
        thresholds, rates, mode = tier_table(rng)
        rounding = rng.choice(ROUNDINGS) if rng.random() < 0.99 else rng.choice(["", "up"])
        rows.append((i, amount_near(rng, thresholds), thresholds, rates, mode, rounding))
    script = Script().sql(ERROR_SAFE).sql("CREATE TEMP TABLE c (id int, amount bigint, t bigint[], r numeric[], mode text, rounding text)")
    script.copy("c", ["id", "amount", "t", "r", "mode", "rounding"], [(i, a, array(t), array(r), m, w) for i, a, t, r, m, w in rows])
    script.query("got", "SELECT id, pg_temp.try_amount(amount, t, r, mode, rounding), pg_temp.try_reached(amount, t) FROM c")
    script.query("odd", """
        SELECT id, this, that FROM (
            SELECT id, amount, pg_temp.try_amount(amount, t, r, mode, rounding) AS this, pg_temp.try_amount(-amount, t, r, mode, rounding) AS that
              FROM c WHERE amount <> -9223372036854775808) q
         WHERE that IS DISTINCT FROM CASE WHEN this LIKE 'IN%' THEN this ELSE (-this::numeric)::text END
           AND NOT (this = 'IN006' AND that = '-9223372036854775808')""")
    result = script.run()
    got = {int(i): (value, tier) for i, value, tier in result["got"]}
    failures, refusals = [], 0
    for i, amount, thresholds, rates, mode, rounding in rows:
        want = None if None in (thresholds, rates, mode) else outcome(model.commission, amount, thresholds, rates, mode, rounding)
        tier = None if thresholds is None else outcome(model.reached_of, amount, thresholds)
        refusals += (want or "").startswith("IN")
        if got.get(i) != (want, tier):
            failures.append("amount %d, %s, %s, %s, %s: got %r, model %r" % (amount, array(thresholds), array(rates), quote(mode), rounding, got.get(i), (want, tier)))
    tap.group("tiered_amount and reached_tier: three roundings, edges, %d refusals" % refusals, cases, failures)
    tap.group("tiered_amount: f(-x) = -f(x)", cases, result["odd"])


def group_amounts(rng, thresholds):
    """Rows that together cross thresholds, go back, and at times leave bigint."""
    count = rng.choice([0, 1, 2, 3, 5, 8, 15, 30])
    roll = rng.random()
    amounts = []
    for _ in range(count):
        if rng.random() < 0.08:
            amounts.append(None)
        elif roll < 0.1:
            amounts.append(rng.choice([INT64_MAX, INT64_MIN, random_amount(rng)]))
        elif roll < 0.5 and thresholds:
            step = (rng.choice(thresholds) or 0) - sum(a or 0 for a in amounts) + rng.choice([-1, 0, 1])
            amounts.append(max(min(step, INT64_MAX), INT64_MIN))
        else:
            amounts.append(rng.randint(-200, 1000) * rng.choice([1, 1, 7919]))
    return amounts


def check_groups(tap, seed, count):
    rng = random.Random("tier groups %d" % seed)
    groups = []
    for _ in range(count):
        thresholds, rates, mode = tier_table(rng, 0.05)
        groups.append((group_amounts(rng, thresholds), thresholds, rates, mode))
    script = Script().sql(ERROR_SAFE).sql("CREATE TEMP TABLE g (id int, amounts bigint[], t bigint[], r numeric[], mode text)")
    script.copy("g", ["id", "amounts", "t", "r", "mode"], [(i, array(a), array(t), array(r), m) for i, (a, t, r, m) in enumerate(groups)])
    script.query("got", "SELECT id, pg_temp.try_group(amounts, t, r, mode), pg_temp.try_steps(amounts, t, r, mode) FROM g")
    got = {int(i): (total, steps) for i, total, steps in script.run()["got"]}
    failures, rows, added, refusals = [], 0, 0, 0
    for i, (amounts, thresholds, rates, mode) in enumerate(groups):
        seen = [a for a in amounts if a is not None]
        # No row with an amount: NULL, whatever the tiers are.
        total = outcome(model.commission, sum(seen), thresholds, rates, mode) if seen else None
        steps = outcome(model.marginals, amounts, thresholds, rates, mode) if seen else array(amounts) if amounts else None
        rows += len(amounts)
        refusals += (total or "").startswith("IN")
        if got.get(i) != (total, steps):
            failures.append("amounts %s, %s, %s, %s: got %r, model %r" % (array(amounts), array(thresholds), array(rates), quote(mode), got.get(i), (total, steps)))
        answer, parts = got.get(i) or (None, None)
        if answer and parts and not answer.startswith("IN") and not parts.startswith("IN"):
            added += 1
            if sum(int(p) for p in parts.strip("{}").split(",") if p != "NULL") != int(answer):
                failures.append("amounts %s, %s, %s, %s: steps %s do not add up to %s" % (array(amounts), array(thresholds), array(rates), quote(mode), parts, answer))
    tap.group("tiered_commission and its steps: groups of %d rows in all, %d refusals" % (rows, refusals), count, failures)
    tap.group("the steps of a group add up to its commission", added, [f for f in failures if "add up" in f])


def check_laws(tap, seed, count):
    """Groups in a plain table, because workers cannot read temporary ones."""
    rng = random.Random("tier laws %d" % seed)
    groups, rows = [], []
    while len(groups) < count:
        thresholds, rates, mode = tier_table(rng, 0)
        amounts = group_amounts(rng, thresholds) + [rng.randint(1, 1000)]
        try:
            want = model.commission(sum(a or 0 for a in amounts), thresholds, rates, mode)
        except MoneyError:
            continue
        rows += [(len(groups), n, rng.randrange(4), a) for n, a in enumerate(amounts)]
        # so small that every part of the group has a sum and a commission in bigint
        size = sum(abs(a or 0) for a in amounts)
        narrow = max(1, *map(Fraction, rates)) * size < INT64_MAX
        groups.append((array(thresholds), array(rates), mode, narrow, want))
    rng.shuffle(rows)
    script = Script().sql(STATES)
    script.sql("DROP TABLE IF EXISTS pgi_oracle_sale, pgi_oracle_tier")
    script.sql("CREATE UNLOGGED TABLE pgi_oracle_tier (g int PRIMARY KEY, t bigint[], r numeric[], mode text, narrow bool)")
    script.copy("pgi_oracle_tier", ["g", "t", "r", "mode", "narrow"], [(g,) + row[:4] for g, row in enumerate(groups)])
    script.sql("CREATE UNLOGGED TABLE pgi_oracle_sale (g int, n int, part int, amount bigint)").copy("pgi_oracle_sale", ["g", "n", "part", "amount"], rows)
    script.sql("ANALYZE pgi_oracle_sale").sql("ANALYZE pgi_oracle_tier")
    script.sql("CREATE TEMP VIEW sale AS SELECT * FROM pgi_oracle_sale JOIN pgi_oracle_tier USING (g)")
    plain = "SELECT g, influence.tiered_commission(amount, t, r, mode%s) FROM sale GROUP BY g"
    script.query("serial", plain % "")
    script.query("shuffled", plain % " ORDER BY random()")
    # every beginning of a partition, not only the whole
    script.query("steps", """
        SELECT g, n, so_far, added FROM (
            SELECT g, n, influence.tiered_commission(amount, t, r, mode) OVER w AS so_far,
                   sum(step) OVER w AS added
              FROM (SELECT *, influence.tiered_commission_step(amount, t, r, mode) OVER (PARTITION BY g ORDER BY n) AS step FROM sale WHERE narrow) s
            WINDOW w AS (PARTITION BY g ORDER BY n)) x
         WHERE so_far IS DISTINCT FROM added""")
    script.query("moving", """
        SELECT g, n, moving, total FROM (
            SELECT g, n, t, r, mode, influence.tiered_commission(amount, t, r, mode) OVER w AS moving, sum(amount) OVER w AS total
              FROM sale WHERE narrow
            WINDOW w AS (PARTITION BY g ORDER BY n ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING)) x
         WHERE moving IS DISTINCT FROM influence.tiered_amount(total::bigint, t, r, mode)""")
    script.sql("""CREATE TEMP TABLE parts AS SELECT g, part, pg_temp.state_of(amount, t, r, mode) AS state FROM sale GROUP BY g, part""")
    script.query("combined", """
        SELECT g, influence_internal.tiered_commission_final(pg_temp.combined(state ORDER BY random())),
               pg_temp.combined(state ORDER BY random()) = (SELECT pg_temp.state_of(amount, t, r, mode) FROM sale s WHERE s.g = parts.g)
          FROM (SELECT * FROM parts UNION ALL SELECT DISTINCT g, -1, NULL::bytea FROM parts) parts GROUP BY g""")
    script.sql(PARALLEL)
    script.query("plan", "EXPLAIN (COSTS OFF) " + plain % "")
    script.query("parallel", plain % "")
    script.sql("DROP VIEW sale").sql("DROP TABLE pgi_oracle_sale, pgi_oracle_tier")
    got = script.run()
    wanted = {g: str(row[4]) for g, row in enumerate(groups)}
    for way in ("serial", "shuffled", "parallel", "combined"):
        answers = {int(row[0]): row[1] for row in got[way]}
        tap.group("tiered_commission, %s" % way, count, ["group %d %r: got %s" % (g, groups[g], answers.get(g)) for g in wanted if answers.get(g) != wanted[g]])
    tap.group("states combined in any order are the bytes of the whole", count, [row for row in got["combined"] if row[2] != "t"] if len(got["combined"]) == count else ["a group is missing"])
    plan = "\n".join(row[0] for row in got["plan"])
    tap.ok("Partial" in plan and "Gather" in plan, "the plan of the parallel run has partial aggregates", [plan])
    narrow = sum(groups[row[0]][3] for row in rows)
    tap.group("steps add up to the aggregate over every beginning of a partition", narrow, got["steps"])
    tap.group("moving frames: rows leave exactly", narrow, got["moving"])


def check_statements(tap):
    f = "influence."
    usual = "'{0,200,400}', '{0.04,0.06,0.08}'"
    cases = [
        (f + "tiered_amount(500, %s, 'graduated')" % usual, "28"), (f + "tiered_amount(500, %s, 'volume')" % usual, "40"),
        (f + "tiered_amount(amount => -500, thresholds => '{0,200,400}', rates => '{0.04,0.06,0.08}', mode => 'volume', rounding => 'down')", "-40"),
        (f + "reached_tier(amount => 400, thresholds => '{0,200,400}')", "3"), (f + "reached_tier(-1, '{0}')", "0"),
        (f + "tiered_amount(1, '[5:6]={0,2}', '{1,1}', 'volume')", "1"), (f + "tiered_amount(1, '{{0,2}}', '{1,1}', 'volume')", "IN002"),
        (f + "tiered_amount(1, '{0,2}', '{{1,1}}', 'volume')", "IN002"), (f + "reached_tier(1, '{{0}}')", "IN002"),
        ("(SELECT influence.tiered_commission(x, '{0}', '{1}', m) FROM (VALUES (1, 'volume'), (NULL, 'graduated')) v(x, m))", "1"),
        ("(SELECT influence.tiered_commission(x, '{0}', '{1}', m) FROM (VALUES (1, 'volume'), (0, 'graduated')) v(x, m))", "IN002"),
        ("(SELECT influence.tiered_commission(1, '{0}', r, 'volume') FROM (VALUES ('{0.5}'::numeric[]), ('{0.500}')) v(r))", "1"),
    ]
    got = outcomes([expression for expression, _ in cases])
    tap.group("published vectors, named arguments and refusals", len(cases), ["%s: got %s, want %s" % (e, g, w) for (e, w), g in zip(cases, got) if g != w])


def main():
    tap = Tap()
    model.self_test(tap)
    if "--self-test" in sys.argv:
        tap.done()
    rounds, seed = settings()
    tap.note("seeds %d to %d" % (seed, seed + rounds - 1))
    check_statements(tap)
    for s in range(seed, seed + rounds):
        check_amounts(tap, s, AMOUNTS)
        check_groups(tap, s, GROUPS)
        check_laws(tap, s, MANY)
    tap.done()


if __name__ == "__main__":
    main()
