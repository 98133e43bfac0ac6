#!/usr/bin/env python3
"""Kernels of creators' scores against credibility_model.py: exact fractions and 60 digits.

engagement_agg with its accessors, engagement_prior, shrunk_rate with bounds, topic_focus, growth_rate and
posting_regularity on realistic and on nasty groups; Hachemeister's data with the results published for them. Then the same
rows shuffled, reversed, partitioned, by a parallel plan, and as states of random parts combined in random order: every
bit of the answers has to be the same. --self-test checks the model alone.
"""

from decimal import Decimal
from fractions import Fraction
import math
import random
import sys

import credibility_model as model
from attribution_model import to_datetime
from pg import Script, array, outcomes, settings
from tap import Tap

CELLS, SHRUNK_CASES, FOCUS_GROUPS, GROWTH_GROUPS, REGULARITY_GROUPS = 240, 3000, 500, 400, 400
TOLERANCE = Fraction(1, 10**9)
# Rates are kept as the float8 that is nearest; where all of a creator's are nearly the same, only that much of a variance is known.
ROUNDING = Fraction(1, 2**52)
# Less of a difference than this share of its parts is rounding by nature.
WELL_CONDITIONED = Fraction(1, 10**4)
LARGEST_EXPONENT = Decimal("709.782712893384")  # e^x is beyond float8
DAY = 86400 * 10**6
SERIAL = "SET max_parallel_workers_per_gather = 0; SET enable_partitionwise_aggregate = off"
PARTITIONED = "SET max_parallel_workers_per_gather = 0; SET enable_partitionwise_aggregate = on"
PARALLEL = """
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET min_parallel_index_scan_size = 0;
SET enable_partitionwise_aggregate = off;
SET max_parallel_workers_per_gather = 3
"""
# The aggregate's own transition and combine functions, to build states of parts and to put them together at will.
PARTS = """
DO $do$
DECLARE
    f record;
BEGIN
    SELECT a.*, pg_get_function_arguments(p.oid) AS arguments, format_type(a.aggtranstype, NULL) AS stype INTO STRICT f
      FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid
     WHERE p.proname = '%(name)s' AND p.pronargs = %(arguments)d AND p.pronamespace = 'influence'::regnamespace;
    EXECUTE format('CREATE AGGREGATE pg_temp.parts_%(name)s(%%s) (SFUNC = %%s, STYPE = %%s)', f.arguments, f.aggtransfn, f.stype);
    EXECUTE format('CREATE AGGREGATE pg_temp.whole_%(name)s(%%s) (SFUNC = %%s, STYPE = %%s%%s)', f.stype, f.aggcombinefn, f.stype,
                   CASE WHEN f.aggfinalfn <> 0 THEN ', FINALFUNC = ' || f.aggfinalfn END);
END
$do$
"""


def time_text(us):
    return to_datetime(us).strftime("%Y-%m-%d %H:%M:%S.%f+00")


def near(got, want, absolute=0, relative=TOLERANCE):
    """got is psql's text, want a Fraction, a Decimal, a float or None."""
    if got is None or want is None:
        return got is None and want is None
    got = float(got)
    if isinstance(want, float) and not math.isfinite(want) or not math.isfinite(got):
        return got == float(want)
    want = Fraction(want)
    return abs(Fraction(got) - want) <= absolute + relative * abs(want)


def shown(values):
    return [v if v is None or isinstance(v, (int, str)) else float(v) for v in values]


# --- rates and priors ---

def row_of(rng, rate, posts, followers):
    base = followers * posts
    return [max(0, round(rate * base)), base, posts]


def realistic(rng):
    """A cell of vertical x tier: creators about a common mean, posts about each creator's."""
    centre, between, within = rng.uniform(0.01, 0.2), rng.uniform(0.1, 0.6), rng.uniform(0.1, 0.8)
    cell = []
    for _ in range(rng.randint(2, 14)):
        own, followers = centre * math.exp(rng.gauss(0, between)), rng.randint(1000, 10**7)
        cell.append([row_of(rng, own * math.exp(rng.gauss(0, within)), rng.choice([1, 1, 1, 1, 12, 30]), followers)
                     for _ in range(rng.choice([1, 2, 3, 8, 20]))])
    return cell


