#!/usr/bin/env python3
"""item_neighbors() beside the self-join that it replaces, in SQL and in DuckDB, on the server that PG* name.

Usage: neighbors.py [interactions [rounds [document]]]       (1,000,000 of 100,000 users and 20,000 items; 3)

The database needs the extension and gets tables: use an empty one. Everybody answers in every round, one after the other, in a fresh session
(DuckDB: in its process, with two threads and its own tables in memory). Of the self-joins those are compared that give the same rows: each pair is
counted once, in one direction, which takes half of what the plain form takes. Counting alone, without neighbours, stands beside it.
"""

import os
import statistics
import subprocess
import sys
import tempfile

from measure import Duck, PgError, Session, Watch

HERE = os.path.dirname(os.path.abspath(__file__))
MIB = 1024 * 1024
K, SHRINK, HISTORY = 50, 10, 500
OURS = "SELECT item_id, neighbor_id, similarity FROM influence.item_neighbors('SELECT user_id, item_id, at FROM %s')"
SELF_JOIN = """WITH latest AS (SELECT user_id, item_id, max("at") AS "at" FROM inter GROUP BY user_id, item_id),
 history AS MATERIALIZED (SELECT user_id, item_id FROM (SELECT user_id, item_id, row_number() OVER (PARTITION BY user_id ORDER BY "at" DESC, item_id DESC) AS place
                                                          FROM latest) AS h WHERE place <= {history}),
 users AS (SELECT item_id, CAST(count(*) AS double precision) AS n FROM history GROUP BY item_id),
 pairs AS (SELECT a.item_id, b.item_id AS neighbor_id, CAST(count(*) AS double precision) AS c
             FROM history a JOIN history b ON b.user_id = a.user_id AND a.item_id < b.item_id GROUP BY a.item_id, b.item_id),
 scored AS (SELECT p.item_id, p.neighbor_id, p.c * p.c / (sqrt(a.n * b.n) * (p.c + {shrink})) AS similarity
              FROM pairs p JOIN users a ON a.item_id = p.item_id JOIN users b ON b.item_id = p.neighbor_id),
 both_ways AS (SELECT item_id, neighbor_id, similarity FROM scored UNION ALL SELECT neighbor_id, item_id, similarity FROM scored)
""".format(history=HISTORY, shrink=SHRINK)
TOP = """SELECT item_id, neighbor_id, similarity
  FROM (SELECT item_id, neighbor_id, similarity, row_number() OVER (PARTITION BY item_id ORDER BY similarity DESC, neighbor_id) AS place FROM both_ways) AS r
 WHERE place <= %d""" % K
COUNTING = SELF_JOIN + "SELECT count(*), sum(c) FROM pairs"
SUMMED = "SELECT count(*), sum(similarity) FROM (%s) AS x"
# without the order of equal ones, as DuckDB has it fastest
DUCK_TOP = "SELECT count(*), sum(list_sum(top)) FROM (SELECT item_id, max_by(similarity, similarity, %d) AS top FROM both_ways GROUP BY item_id)" % K

POSTGRES = [
    ("ours", "item_neighbors(), work_mem 512 MB", ("SET work_mem = '512MB'",), SUMMED % OURS % "inter"),
    ("small", "item_neighbors(), work_mem 4 MB (the default)", ("SET work_mem = '4MB'",), SUMMED % OURS % "inter"),
    ("sql", "SQL: self-join and the 50 best, work_mem 1 GB", ("SET work_mem = '1GB'", "SET jit = off"), SELF_JOIN + SUMMED % TOP),
    ("sql_pairs", "SQL: self-join, counting only", ("SET work_mem = '1GB'", "SET jit = off"), COUNTING),
]
DUCKDB = [
    ("duck", "DuckDB: self-join and the 50 best, window function", SELF_JOIN + SUMMED % TOP),
    ("duck_list", "DuckDB: self-join and the 50 best, max_by", SELF_JOIN + DUCK_TOP),
    ("duck_pairs", "DuckDB: self-join, counting only", COUNTING),
]


def generate(table, n):
    subprocess.run(["psql", "-Xq", "-o", os.devnull, "-v", "n=%d" % n, "-v", "table=%s" % table, "-f", os.path.join(HERE, "neighbors.sql")], check=True)


def postgres(settings, statement):
    """Milliseconds, the answer, and how much memory the backend took for it."""
    session = Session(settings)
    watch = Watch(session.pid)
    watch.start()
    answer = session.run(statement)[0]
    watch.stop()
    session.close()
    return session.ms, answer, watch.memory


