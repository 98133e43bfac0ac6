#!/usr/bin/env python3
"""markov_agg and markov_credit against markov_model.py.

Random small chains with exact fractions, among them extreme ids and counts; larger ones, which the server solves by
iteration; the real paths when PGI_DATA names the folder with paths/channel_paths.csv; and the same rows shuffled, split
and by a parallel plan, where every bit has to be the same. --self-test checks the model alone.
"""

import csv
from fractions import Fraction
import os
import random
import sys

import markov_model as model
from pg import Script, array, outcomes, settings
from tap import Tap

SMALL_CHAINS, LARGE_CHAINS = 600, 2
SMALL_TOLERANCE, TOLERANCE = 1e-12, 1e-9
PARALLEL = """
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 3
"""
TOP = 2**63 - 1


def path_of(rng, creators, longest):
    path = [rng.choice(creators) for _ in range(rng.randint(1, longest))]
    if rng.random() < 0.2:  # a loop
        path = path[:3] * rng.randint(1, 4)
    return path


def small_rows(rng):
    creators = rng.sample([0, -1, TOP, -TOP - 1] + list(range(1, 40)), rng.randint(1, 7))
    most = rng.choice([1, 3, 1000, 2**31, 2**55])
    with_nulls = rng.random() < 0.7
    with_value = rng.random() < 0.8
    rows = []
    for _ in range(rng.choice([1, 2, 3, 8, 20])):
        conversions = rng.choice([0, 1, rng.randint(0, most)])
        nulls = rng.choice([0, 1, rng.randint(0, most)]) if with_nulls else 0
        value = rng.randint(0, most) if with_value and conversions else 0
        path = path_of(rng, creators, 8)
        if rng.random() < 0.05:
            path = []
        rows.append((path, conversions, value, nulls))
    return rows


def sticky_rows(rng):
    """A pair of creators that a path hardly ever leaves: the chance of staying is 1 - 2^-50 or so."""
    a, b, c = rng.sample(range(1, 10), 3)
    return [([a, b, a, b, a], 0, 0, 2**50), ([b, a], 1, rng.randint(0, 9), 0), ([c, a, c], 1, 5, 1), ([c], rng.randint(0, 2), 0, 1)]


def insert(script, rows):
    script.copy("pgi_oracle_path", ["g", "k", "path", "c", "v", "n"],
                [(g, k, array(path), c, v, n) for g, k, row in rows for path, c, v, n in row])


def table(script):
    script.sql("DROP TABLE IF EXISTS pgi_oracle_path")
    script.sql("CREATE UNLOGGED TABLE pgi_oracle_path (g int, k int, path bigint[], c bigint, v bigint, n bigint)")


CREDIT = """SELECT g, creator_id, removal_effect, conversions, value_removal_effect, value
FROM (SELECT g, influence.markov_agg(path, c, v, n, k) AS state FROM pgi_oracle_path GROUP BY g) s, influence.markov_credit(state)"""


def answers(rows):
    """Rows of CREDIT as {group: {creator: (four numbers)}}."""
    result = {}
    for g, creator, *numbers in rows:
        result.setdefault(int(g), {})[int(creator)] = tuple(None if n is None else float(n) for n in numbers)
    return result


def differences(name, chain, got, want, tolerance):
    """What is not as it should be; conversions and value are compared as shares of their totals."""
    if set(got) != set(want):
        return ["%s: creators %r, model %r" % (name, sorted(got), sorted(want))]
    scales = (1, chain.conversions or 1, 1, chain.all_value or 1)
    return ["%s: creator %d: got %r, model %r" % (name, c, got[c], [None if n is None else float(n) for n in want[c]])
            for c in want if any((g is None) != (w is None) or (w is not None and not abs(Fraction(g) - Fraction(w)) <= tolerance * s)
                                 for g, w, s in zip(got[c], want[c], scales))]


def check_small(tap, seed, count):
    rng = random.Random("small %d" % seed)
    groups = [(g, g % 4 + 1, sticky_rows(rng) if g % 10 == 0 else small_rows(rng)) for g in range(count)]
    script = Script()
    table(script)
    insert(script, groups)
    got = answers(script.query("got", CREDIT).run()["got"])
    failures = []
    for g, k, rows in groups:
        chain = model.Chain(rows, k)
        failures += differences("order %d, rows %r" % (k, rows), chain, got.get(g, {}), model.credit(chain), SMALL_TOLERANCE)
    tap.group("small chains: exact removal effects within 1e-12", count, failures)