def nasty(rng, kind):
    creators = rng.choice([1, 2, 2, 3, 7])
    if kind == "zeros":
        return [[[0, rng.randint(1, 1000), rng.randint(1, 5)] for _ in range(rng.randint(1, 5))] for _ in range(creators)]
    if kind == "ties":  # the same rate in different clothes, for everybody
        up, down = rng.randint(1, 50), rng.randint(1, 50)
        return [[[up * k, down * k, rng.randint(1, 9)] for k in (rng.randint(1, 10**6) for _ in range(rng.randint(1, 6)))] for _ in range(creators)]
    if kind == "constant creators":  # no variance within, some between
        return [[[k, 8, rng.randint(1, 9)] for _ in range(rng.randint(1, 4))] for k in rng.sample(range(40), creators)]
    if kind == "equal creators":  # no variance between
        rows = [[rng.randint(0, 100), 64, rng.randint(1, 9)] for _ in range(rng.randint(2, 6))]
        return [list(map(list, rows)) for _ in range(creators)]
    if kind == "above one":
        return [[[rng.randint(0, 10**5), rng.randint(1, 100), rng.randint(1, 3)] for _ in range(rng.randint(1, 8))] for _ in range(creators)]
    if kind == "huge":
        return [[[rng.randint(0, 2**53), rng.randint(2**50, 2**62), rng.randint(1, 2**30)] for _ in range(rng.randint(1, 8))] for _ in range(creators)]
    if kind == "enormous":
        return [[[rng.randint(2**62, 2**63 - 1), rng.randint(1, 3), rng.randint(1, 2**20)] for _ in range(rng.randint(1, 8))] for _ in range(creators)]
    if kind == "close":  # small differences of large rates, which are exact as float8
        return [[[2**30 + rng.randint(0, 50), 2**10, rng.randint(1, 9)] for _ in range(rng.randint(1, 8))] for _ in range(creators)]
    if kind == "tiny":
        return [[[rng.randint(0, 9), rng.randint(2**38, 2**42), rng.randint(1, 50)] for _ in range(rng.randint(1, 8))] for _ in range(creators)]
    if kind == "single rows":
        return [[[rng.randint(0, 50), rng.randint(1, 1000), rng.randint(1, 100)]] for _ in range(creators)]
    if kind == "one weighs all":
        return [[[rng.randint(0, 50), 1000, 10**9 if rng.random() < 0.2 else 1] for _ in range(rng.randint(1, 8))] for _ in range(creators)]
    cell = [[[rng.choice([None, 0, 3, 70]), rng.choice([None, 0, -5, 100, 1000]), rng.choice([None, 0, 1, 2])]
             for _ in range(rng.randint(1, 12))] for _ in range(creators)]
    return cell


NASTY = ["zeros", "ties", "constant creators", "equal creators", "above one", "huge", "enormous", "close", "tiny", "single rows", "one weighs all", "gaps"]


