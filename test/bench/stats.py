#!/usr/bin/env python3
"""The minute job with 10,000 new events beside the plain aggregation of these events, on the server that PG* name.

Usage: stats.py [touches [rounds]]      (5,000,000; 11)

The database needs the extension and gets its tables: use an empty one. What is compared is the processor time of the
backend, each time in a new session that is rolled back: refresh_stats() as the minute job calls it (hours of creators,
products, categories and posts, and ranks), and INSERT ... SELECT ... GROUP BY of the new events alone, found by the index
on xact, into four tables without index.
"""

import os
import statistics
import subprocess
import sys
import time

TOUCHES = """INSERT INTO plain_%(key)s SELECT e.%(key)s_id, e.program_id, e.h, count(*) FILTER (WHERE e.kind = 'view'), count(*) FILTER (WHERE e.kind = 'click'),
    count(*) FILTER (WHERE e.kind = 'cart'), count(*) FILTER (WHERE e.kind = 'coupon'), count(DISTINCT e.visitor_id)
  FROM e GROUP BY 1, 2, 3"""
PLAIN = ("WITH e AS MATERIALIZED (SELECT creator_id, product_id, category_id, program_id, date_trunc('hour', touched_at) AS h, kind, visitor_id "
         "FROM influence.touch WHERE xact >= '%s'::xid8), "
         + ", ".join("w_%(key)s AS (%(sql)s)" % {"key": key, "sql": TOUCHES % {"key": key}} for key in ("creator", "product", "category"))
         + """ INSERT INTO plain_post SELECT post_id, date_trunc('hour', occurred_at), count(*) FILTER (WHERE kind = 'smile'), count(*) FILTER (WHERE kind = 'unsmile'),
    count(*) FILTER (WHERE kind = 'comment'), count(*) FILTER (WHERE kind = 'share'), count(*) FILTER (WHERE kind = 'save'), count(*) FILTER (WHERE kind = 'click'),
    count(DISTINCT visitor_id)
  FROM influence.engagement WHERE xact >= '%s'::xid8 GROUP BY 1, 2""")
JOB = "SELECT * FROM influence.refresh_stats(false)"


def measured(statement):
    """Wall and processor milliseconds of a statement, in a session of its own that is rolled back, and what it answered."""
    session = subprocess.Popen(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(text):
        session.stdin.write(text + "\n\\echo done\n")
        session.stdin.flush()
        answer = []
        while True:
            line = session.stdout.readline()
            if not line:
                raise SystemExit("psql ended")
            if line == "done\n":
                return answer
            answer.append(line.strip())

    pid = ask("SET jit = off; SET max_parallel_workers_per_gather = 0; SET timezone = 'UTC'; SELECT pg_backend_pid();")[0]
    ask("BEGIN;")
    used, start = processor(pid), time.monotonic()
    answer = ask(statement + ";")
    figures = (1000 * (time.monotonic() - start), processor(pid) - used)
    ask("ROLLBACK;")
    session.stdin.close()
    session.wait()
    return figures, answer


def processor(pid):
    """Milliseconds of processor that a process has used."""
    return int(open("/proc/%s/schedstat" % pid).read().split()[0]) / 1e6


def value(query):
    return subprocess.run(["psql", "-XqAtc", query], stdout=subprocess.PIPE, check=True, text=True).stdout.strip()


def main():
    touches = int(sys.argv[1]) if len(sys.argv) > 1 else 5000000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 11
    here = os.path.dirname(os.path.abspath(__file__))
    if value("SELECT to_regclass('plain_creator') IS NULL") == "t":
        subprocess.run(["psql", "-Xq", "-o", os.devnull, "-v", "n=%d" % touches, "-f", os.path.join(here, "stats.sql")], check=True)
    new = value("SELECT max(xact::text::numeric) FROM influence.touch WHERE touched_at >= '2026-03-30'")
    plain_sql = PLAIN % (new, new)
    assert value("SELECT count(*) FROM influence.touch WHERE xact >= '%s'::xid8" % new) == "9000"
    for statement in (plain_sql, JOB):      # warms
        measured(statement)
    plain, job = [], []
    for number in range(rounds):
        pair = [(plain_sql, plain), (JOB, job)]
        for statement, figures in pair if number % 2 else reversed(pair):
            figures.append(measured(statement)[0])
    wall, used = ([statistics.median(f[i] for f in figures) for figures in (plain, job)] for i in (0, 1))
    print("what the job says: %s" % measured(JOB)[1][0])
    print("%d touches, 10,000 new events: plain aggregation %.1f ms of processor (%.1f ms), the minute job %.1f ms (%.1f ms): %.2f times (%.2f)"
          % (touches, used[0], wall[0], used[1], wall[1], used[1] / used[0], wall[1] / wall[0]))
    return 0 if used[1] / used[0] <= 3 else 1


if __name__ == "__main__":
    sys.exit(main())
