#!/usr/bin/env python3
"""Engagement kernels and the decayed score against engagement_model.py.

engagement_rate, wilson_lower_bound and decayed_score on random groups; then the same groups shuffled, split and under
a parallel plan, where every bit of the answer has to be the same. --self-test checks the model alone.
"""

from decimal import Decimal
import math
import random
import sys

import engagement_model as model
from attribution_model import to_datetime
from pg import Script, outcomes, settings
from tap import Tap

RATE_GROUPS, WILSON_CASES, SCORE_GROUPS = 1500, 3000, 1200
SCORE_TOLERANCE, WILSON_TOLERANCE = Decimal("1e-6"), Decimal("1e-9")
SECOND, HOUR, DAY = 10**6, 3600 * 10**6, 86400 * 10**6
HALF_LIVES = [6 * HOUR, 3 * DAY, 30 * DAY, SECOND, 7 * HOUR + 1, 3650 * DAY, 1000003]
# Sums closer to 0 than this share of their parts are cancellation: their logarithm is noise by nature.
WELL_CONDITIONED = Decimal(2) ** -12
PARALLEL = """
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SET max_parallel_workers_per_gather = 3;
SET enable_indexscan = off
"""


def time_text(us):
    return to_datetime(us).strftime("%Y-%m-%d %H:%M:%S.%f+00")


def rate_groups(rng, count):
    for _ in range(count):
        top = rng.choice([10, 1000, 10**6, 2**40, 2**63 - 1])
        rows = []
        for _ in range(rng.choice([0, 1, 1, 2, 3, 5, 10, 40])):
            interactions = None if rng.random() < 0.06 else rng.choice([0, rng.randint(0, top), rng.randint(0, top)])
            base = None if rng.random() < 0.06 else rng.choice([0, -1, 1, rng.randint(0, top), rng.randint(1, top), rng.randint(1, top)])
            rows.append((interactions, base))
        yield rows


def weight(rng):
    roll = rng.random()
    if roll < 0.5:
        return float(rng.choice([1, 1, 2, 5, 10]))
    if roll < 0.75:  # exact in units of 2^-20
        return rng.randint(1, 2**rng.choice([5, 20, 40, 51])) / 2.0**20
    if roll < 0.85:
        return rng.choice([2.0**31, 2.0**-20, 0.0])
    return round(rng.uniform(0.001, 1000), 6)


def deep_group(rng, half_life):
    """The newest events are taken back, so that much older ones, or a carry among them, come to light. Beyond 65,544
    half-lives before the newest the function drops events: there only the same bits are asked for, not the value."""
    newest = rng.randint(-30 * 365 * DAY, 30 * 365 * DAY)
    rows = [(weight(rng), newest + rng.randint(-half_life, 0)) for _ in range(rng.randint(1, 3))] + [(1.0, newest)]
    rows += [(-w, at) for w, at in rows]
    compared = rng.random() < 0.5
    depth = rng.randint(100, 60000) if compared else rng.randint(65300, 65700)
    at = newest - depth * half_life
    old = [(weight(rng), at + rng.choice([0, rng.randint(0, half_life)])) for _ in range(rng.choice([1, 5, 60]))]
    return rows + old, compared


