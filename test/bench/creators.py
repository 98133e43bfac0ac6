#!/usr/bin/env python3
"""Scoring posts beside the plain scan of their table and beside SQL, on the server that PG* name.

Usage: creators.py [posts [rounds [document]]]       (1,000,000 posts of 100,000 creators; 5)

The database needs the extension and gets a table: use an empty one. What is compared is the processor time of one backend; what everybody takes
by the clock, with the parallel workers of the defaults, stands beside it. Everybody answers in every round, one after the other; a round before
the first warms up.
"""

import os
import statistics
import subprocess
import sys
import time

from measure import Asked

POSTS = "SELECT creator_id, likes + comments AS interactions, followers AS base, vertical, tier FROM post"
PLAIN = "SELECT count(*), sum(likes) FROM post"
GROUP = "SELECT count(*), sum(likes) FROM (SELECT creator_id, count(*), sum(likes) AS likes FROM post GROUP BY creator_id) AS g"
SCORE = "SELECT * FROM influence.score_creators('%s')" % POSTS
AGGREGATES = """SELECT s.creator_id, s.vertical, s.tier, influence.engagement_posts(s.state) AS posts_counted, influence.engagement_mean(s.state) AS rate_mean,
    influence.engagement_median(s.state) AS rate_median, influence.engagement_trimmed_mean(s.state) AS rate_trimmed,
    influence.shrunk_rate(influence.engagement_posts(s.state), influence.engagement_mean(s.state), p.prior) AS rate_shrunk,
    b.lower_bound AS rate_lower, b.upper_bound AS rate_upper
  FROM (SELECT * FROM s) AS s JOIN (SELECT vertical, tier, influence.engagement_prior(state) AS prior FROM s GROUP BY 1, 2) AS p USING (vertical, tier),
       influence.shrunk_rate_bounds(influence.engagement_posts(s.state), influence.engagement_mean(s.state), p.prior) AS b"""
AGGREGATES_WITH = ("WITH s AS MATERIALIZED (SELECT creator_id, vertical, tier, influence.engagement_agg(interactions, base) AS state "
                   "FROM (%s) AS q GROUP BY 1, 2, 3) " % POSTS)
# Parts of it, and then everything. The trimmed mean by slices of sorted arrays: row_number() takes nearly twice as long.
MEDIAN = ("SELECT creator_id, avg(rate) AS mean, percentile_cont(0.5) WITHIN GROUP (ORDER BY rate) AS median "
          "FROM (SELECT creator_id, interactions::float8 / base AS rate FROM (%s) AS q) AS r GROUP BY creator_id" % POSTS)
ROBUST = ("SELECT creator_id, mean, median, (SELECT avg(x) FROM unnest(a[1 + n / 10 : n - n / 10]) AS x) AS trimmed "
          "FROM (SELECT creator_id, count(*) AS n, avg(rate) AS mean, percentile_cont(0.5) WITHIN GROUP (ORDER BY rate) AS median, array_agg(rate ORDER BY rate) AS a "
          "FROM (SELECT creator_id, interactions::float8 / base AS rate FROM (%s) AS q) AS r GROUP BY creator_id) AS g" % POSTS)
SQL_WITH = """WITH r AS (SELECT creator_id, vertical, tier, interactions::float8 / base AS rate FROM (%s) AS q),
 c AS MATERIALIZED (SELECT creator_id, vertical, tier, n, mean, median, squares, (SELECT avg(x) FROM unnest(a[1 + n / 10 : n - n / 10]) AS x) AS trimmed
       FROM (SELECT creator_id, vertical, tier, count(*) AS n, avg(rate) AS mean, percentile_cont(0.5) WITHIN GROUP (ORDER BY rate) AS median,
                    array_agg(rate ORDER BY rate) AS a, coalesce(var_samp(rate), 0) * (count(*) - 1) AS squares FROM r GROUP BY 1, 2, 3) AS g),
 m AS (SELECT vertical, tier, count(*) AS k, sum(n) AS w, sum(n * n) AS w2, sum(n * mean) / sum(n) AS m, sum(squares) / nullif(sum(n - 1), 0) AS s2 FROM c GROUP BY 1, 2),
 v AS (SELECT vertical, tier, s2, greatest((sum(n * (mean - m) ^ 2) - (k - 1) * s2) / (w - w2 / w), 0) AS t2 FROM c JOIN m USING (vertical, tier) GROUP BY vertical, tier, s2, k, w, w2),
 p AS (SELECT vertical, tier, s2, s2 / t2 AS strength, sum(n / (n + s2 / t2) * mean) / sum(n / (n + s2 / t2)) AS mean FROM c JOIN v USING (vertical, tier) GROUP BY vertical, tier, s2, t2) """ % POSTS
SQL = """SELECT creator_id, vertical, tier, n AS posts_counted, c.mean AS rate_mean, median AS rate_median, trimmed AS rate_trimmed,
    (n * c.mean + strength * p.mean) / (n + strength) AS rate_shrunk,
    greatest((n * c.mean + strength * p.mean) / (n + strength) - 1.959963984540054 * sqrt(s2 / (n + strength)), 0) AS rate_lower,
    (n * c.mean + strength * p.mean) / (n + strength) + 1.959963984540054 * sqrt(s2 / (n + strength)) AS rate_upper
  FROM c JOIN p USING (vertical, tier)"""
COLUMNS = ["rate_mean", "rate_median", "rate_trimmed", "rate_shrunk", "rate_lower", "rate_upper"]
SUMS = ", ".join("sum(%s)" % column for column in COLUMNS)

