#!/usr/bin/env python3
"""item_neighbors() beside neighbors_model.py: the same rows in the same order with the same bits.

1. Random interactions: users as bigint, uuid and text, times as timestamptz, date and integer, with and without weights, NULLs,
   repeated rows, equal times, cut histories, few neighbours; in memory and in temporary files.
2. rank_items() over random lists, as arrays of times, weights and repeated items have it.
3. The public sets (PGI_DATA/feed), whole; of every second or eighth item the list, with PGI_LONG of all.
"""

from datetime import datetime, timedelta, timezone
import os
import random
import uuid

from neighbors_model import neighbors, ranked
from pg import Script, array, settings
from tap import Tap

USERS = {"bigint": lambda n: str(n * 7919 - 2**40), "uuid": lambda n: str(uuid.UUID(int=n << 64 | n % 3)), "text": lambda n: "user %d é" % n}
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
TIMES = {"timestamptz": lambda n: (START + timedelta(seconds=n)).isoformat(), "date": lambda n: (START + timedelta(days=n)).date().isoformat(), "bigint": str, "int": str}


def random_case(rng):
    users, items, n = rng.randint(1, 60), rng.randint(1, 50), rng.choice([0, 1, 5, 60, 400, 1500])
    case = {
        "user_type": rng.choice(list(USERS)), "time_type": rng.choice(list(TIMES)), "weighted": rng.random() < 0.5,
        "k": rng.choice([1, 3, 50]), "shrink": rng.choice([0.0, 10.0, 0.125, 1000.0]), "max_history": rng.choice([1, 2, 5, 500]),
    }
    case["rows"] = []
    for _ in range(n):
        row = [int(users * rng.random()**2), int(items * rng.random()**2) * 3 - 20, rng.randint(-5, rng.choice([0, 50, 3000]))]
        if case["weighted"]:
            row.append(rng.choice([0.0, 1.0, 0.1, 3.0, 2.0**-13, rng.random() * 20, 30000.0]))
        if rng.random() < 0.03:
            row[rng.randrange(len(row))] = None
        case["rows"].append(tuple(row))
    return case


def check_random(tap):
    rounds, seed = settings()
    rng = random.Random(seed)
    cases = [random_case(rng) for _ in range(60 * rounds)]
    script = Script()
    for i, case in enumerate(cases):
        script.sql("CREATE TEMP TABLE case_%d (user_id %s, item_id bigint, at %s%s)" % (
            i, case["user_type"], case["time_type"], ", weight float8" if case["weighted"] else ""))
        user_of, time_of = USERS[case["user_type"]], TIMES[case["time_type"]]
        script.copy("case_%d" % i, ["user_id", "item_id", "at"] + ["weight"] * case["weighted"], [
            [None if r[0] is None else user_of(r[0]), r[1], None if r[2] is None else time_of(r[2]), *r[3:]] for r in case["rows"]])
        script.query(str(i), "SELECT item_id, neighbor_id, similarity FROM influence.item_neighbors('SELECT * FROM case_%d', %d, %r, %d)" % (
            i, case["k"], case["shrink"], case["max_history"]))
    results = script.run()
    failures, checked = [], 0
    for i, case in enumerate(cases):
        got = [(int(a), int(b), float(s)) for a, b, s in results.get(str(i), [])]
        wanted = neighbors(case["rows"], case["k"], case["shrink"], case["max_history"])
        checked += len(wanted)
        if got != wanted:
            failures.append("case %d (k %s, shrink %s, max_history %s, %s): %s" % (
                i, case["k"], case["shrink"], case["max_history"], case["user_type"], first_difference(got, wanted)))
    tap.group("random interactions, %d neighbours" % checked, len(cases), failures)


