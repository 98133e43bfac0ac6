#!/usr/bin/env python3
"""attribute, attribute_totals, attribute_journey and credit_order against attribution_model.py, row for row.

A scenario (attribution_scenarios.py) is one policy over some hundred visitors: 100,000 random conversions over all
models and switches in a default run, a million in a long one. Each goes through attribute(), again with its rows
shuffled and another work_mem, through attribute_totals(), visitor by visitor through journeys and, order by order and
partly with late touches, through credit_order(). --self-test checks the model alone.
"""

from collections import Counter
from functools import lru_cache
from concurrent.futures import ThreadPoolExecutor
import re
import sys

import attribution_model as model
import attribution_vectors
from attribution_model import BILLION
from attribution_scenarios import BOUNDED_AMOUNT, COLUMNS, SCENARIOS, Scenario, bounded, time_text
from money_model import INT64_MAX, INT64_MIN
from pg import NULL, PgError, Script, outcomes, quote, settings
from tap import SHOWN_FAILURES, Tap

THREADS = 2
CONVERSIONS = 100000
REASONS = ("credited", "excluded", "late", "consumed", "no_touch", "outside_window", "no_weight")


class Results:
    """Failures of all scenarios, per group of the output."""

    def __init__(self):
        self.groups, self.seen = {}, Counter()

    def add(self, group, cases, failures=()):
        before = self.groups.setdefault(group, [0, 0, []])
        before[0] += cases
        for failure in failures:
            before[1] += 1
            if len(before[2]) < SHOWN_FAILURES:
                before[2].append(failure)

    def merge(self, other):
        for group, (cases, failed, shown) in other.groups.items():
            self.add(group, cases, shown + [""] * (failed - len(shown)))
        self.seen.update(other.seen)

    def print(self, tap):
        for name, (cases, failed, shown) in self.groups.items():
            tap.group(name, cases, shown + [""] * (failed - len(shown)))


# Rows as text ----------------------------------------------------------------

@lru_cache(maxsize=1 << 16)
def float_text(value):
    """As PostgreSQL prints it: the shortest digits, no decimal point where none is needed."""
    return re.sub(r"\.0$", "", repr(value))


def row_text(r):
    values = [NULL if v is None else str(v) for v in r[:5]]
    return "\t".join(values + [float_text(r.weight), NULL if r.credit is None else str(r.credit), r.reason])


def rows_of(judged, policy):
    """Sorted (text of the row, line) of what was judged."""
    return sorted(((row_text(r), line) for line, verdict in judged for r in model.credit_rows(line, verdict, policy.model)), key=lambda row: row[0])


def differences(scenario, what, want, got, histories):
    """The conversions whose rows differ, in full. want: of rows_of; got: lines of psql; histories: visitor -> touches."""
    got, texts = sorted(got), [text for text, _ in want]
    if got == texts:
        return
    missing, extra = Counter(texts) - Counter(got), Counter(got) - Counter(texts)
    lines = {}
    for text, line in want:
        lines.setdefault(str(line.id), []).append((text, line))
    for conversion in sorted({row.split("\t")[0] for row in [*missing, *extra]}):
        mine = lines.get(conversion, [])
        parts = [scenario.describe(), what]
        for visitor in {line.visitor for _, line in mine}:
            touches, own = histories[visitor]
            parts += ["  touch %s %r" % (time_text(t.at), t[2:]) for t in sorted(touches, key=model.path_key)]
            for o in model.orders_of(own):
                parts.append("  order %s from %s" % (time_text(o.at), time_text(o.path_start)))
                parts += ["    line %s %r, carts from %s" % (time_text(l.at), l[2:], time_text(s)) for l, s in zip(o.lines, o.cart_starts)]
                if any(str(l.id) == conversion for l in o.lines):
                    parts.append("    bounds %s" % {k: time_text(v) for k, v in model.bounds(o.at, scenario.policy).items()})
        parts += ["  model %s" % text for text, _ in mine] + ["  got   %s" % row for row in got if row.split("\t")[0] == conversion]
        yield "\n".join(parts)


# A scenario ------------------------------------------------------------------

