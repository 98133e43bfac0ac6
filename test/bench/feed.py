#!/usr/bin/env python3
"""Pages of the feed beside SQL of the same semantics, on the server that PG* name.

Usage: feed.py [posts [seconds [document]]]       (1,000,000; 8)

Makes two databases: the program of feed.sql with so many posts, and with a tenth of them. Pages are asked for by pgbench,
prepared, with one and two clients, by viewers that do much (warm) and by those of whom nothing is known (cold): the first page
of a session, and the tenth. What a page takes of a processor is read from /proc, one session at a time: that figure bears
company. The exit status is 3 when a bar is missed or two contestants answer differently.
"""

import glob
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

from measure import Asked, Processors

HERE = os.path.dirname(os.path.abspath(__file__))
MOMENT = "'2026-03-31 12:00+00'"
TUNED = "-c jit=off -c random_page_cost=1.1"
STARTED = time.monotonic()
ASKED = 200                     # viewers of each kind

# name, what to run for a page, settings of the session; :viewer, :cursor and :delivered are subqueries
FEED = "SELECT * FROM influence.get_feed(1, %(viewer)s, 20, %(cursor)s, " + MOMENT + ")"
SQL = "SELECT * FROM bench.page(1, %(viewer)s, 20, %(delivered)s, " + MOMENT + ")"
ONE = "SELECT * FROM bench.one(1, %(viewer)s, 20, %(delivered)s, " + MOMENT + ")"
CONTESTANTS = {
    "get_feed": (FEED, ""),
    "SQL, several statements, tuned": (SQL, TUNED),
    "SQL, several statements": (SQL, ""),
    "SQL, one statement, tuned": (ONE, TUNED),
    "SQL, one statement": (ONE, ""),
}
OURS, PLAIN, PLAIN_DEFAULT, ONE_TUNED, ONE_DEFAULT = CONTESTANTS


def huge_megabytes():
    """Huge pages in use, or promised to who mapped them: on a machine of its own that is the server's shared memory."""
    with open("/proc/meminfo") as f:
        known = dict(re.findall(r"^(\w+):\s+(\d+)", f.read(), re.M))
    pages = int(known["HugePages_Total"]) - int(known["HugePages_Free"]) + int(known["HugePages_Rsvd"])
    return pages * int(known["Hugepagesize"]) // 1024


def say(text):
    print("%6.0f s  %s" % (time.monotonic() - STARTED, text), flush=True)


def psql(database, *arguments, text=None):
    run = subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database, *arguments], stdout=subprocess.PIPE, text=True, input=text, check=True)
    return run.stdout.strip()


def plain(database, name, explore):
    """Makes the function of feed_plain.sql or feed_one.sql, with what the settings say as literals."""
    values = dict(line.split("|") for line in psql(database, "-c", """
        SELECT e.key, e.value FROM influence.setting s, jsonb_each_text(s.value) e
         WHERE s.name = 'feed_candidates' AND s.version = (SELECT max(version) FROM influence.setting WHERE name = 'feed_candidates')""").splitlines())
    names = psql(database, "-c", "SELECT string_agg(name, ' ' ORDER BY ordinal) FROM influence.feed_features()").split()
    weights = psql(database, "-c", "SELECT array_to_string(weights, ' ') FROM influence.feed_profile WHERE profile = 'standard' ORDER BY version DESC LIMIT 1").split()
    values.update(("w_" + feature, weight) for feature, weight in zip(names, weights))
    shares = psql(database, "-c", "SELECT shares FROM influence.feed_format WHERE program_id = 1 AND device = ''")
    # the comment at the head has names in brackets, too
    values.update(explore=str(explore), name=name, format_shares=shares)
    with open(os.path.join(HERE, "feed_one.sql" if name.startswith("one") else "feed_plain.sql")) as f:
        psql(database, text=re.sub(r"<(\w+)>", lambda match: values[match[1]], f.read()))