def check_ranks(tap):
    """Scores are sums of powers of two times similarities: to the bit where the exponents are whole numbers."""
    rounds, seed = settings()
    rng = random.Random(seed + 1)
    script, cases = Script(), []
    script.sql("CREATE TEMP TABLE list (number int, item_id bigint, neighbor_id bigint, similarity float8)")
    for number in range(80 * rounds):
        items = rng.randint(1, 80)
        lists = list({(rng.randrange(items), rng.randrange(items)): rng.choice([0.0, -0.5, 0.25, rng.random()]) for _ in range(rng.randint(0, 300))}.items())
        lists = [(a, b, s) for (a, b), s in lists]
        moments = [rng.randint(0, 20) for _ in range(rng.randint(0, 25))]
        history = [rng.randrange(items) for _ in moments]
        weights = [rng.choice([0.0, 1.0, 2.5, rng.random()]) for _ in moments] if rng.random() < 0.5 else None
        # of equally late ones the greater item is newer; of equal items the greater weight
        timed = rng.random() < 0.5
        order = sorted(range(len(history)), key=lambda i: (moments[i], history[i], weights[i] if weights else 0), reverse=True) if timed else range(len(history))
        half_life, page_size = rng.choice([0.5, 3.0, 20.0, float("inf")]), rng.choice([1, 5, 100])
        wanted = ranked([history[i] for i in order], lists, [weights[i] for i in order] if weights else None, half_life, page_size)
        cases.append((wanted, half_life in (0.5, float("inf"))))
        script.copy("list", ["number", "item_id", "neighbor_id", "similarity"], [(number,) + row for row in lists])
        script.query(str(number), "SELECT item_id, score FROM influence.rank_items('%s', 'SELECT * FROM list WHERE number = %d', %s, %s, '%r', %d) ORDER BY rank" % (
            array(history), number, "ARRAY(SELECT to_timestamp(m) FROM unnest('%s'::int[]) WITH ORDINALITY u(m, n) ORDER BY n)" % array(moments) if timed else "NULL",
            "'%s'" % array(weights) if weights is not None else "NULL", half_life, page_size))
    results = script.run()
    failures = []
    for number, (wanted, exact) in enumerate(cases):
        got = [(int(item), float(score)) for item, score in results.get(str(number), [])]
        # where a power may be rounded otherwise, nearly equal scores may change places
        right = got == wanted if exact else len(got) == len(wanted) and all(abs(a[1] - b[1]) <= 1e-12 * b[1] for a, b in zip(got, wanted))
        if not right:
            failures.append("case %d: %s" % (number, first_difference(got, wanted)))
    tap.group("rank_items, %d ranked" % sum(len(wanted) for wanted, _ in cases), len(cases), failures)


def first_difference(got, wanted):
    for place, (a, b) in enumerate(zip(got, wanted)):
        if a != b:
            return "row %d is %s, not %s" % (place, a, b)
    return "%d rows, not %d" % (len(got), len(wanted))


def check_public(tap, name, share):
    """The lists of every share-th item, of all with PGI_LONG."""
    path = os.path.join(os.environ.get("PGI_DATA") or "", "feed", name + ".inter.tsv")
    if not os.environ.get("PGI_DATA") or not os.path.exists(path):
        tap.skip(name, "no " + path)
        return
    with open(path, encoding="ascii") as file:
        rows = [(int(user), int(item), int(at)) for user, item, _, at in (line.split("\t") for line in file)]
    share = 1 if settings()[0] > 1 else share
    script = Script()
    script.sql("CREATE TEMP TABLE inter (user_id bigint, item_id bigint, at bigint)").copy("inter", ["user_id", "item_id", "at"], rows)
    script.query("neighbors", "SELECT * FROM influence.item_neighbors('SELECT user_id, item_id, at FROM inter') WHERE item_id %% %d = 0" % share)
    # 4 MB, the least there is, are too little for the rows, and for the histories with weights
    script.sql("CREATE TEMP TABLE memory AS SELECT * FROM influence.item_neighbors('SELECT user_id, item_id, at FROM inter')")
    script.sql("SET work_mem = '64kB'")
    script.sql("CREATE TEMP TABLE files AS SELECT * FROM influence.item_neighbors('SELECT user_id, item_id, at, 1 AS weight FROM inter')")
    script.query("differences", "(TABLE memory EXCEPT ALL TABLE files) UNION ALL (TABLE files EXCEPT ALL TABLE memory) LIMIT 3")
    results = script.run()
    wanted = neighbors(rows, wanted=lambda item: item % share == 0)
    got = [(int(a), int(b), float(s)) for a, b, s in results["neighbors"]]
    tap.ok(got == wanted, "%s, %d neighbours" % (name, len(wanted)), [] if got == wanted else [first_difference(got, wanted)])
    tap.ok(results.get("differences", []) == [], "%s, the same by temporary files" % name, results.get("differences", []))


def main():
    tap = Tap()
    check_random(tap)
    check_ranks(tap)
    check_public(tap, "amazon", 2)
    check_public(tap, "beauty", 8)
    tap.done()


if __name__ == "__main__":
    main()