def cells(rng, count):
    for number in range(count):
        kind = "realistic" if number % 2 else NASTY[number // 2 % len(NASTY)]
        yield kind, realistic(rng) if kind == "realistic" else nasty(rng, kind)


def load(rng, script, table, columns, rows):
    """Partitioned by a random number, so that every group is spread; not temporary, because workers have to read it."""
    rng.shuffle(rows)
    script.sql("DROP TABLE IF EXISTS pgi_oracle_%s" % table)
    script.sql("CREATE TABLE pgi_oracle_%s (%s) PARTITION BY HASH (n)" % (table, ", ".join("%s %s" % c for c in columns)))
    for part in range(3):
        script.sql("CREATE UNLOGGED TABLE pgi_oracle_%s_%d PARTITION OF pgi_oracle_%s FOR VALUES WITH (MODULUS 3, REMAINDER %d)" % (table, part, table, part))
    script.copy("pgi_oracle_" + table, [c[0] for c in columns], rows).sql("ANALYZE pgi_oracle_" + table)


def ways(script, label, aggregate, arguments, table, outer="%s", keys="g"):
    """The same answers in six ways; outer is what is asked of the aggregate's value."""
    text = "SELECT %s, (%s)::text FROM (SELECT %s, %%s AS s FROM %%s GROUP BY %s) q" % (keys, outer % "s" if "%s" in outer else outer, keys, keys)
    call = "influence.%s(%s%%s)" % (aggregate, arguments)
    script.sql(SERIAL)
    script.query(label + " plain", text % (call % "", table))
    script.query(label + " shuffled", text % (call % " ORDER BY random()", table))
    script.query(label + " reversed", text % (call % " ORDER BY n DESC", table))
    script.sql(PARTS % {"name": aggregate, "arguments": arguments.count(",") + 1})
    script.query(label + " combined", text % ("pg_temp.whole_%s(part ORDER BY random())" % aggregate,
                 "(SELECT %s, pg_temp.parts_%s(%s) AS part FROM %s GROUP BY %s, n %% 7) parts" % (keys, aggregate, arguments, table, keys)))
    script.sql(PARTITIONED)
    script.query(label + " partitioned", text % (call % "", table))
    script.sql(PARALLEL)
    script.query(label + " plan", "EXPLAIN (COSTS OFF) " + text % (call % "", table))
    script.query(label + " parallel", text % (call % "", table))
    script.sql(SERIAL)


def check_ways(tap, label, got):
    plain = {tuple(r[:-1]): r[-1] for r in got[label + " plain"]}
    failures = []
    for way in ("shuffled", "reversed", "combined", "partitioned", "parallel"):
        other = {tuple(r[:-1]): r[-1] for r in got[label + " " + way]}
        failures += ["group %s: plain %s, %s %s" % (g, plain.get(g), way, other.get(g)) for g in set(plain) | set(other)
                     if plain.get(g, "") != other.get(g, "")]
    tap.group("%s: the same bits shuffled, reversed, combined from parts, partitioned and parallel" % label, len(plain) * 5, failures)
    plan = "\n".join(row[0] for row in got[label + " plan"])
    tap.ok("Partial" in plan and "Gather" in plan, "%s: the plan of the parallel run has partial aggregates" % label, [plan])


ACCESSORS = ["engagement_posts(%s)", "engagement_mean(%s)", "engagement_median(%s)", "engagement_trimmed_mean(%s)",
             "engagement_trimmed_mean(%s, 0.25)", "engagement_trimmed_mean(%s, 0)", "engagement_variance(%s)"]


def check_rates(tap, seed, count):
    rng = random.Random("credibility %d" % seed)
    groups = list(cells(rng, count))
    rows = [[g, c, rng.getrandbits(20)] + row for g, (_, cell) in enumerate(groups) for c, creator in enumerate(cell) for row in creator]
    script = Script()
    load(rng, script, "rates", [("g", "int"), ("c", "int"), ("n", "int"), ("i", "bigint"), ("b", "bigint"), ("p", "bigint")], rows)
    accessors = ", ".join("influence." + a % "s" for a in ACCESSORS)
    state = "(SELECT g, c, influence.engagement_agg(i, b, p) AS s FROM pgi_oracle_rates GROUP BY g, c) states"
    script.query("creators", "SELECT g, c, %s FROM %s" % (accessors, state))
    script.query("convenience", "SELECT g, c, influence.median_engagement_rate(i, b), influence.trimmed_engagement_rate(i, b), "
                 "influence.engagement_median(influence.engagement_agg(i, b, 1)), influence.engagement_trimmed_mean(influence.engagement_agg(i, b, 1)) "
                 "FROM pgi_oracle_rates GROUP BY g, c")
    fields = ", ".join("prior[%d]" % k for k in range(1, 7))
    priors = "(SELECT g, influence.engagement_prior(s) AS prior FROM %s GROUP BY g) priors" % state
    script.query("priors", "SELECT g, %s FROM %s" % (fields, priors))
    bounds = "(influence.shrunk_rate_bounds(influence.engagement_posts(s), influence.engagement_mean(s), prior))"
    script.query("shrunk", "SELECT g, c, influence.shrunk_rate(influence.engagement_posts(s), influence.engagement_mean(s), prior), %s.* FROM %s JOIN %s USING (g)"
                 % (bounds, state, priors))
    ways(script, "engagement_agg", "engagement_agg", "i, b, p", "pgi_oracle_rates", "(%s)" % accessors, "g, c")
    load(rng, script, "states", [("g", "int"), ("n", "int"), ("s", "bytea")], [])
    script.sql("INSERT INTO pgi_oracle_states SELECT g, c * 7919 + k, s FROM %s, generate_series(1, 20) k" % state).sql("ANALYZE pgi_oracle_states")
    ways(script, "engagement_prior", "engagement_prior", "s", "pgi_oracle_states")
    script.sql("DROP TABLE pgi_oracle_rates, pgi_oracle_states")
    got = script.run()
    check_creators(tap, groups, got)
    check_priors(tap, groups, got)
    check_ways(tap, "engagement_agg", got)
    check_ways(tap, "engagement_prior", got)


def noise(observations):
    """What rounding of the rates can make of a variance, whatever it is."""
    return 4 * (max(r for r, _ in observations) * ROUNDING) ** 2 * sum(w for _, w in observations) if observations else 0


def check_creators(tap, groups, got):
    answers = {(int(r[0]), int(r[1])): r[2:] for r in got["creators"]}
    failures, cases = [], 0
    for g, (kind, cell) in enumerate(groups):
        for c, rows in enumerate(cell):
            answer, cases, r = answers[g, c], cases + 1, model.observations_of(rows)
            want = [sum(w for _, w in r) if r else None, model.mean(r), model.median(r), model.trimmed_mean(r), model.trimmed_mean(r, 0.25), model.trimmed_mean(r, 0),
                    model.variance(r)]
            if (None if answer[0] is None else int(answer[0])) != want[0] or not all(near(a, w) for a, w in zip(answer[1:6], want[1:6])) or not near(answer[6], want[6], noise(r)):
                failures.append("%s, creator %d.%d, rows %r: got %r, model %r" % (kind, g, c, rows, answer, shown(want)))
    tap.group("engagement_agg: posts, mean, median, trimmed means and variance within 1e-9 of exact fractions", cases, failures)
    different = ["creator %s.%s: %s" % (r[0], r[1], r[2:]) for r in got["convenience"] if r[2] != r[4] or r[3] != r[5]]
    tap.group("median_engagement_rate and trimmed_engagement_rate are the accessors over single posts", len(got["convenience"]), different)


def check_priors(tap, groups, got):
    answers = {int(r[0]): r[1:] for r in got["priors"]}
    failures, noisy, fits = [], 0, []
    for g, (kind, cell) in enumerate(groups):
        fit, conditioning = model.prior([model.observations_of(rows) for rows in cell])
        comparable = conditioning == 0 or conditioning > WELL_CONDITIONED
        noisy += not comparable
        fits.append((fit, comparable))
        want = [None] * 6 if fit is None else list(fit)
        same = [near(a, w) for a, w in zip(answers[g], want)]
        if not comparable:
            same[1] = same[3] = True
        if not all(same):
            failures.append("%s, cell %d %r: got %r, model %r" % (kind, g, cell, answers[g], shown(want)))
    tap.note("engagement_prior: %d between variances near 0 by cancellation are not compared" % noisy)
    tap.group("engagement_prior: mean, strength, variances, creators and posts within 1e-9 of exact fractions", len(groups), failures)
    failures = []
    for g, c, rate, lower, upper in got["shrunk"]:
        kind, cell = groups[int(g)]
        fit, comparable = fits[int(g)]
        if fit is None:
            if [rate, lower, upper] != [None] * 3:
                failures.append("cell %s without a prior: %s" % (g, [rate, lower, upper]))
            continue
        if not comparable:
            continue
        observations = model.observations_of(cell[int(c)])
        posts, own = sum(w for _, w in observations), model.mean(observations)
        want = [model.shrunk_rate(posts, own, fit)]
        want += model.shrunk_bounds(posts, own, fit, 0.95) or [None, None]
        # a bound is a difference: its error is one of its parts'
        room = TOLERANCE * (abs(Fraction(want[2])) if want[2] is not None else 0)
        if not all(near(a, w, room) for a, w in zip((rate, lower, upper), want)):
            failures.append("%s, creator %s.%s: got %r, model %r of prior %r" % (kind, g, c, [rate, lower, upper], shown(want), shown(fit)))
    tap.group("shrunk_rate and its bounds, from states to the end, within 1e-9", len(got["shrunk"]), failures)


# --- shrinkage by itself ---

def check_shrunk(tap, seed, count):
    rng = random.Random("shrunk %d" % seed)
    rows = []
    for n in range(count):
        kind = rng.choice(["fitted", "fitted", "fitted", "equal creators", "one creator", "single rows", "constant"])
        within, between = 10 ** rng.uniform(-12, 3), 10 ** rng.uniform(-12, 3)
        strength, within, between = {"fitted": (within / between, within, between), "equal creators": (model.INFINITY, within, 0.0), "constant": (0.0, 0.0, between),
                                     "one creator": (None, within, None), "single rows": (None, None, None)}[kind]
        posts = rng.choice([0.0, 1.0, float(rng.randint(1, 1000)), 10 ** rng.uniform(-3, 9)])
        of_prior = [rng.choice([0.0, rng.uniform(0, 0.2), rng.uniform(0, 50)]), strength, within, between, 5, 50]
        rows.append((n, posts, rng.choice([None, 0.0, rng.uniform(0, 0.3), rng.uniform(0, 9)]), array(of_prior), rng.choice([0.95, 0.9, 0.5, 0.99]), of_prior))
    script = Script().sql("CREATE TEMP TABLE c (id int, posts float8, rate float8, prior float8[], confidence float8)")
    script.copy("c", ["id", "posts", "rate", "prior", "confidence"], [r[:5] for r in rows])
    script.query("got", "SELECT id, influence.shrunk_rate(posts, rate, prior), (influence.shrunk_rate_bounds(posts, rate, prior, confidence)).* FROM c")
    failures = []
    got = {int(r[0]): r[1:] for r in script.run()["got"]}
    for n, posts, rate, _, confidence, of_prior in rows:
        want = [model.shrunk_rate(posts, rate, of_prior)]
        want += model.shrunk_bounds(posts, rate, of_prior, confidence) or [None, None]
        # a bound is a difference: its error is one of its parts'
        room = TOLERANCE * (abs(Fraction(want[2])) if want[2] is not None else 0)
        if not all(near(a, w, room) for a, w in zip(got[n], want)):
            failures.append("shrunk_rate(%r, %r, %r), confidence %r: got %r, model %r" % (posts, rate, of_prior, confidence, got[n], shown(want)))
    tap.group("shrunk_rate and shrunk_rate_bounds on priors of every shape", count, failures)


# --- focus, growth, regularity ---

def check_focus(tap, seed, count):
    rng = random.Random("focus %d" % seed)
    groups = []
    for _ in range(count):
        topics = rng.choice([1, 1, 2, 3, 10, 60])
        top = rng.choice([1, 5, 1000, 10**9])
        groups.append([(rng.choice([None, -3, 2**62] + [rng.randint(1, topics)] * 20), rng.randint(1, top)) for _ in range(rng.choice([1, 2, 5, 40]))])
    rows = [[g, rng.getrandbits(20), t, p] for g, group in enumerate(groups) for t, p in group]
    script = Script()
    load(rng, script, "focus", [("g", "int"), ("n", "int"), ("t", "bigint"), ("p", "bigint")], rows)
    ways(script, "topic_focus", "topic_focus", "t, p", "pgi_oracle_focus")
    got = script.sql("DROP TABLE pgi_oracle_focus").run()
    answers = {int(g): value for g, value in got["topic_focus plain"]}
    failures = ["topics %r: got %s, model %s" % (group, answers[g], model.topic_focus(group)) for g, group in enumerate(groups)
                if not near(answers[g], model.topic_focus(group))]
    tap.group("topic_focus: exp(-H) within 1e-9", count, failures)
    check_ways(tap, "topic_focus", got)


def check_growth(tap, seed, count):
    rng = random.Random("growth %d" % seed)
    groups = []
    for _ in range(count):
        start, spread = rng.randint(-20 * 365 * DAY, 20 * 365 * DAY), rng.choice([0, DAY, 30 * DAY, 2000 * DAY])
        amount, per_day = rng.choice([1, 1000, 10**7, 2**40]), rng.choice([0, 0.01, -0.01, 0.002])
        group = []
        for _ in range(rng.choice([1, 2, 2, 3, 10, 40])):
            at = start + rng.choice([0, rng.randint(0, spread), rng.randint(0, spread) // DAY * DAY])
            value = round(amount * math.exp(per_day * (at - start) / DAY) * rng.uniform(0.9, 1.1)) if rng.random() < 0.9 else rng.choice([None, 0, -7, 1, 2**63 - 1])
            group.append((at, value if value is None else min(value, 2**63 - 1)))
        groups.append(group)
    rows = [[g, rng.getrandbits(20), time_text(at), a] for g, group in enumerate(groups) for at, a in group]
    script = Script()
    load(rng, script, "growth", [("g", "int"), ("n", "int"), ("at", "timestamptz"), ("a", "bigint")], rows)
    ways(script, "growth_rate", "growth_rate", "at, a", "pgi_oracle_growth")
    got = script.sql("DROP TABLE pgi_oracle_growth").run()
    answers = {int(g): value for g, value in got["growth_rate plain"]}
    failures = []
    for g, group in enumerate(groups):
        exponent = model.growth_exponent(group)
        want = None if exponent is None else model.INFINITY if exponent > LARGEST_EXPONENT else exponent.exp() - 1
        # the power's error is the exponent's
        if not near(answers[g], want, TOLERANCE, TOLERANCE * (1 + abs(Fraction(exponent or 0)))):
            failures.append("%r: got %s, model %s" % ([(time_text(at), a) for at, a in group], answers[g], want))
    tap.group("growth_rate: least squares of the logarithm, per 30 days, within 1e-9; Infinity beyond float8", count, failures)
    check_ways(tap, "growth_rate", got)


def check_regularity(tap, seed, count):
    rng = random.Random("regularity %d" % seed)
    groups = []
    for _ in range(count):
        start, size = rng.randint(-20 * 365 * DAY, 20 * 365 * DAY), rng.choice([1, 2, 3, 3, 4, 12, 50])
        kind = rng.choice(["clock", "burst", "random", "random", "one instant", "jitter"])
        moments = {"clock": lambda k: start + k * 7 * DAY, "burst": lambda k: start + (k // 5) * 30 * DAY, "random": lambda k: start + rng.randint(0, 400 * DAY),
                   "one instant": lambda k: start, "jitter": lambda k: start + k * DAY + rng.randint(0, 3600 * 10**6)}[kind]
        groups.append([None if rng.random() < 0.03 else moments(k) for k in range(size)])
    rows = [[g, rng.getrandbits(20), None if at is None else time_text(at)] for g, group in enumerate(groups) for at in group]
    script = Script()
    load(rng, script, "regularity", [("g", "int"), ("n", "int"), ("at", "timestamptz")], rows)
    ways(script, "posting_regularity", "posting_regularity", "at", "pgi_oracle_regularity")
    got = script.sql("DROP TABLE pgi_oracle_regularity").run()
    answers = {int(g): value for g, value in got["posting_regularity plain"]}
    failures = ["%r: got %s, model %s" % ([at and time_text(at) for at in group], answers[g], model.posting_regularity(group)) for g, group in enumerate(groups)
                if not near(answers[g], model.posting_regularity(group))]
    tap.group("posting_regularity: 1 / (1 + variation of the gaps) within 1e-9", count, failures)
    check_ways(tap, "posting_regularity", got)


# --- published values, refusals ---

def check_hachemeister(tap):
    script = Script().sql("CREATE TEMP TABLE h (state int, i bigint, b bigint, p bigint)")
    script.copy("h", ["state", "i", "b", "p"], [[s] + list(row) for s, rows in enumerate(model.hachemeister_rows()) for row in rows])
    script.sql("CREATE TEMP TABLE s AS SELECT state, influence.engagement_agg(i, b, p) AS s FROM h GROUP BY state")
    script.sql("CREATE TEMP TABLE f AS SELECT influence.engagement_prior(s) AS f FROM s")
    script.query("fit", "SELECT round(f[1]::numeric, 3), round(f[3]::numeric), round(f[4]::numeric), f[5], f[6] FROM f")
    script.query("states", "SELECT round((engagement_posts / (engagement_posts + f[2]))::numeric, 4), round(influence.shrunk_rate(engagement_posts, engagement_mean, f)::numeric) "
                 "FROM s, f, influence.engagement_posts(s), influence.engagement_mean(s) ORDER BY state")
    got, published = script.run(), model.HACHEMEISTER_PUBLISHED
    claims = sum(sum(w) for _, w in model.HACHEMEISTER)
    tap.ok(got["fit"] == [[published["mean"], published["within"], published["between"], "5", str(claims)]],
           "engagement_prior of Hachemeister's data: premium 1683.713, variances 139120026 and 89639 as published", got["fit"])
    tap.ok(got["states"] == [list(x) for x in zip(published["factors"], published["premiums"])],
           "shrunk_rate of Hachemeister's states: factors and premiums as published", got["states"])


def check_statements(tap):
    state = "(SELECT influence.engagement_agg(i, b, p) FROM (VALUES %s) v(i, b, p))"
    row = "(%s::bigint, %s::bigint, %s::bigint)"
    prior = "(SELECT influence.engagement_prior(s) FROM (VALUES %s) v(s))"
    cases = [
        ("influence.engagement_posts(NULL)", None), ("influence.engagement_mean(NULL)", None), ("influence.engagement_median(NULL)", None),
        ("influence.engagement_trimmed_mean(NULL)", None), ("influence.engagement_variance(NULL)", None),
        (state % (row % (-1, 5, 1)), "IN002"), (state % (row % (1, 5, -1)), "IN002"),
        ("influence.engagement_mean(%s)" % state % (row % (1, 0, 1)), None), ("influence.engagement_mean(%s)" % state % (row % (1, -1, 1)), None),
        ("influence.engagement_mean(%s)" % state % (row % (1, 4, 0)), None), ("influence.engagement_mean(%s)" % state % (row % ("NULL", 4, 1)), None),
        ("influence.engagement_mean(%s)" % state % (row % (9, 4, 2)), "2.25"), ("influence.engagement_variance(%s)" % state % (row % (9, 4, 2)), None),
        ("influence.engagement_median(%s)" % state % (row % (1, 2, 1) + "," + row % (1, 4, 1)), "0.375"),
        (prior % "(NULL::bytea)", None), (prior % "(%s)" % (state % (row % (1, 4, 3))), "{0.25,NULL,NULL,NULL,1,3}"),
        ("influence.shrunk_rate(2, 2, '{4,0.5,1,2,5,50}')", "2.4"), ("influence.shrunk_rate(0, NULL, '{4,0.5,1,2,5,50}')", "4"),
        ("influence.shrunk_rate(9, 2, '{4,Infinity,1,0,5,50}')", "4"), ("influence.shrunk_rate(9, 2, '{4,NULL,NULL,NULL,1,50}')", "2"),
        ("influence.shrunk_rate(9, 2, NULL)", "2"), ("influence.shrunk_rate(-1, 2, '{4,0.5,1,2,5,50}')", "IN002"), ("influence.shrunk_rate(1, 'NaN', '{4,0.5,1,2,5,50}')", "IN002"),
        ("influence.shrunk_rate(1, 2, '{4,0.5}')", "IN002"), ("influence.shrunk_rate_bounds(1, 2, '{4,0.5,1,2,5,50}', 1)", "IN002"),
        ("influence.engagement_trimmed_mean(%s, 0.5)" % state % (row % (1, 2, 1)), "IN002"), ("influence.engagement_trimmed_mean(%s, -0.1)" % state % (row % (1, 2, 1)), "IN002"),
        ("influence.engagement_posts(%s)" % state % (row % (1, 2, 2**63 - 1) + "," + row % (1, 2, 1)), "IN006"),
    ]
    got = outcomes([expression for expression, _ in cases])
    tap.group("vectors by hand, NULLs and refusals", len(cases), ["%s: got %s, want %s" % (e, g, w) for (e, w), g in zip(cases, got) if g != w])


def main():
    tap = Tap()
    model.self_test(tap)
    if "--self-test" in sys.argv:
        tap.done()
    rounds, seed = settings()
    tap.note("seeds %d to %d" % (seed, seed + rounds - 1))
    check_statements(tap)
    check_hachemeister(tap)
    for s in range(seed, seed + rounds):
        check_rates(tap, s, CELLS)
        check_shrunk(tap, s, SHRUNK_CASES)
        check_focus(tap, s, FOCUS_GROUPS)
        check_growth(tap, s, GROWTH_GROUPS)
        check_regularity(tap, s, REGULARITY_GROUPS)
    tap.done()


if __name__ == "__main__":
    main()