def judge_orders(scenario, histories):
    """Histories with some touches late, and what credit_order has to say: every line that has an amount."""
    late, judged = {}, []
    for n, touches in histories:
        visitor, _, lines = scenario.visitors[n]
        late[visitor] = (touches, lines)
        judged += [j for j in model.judge_visitor(touches, lines, scenario.policy) if j[0].amount is not None]
    return late, judged


def run_scenario(seed, number):
    results = Results()
    scenario = Scenario(seed, number)
    policy = scenario.policy
    judged = [j for _, touches, lines in scenario.visitors for j in model.judge_visitor(touches, lines, policy)]
    want = rows_of(judged, policy)
    in_program = policy.model != "custom"  # credit_order has no weights

    script = Script()
    scenario.load(script)
    script.lines("bounds", scenario.bounds_query())
    for name, work_mem, order in zip(("credits", "again"), scenario.work_mem, ("", " ORDER BY random()")):
        script.sql("SET work_mem = '%s'" % work_mem if work_mem else "RESET work_mem")
        script.sql("CREATE TEMP TABLE %s AS SELECT %s FROM influence.attribute(%s)" % (name, COLUMNS, scenario.arguments(order)))
        script.lines(name, "TABLE %s" % name)
        script.query("stats", "SELECT touches, conversions, rejected_touches, rejected_conversions, credits FROM influence.last_attribution_stats()")
        script.query("processes", "SELECT read_processes FROM influence.last_attribution_stats()")
    script.query("sums", "SELECT conversion_id, w.amount, r.credit FROM (SELECT conversion_id, sum(amount) AS amount FROM c WHERE visitor IS NOT NULL AND isfinite(converted_at) GROUP BY 1) w"
                 " FULL JOIN (SELECT conversion_id, sum(credit) AS credit FROM credits GROUP BY 1) r USING (conversion_id)"
                 " WHERE conversion_id IS NOT NULL AND (r.conversion_id IS NULL OR %s AND w.amount IS DISTINCT FROM r.credit)" % scenario.with_amount)
    script.query("totals", "SELECT creator_id, conversions, credit FROM influence.attribute_totals(%s)" % scenario.arguments(amounts=BOUNDED_AMOUNT))
    script.query("all_totals", "SELECT pg_temp.outcome_of(%s)" % quote("SELECT count(*) FROM influence.attribute_totals(%s)" % scenario.arguments()))
    scenario.load_journeys(script)
    script.lines("journeys", scenario.journey_query())
    if in_program and scenario.with_amount:
        histories = list(scenario.late_histories())
        scenario.load_orders(script, histories)
        script.lines("orders", scenario.credit_order_query())
    got = script.run()

    n = len(judged)
    results.add("conversions", n)
    results.seen["by several processes"] += any(int(row[0]) > 1 for row in got["processes"])
    bound_rows = sorted(set(scenario.bounds_rows()) ^ set(got["bounds"]))
    results.add("the model's windows against plain SQL, clock changes included", n, ["%s\nonly in plain SQL or the model: %s" % (scenario.describe(), row) for row in bound_rows])
    visitors = {visitor: (touches, lines) for visitor, touches, lines in scenario.visitors}
    results.add("attribute: every model, reuse and match, row for row", n, differences(scenario, "attribute", want, got["credits"], visitors))
    results.add("attribute: the same rows from shuffled input and another work_mem", n,
                [] if sorted(got["credits"]) == sorted(got["again"]) else ["%s: the rows of two runs differ" % scenario.describe()])
    results.add("attribute_journey: the same rows visitor by visitor", n, differences(scenario, "attribute_journey", want, got["journeys"], visitors))
    if policy.model != "participation":
        results.add("attribute: the credits of every conversion sum to its amount", n, ["%s: conversion, amount, credits: %r" % (scenario.describe(), row) for row in got["sums"]])
    bad = [len(scenario.bad_touches), len(scenario.bad_conversions)]
    stats = [str(s) for s in [sum(len(t) for t, _ in visitors.values()) + bad[0], n + bad[1]] + bad + [len(want)]]
    results.add("last_attribution_stats: rejected rows are counted", sum(bad), [] if got["stats"] == [stats] * 2 else ["%s: got %r, model %r" % (scenario.describe(), got["stats"], stats)])
    check_totals(scenario, judged, got["totals"], got["all_totals"][0][0], results)
    if in_program and scenario.with_amount:
        late, judged_orders = judge_orders(scenario, histories)
        results.add("credit_order: the same order by order, touches late or not", len(judged_orders),
                    differences(scenario, "credit_order", rows_of(judged_orders, policy), got["orders"], late))
        judged = judged + judged_orders
    results.seen.update(verdict.reason for _, verdict in judged)
    return results