def check_large(tap, seed, count):
    """Chains of many states: eight of the creators are removed by hand, the sums are checked for all of them."""
    rng = random.Random("large %d" % seed)
    groups, failures = [], []
    for g in range(count):
        creators = list(range(1, rng.choice([30, 60])))
        weights = [1 / (i + 1) for i in range(len(creators))]
        rows = []
        for _ in range(1500):
            path = rng.choices(creators, weights, k=min(40, 1 + int(rng.expovariate(0.25))))
            conversions = rng.choice([0, 0, 0, 1, 2])
            rows.append((path, conversions, conversions * rng.randint(0, 5000), rng.choice([0, 1, 4]) or 1 - min(conversions, 1)))
        groups.append((g, g % 2 + 2, rows))
    script = Script()
    table(script)
    insert(script, groups)
    got = answers(script.query("got", CREDIT).run()["got"])
    states = 0
    for g, k, rows in groups:
        chain = model.Chain(rows, k, float)
        states += len(chain.states)
        chosen = chain.creators[:4] + chain.creators[-4:]
        everything = chain.propagate(None)
        for c in chosen:
            want = [1 - l / e for l, e in zip(chain.propagate(c), everything)]
            if max(abs(got[g][c][0] - want[0]), abs(got[g][c][2] - want[1])) > TOLERANCE:
                failures.append("order %d: creator %d: got %r, model %r" % (k, c, got[g][c], want))
        sums = [sum(numbers[i] for numbers in got[g].values()) for i in range(4)]
        for i, total in ((1, chain.conversions), (3, chain.all_value)):
            shares = [numbers[i] / total - numbers[i - 1] / sums[i - 1] for numbers in got[g].values()]
            if set(got[g]) != set(chain.creators) or abs(sums[i] - total) > TOLERANCE * total or max(map(abs, shares)) > TOLERANCE:
                failures.append("order %d: column %d does not share %r by its effects" % (k, i, total))
    tap.note("%d states in all" % states)
    tap.group("chains of many states: within 1e-9 of mass propagated by steps", 8 * count, failures)


def check_same_bits(tap, seed):
    rng = random.Random("bits %d" % seed)
    rows = [(path_of(rng, range(300), 12), rng.randint(0, 3), 0, rng.randint(0, 3)) for _ in range(3000)]
    script = Script()
    table(script)
    insert(script, [(0, 2, rows)])
    script.sql("ANALYZE pgi_oracle_path")
    state = "SELECT md5(influence.markov_agg(path, c, v, n, k%s)) FROM pgi_oracle_path"
    script.query("plain", state % "").query("shuffled", state % " ORDER BY random()")
    script.query("backward", state % " ORDER BY path DESC")
    text = """SELECT md5(string_agg(concat_ws(' ', creator_id, encode(float8send(removal_effect), 'hex'), encode(float8send(conversions), 'hex')), ',' ORDER BY creator_id))
              FROM influence.markov_credit((SELECT influence.markov_agg(path, c, v, n, k) FROM pgi_oracle_path))"""
    script.query("credit", text).sql(PARALLEL)
    script.query("plan", "EXPLAIN (COSTS OFF) " + state % "").query("parallel", state % "").query("parallel credit", text)
    got = script.run()
    failures = ["%s: %r, plain %r" % (way, got[way], got["plain"]) for way in ("shuffled", "backward", "parallel") if got[way] != got["plain"]]
    if got["credit"] != got["parallel credit"]:
        failures.append("credit differs by a parallel plan")
    tap.group("the same bits shuffled, sorted backward and by a parallel plan", 4, failures)
    plan = "\n".join(row[0] for row in got["plan"])
    tap.ok("Partial" in plan and "Gather" in plan, "the plan of the parallel run has partial aggregates", [plan])


