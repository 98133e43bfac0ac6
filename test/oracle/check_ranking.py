#!/usr/bin/env python3
"""evaluate_ranking against ranking_model.py.

Small random sets: all rankers and protocols, with and without times, weights, creators, with repeated rows and hostile
ids; the parameters chosen and every number must agree. The public sets when PGI_DATA names them: the server's choice of
parameters, measured again here (amazon's last items; the rest in a long run), and the bars of the design.
"""

import json
import os
import random

import ranking_model as model
from pg import Script, settings
from tap import Tap

TOLERANCE = 1e-9
RANKERS = ("popularity", "decayed", "neighbors", "hybrid", "standard")
# the profile that install() makes, and the settings of the feed
STANDARD = {"bias": 10, "interest": 1.5, "quality": 1, "neighbor": 2, "affinity": 1, "neighbor_half": 2, "history_half": 20}
PROTOCOLS = ("leave_last_out", "time", "prequential")
BARS = (("amazon", "leave_last_out", 0.064), ("beauty", "leave_last_out", 0.052), ("amazon", "prequential", 0.057))


def random_set(rng):
    """Rows with a taste: users move along a circle of items, so that order means something."""
    items = sorted({rng.randrange(-2**63, 2**63) for _ in range(rng.choice([1, 2, 7, 30]))}) if rng.random() < 0.3 else list(range(1, rng.choice([3, 12, 60])))
    users = rng.choice([1, 2, 10, 60])
    kind = rng.choice(["timeless", "days", "numbers", "far"])
    weighted = rng.random() < 0.3
    rows = []
    for user in range(users):
        place = rng.randrange(len(items))
        at = rng.randrange(100)
        for _ in range(rng.choice([1, 2, 5, 12])):
            place = (place + rng.choice([1, 1, 1, 2, rng.randrange(len(items))])) % len(items)
            at += rng.choice([0, 1, 1, 5])
            time = {"timeless": 7, "days": at // 3, "numbers": at, "far": at * 2**54 - 2**62}[kind]
            rows.append((user, items[place], time, rng.choice([0.25, 1, 3.7, 5]) if weighted else None))
    rows += [rng.choice(rows) for _ in range(len(rows) // 10)]
    given = {}
    if rng.random() < 0.7:
        for item in items:
            if rng.random() < 0.9:
                given[item] = (rng.choice([None, -1, 1, 2, 3]), [rng.randrange(4) for _ in range(rng.randrange(3))])
    return rows, given


def call(number, given, weighted, ranker, protocol, k):
    items = "NULL"
    if given:
        items = "$q$SELECT item_id, creator_id, categories FROM pgi_ranking_item WHERE g = %d$q$" % number
    query = "SELECT user_id, item_id, at%s FROM pgi_ranking WHERE g = %d ORDER BY random()" % (", weight" if weighted else "", number)
    return "SELECT users, ndcg, recall, hit_rate, coverage, parameters FROM influence.evaluate_ranking($q$%s$q$, %s, '%s', '%s', %d)" % (
        query, items, ranker, protocol, k)


def number_or_none(text):
    return None if text is None else float(text)


def differs(row, expected):
    users, *numbers = expected[:5]
    parameters, tests = expected[5:]
    if int(row[0]) != users:
        return "users"
    for name, got, wanted in zip(("ndcg", "recall", "hit_rate", "coverage"), map(number_or_none, row[1:5]), numbers):
        if (got is None) != (wanted is None) or got is not None and not abs(got - wanted) <= TOLERANCE:
            return "%s: %r instead of %r" % (name, got, wanted)
    given = json.loads(row[5])
    if tests is not None and given.get("validation_tests", 0) != tests:
        return "validation_tests"
    for name, value in given.items():
        if name != "validation_tests" and (value or 0) != parameters[name]:
            return "%s: %r instead of %r" % (name, value, parameters[name])
    return None


def check_random(tap, rng, sets):
    script = Script()
    # the rankers that are profiles of the feed
    script.sql("SET client_min_messages = warning")
    script.sql("SELECT count(*) FROM influence.install()")
    script.sql("CREATE TEMP TABLE pgi_ranking (g int, user_id bigint, item_id bigint, at bigint, weight float8)")
    script.sql("CREATE TEMP TABLE pgi_ranking_item (g int, item_id bigint, creator_id bigint, categories bigint[])")
    cases = []
    for number in range(sets):
        rows, given = random_set(rng)
        script.copy("pgi_ranking", ["g", "user_id", "item_id", "at", "weight"], [(number, *row) for row in rows])
        script.copy("pgi_ranking_item", ["g", "item_id", "creator_id", "categories"],
                    [(number, item, creator, "{%s}" % ",".join(map(str, categories))) for item, (creator, categories) in given.items()])
        data = model.Data(rows, given)
        ranker, k = rng.choice(RANKERS + ("hybrid",) * 3), rng.choice([1, 3, 10])
        protocol = "leave_last_out" if data.timeless else rng.choice(PROTOCOLS)
        cases.append((number, ranker, protocol, k, data))
        script.query(str(number), call(number, given, data.weighted, ranker, protocol, k))
    answers = script.run()
    failures = []
    for number, ranker, protocol, k, data in cases:
        problem = differs(answers[str(number)][0], model.evaluate(data, ranker, protocol, k, STANDARD if ranker == "standard" else None))
        if problem:
            failures.append("set %d, %s, %s, k %d: %s" % (number, ranker, protocol, k, problem))
    tap.group("random sets", len(cases), failures)


def read_public(folder, name):
    with open(os.path.join(folder, name + ".inter.tsv")) as lines:
        rows = [(int(u), int(i), int(t), None) for u, i, _, t in (line.split() for line in lines)]
    items = {}
    with open(os.path.join(folder, name + ".items.tsv")) as lines:
        for line in lines:
            item, creator, categories = line.rstrip("\n").split("\t")
            items[int(item)] = (int(creator), [int(c) for c in categories.split(",") if c])
    return rows, items


def check_public(tap, folder, long):
    for name, protocol, bar in BARS[:1] if not long else BARS:
        rows, given = read_public(folder, name)
        script = Script()
        script.sql("CREATE TEMP TABLE pgi_ranking (g int, user_id bigint, item_id bigint, at bigint)")
        script.sql("CREATE TEMP TABLE pgi_ranking_item (g int, item_id bigint, creator_id bigint, categories bigint[])")
        script.copy("pgi_ranking", ["g", "user_id", "item_id", "at"], [(0, *row[:3]) for row in rows])
        script.copy("pgi_ranking_item", ["g", "item_id", "creator_id", "categories"],
                    [(0, item, creator, "{%s}" % ",".join(map(str, categories))) for item, (creator, categories) in given.items()])
        script.query("it", call(0, given, False, "hybrid", protocol, 10))
        row = script.run()["it"][0]
        parameters = {key: value or 0 for key, value in json.loads(row[5]).items()}
        expected = model.evaluate(model.Data(rows, given), "hybrid", protocol, 10, parameters=parameters)
        problem = differs(row, expected)
        tap.ok(problem is None, "%s, %s: measured again" % (name, protocol), [problem])
        tap.ok(float(row[1]) >= bar, "%s, %s: NDCG@10 %.4f, at least %s" % (name, protocol, float(row[1]), bar), row)


def main():
    rounds, seed = settings()
    tap = Tap()
    check_random(tap, random.Random(seed), 60 * rounds)
    folder = os.path.join(os.environ.get("PGI_DATA") or "", "feed")
    if os.environ.get("PGI_DATA") and os.path.isdir(folder):
        check_public(tap, folder, rounds > 1)
    else:
        tap.skip("public sets", "no data")
    tap.done()


if __name__ == "__main__":
    main()
