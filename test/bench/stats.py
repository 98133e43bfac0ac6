#!/usr/bin/env python3
"""The minute job with 10,000 new events beside the plain aggregation of these events, on the server that PG* name.

Usage: stats.py [touches [rounds [report]]]      (5,000,000; 11)

The database needs the extension and gets its tables: use an empty one. What is compared is the processor time of the
backend, each time in a new session that is rolled back: refresh_stats() as the minute job calls it, and INSERT ... SELECT
... GROUP BY of the new events alone, found by the index on xact, into four tables without index. A third measures the
part of the job that does the same as this, the hours of creators, products, categories and posts: the rest are the ranks
of posts, the items of the feed and the counters of trends. What a round leaves behind when it is rolled back is vacuumed away.
"""

import os
import statistics
import subprocess
import sys
import time

from measure import Asked
from report import write_part

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
HOURS = """DO $$
DECLARE
    mark record;
BEGIN
    SELECT * INTO mark FROM influence_internal.open_watermark('refresh_stats');
    PERFORM influence_internal.add_engagements(mark.last_seen, mark.upper, 100000), influence_internal.add_impressions(mark.last_seen, mark.upper);
    PERFORM influence_internal.add_touches(mark.last_seen, mark.upper, 100000);
    PERFORM influence_internal.refresh_earning_hours(mark.last_seen, mark.upper);
    PERFORM influence_internal.refresh_sale_hours(k, mark.last_seen, mark.upper) FROM unnest('{product,category}'::text[]) k;
    PERFORM influence_internal.close_watermark('refresh_stats', mark.current);
END $$"""
# what is written
VACUUM = """SELECT 'VACUUM ' || string_agg(c.oid::regclass::text, ', ') FROM pg_class c
 WHERE c.relkind = 'r' AND (c.relname ~ '^plain_' OR c.relnamespace = 'influence'::regnamespace AND c.relname ~ '_hour$|^trend_|^post_total$|^feed_item$')"""


def measured(statement):
    """Wall and processor milliseconds of a statement, in a session of its own that is rolled back, and what it answered."""
    session = Asked()
    session.ask("SET jit = off; SET max_parallel_workers_per_gather = 0; SET timezone = 'UTC'; BEGIN;")
    used, start = session.used(), time.monotonic()
    answer = session.ask(statement + ";")
    figures = (1000 * (time.monotonic() - start), 1000 * (session.used() - used))
    session.ask("ROLLBACK;")
    session.end()
    return figures, answer


def value(query):
    return subprocess.run(["psql", "-XqAtc", query], stdout=subprocess.PIPE, check=True, text=True).stdout.strip()


def main():
    touches = int(sys.argv[1]) if len(sys.argv) > 1 else 5000000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 11
    doc = sys.argv[3] if len(sys.argv) > 3 else ""
    here = os.path.dirname(os.path.abspath(__file__))
    if value("SELECT to_regclass('plain_creator') IS NULL") == "t":
        subprocess.run(["psql", "-Xq", "-o", os.devnull, "-v", "n=%d" % touches, "-f", os.path.join(here, "stats.sql")], check=True)
    new = value("SELECT max(xact::text::numeric) FROM influence.touch WHERE touched_at >= '2026-03-30'")
    plain_sql = PLAIN % (new, new)
    assert value("SELECT count(*) FROM influence.touch WHERE xact >= '%s'::xid8" % new) == "9000"
    vacuum = value(VACUUM)
    contestants = [("plain aggregation", plain_sql), ("hours", HOURS), ("the minute job", JOB)]
    figures = {name: [] for name, _ in contestants}
    for number in range(rounds + 1):
        for name, statement in contestants if number % 2 else reversed(contestants):
            value(vacuum)
            took = measured(statement)[0]
            if number > 0:      # the first one warms
                figures[name].append(took)
    wall, used = ({name: statistics.median(f[i] for f in took) for name, took in figures.items()} for i in (0, 1))
    text = ["%d touches, %d engagements, 10,000 new events; medians of %d" % (touches, touches // 10, rounds),
            "what the job says: %s" % measured(JOB)[1][0],
            "%-22s %12s %8s %12s %8s" % ("", "processor ms", "ratio", "clock ms", "ratio")]
    for name, _ in contestants:
        text.append("%-22s %12.1f %8.2f %12.1f %8.2f" % (name, used[name], used[name] / used["plain aggregation"], wall[name],
                                                         wall[name] / wall["plain aggregation"]))
    ratio = used["the minute job"] / used["plain aggregation"]
    text.append("The minute job takes %.2f times the plain aggregation (the bar is 3), its hours %.2f times."
                % (ratio, used["hours"] / used["plain aggregation"]))
    print("\n".join(text))
    if doc:
        write_part(os.path.join(os.environ["PGI_TREE"], doc), "stats",
                   "## The minute job of the statistics\n\n```text\n%s\n```" % "\n".join(text))
    return 0 if ratio <= 3 else 3


if __name__ == "__main__":
    sys.exit(main())