CONTESTANTS = [
    ("plain scan: count(*), sum(likes)", PLAIN),
    ("the same GROUP BY creator", GROUP),
    ("score_creators()", "SELECT count(*), %s FROM (%s) AS x" % (SUMS, SCORE)),
    ("the aggregates", AGGREGATES_WITH + "SELECT count(*), %s FROM (%s) AS x" % (SUMS, AGGREGATES)),
    ("SQL: mean and median only, percentile_cont", "SELECT count(*), sum(mean), sum(median) FROM (%s) AS x" % MEDIAN),
    ("SQL: these and the trimmed mean", "SELECT count(*), sum(mean), sum(median), sum(trimmed) FROM (%s) AS x" % ROBUST),
    ("SQL: the same as score_creators()", SQL_WITH + "SELECT count(*), %s FROM (%s) AS x" % (SUMS, SQL)),
]
PLAIN_AT, SCORE_AT, MEDIAN_AT, ROBUST_AT, SQL_AT = 0, 2, 4, 5, 6


class Session(Asked):
    def __init__(self, workers):
        super().__init__()
        self.ask("SET jit = off; SET max_parallel_workers_per_gather = %d;" % workers)

    def measured(self, statement):
        used, start = self.used(), time.monotonic()
        self.ask(statement + ";")
        return self.used() - used, time.monotonic() - start


def main():
    posts = int(sys.argv[1]) if len(sys.argv) > 1 else 1000000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    doc = sys.argv[3] if len(sys.argv) > 3 else ""
    here = os.path.dirname(os.path.abspath(__file__))
    subprocess.run(["psql", "-Xq", "-o", os.devnull, "-v", "n=%d" % posts, "-f", os.path.join(here, "creators.sql")], check=True)

    one, many = Session(0), Session(2)
    size = one.ask("SELECT count(DISTINCT creator_id) || ' creators, ' || pg_size_pretty(pg_relation_size('post')) FROM post;")[0]
    text = []

    def say(line):
        print(line, flush=True)
        text.append(line)

    say("%d posts of %s" % (posts, size))
    differing = one.ask(SQL_WITH + "SELECT count(*) FROM (%s) AS s FULL JOIN (%s) AS x USING (creator_id, vertical, tier, posts_counted) WHERE (%s) IS NOT TRUE;" % (
        SQL, SCORE, " AND ".join("abs(s.%s - x.%s) < 1e-9" % (column, column) for column in COLUMNS)))[0]
    say("score_creators() beside SQL: %s creators differ by 1e-9 or more" % differing)
    differing = one.ask(AGGREGATES_WITH + "SELECT count(*) FROM (%s) AS s FULL JOIN (%s) AS x USING (creator_id, vertical, tier, posts_counted) WHERE (%s) IS NOT TRUE;" % (
        AGGREGATES, SCORE, " AND ".join("s.%s = x.%s" % (column, column) for column in COLUMNS)))[0]
    say("score_creators() beside the aggregates: %s creators differ by a bit" % differing)

    figures = [[] for _ in CONTESTANTS]
    for number in range(rounds + 1):
        for contestant, (_, statement) in zip(figures, CONTESTANTS):
            used, clock = one.measured(statement)
            _, parallel = many.measured(statement)
            if number > 0:
                contestant.append((used, clock, parallel))
    medians = [[statistics.median(column) for column in zip(*contestant)] for contestant in figures]
    say("%-44s %10s %7s %8s %16s" % ("", "processor", "ratio", "clock", "clock, 2 workers"))
    for (name, _), (used, clock, parallel) in zip(CONTESTANTS, medians):
        say("%-44s %7.0f ms %7.2f %5.0f ms %13.0f ms" % (name, used * 1e3, used / medians[PLAIN_AT][0], clock * 1e3, parallel * 1e3))

    def ratio(left, right):
        each = [a[0] / b[0] for a, b in zip(figures[left], figures[right])]
        return statistics.median(each), "%.2f to %.2f" % (min(each), max(each))

    scan, scan_range = ratio(SCORE_AT, PLAIN_AT)
    faster, faster_range = ratio(SQL_AT, SCORE_AT)
    say("score_creators() takes %.2f times the plain scan (median of %d rounds, %s; the bar is 3)" % (scan, rounds, scan_range))
    say("it is %.1f times as fast as SQL with percentile_cont for the same (%s; the bar is 5), %.1f times as fast as SQL for mean, median and trimmed mean alone (%s), "
        "%.1f for mean and median alone (%s)" % (faster, faster_range, *ratio(ROBUST_AT, SCORE_AT), *ratio(MEDIAN_AT, SCORE_AT)))
    say("by the clock, where two workers may help, score_creators() takes %.1f times the plain scan: they share all of the scan, and of scoring only the reading"
        % (medians[SCORE_AT][2] / medians[PLAIN_AT][2]))
    say("load of the machine at the end: %.1f (the bench alone makes 1 to 3)" % os.getloadavg()[0])
    if doc:
        from report import write_part
        write_part(os.path.join(os.environ["PGI_TREE"], doc), "creators",
                   "## Scoring creators\n\nWritten by `make bench PART=creators`: processor time of one backend, medians of %d rounds; "
                   "what is compared: [test/bench](../../test/bench/README.md).\n\n```text\n%s\n```" % (rounds, "\n".join(text)))
    return 0 if scan <= 3 and faster >= 5 else 3


if __name__ == "__main__":
    sys.exit(main())