def load_duck(duck, table):
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        subprocess.run(["psql", "-Xq", "-c", "\\copy (SELECT user_id, item_id, extract(epoch FROM at)::bigint AS at FROM %s) TO '%s' csv header" % (table, file.name)], check=True)
        duck.run("CREATE TABLE %s AS SELECT * FROM read_csv('%s')" % (table, file.name))


def cancel_ms():
    """How long a cancel takes, after half a second of work: by statement_timeout."""
    session = Session(("SET statement_timeout = 500", "SET work_mem = '4MB'"))
    try:
        session.run(SUMMED % OURS % "inter")
    except PgError:
        pass
    session.close()
    return session.ms - 500


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    doc = sys.argv[3] if len(sys.argv) > 3 else ""
    text = []

    def say(line):
        print(line, flush=True)
        text.append(line)

    generate("inter", n)
    generate("more", 4 * n)
    duck = Duck(tempfile.mkdtemp(prefix="duck"))
    load_duck(duck, "inter")
    times = {}
    answers = {}
    memory = {}
    for number in range(rounds):
        for key, _, settings, statement in POSTGRES:
            ms, answers[key], peak = postgres(settings, statement)
            times.setdefault(key, []).append(ms)
            memory[key] = max(memory.get(key, 0), peak)
        for key, _, statement in DUCKDB:
            answers[key] = duck.run(statement)[0]
            times.setdefault(key, []).append(duck.ms)
    duck.close()

    say("%d interactions: %s pairs of items, counted %s times; %s neighbours" % (
        n, answers["sql_pairs"][0], answers["sql_pairs"][1].split(".")[0], answers["ours"][0]))
    session = Session(("SET work_mem = '1GB'", "SET jit = off"))
    differing = session.run(SELF_JOIN + "SELECT count(*) FROM (%s) AS s FULL JOIN (%s) AS x USING (item_id, neighbor_id) WHERE s.similarity IS DISTINCT FROM x.similarity" % (
        TOP, OURS % "inter"))[0][0]
    session.close()
    say("rows that differ between item_neighbors() and the self-join in SQL, by a bit: %s" % differing)
    say("sums of similarities: ours %s, DuckDB %.9f" % (answers["ours"][1], float(answers["duck"][1])))
    medians = {key: statistics.median(values) for key, values in times.items()}
    say("%-52s %10s %20s %8s" % ("", "median", "rounds", "ratio"))
    for key, label in [(c[0], c[1]) for c in POSTGRES] + [(c[0], c[1]) for c in DUCKDB]:
        say("%-52s %7.2f s  %8.2f to %6.2f s %8.1f" % (
            label, medians[key] / 1e3, min(times[key]) / 1e3, max(times[key]) / 1e3, medians[key] / medians["ours"]))
    sql = min(a / b for a, b in zip(times["sql"], times["ours"]))
    duckdb = min(min(a, c) / b for a, b, c in zip(times["duck"], times["ours"], times["duck_list"]))
    say("in the worst round item_neighbors() is %.1f times as fast as SQL (the bar is 10) and %.1f times as fast as DuckDB's faster form (1)" % (sql, duckdb))

    _, _, more = postgres(("SET work_mem = '4MB'",), SUMMED % OURS % "more")
    say("memory of the backend at work_mem 4 MB: %.0f MB, and with four times as many users and interactions %.0f MB (the bar is 1.25 times); at 512 MB: %.0f MB"
        % (memory["small"] / MIB, more / MIB, memory["ours"] / MIB))
    cancel = max(cancel_ms() for _ in range(3))
    say("the slowest of three cancels took %.0f ms" % max(cancel, 0))
    say("load of the machine at the end: %.1f (the bench alone makes 1 to 3)" % os.getloadavg()[0])
    if doc:
        from report import write_part
        write_part(os.path.join(os.environ["PGI_TREE"], doc), "neighbors",
                   "## Neighbours\n\nWritten by `make bench PART=neighbors`: medians of %d rounds; what is compared: [test/bench](../../test/bench/README.md).\n\n```text\n%s\n```"
                   % (rounds, "\n".join(text)))
    return 0 if differing == "0" and sql >= 10 and duckdb >= 1 and more <= 1.25 * memory["small"] else 3


if __name__ == "__main__":
    sys.exit(main())