def check_totals(scenario, judged, rows, outcome, results):
    """Row for row with bounded amounts; with all amounts a creator's sum may leave bigint, which must be refused."""
    name = scenario.policy.model
    want = model.totals(judged, name)
    fits = all(INT64_MIN <= credit <= INT64_MAX for _, credit in want.values())
    expected = str(len(want)) if fits else "IN006"
    results.add("attribute_totals: sums past bigint are refused with IN006, others are not", 1,
                [] if outcome == expected else ["%s: got %s, model %s" % (scenario.describe(), outcome, expected)])
    want = model.totals([(line._replace(amount=bounded(line.amount)), verdict) for line, verdict in judged], name)
    got = {}
    failures = []
    for creator, conversions, credit in rows:
        key = None if creator is None else int(creator)
        if key in got:
            failures.append("%s: creator %s twice" % (scenario.describe(), creator))
        whole, _, decimals = conversions.partition(".")
        got[key] = (int(whole) * BILLION + int(decimals.ljust(9, "0")), int(credit or 0))
    for creator in sorted(set(want) | set(got), key=lambda k: (k is not None, k)):
        if want.get(creator) != got.get(creator):
            failures.append("%s: attribute_totals, creator %s: got %r, model %r (conversions in 10^-9, credit)" % (
                scenario.describe(), creator, got.get(creator), want.get(creator)))
    results.add("attribute_totals: one row per creator", len(want), failures)
    if name != "participation":
        units = sum(u for u, _ in got.values())
        results.add("attribute_totals: conversions add up exactly", len(judged),
                    [] if units == BILLION * len(judged) else ["%s: %d of 10^-9 for %d conversions" % (scenario.describe(), units, len(judged))])


def run_one(job):
    try:
        return run_scenario(*job)
    except PgError as error:
        results = Results()
        results.add("scenarios that ended in an error", 1, ["%s: %s" % (Scenario(*job).describe(), error)])
        return results


# Refusals --------------------------------------------------------------------

