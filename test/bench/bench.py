#!/usr/bin/env python3
"""make bench: attribution by this extension, by SQL and by DuckDB, side by side.

bench.py SIZE ROUNDS SLOW_ROUNDS LARGE DOC; started by the script "run" with a server that has nothing else to do
(PGHOST, PGPORT, PGUSER, PGDATABASE, PGI_SERVER_PID) and PGI_WORK and PGI_TREE set. LARGE and DOC may be empty.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from decimal import Decimal

import report
from contestants import MODELS, PAIR_COUNTS, SMALL_MEMORY, contestants, exact, ours, totals
from measure import Duck, PgError, Processors, Session, Watch

SERVER = os.environ["PGI_SERVER_PID"]
WORK = os.environ["PGI_WORK"]
CANCELS = 10                    # cancels per query, spread over its time
SLICE_TOUCHES = 1000000         # what is compared to the unit: as many visitors as have about this many touches


class Result:
    def __init__(self, contestant):
        self.contestant = contestant
        self.times = []             # ms, of the timed rounds
        self.others = []            # of one processor, in each of them
        self.totals = None          # creator -> (conversions, credit)
        self.memory = self.spilled = None
        self.stats = None           # what last_attribution_stats() says
        self.missing = None         # why there is nothing

    @property
    def median(self):
        return statistics.median(self.times) if self.times else None


def number(size):
    return int(size.rstrip("kM")) * {"k": 1000, "M": 1000000}.get(size[-1], 1)


def say(text):
    print("%7.1f s  %s" % (time.monotonic() - STARTED, text), flush=True)


def sql(*statements):
    session = Session()
    try:
        for statement in statements:
            rows = session.run(statement)
        return rows
    finally:
        session.close()


def by_creator(rows):
    """NULL, what nobody earned, is left out."""
    return {row[0]: (Decimal(str(row[1])), Decimal(str(row[2]))) for row in rows if row[0] not in ("", None)}


def temp_bytes(gone):
    """Bytes of temporary files up to now, once the session of that process has gone and so has told its numbers."""
    session = Session()
    try:
        while session.run("SELECT 1 FROM pg_stat_activity WHERE pid = %d" % gone):
            time.sleep(0.02)
        return int(session.run("SELECT temp_bytes FROM pg_stat_database WHERE datname = current_database()")[0][0])
    finally:
        session.close()


# The tables ------------------------------------------------------------------

def generate(touches, all_of_it):
    """The tables; all_of_it: also the index, the uuid tables, and all of them in the buffers."""
    start = time.monotonic()
    subprocess.run(["psql", "-Xq", "-v", "touches=%d" % touches, "-f", "generate.sql"], check=True)
    tables = ["touches", "orders"]
    seconds = {"generate": time.monotonic() - start}
    if all_of_it:
        for table in "touches", "orders":
            columns = {"touches": "touch_id, v AS visitor_id, touched_at, creator_id",
                       "orders": "order_id, v AS visitor_id, ordered_at, amount"}[table]
            sql("CREATE TABLE %s_uuid AS SELECT %s FROM %s, LATERAL (SELECT md5(visitor_id::text)::uuid AS v) v" % (table, columns, table))
            tables.append(table + "_uuid")
        start = time.monotonic()
        sql("CREATE INDEX touches_covering ON touches (visitor_id, touched_at DESC) INCLUDE (creator_id)")
        seconds["index"] = time.monotonic() - start
    for table in tables:
        sql("VACUUM (ANALYZE) " + table)
    sql("CREATE EXTENSION IF NOT EXISTS pg_prewarm")
    for table in tables + (["touches_covering"] if all_of_it else []):
        sql("SELECT pg_prewarm('%s')" % table)
    sql("CHECKPOINT")
    return seconds


def load_duckdb(duck):
    start = time.monotonic()
    for table, columns in (("touches", "{touch_id: 'BIGINT', visitor_id: 'BIGINT', touched_at: 'TIMESTAMP', creator_id: 'BIGINT'}"),
                           ("orders", "{order_id: 'BIGINT', visitor_id: 'BIGINT', ordered_at: 'TIMESTAMP', amount: 'BIGINT'}")):
        path = os.path.join(WORK, table + ".csv")
        sql("COPY %s TO '%s' (FORMAT csv)" % (table, path))
        duck.run("CREATE TABLE %s AS SELECT * FROM read_csv('%s', header = false, columns = %s)" % (table, path, columns))
        os.unlink(path)
    return time.monotonic() - start


# One run of one contestant ---------------------------------------------------

def run_once(result, duck, timed, observed):
    """timed: the time counts; observed: memory and spilled bytes are looked at, and the rows kept."""
    contestant = result.contestant
    is_duck = contestant.engine == "duckdb"
    if result.missing:
        return
    session = duck if is_duck else Session(contestant.settings)
    before = 0 if is_duck else temp_bytes(0)
    watch = Watch(session.pid, None if is_duck else SERVER, duck.directory if is_duck else None) if observed else None
    processors = Processors(SERVER, duck.pid, os.getpid())
    if watch:
        watch.start()
    try:
        rows = session.run(contestant.sql)
        ms = session.ms
        if contestant.engine == "ours":
            result.stats = json.loads(session.run("SELECT row_to_json(s) FROM influence.last_attribution_stats() s")[0][0])
    except PgError as error:
        if error.sqlstate != "IN010":
            raise
        result.missing = "not in this version"
        return
    finally:
        others = processors.others()
        if watch:
            watch.stop()
        if not is_duck:
            session.close()
            spilled = temp_bytes(session.pid) - before
    if timed:
        result.times.append(ms)
        result.others.append(others)
    if observed:
        result.memory = watch.memory
        result.spilled = watch.spilled if is_duck else spilled
        if contestant.model:
            result.totals = by_creator(rows)


def run_rounds(results, duck, rounds, slow_rounds):
    """Round 0 warms up and observes; slow contestants have none and are observed in their first round."""
    for count in range(rounds + 1):
        say("round %d of %d" % (count, rounds) if count else "warming up, looking at memory and results")
        for result in results:
            slow = result.contestant.slow
            if slow and not 1 <= count <= slow_rounds:
                continue
            run_once(result, duck, count > 0, count == (1 if slow else 0))
    for result in results:
        if slow_rounds > rounds and result.contestant.slow:
            for _ in range(slow_rounds - rounds):
                run_once(result, duck, True, False)


# Equality --------------------------------------------------------------------

def differences(result, reference, pairs):
    """How many creators differ by more than rounding explains: not at all for last_touch and between ours; else less than
    a billionth of a conversion and less than a minor unit per credited pair (and what floating point loses)."""
    contestant, wrong = result.contestant, 0
    whole = contestant.model == "last_touch" or contestant.engine == "ours"
    for creator in set(reference) | set(result.totals):
        want, got = reference.get(creator, (0, 0)), result.totals.get(creator, (0, 0))
        count = pairs.get(creator, 0)
        if whole:
            wrong += want != got
        else:
            wrong += (abs(want[0] - got[0]) > Decimal("1e-9") * (count + want[0])
                      or abs(want[1] - got[1]) > count + Decimal("1e-9") * want[1])
    return wrong


def compare(results, duck):
    """Lines that say what was compared; and whether all of it is equal."""
    pairs = {str(row[0]): int(row[1]) for row in duck.run(PAIR_COUNTS)}
    lines, equal = [], True
    for model in MODELS:
        same = [r for r in results if r.contestant.model == model and r.totals is not None]
        mine = [r for r in same if r.contestant.engine == "ours"]
        if len(same) < 2:
            continue
        reference = (mine or same)[0]
        for result in same:
            if result is reference:
                continue
            wrong = differences(result, reference.totals, pairs)
            equal = equal and not wrong
            lines.append((model, reference.contestant.label, result.contestant.label,
                          "equal" if not wrong else "%d of %d creators differ" % (wrong, len(reference.totals))))
    return sum(pairs.values()), lines, equal


def compare_exactly(touches, duck, missing):
    """Ours against largest remainder spelled out in DuckDB, to the unit, over a slice of the visitors."""
    slice_of = max(1, touches // SLICE_TOUCHES)
    lines, equal = [], True
    for model in MODELS:
        if model in missing:
            continue
        mine = by_creator(sql(totals(model, where=" WHERE visitor_id %% %d = 0" % slice_of)))
        want = by_creator(duck.run(exact(model, slice_of)))
        want = {creator: (share / 1000000000, credit) for creator, (share, credit) in want.items()}
        wrong = sum(want.get(c) != mine.get(c) for c in set(want) | set(mine))
        equal = equal and not wrong
        lines.append((model, "attribute_totals", "largest remainder in DuckDB, %s" %
                      ("1 of %d visitors" % slice_of if slice_of > 1 else "all visitors"),
                      "equal" if not wrong else "%d of %d creators differ" % (wrong, len(want))))
    return lines, equal


# Cancels ---------------------------------------------------------------------

def cancel_latencies(query, settings, expected_ms):
    """(share of the query's time after which it was cancelled, ms until the error was here or None if it had ended)"""
    answers = []
    control = Session()
    for i in range(CANCELS):
        share = (i + 0.5) / CANCELS
        session = Session(settings)
        session.send(query)
        time.sleep(expected_ms / 1000 * share)
        start = time.monotonic()
        control.run("SELECT pg_cancel_backend(%d)" % session.pid)
        try:
            session.receive()
            answers.append((share, None))
        except PgError as error:
            if error.sqlstate != "57014":
                raise
            answers.append((share, (time.monotonic() - start) * 1000))
        session.close()
    control.close()
    return answers


def run_cancels(results):
    found = {}
    for result in results:
        if result.contestant.key in ("ours_last_touch", "ours_linear", "ours_time_decay", "small_linear") and result.times:
            found[result.contestant.key] = cancel_latencies(result.contestant.sql, result.contestant.settings, result.median)
    return found


# The second size --------------------------------------------------------------

def run_large(touches, duck, rounds):
    sql("DROP TABLE IF EXISTS touches_uuid, orders_uuid")
    generate(touches, False)
    results = [Result(c) for c in contestants() if c.key in ("floor", "ours_last_touch", "ours_linear", "ours_time_decay")]
    results += [Result(ours("small_last_touch", "small_memory", "attribute_totals, last_touch, work_mem 64 MB", "last_touch",
                            SMALL_MEMORY))]
    run_rounds(results, duck, rounds, rounds)
    return results


def main():
    size, rounds, slow_rounds, large, doc = sys.argv[1:6]
    touches, rounds, slow_rounds = number(size), int(rounds), int(slow_rounds)
    facts = report.machine()
    facts.update(size=size, touches=touches, rounds=rounds, slow_rounds=slow_rounds, large=large)
    for line in report.warnings_before(facts):
        print(line)
    sql("CREATE EXTENSION pg_influence")
    facts["postgres"] = sql("SHOW server_version")[0][0]
    facts["extension"] = sql("SELECT influence.version()")[0][0]
    facts["settings"] = [(name, sql("SHOW " + name)[0][0]) for name in report.SETTINGS]
    duck = Duck(os.path.join(WORK, "duckdb"))
    facts["duckdb"] = duck.version

    say("generating %s touches and a tenth as many orders" % size)
    facts["seconds"] = generate(touches, True)
    facts["seconds"]["duckdb"] = load_duckdb(duck)
    results = [Result(c) for c in contestants()]
    run_rounds(results, duck, rounds, slow_rounds)
    say("comparing results")
    facts["pairs"], compared, equal = compare(results, duck)
    more, also_equal = compare_exactly(touches, duck, {r.contestant.model for r in results if r.missing})
    say("cancelling")
    cancels = run_cancels(results)
    large_results = []
    if large:
        duck.close()
        duck = Duck(os.path.join(WORK, "duckdb"))
        say("generating %s touches" % large)
        large_results = run_large(number(large), duck, min(3, rounds))
    duck.close()
    facts["wall"] = time.monotonic() - STARTED
    text = report.document(facts, results, compared + more, cancels, large_results)
    print(text)
    if doc:
        report.write_main(os.path.join(os.environ["PGI_TREE"], doc), text)
    if not (equal and also_equal):
        print("RESULTS DIFFER: see above", file=sys.stderr)
        sys.exit(1)


STARTED = time.monotonic()
main()