def check_statements(tap):
    agg = "influence.markov_agg(%s, %s, %s, %s, %s)"
    cases = [
        (agg % ("'{1,NULL}'", 1, 0, 0, 1), "IN002"), (agg % ("'{{1,2}}'", 1, 0, 0, 1), "IN002"),
        (agg % ("'{1}'", -1, 0, 0, 1), "IN002"), (agg % ("'{1}'", 1, -1, 0, 1), "IN002"), (agg % ("'{1}'", 1, 0, -1, 1), "IN002"),
        (agg % ("'{1}'", 0, 5, 1, 1), "IN002"), (agg % ("'{1}'", 1, 0, 0, 0), "IN002"), (agg % ("'{1}'", 1, 0, 0, 5), "IN002"),
        (agg % ("'{1}'", 1, 0, 0, "NULL"), "IN002"), (agg % ("'{}'", 1, 0, 0, 1), None), (agg % ("NULL", 1, 0, 0, 1), None),
        (agg % ("'{1}'", 0, 0, 0, 1), None), (agg % ("'{1,2}'", TOP, 0, 1, 1), "IN006"),
        ("(SELECT %s FROM generate_series(1, 2))" % (agg % ("'{1}'", TOP, 0, 0, 1)), "IN006"),
        ("(SELECT %s FROM generate_series(1, 2) k)" % (agg % ("'{1}'", 1, 0, 0, "k")), "IN002"),
        ("(SELECT count(*) FROM influence.markov_credit('\\x00'))", "XX001"),
        ("(SELECT count(*) FROM influence.markov_credit(''))", "XX001"),
        ("(SELECT count(*) FROM influence.markov_credit(NULL))", "0"),
        ("(SELECT removal_effect FROM influence.markov_credit((SELECT %s)))" % (agg % ("'{7,7,7}'", TOP, TOP, 0, 4)), "1"),
        ("(SELECT count(*) FROM influence.markov_credit((SELECT %s)) WHERE removal_effect IS NULL AND conversions = 0)" % (agg % ("'{7,8}'", 0, 0, 3, 1)), "2"),
    ]
    got = outcomes([expression for expression, _ in cases])
    tap.group("arguments that are refused, and edges", len(cases),
              ["%s: got %r, want %r" % (e, g, w) for (e, w), g in zip(cases, got) if g != w])


def check_real(tap):
    name = os.path.join(os.environ.get("PGI_DATA") or "", "paths", "channel_paths.csv")
    if not os.environ.get("PGI_DATA") or not os.path.exists(name):
        tap.note("PGI_DATA IS NOT SET OR HAS NO paths/channel_paths.csv: the real paths are not compared")
        tap.skip("real channel paths", "no PGI_DATA")
        return
    with open(name, encoding="utf-8") as source:
        lines = list(csv.reader(source, delimiter=";"))[1:]
    channels = sorted({c for line in lines for c in line[0].split(" > ")})
    rows = [([channels.index(c) + 1 for c in line[0].split(" > ")], int(line[1]), int(round(float(line[2]) * 1000)), int(line[3])) for line in lines]
    for nulls in (True, False):
        used = rows if nulls else [(p, c, v, 0) for p, c, v, _ in rows]
        script = Script()
        table(script)
        insert(script, [(k, k, used) for k in (1, 2, 3)])
        got = answers(script.query("got", CREDIT).run()["got"])
        for k in (1, 2, 3) if nulls else (1,):
            chain = model.Chain(used, k, float)
            solve = model.Chain.solve if k < 3 else model.Chain.propagate
            want = model.credit(chain, solve)
            tap.group("real channel paths, order %d, %s null paths: %s" % (k, "with" if nulls else "without", "solved again per channel" if k < 3 else "mass propagated by steps"),
                      len(want), differences("order %d" % k, chain, got[k], want, TOLERANCE))


def self_test(tap):
    # a > b converts once in four; b alone once in two: by hand
    chain = model.Chain([([1, 2], 1, 10, 3), ([2, 2], 1, 2, 1)], 1)
    want = {1: (Fraction(2, 3), Fraction(4, 5), Fraction(2, 3), Fraction(24, 5)), 2: (1, Fraction(6, 5), 1, Fraction(36, 5))}
    tap.ok(model.credit(chain) == want, "the model: an example by hand", [model.credit(chain)])
    got = model.credit(model.Chain([([1, 2, 1, 3], 3, 9, 1), ([3, 1], 1, 1, 2)], 2, float), model.Chain.propagate)
    exact = model.credit(model.Chain([([1, 2, 1, 3], 3, 9, 1), ([3, 1], 1, 1, 2)], 2))
    tap.ok(all(abs(a - b) < 1e-12 for c in exact for a, b in zip(got[c], exact[c])), "the model: mass and elimination agree", [got, exact])


def main():
    tap = Tap()
    rounds, seed = settings()
    self_test(tap)
    if "--self-test" not in sys.argv:
        check_statements(tap)
        for s in range(seed, seed + rounds):
            check_small(tap, s, SMALL_CHAINS)
            check_large(tap, s, LARGE_CHAINS)
            check_same_bits(tap, s)
        check_real(tap)
    tap.done()


if __name__ == "__main__":
    main()