def score_groups(rng, count):
    """Groups of (half-life, rows, whether the value is compared)."""
    for number in range(count):
        half_life = HALF_LIVES[number % len(HALF_LIVES)]
        centre = rng.randint(-30 * 365 * DAY, 30 * 365 * DAY)
        spread = rng.choice([0, half_life // 10, half_life, 20 * half_life, 200 * half_life, 2000 * half_life])
        spread = min(spread, 25 * 365 * DAY)
        rows, compared = [], True
        for _ in range(rng.choice([1, 1, 2, 3, 8, 30, 60])):
            at = centre + rng.randint(-spread, spread)
            rows.append((weight(rng), at))
        roll = rng.random()
        if roll < 0.15:  # un-likes: exactly what was given is taken back at the same instant
            rows += [(-w, at) for w, at in rng.sample(rows, rng.randint(1, len(rows)))]
        elif roll < 0.3:
            rows = [(w if rng.random() < 0.7 else -w, at) for w, at in rows]
        elif roll < 0.5 and half_life <= 3 * DAY:
            rows, compared = deep_group(rng, half_life)
        rng.shuffle(rows)
        yield half_life, rows, compared


def load(rng, script, table, columns, rows):
    """A plain table, because workers cannot read temporary ones."""
    rng.shuffle(rows)
    script.sql("DROP TABLE IF EXISTS pgi_oracle_%s" % table)
    script.sql("CREATE UNLOGGED TABLE pgi_oracle_%s (%s)" % (table, ", ".join("%s %s" % c for c in columns)))
    script.copy("pgi_oracle_" + table, [c[0] for c in columns], rows).sql("ANALYZE pgi_oracle_" + table)


def check_same_bits(tap, name, groups, got):
    """Answers of the plain, shuffled and parallel runs, compared as bytes; and that the plan was parallel at all."""
    plain = dict(map(tuple, got["plain"]))
    failures = ["%s: group %s: plain %s, %s %s" % (name, g, plain[g], way, value)
                for way in ("shuffled", "reversed", "parallel") for g, value in got[way] if plain.get(g) != value]
    tap.group("%s: the same bits shuffled, reversed and by a parallel plan" % name, len(groups) * 3, failures)
    plan = "\n".join(row[0] for row in got["plan"])
    tap.ok("Partial" in plan and "Gather" in plan, "%s: the plan of the parallel run has partial aggregates" % name, [plan])


def same_bits_queries(script, call, table):
    text = "SELECT g, encode(float8send(influence.%s), 'hex') FROM pgi_oracle_%s GROUP BY g"
    script.query("plain", text % (call % "", table))
    script.query("shuffled", text % (call % " ORDER BY random()", table))
    script.query("reversed", text % (call % " ORDER BY n DESC", table))
    script.sql(PARALLEL)
    script.query("plan", "EXPLAIN (COSTS OFF) " + text % (call % "", table))
    script.query("parallel", text % (call % "", table))


def check_rates(tap, seed, count):
    rng = random.Random("rates %d" % seed)
    groups = list(rate_groups(rng, count))
    rows = [(g, rng.getrandbits(30), i, b) for g, group in enumerate(groups) for i, b in group]
    script = Script()
    load(rng, script, "rates", [("g", "int"), ("n", "int"), ("i", "bigint"), ("b", "bigint")], rows)
    script.query("got", "SELECT g, influence.engagement_rate(i, b) FROM pgi_oracle_rates GROUP BY g")
    script.query("empty", "SELECT influence.engagement_rate(i, b) FROM pgi_oracle_rates WHERE false")
    same_bits_queries(script, "engagement_rate(i, b%s)", "rates")
    script.sql("DROP TABLE pgi_oracle_rates")
    got = script.run()
    answers = {int(g): None if value is None else float(value) for g, value in got["got"]}
    failures = [] if got["empty"] == [[None]] else ["no rows: got %r" % got["empty"]]
    for g, group in enumerate(groups):
        want = model.engagement_rate(group)
        answer = answers.get(g)
        # Two conversions and one division in float8: at most two units in the last place from the exact quotient.
        if (answer is None) != (want is None) or want is not None and abs(answer - want) > 2 * math.ulp(want):
            failures.append("group %r: got %r, model %r" % (group, answer, want))
    tap.group("engagement_rate: pooled over rows with a base", len(groups), failures)
    check_same_bits(tap, "engagement_rate", [g for g in groups if g], got)


def check_wilson(tap, seed, count):
    rng = random.Random("wilson %d" % seed)
    confidences = [0.95, 0.95, 0.9, 0.99, 0.8, 0.5, 0.999, 0.1, 0.68, 0.9999]
    rows = []
    for i in range(count):
        trials = rng.choice([0, 1, 2, 3, 10, 100, rng.randint(1, 10**6), rng.getrandbits(62), 2**63 - 1])
        rows.append((i, rng.choice([0, trials, trials // 2, rng.randint(0, trials)]), trials, rng.choice(confidences)))
    script = Script().sql("CREATE TEMP TABLE w (id int, p bigint, n bigint, c float8)").copy("w", ["id", "p", "n", "c"], rows)
    script.query("got", "SELECT id, influence.wilson_lower_bound(p, n, c) FROM w")
    got = {int(i): value for i, value in script.run()["got"]}
    failures, worst = [], Decimal(0)
    for i, positives, trials, confidence in rows:
        want = model.wilson_lower_bound(positives, trials, confidence)
        error = abs(Decimal(got[i]) - want)
        worst = max(worst, error)
        if error > WILSON_TOLERANCE or not 0 <= float(got[i]) <= 1:
            failures.append("wilson_lower_bound(%d, %d, %r): got %s, model %.17f" % (positives, trials, confidence, got[i], want))
    tap.note("wilson_lower_bound: largest error %.1e" % worst)
    tap.group("wilson_lower_bound: ten confidences, within 1e-9", count, failures)


def check_scores(tap, seed, count):
    rng = random.Random("scores %d" % seed)
    groups = list(score_groups(rng, count))
    rows = [(g, rng.getrandbits(30), repr(w), time_text(at), half_life) for g, (half_life, group, _) in enumerate(groups) for w, at in group]
    script = Script()
    load(rng, script, "scores", [("g", "int"), ("n", "int"), ("w", "float8"), ("at", "timestamptz"), ("h", "bigint")], rows)
    interval = "h * interval '1 microsecond'"
    script.query("got", "SELECT g, influence.decayed_score(w, at, %s) FROM pgi_oracle_scores GROUP BY g" % interval)
    script.query("empty", "SELECT influence.decayed_score(w, at, %s) FROM pgi_oracle_scores WHERE false" % interval)
    same_bits_queries(script, "decayed_score(w, at, " + interval + "%s)", "scores")
    script.sql("DROP TABLE pgi_oracle_scores")
    got = script.run()
    answers = {int(g): value for g, value in got["got"]}
    failures, skipped, worst = [], 0, Decimal(0)
    if got["empty"] != [[None]]:
        failures.append("no rows: got %r" % got["empty"])
    for g, (half_life, group, compared) in enumerate(groups):
        want, conditioning = model.decayed_score(group, half_life)
        if conditioning < WELL_CONDITIONED or not compared:
            skipped += 1
            continue
        answer = Decimal(answers[g])
        if want.is_infinite() or answer.is_infinite():
            wrong = answer != want
        else:
            error = abs(answer - want)
            worst = max(worst, error)
            wrong = error > max(SCORE_TOLERANCE, Decimal(math.ulp(float(want))))
        if wrong:
            failures.append("half-life %d us, rows %r: got %s, model %.12f" % (half_life, [(w, time_text(at)) for w, at in group], answers[g], want))
    tap.note("decayed_score: largest error %.1e; %d sums near 0 or past the documented depth left out" % (worst, skipped))
    tap.group("decayed_score: within 1e-6 of the exact logarithm", count - skipped, failures)
    check_same_bits(tap, "decayed_score", groups, got)


def check_statements(tap):
    f = "influence."
    rate = "(SELECT influence.engagement_rate(i, b) FROM (VALUES (%s::bigint, %s::bigint)) v(i, b))"
    score = "(SELECT influence.decayed_score(w, at, h) FROM (VALUES %s) v(w, at, h))"
    row = "(%s::float8, timestamptz '2024-01-01 00:00+00', interval '%s')"
    cases = [
        ("round(" + f + "wilson_lower_bound(1, 1)::numeric, 6)", "0.206549"), ("round(" + f + "wilson_lower_bound(90, 100)::numeric, 6)", "0.825634"),
        (f + "wilson_lower_bound(positives => 0, trials => 0, confidence => 0.9)", "0"), (f + "wilson_lower_bound(0, 10)", "0"),
        (f + "wilson_lower_bound(2, 1)", "IN002"), (f + "wilson_lower_bound(-1, 1)", "IN002"), (f + "wilson_lower_bound(0, -1)", "IN002"),
        (f + "wilson_lower_bound(1, 2, 0)", "IN002"), (f + "wilson_lower_bound(1, 2, 1)", "IN002"), (f + "wilson_lower_bound(1, 2, 'NaN')", "IN002"),
        (f + "wilson_lower_bound(1, 2, -0.5)", "IN002"), (f + "wilson_lower_bound(1, 2, 'Infinity')", "IN002"),
        (rate % (3, 2), "1.5"), (rate % ("NULL", 2), None), (rate % (3, 0), None), (rate % (3, -2), None), (rate % (0, 2), "0"), (rate % (-1, 2), "IN002"),
        (score % (row % (1, "1 hour")), "210384"), (score % (row % (-1, "1 hour")), "-Infinity"), (score % (row % (0, "1 hour")), "-Infinity"),
        (score % (row % (1, "0")), "IN002"), (score % (row % (1, "-1 hour")), "IN002"), (score % (row % (1, "1 mon")), "IN002"), (score % (row % (1, "1 mon -20 days")), "IN002"),
        (score % (row % (1, "1 hour") + ", " + row % (1, "2 hours")), "IN002"), (score % (row % ("'NaN'", "1 hour")), "IN002"), (score % (row % ("'Infinity'", "1 hour")), "IN002"),
        (score % (row % ("2147483649", "1 hour")), "IN002"), (score % (row % ("-2147483649", "1 hour")), "IN002"), (score % (row % ("2147483648", "1 hour")), "210415"),
        (score % (row % (1, "1 day")), "8766"), (score % (row % (1, "1 day") + ", " + row % (1, "24 hours")), "8767"),
    ]
    got = outcomes([expression for expression, _ in cases])
    tap.group("published vectors, defaults and refusals", len(cases), ["%s: got %s, want %s" % (e, g, w) for (e, w), g in zip(cases, got) if g != w])


def main():
    tap = Tap()
    model.self_test(tap)
    if "--self-test" in sys.argv:
        tap.done()
    rounds, seed = settings()
    tap.note("seeds %d to %d" % (seed, seed + rounds - 1))
    check_statements(tap)
    for s in range(seed, seed + rounds):
        check_rates(tap, s, RATE_GROUPS)
        check_wilson(tap, s, WILSON_CASES)
        check_scores(tap, s, SCORE_GROUPS)
    tap.done()


if __name__ == "__main__":
    main()
