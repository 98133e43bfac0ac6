#!/usr/bin/env python3
"""The minute job with 10,000 new events beside the plain aggregation of these events, on the server that PG* name.

Usage: stats.py [touches [rounds [report]]]      (5,000,000; 11)

The database needs the extension and gets its tables: use an empty one. What is compared is the processor time of the
backend, each time in a new session that is rolled back:

plain hours         stats_hours.sql: INSERT ... SELECT ... GROUP BY of the new events alone, found by the index on xact, into
                    tables without index: creators, products, categories and posts, by hour
plain everything    stats_all.sql: that, and the decayed counters and the totals that the job keeps of the same events
hours               the part of the job that does what the plain hours do
the minute job      refresh_stats() as the minute job calls it

Before that stats_same.sql compares what the job adds with what the plain statements come to. What a round leaves behind
when it is rolled back is vacuumed away. The exit status is 1 when that differs, and 3 when a bar is missed.
"""

import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from measure import Asked
from report import write_part

PLAIN_HOURS = "\\i stats_hours.sql"
PLAIN_ALL = "\\i stats_all.sql"
JOB = "SELECT * FROM influence.refresh_stats(false);"
HOURS = """DO $$
DECLARE
    mark record;
BEGIN
    SELECT * INTO mark FROM influence_internal.open_watermark('refresh_stats');
    PERFORM influence_internal.add_engagements(mark.last_seen, mark.upper, 100000), influence_internal.add_impressions(mark.last_seen, mark.upper, 100000);
    PERFORM influence_internal.add_touches(mark.last_seen, mark.upper, 100000);
    PERFORM influence_internal.refresh_earning_hours(mark.last_seen, mark.upper);
    PERFORM influence_internal.refresh_sale_hours(k, mark.last_seen, mark.upper) FROM unnest('{product,category}'::text[]) k;
    PERFORM influence_internal.close_watermark('refresh_stats', mark.current);
END $$;"""
# what is written
VACUUM = """SELECT 'VACUUM ' || string_agg(c.oid::regclass::text, ', ') FROM pg_class c
 WHERE c.relkind = 'r' AND (c.relname ~ '^plain_' OR c.relnamespace = 'influence'::regnamespace AND c.relname ~ '_hour$|^trend_|^post_total$|^feed_item$')"""


def measured(statement, new):
    """Wall and processor milliseconds of a statement, in a session of its own that is rolled back, and what it answered."""
    session = Asked("-v", "new=" + new)
    session.ask("SET jit = off; SET max_parallel_workers_per_gather = 0; SET timezone = 'UTC'; BEGIN;")
    used, start = session.used(), time.monotonic()
    answer = session.ask(statement)
    figures = (1000 * (time.monotonic() - start), 1000 * (session.used() - used))
    session.ask("ROLLBACK;")
    session.end()
    return figures, answer


def load(touches):
    """The tables. Most of the touches and all engagements are made by two sessions at a time, in steps of which each is a transaction."""
    def call(template, first, last, step):
        for start in range(first, last + 1, step):
            yield template % (start, min(start + step - 1, last))

    def run(*arguments):
        subprocess.run(["psql", "-Xq", "-o", os.devnull, "-v", "n=%d" % touches] + list(arguments), check=True)

    def make(query):
        run("-c", "SET session_replication_role = replica; SET timezone = 'UTC'; " + query)

    run("-f", "stats.sql")
    # the job has seen what was there before the last two millions, by their transactions: these are made one after the other
    since = max(0, (touches - 1) // 1000000 - 1) * 1000000
    make_touches = "SELECT make_touches(%%d, %%d, %d, false)" % touches
    with ThreadPoolExecutor(2) as sessions:
        list(sessions.map(make, call(make_touches, 1, since, 1000000)))
        for query in call(make_touches, since + 1, touches, 1000000):
            make(query)
        # sorted, which is much faster; an index is built by both processors
        for definition in value("SELECT def FROM built").split("\n"):
            make(definition)
        list(sessions.map(make, call("SELECT make_engagements(%%d, %%d, %d)" % (touches // 10), 1, touches // 10, 100000)))
    run("-v", "since=%d" % (since + 1), "-f", "stats_seen.sql")


def value(query):
    return subprocess.run(["psql", "-XqAtc", query], stdout=subprocess.PIPE, check=True, text=True).stdout.strip()


def main():
    touches = int(sys.argv[1]) if len(sys.argv) > 1 else 5000000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 11
    doc = sys.argv[3] if len(sys.argv) > 3 else ""
    os.chdir(os.path.dirname(os.path.abspath(__file__)))
    if value("SELECT to_regclass('plain_total') IS NULL") == "t":
        load(touches)
    new = value("SELECT max(xact::text::numeric) FROM influence.touch WHERE touched_at >= '2026-03-30'")
    assert value("SELECT count(*) FROM influence.touch WHERE xact >= '%s'::xid8" % new) == "9000"
    vacuum = value(VACUUM)
    same = [row.split("|") for row in measured("\\i stats_all.sql\n\\i stats_same.sql", new)[1] if "|" in row]
    differ = [row[0] for row in same if row[2] != "0"]
    contestants = [("plain hours", PLAIN_HOURS), ("plain everything", PLAIN_ALL), ("hours", HOURS), ("the minute job", JOB)]
    figures = {name: [] for name, _ in contestants}
    for number in range(rounds + 1):
        for name, statement in contestants if number % 2 else reversed(contestants):
            value(vacuum)
            took = measured(statement, new)[0]
            if number > 0:      # the first one warms
                figures[name].append(took)
    wall, used = ({name: statistics.median(f[i] for f in took) for name, took in figures.items()} for i in (0, 1))
    ratios = [("hours / plain hours", "hours", "plain hours", "(the bar is 3)"),
              ("the minute job / plain everything", "the minute job", "plain everything", "(the bar is 3)"),
              ("the minute job / plain hours", "the minute job", "plain hours", "(which do a part of its work)")]
    text = ["%d touches, %d engagements, 10,000 new events; medians of %d" % (touches, touches // 10, rounds),
            "what the job says: %s" % measured(JOB, new)[1][0],
            "%-36s %12s %12s" % ("", "processor ms", "clock ms")]
    text += ["%-36s %12.1f %12.1f" % (name, used[name], wall[name]) for name, _ in contestants]
    text += ["%-36s %12.2f %12.2f %s" % (name, used[a] / used[b], wall[a] / wall[b], note) for name, a, b, note in ratios]
    text.append("What the job added and what the plain statement came to: %s." %
                ("different " + ", ".join(differ) if differ else "the same, in %s rows of hours, %s of totals and %s of counters, sums to %.0e at worst" % (
                    sum(int(row[1]) for row in same if row[0].endswith("hours")), sum(int(row[1]) for row in same if row[0].startswith("totals")),
                    sum(int(row[1]) for row in same if row[0].endswith("counters")), max(float(row[3]) for row in same))))
    print("\n".join(text))
    if doc:
        write_part(os.path.join(os.environ["PGI_TREE"], doc), "stats",
                   "## The minute job of the statistics\n\n```text\n%s\n```" % "\n".join(text))
    if differ:
        return 1
    return 0 if all(used[a] <= 3 * used[b] for _, a, b, note in ratios if "bar" in note) else 3


if __name__ == "__main__":
    sys.exit(main())