COMPARE = """
CREATE TABLE bench.compared (contestant text, viewer uuid, page int, ours text, theirs text);
DO $$
DECLARE
    viewer record;
    page record;
    cursor text;
    delivered bigint[];
    theirs text;
    contestant text;
BEGIN
    FOR viewer IN SELECT a.visitor_id FROM bench.asked a WHERE a.n <= 20 LOOP
        cursor := NULL;
        delivered := '{}';
        FOR number IN 1 .. 3 LOOP
            SELECT string_agg(concat_ws(':', f.rank, f.post_id, f.creator_id, round(f.score::numeric, 9), f.disclosure, f.products), ' ' ORDER BY f.rank) AS said,
                   array_agg(f.post_id ORDER BY f.rank) AS posts, max(f.next_cursor) AS cursor
              INTO page FROM influence.get_feed(1, viewer.visitor_id, 20, cursor, %(moment)s) f;
            FOREACH contestant IN ARRAY '{page0,one0}'::text[] LOOP
                EXECUTE format($q$SELECT string_agg(concat_ws(':', f.rank, f.post_id, f.creator_id, round(f.score::numeric, 9), f.disclosure, f.products), ' ' ORDER BY f.rank)
                                    FROM bench.%%I(1, $1, 20, $2, %(moment)s) f$q$, contestant) INTO theirs USING viewer.visitor_id, delivered;
                INSERT INTO bench.compared VALUES (contestant, viewer.visitor_id, number, page.said, theirs);
            END LOOP;
            delivered := delivered || page.posts;
            cursor := page.cursor;
            EXIT WHEN cursor IS NULL;
        END LOOP;
    END LOOP;
END
$$;
SELECT count(*), count(*) FILTER (WHERE ours IS DISTINCT FROM theirs) FROM bench.compared;
""" % {"moment": MOMENT}

# the viewers that are asked for, and where their tenth page begins
ASKED_VIEWERS = """
CREATE TABLE bench.asked (kind text, n int, visitor_id uuid, cursor text, delivered bigint[], PRIMARY KEY (kind, n));
INSERT INTO bench.asked (kind, n, visitor_id) SELECT 'warm', row_number() OVER (ORDER BY n), visitor_id FROM bench.warm
 WHERE n %% greatest(1, (SELECT count(*) FROM bench.warm) / %(asked)d) = 0 ORDER BY n LIMIT %(asked)d;
-- in proportion to what they do: by Pareto's law, evenly over the logarithm of their rank
INSERT INTO bench.asked (kind, n, visitor_id)
SELECT 'typical', k, bench.viewer(v.v)
  FROM (SELECT v, row_number() OVER (ORDER BY bench.activity(v) DESC, v) AS r FROM generate_series(1::bigint, %(viewers)d) v WHERE v %% 50 > 0) v
  JOIN (SELECT k, round(power(%(viewers)d * 0.98, (k - 0.5) / %(asked)d))::bigint AS r FROM generate_series(1, %(asked)d) k) k ON k.r = v.r;
INSERT INTO bench.asked (kind, n, visitor_id) SELECT 'cold', n, visitor_id FROM bench.cold WHERE n <= %(asked)d;
DO $$
DECLARE
    asked record;
    page bigint[];
    last text;
    following text;
    posts bigint[];
BEGIN
    FOR asked IN SELECT a.kind, a.n, a.visitor_id FROM bench.asked a LOOP
        following := NULL;
        posts := '{}';
        FOR number IN 1 .. %(pages)d LOOP
            last := following;
            SELECT max(f.next_cursor), array_agg(f.post_id ORDER BY f.rank) INTO following, page
              FROM influence.get_feed(1, asked.visitor_id, 20, last, %(moment)s) f;
            -- a small program has no tenth page: the last one, then
            EXIT WHEN following IS NULL;
            posts := posts || page;
        END LOOP;
        UPDATE bench.asked a SET cursor = coalesce(following, last), delivered = posts WHERE a.kind = asked.kind AND a.n = asked.n;
    END LOOP;
END
$$;
VACUUM ANALYZE bench.asked;
"""