def refusals(function):
    """(call, what must come of it): the SQLSTATE, 'IN' alone where any of ours will do, or a value."""
    touches = "SELECT 1::bigint AS visitor, now() AS touched_at, 1::bigint AS touch_id, 1::bigint AS creator_id"
    conversions = "SELECT 1::bigint AS visitor, now() AS converted_at, 1::bigint AS conversion_id, 5::bigint AS amount"

    def call(more, t=touches, c=conversions):
        return "SELECT count(*) FROM influence.%s(%s, %s%s)" % (function, quote(t), quote(c), more)

    def custom(*weights):
        rows = ", ".join("(1::bigint, now(), %d::bigint, 1::bigint, %s)" % (n, w) for n, w in enumerate(weights))
        return call(", model => 'custom'", t="SELECT * FROM (VALUES %s) AS t(visitor, touched_at, touch_id, creator_id, weight)" % rows)
    yield call(""), "1"
    for m in model.MODELS:
        yield call(", model => '%s'" % m), "IN008" if m == "custom" else "1"
    for pair in [("model", "magic"), ("model", ""), ("reuse", "never"), ("reuse", ""), ("match", "all"), ("match", "Any"), ("model", "LINEAR")]:
        yield call(", %s => '%s'" % pair), "IN002"
    for w in ["{}", "{1}", "{1,1}", "{1,1,1,1}", "{0,0,0}", "{0,1,0}", "{-0.1,1,1}", "{1,NULL,1}", "{NaN,1,1}", "{1,1,Infinity}"]:
        yield call(", model => 'position_based', position_weights => %s" % quote(w)), "IN002"
    for pair in [("lookback", "-1 day"), ("lookback", "-1 mon"), ("lookback", "-1 microsecond"), ("view_lookback", "-1 hour"), ("cart_lookback", "-90 days")]:
        yield call(", %s => '%s'" % pair), "IN"
    for lifetime in ["-1 second", "0"]:
        yield call(", reuse => 'session', session_lifetime => '%s'" % lifetime), "IN"
    for half_life in ["1 month", "1 year", "1 month -1 day", "0", "-1 day"]:
        yield call(", model => 'time_decay', half_life => '%s'" % half_life), "IN002"
    for weight in ["-1", "-0.000000001", "'NaN'::numeric", "'Infinity'::numeric", "0.0000000001", "9223372036.854775808", "-1::bigint", "-1::int"]:
        yield custom(weight), "IN002"
    yield custom("9223372036.854775807", "0", "NULL"), "1"
    yield custom("9223372036", "0.854775807"), "2"
    yield custom("9223372036", "0.854775808"), "IN002"
    yield custom("4611686018.5::numeric", "4611686018.5"), "IN002"
    yield custom("1.50000000000000000000"), "1"
    for t, c in [("SELECT 1::bigint AS visitor, now() AS touched_at, 1::bigint AS touch_id", conversions),
                 (touches, "SELECT 1::bigint AS visitor, 1::bigint AS conversion_id"),
                 (touches + ", 'poke' AS kind", conversions),
                 (touches, conversions + ", 1.5::float8 AS order_id"), (touches, conversions + ", now() AS order_id"),
                 (touches + ", 1 AS channel", conversions), (touches + ", 'x'::text AS category_id", conversions)]:
        yield call("", t=t, c=c), "IN"
    yield call(", model => 'custom'", t=touches + ", 'x'::text AS weight"), "IN"
    # Extremes that only a wide accumulator gets right.
    amount = "SELECT 1::bigint AS visitor, now() AS converted_at, n AS conversion_id, a AS amount FROM unnest('{%s}'::bigint[]) WITH ORDINALITY AS u(a, n)"
    if function == "attribute_totals":
        top = INT64_MAX
        yield "SELECT credit FROM influence.attribute_totals(%s, %s)" % (quote(touches), quote(amount % ("%d,%d,%d" % (top, top, -top)))), str(top)
        yield "SELECT credit FROM influence.attribute_totals(%s, %s)" % (quote(touches), quote(amount % ("%d,%d" % (top, 1)))), "IN006"


def check_refusals(tap):
    cases = [case for function in ("attribute", "attribute_totals") for case in refusals(function)
             # totals have one row where attribute() has one per touch
             if not (function == "attribute_totals" and case[1] == "2")]
    got = outcomes([expression for expression, _ in cases])
    tap.group("refused arguments: unknown and malformed IN002, queries IN008, totals past bigint IN006", len(cases),
              ["%s: got %s, want %s" % (e, g, w) for (e, w), g in zip(cases, got) if not (g == w or (w == "IN" and (g or "").startswith("IN")))])


def main():
    tap = Tap()
    attribution_vectors.self_test(tap)
    if "--self-test" in sys.argv:
        tap.done()
    rounds, seed = settings()
    rounds = min(rounds, 10)
    tap.note("seeds %d to %d" % (seed, seed + rounds - 1))
    check_refusals(tap)
    results = Results()
    with ThreadPoolExecutor(THREADS) as pool:  # half of the work is the server's; processes would want semaphores in /dev/shm
        for one in pool.map(run_one, [(s, n) for s in range(seed, seed + rounds) for n in range(SCENARIOS)]):
            results.merge(one)
    cases = results.groups.pop("conversions", [0])[0]
    results.print(tap)
    tap.ok(cases >= CONVERSIONS * rounds, "%d random conversions" % cases)
    tap.ok(all(results.seen[reason] >= 100 * rounds for reason in REASONS), "every reason was met often", [dict(results.seen)])
    # as long as there are free workers, a fifth of them
    tap.ok(results.seen["by several processes"] >= SCENARIOS * rounds / 10, "many scenarios were read by several processes", [dict(results.seen)])
    tap.done()


if __name__ == "__main__":
    main()