# the tenth that does most: in a program with a tenth of the viewers as many as are warm in the other, each with much less behind it
BUSIEST_TENTH = """
INSERT INTO bench.asked (kind, n, visitor_id)
SELECT 'tenth', k, v.visitor_id
  FROM (SELECT bench.viewer(v) AS visitor_id, row_number() OVER (ORDER BY bench.activity(v) DESC, v) AS r
          FROM generate_series(1::bigint, %(viewers)d) v WHERE v %% 50 > 0) v
  JOIN generate_series(1, %(asked)d) k ON v.r = k * (%(viewers)d / 10 / %(asked)d);
VACUUM ANALYZE bench.asked;
"""


def page_query(contestant, kind, tenth):
    def column(name):
        return "(SELECT a.%s FROM bench.asked a WHERE a.kind = '%s' AND a.n = :n)" % (name, kind)
    query, options = CONTESTANTS[contestant]
    return query % {"viewer": column("visitor_id"), "cursor": column("cursor") if tenth else "NULL", "delivered": column("delivered") if tenth else "'{}'"}, options


def pgbench(database, contestant, kind, tenth, clients, seconds):
    """Latencies in ms, sorted; pages per second; what others took of a processor."""
    query, options = page_query(contestant, kind, tenth)
    time.sleep(0.5)             # what sessions before used is counted when they have ended
    with tempfile.TemporaryDirectory() as directory:
        script = os.path.join(directory, "page.sql")
        with open(script, "w") as f:
            f.write("\\set n random(1, %d)\n%s;\n" % (ASKED, query))
        environment = dict(os.environ, PGOPTIONS=options, PGDATABASE=database)
        run = subprocess.Popen(["pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", str(clients), "-T", str(seconds), "-l", "--log-prefix", os.path.join(directory, "log"),
                                "-f", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
        processors = Processors(os.environ["PGI_SERVER_PID"], run.pid, os.getpid())
        time.sleep(seconds * 0.9)
        others = processors.others()
        text = run.communicate()[0]
        if run.returncode != 0 or "number of failed transactions: 0 " not in text:
            raise SystemExit(text)
        rows = []
        for name in glob.glob(os.path.join(directory, "log*")):
            with open(name) as f:
                rows += [line.split() for line in f]
    # the first second makes the plans of the session
    begun = min(int(row[4]) for row in rows)
    late = [int(row[2]) / 1000 for row in rows if int(row[4]) > begun]
    return sorted(late or [int(row[2]) / 1000 for row in rows]), len(late) / (seconds - 1), others


def at(values, share):
    return values[min(len(values) - 1, int(len(values) * share))]


class Session(Asked):
    def __init__(self, database, options):
        super().__init__("-d", database, PGOPTIONS=options)

    def used(self):
        """Milliseconds of processor."""
        return 1000 * super().used()


def processor(database, contestant, kind, tenth, pages):
    """Milliseconds of processor of each of so many pages, sorted, in one session."""
    query, options = page_query(contestant, kind, tenth)
    session = Session(database, options)
    session.ask("PREPARE page(int) AS %s;" % query.replace(":n", "$1"))
    used = []
    for number in range(-20, pages):
        before = session.used()
        session.ask("EXECUTE page(%d);" % (1 + (number * 37) % ASKED))
        used.append(session.used() - before)
    session.end()
    return sorted(used[20:])


def load(database, posts, pages):
    psql("postgres", "-c", "SET client_min_messages = warning", "-c", "DROP DATABASE IF EXISTS %s" % database, "-c", "CREATE DATABASE %s" % database)
    psql(database, "-c", "CREATE EXTENSION pg_influence")
    psql(database, "-o", os.devnull, "-v", "posts=%d" % posts, "-f", os.path.join(HERE, "feed.sql"))
    psql(database, "-o", os.devnull, text=ASKED_VIEWERS % {"asked": ASKED, "moment": MOMENT, "pages": pages, "viewers": posts})
    for name in ("page", "one"):
        plain(database, name, 60)


def compare(database):
    """Exploration is left out: SQL draws by another hash."""
    psql(database, "-c", """INSERT INTO influence.setting (name, version, value) SELECT name, version + 1, value || '{"explore": 0}'
                             FROM influence.setting WHERE name = 'feed_candidates' ORDER BY version DESC LIMIT 1""")
    for name in ("page0", "one0"):
        plain(database, name, 0)
    pages, differing = psql(database, text=COMPARE).split("|")
    psql(database, "-c", "DELETE FROM influence.setting s WHERE s.name = 'feed_candidates' AND s.version > 1 AND s.value ->> 'explore' = '0'")
    return int(pages), int(differing)


def rows_written(database):
    """How many rows the ranks have got, lost and changed so far."""
    return int(psql(database, "-c", """SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_user_tables
        WHERE schemaname = 'influence' AND relname ~ '^(feed_item|trend_|item_neighbor|post_total|post_hour|post_day)'"""))


def wal(session):
    return session.ask("SELECT pg_current_wal_insert_lsn() - '0/0';")[0]


def idle(database):
    """WAL in bytes and rows of ranks written by 200 pages, and by a run of each job with nothing new."""
    jobs = ["SELECT * FROM influence.refresh_stats(false)"]
    if psql(database, "-c", "SELECT to_regproc('influence_internal.refresh_neighbors') IS NOT NULL") == "t":
        jobs.append("SELECT * FROM influence_internal.refresh_neighbors(false, bench.moment())")
    session = Session(database, "")
    for job in jobs:            # what the load left to do
        session.ask(job + ";")
    # so that no page has to clear away what was deleted
    session.ask("VACUUM;\nCHECKPOINT;")
    found = []
    query = FEED % {"viewer": "(SELECT visitor_id FROM bench.asked WHERE kind = 'warm' AND n = $1)", "cursor": "NULL"}
    session.ask("PREPARE page(int) AS %s; EXECUTE page(1);" % query)
    for work in [["EXECUTE page(%d)" % (1 + n % ASKED) for n in range(200)]] + [[job] for job in jobs]:
        time.sleep(1)           # the counters come late
        before, rows = wal(session), rows_written(database)
        for statement in work:
            session.ask(statement + ";")
        after = wal(session)
        time.sleep(1)
        found.append((int(after) - int(before), rows_written(database) - rows))
    session.end()
    return jobs, found


def timed(session, statement):
    """Milliseconds by the clock and of processor, bytes of WAL, and the answer."""
    before, used, start = int(wal(session)), session.used(), time.monotonic()
    answer = session.ask(statement + ";")
    clock, used = 1000 * (time.monotonic() - start), session.used() - used
    return clock, used, int(wal(session)) - before, answer


def upkeep(database, posts):
    """Ours: 10,000 new engagements and what the minute job makes of them. Lemmy's: a refresh of a fifth of the posts."""
    session = Session(database, "-c jit=off -c session_replication_role=replica")
    ours = []
    for batch in range(2):      # the second finds its pages in the log already, as most minutes do
        session.ask("""INSERT INTO influence.engagement (visitor_id, occurred_at, event_ref, kind, post_id, creator_id, topic_id, format, sound_key)
            SELECT bench.viewer(v), bench.moment() - make_interval(secs => n / 200.0), 'new' || n, 'smile', p, bench.creator_of(p), (p - 1) %% 100 + 1,
                   bench.format_of(p), influence_internal.sound_key(bench.sound_of(p))
              FROM (SELECT n, 1 + (bench.chance(n, 201) * (%d - 1))::bigint AS v,
                           bench.met(bench.taste(n, 0), bench.moment(), bench.chance(n, 202), (bench.chance(n, 203) * 65536)::int) AS p
                      FROM generate_series(%d::bigint, %d) n) x;""" % (posts, batch * 10000 + 1, batch * 10000 + 10000))
        ours.append(timed(session, "SELECT * FROM influence.refresh_stats(false)"))
    nothing = timed(session, "SELECT * FROM influence.refresh_stats(false)")
    after = statistics.median(processor(database, OURS, "warm", False, 200))
    rows = posts // 5
    psql(database, "-o", os.devnull, "-v", "posts=%d" % posts, "-v", "n=%d" % rows, "-f", os.path.join(HERE, "feed_lemmy.sql"))
    session.ask("SET lemmy.moment = '2026-03-31 12:10+00'; CHECKPOINT;")
    lemmy = timed(session, "SELECT lemmy.refresh()")
    session.end()
    return ours, nothing, after, lemmy, rows


def main():
    global ASKED
    posts = int(sys.argv[1]) if len(sys.argv) > 1 else 1000000
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 8
    doc = sys.argv[3] if len(sys.argv) > 3 else ""
    ASKED = min(ASKED, posts // 100)    # as many are warm in the smaller program
    text, missed = [], []

    def put(line=""):
        print(line, flush=True)
        text.append(line)

    def bar(name, value, limit, least=False):
        met = value >= limit if least else value <= limit
        if not met:
            missed.append(name)
        put("%-88s %8.2f  (bar: %s %g) %s" % (name, value, "at least" if least else "at most", limit, "" if met else "MISSED"))

    say("loading %d posts" % (posts // 10))
    load("small", posts // 10, 0)
    psql("small", "-o", os.devnull, text=BUSIEST_TENTH % {"asked": ASKED, "viewers": posts // 10})
    say("loading %d posts" % posts)
    load("large", posts, 9)
    say("loaded; comparing")
    pages, differing = compare("large")
    if differing:
        missed.append("equal pages")
    put("%d posts, %d creators, %d products, %d viewers; %s" % (posts, posts // 10, posts // 5, posts, psql("large", "-c", "SELECT pg_size_pretty(pg_database_size('large'))")))
    put("shared_buffers %s, %d MB of it in huge pages" % (psql("large", "-c", "SHOW shared_buffers"), huge_megabytes()))
    put("%d pages of 20 compared with SQL (posts, order, scores, products): %d differ" % (pages, differing))
    put()

    say("measuring")
    put("%-46s %2s %8s %8s %8s %9s %7s %7s" % ("", "cl", "p50 ms", "p95 ms", "p99 ms", "pages/s", "cpu ms", "others"))
    clock, used = {}, {}

    def measure(contestant, kind, tenth, clients, length=seconds):
        key = (contestant, kind, tenth)
        if key not in used:
            used[key] = statistics.median(processor("large", contestant, kind, tenth, 100 if contestant in (ONE_TUNED, ONE_DEFAULT) else 300))
        values, rate, others = pgbench("large", contestant, kind, tenth, clients, length)
        clock[key + (clients,)] = at(values, 0.5), at(values, 0.95), at(values, 0.99), rate
        put("%-46s %2d %8.2f %8.2f %8.2f %9.1f %7.2f %5.0f %%" % (
            "%s, %s, %s page" % (contestant, kind, "tenth" if tenth else "first"), clients, at(values, 0.5), at(values, 0.95), at(values, 0.99), rate, used[key], 100 * others))

    for kind in ("warm", "typical", "cold"):
        for tenth in (False, True):
            for clients in (1, 2):
                measure(OURS, kind, tenth, clients)
    measure(PLAIN, "warm", False, 1)
    measure(PLAIN, "warm", False, 2)
    measure(PLAIN, "warm", True, 2)
    measure(PLAIN, "cold", False, 2)
    measure(PLAIN_DEFAULT, "warm", False, 2)
    measure(ONE_TUNED, "warm", False, 2)
    measure(ONE_DEFAULT, "warm", False, 2)
    put()

    # in turn, so that both meet the same company
    sizes = {"small": [], "large": []}
    cpu = {"small": [], "large": []}
    tenths = []
    for _ in range(3):
        for database in sizes:
            sizes[database].append(at(pgbench(database, OURS, "warm", False, 1, max(3, seconds // 2))[0], 0.5))
            cpu[database].append(statistics.median(processor(database, OURS, "warm", False, 150)))
        tenths.append(statistics.median(processor("small", OURS, "tenth", False, 150)))
    turns = {contestant: [] for contestant in CONTESTANTS}
    for _ in range(3):
        for contestant in CONTESTANTS:
            turns[contestant].append(statistics.median(processor("large", contestant, "warm", False, 40 if contestant in (ONE_TUNED, ONE_DEFAULT) else 120)))

    def times(contestant):
        return statistics.median(theirs / ours for theirs, ours in zip(turns[contestant], turns[OURS]))

    first, tenth = [], []
    for _ in range(3):
        first.append(statistics.median(processor("large", OURS, "warm", False, 150)))
        tenth.append(statistics.median(processor("large", OURS, "warm", True, 150)))

    warm = clock[OURS, "warm", False, 2]
    put("Ratios are of the processor's time per page, which bears company better than the clock, three times in turn.")
    bar("median page, warm, first, 2 clients, ms", warm[0], 3)
    bar("p99, warm, first, 2 clients, ms", warm[2], 10)
    put("%-88s %8.2f, %.2f" % ("median and p99, typical viewers, first, 2 clients, ms", *(clock[OURS, "typical", False, 2][i] for i in (0, 2))))
    bar("the fastest SQL over get_feed", min(times(contestant) for contestant in CONTESTANTS if contestant != OURS), 3, True)
    put("%-88s %8.2f" % ("the same by the clock, 2 clients, medians (several statements, tuned)", clock[PLAIN, "warm", False, 2][0] / warm[0]))
    bar("the fastest SQL (several statements) under default planner settings over get_feed", times(PLAIN_DEFAULT), 15, True)
    put("%-88s %8.2f" % ("SQL in one statement under default planner settings over get_feed", times(ONE_DEFAULT)))
    put("%-88s %8.2f" % ("the same, tuned", times(ONE_TUNED)))
    bar("%d posts over %d posts, the hundredth of the viewers that does most" % (posts, posts // 10), statistics.median(cpu["large"]) / statistics.median(cpu["small"]), 1.3)
    put("%-88s %8.2f" % ("the same, of %d posts the tenth of the viewers, which does far less" % (posts // 10), statistics.median(cpu["large"]) / statistics.median(tenths)))
    put("%-88s %8.2f" % ("the same by the clock, 1 client", statistics.median(sizes["large"]) / statistics.median(sizes["small"])))
    bar("tenth page over first, warm", statistics.median(tenth) / statistics.median(first), 1.5)
    put("%-88s %8.2f" % ("the same by the clock, 2 clients", clock[OURS, "warm", True, 2][0] / warm[0]))
    put()

    say("idle")
    jobs, found = idle("large")
    for what, (written, rows) in zip(["200 pages"] + ["%s with nothing new" % re.search(r"(\w+)\(", job)[1] for job in jobs], found):
        put("%-60s %8d bytes of WAL, %d rows of ranks written" % (what, written, rows))
        if rows:
            missed.append("idle: " + what)
    ours, nothing, after, lemmy, rows = upkeep("large", posts)
    for what, figures in zip(("just after a checkpoint", "then"), ours):
        put("%-60s %8.0f ms (%.0f of processor), %.1f MB of WAL" % (("refresh_stats, 10,000 new engagements, " + what,) + (figures[0], figures[1], figures[2] / 1e6)))
    put("%-60s %8.0f ms (%.0f of processor), %.1f MB of WAL" % ("refresh_stats, nothing new", nothing[0], nothing[1], nothing[2] / 1e6))
    put("%-60s %8.2f ms of processor (%.2f with all tables vacuumed)" % ("a warm page after that, before vacuum", after, used[OURS, "warm", False]))
    put("%-60s %8.0f ms (%.0f of processor), %.1f MB of WAL" % ("a rank that is refreshed, of %s posts, each ten minutes" % format(rows, ","), lemmy[0], lemmy[1], lemmy[2] / 1e6))
    put()
    put("load of the machine at the end: %.1f (the bench alone makes 1 to 2)%s" % (os.getloadavg()[0], "; missed: " + ", ".join(missed) if missed else ""))
    if doc:
        from report import write_part
        part, title = ("feed_huge_pages", "The feed, in huge pages") if huge_megabytes() > 0 else ("feed", "The feed")
        write_part(os.path.join(os.environ["PGI_TREE"], doc), part,
                   "## %s\n\nWritten by `make bench PART=feed`: pages of 20 posts by pgbench, prepared, %d seconds each; what is compared: "
                   "[test/bench](../../test/bench/README.md).\n\n```text\n%s\n```" % (title, seconds, "\n".join(text)))
    say("done")
    return 3 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
