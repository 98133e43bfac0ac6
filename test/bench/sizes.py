#!/usr/bin/env python3
"""How many bytes touches, engagements, impressions and orders leave behind, on the server that PG* name.

Usage: sizes.py [touches [report]]      (100,000)

The database needs the extension and gets its tables: use an empty one; the server is ours alone, and has full_page_writes off.
Five hours pass, a minute after the other (sizes.sql): events by the published functions, each in a transaction of its own, and
the minute job. Then the daily job runs, and sizes of tables and indexes are compared with those of before. At the end, with
full_page_writes on, a few more events just after a checkpoint show what images of pages add to WAL.
"""

import os
import subprocess
import sys

from measure import Asked
from report import machine, table, write_part

MINUTES, PAGE, AFTER_CHECKPOINT, UNTIMED = 300, 20, 500, 5000
# what an event of a kind leaves: tables, the first of which has a row for each
KINDS = [("touch", ["touch"]), ("engagement", ["engagement"]), ("impression", ["impression", "seen_filter"]),
         ("order", ["orders", "order_line", "credit", "earning", "ledger"])]
BUCKETS = [b + span for span in ("_hour", "_day") for b in ("creator", "product", "category", "post")]
# these have a row for each thing that there is, not for each event
STATE = ["post_total", "post_sale", "trend_state", "trend_basis", "trend_rank", "trend_vote", "feed_item", "feed_format", "feed_mean", "item_neighbor", "watermark",
         "settlement_due", "job_run", "job_period", "sealed_until", "product_stock", "shopper"]


def main():
    touches = int(sys.argv[1]) if len(sys.argv) > 1 else 100000
    doc = sys.argv[2] if len(sys.argv) > 2 else ""
    here, visitors = os.path.dirname(os.path.abspath(__file__)), max(100, touches // 10)
    subprocess.run(["psql", "-Xq", "-o", os.devnull, "-v", "visitors=%d" % visitors, "-f", os.path.join(here, "sizes.sql")], check=True)
    session = Asked("-F", "|")
    session.ask("SET jit = off;")

    def sizes():
        return {row[0].partition(".")[2]: tuple(map(int, row[1:])) for row in (line.split("|") for line in session.ask("SELECT * FROM bench.sizes();"))}

    def pass_minute(n, events):
        answer = session.ask("CALL bench.minute(%d, %d, %d, %d, %d, 0, 0, 0, 0, 0);" % (n, *events))[0]
        return [float(x) for x in answer.split("|")]

    session.ask("SELECT influence.refresh_stats();")
    before, wal, per_minute = sizes(), [0] * 5, (touches / MINUTES, touches / MINUTES, touches / PAGE / MINUTES, touches / 4 / MINUTES)
    done = [0] * 4
    for n in range(MINUTES):
        events = [int(rate * (n + 1)) - d for rate, d in zip(per_minute, done)]
        done = [d + e for d, e in zip(done, events)]
        wal = [a + b for a, b in zip(wal, pass_minute(n, events))]
        if n % 30 == 29:
            print("%d minutes of %d have passed" % (n + 1, MINUTES), flush=True)
    session.ask("SELECT influence.refresh_stats();")
    after = sizes()
    grown = {name: tuple(b - a for a, b in zip(before.get(name, (0, 0, 0)), after[name])) for name in after if after[name] != before.get(name)}
    rows = {kind: grown[names[0]][0] for kind, names in KINDS}
    # keys of touches whose time the server chose
    session.ask("SELECT count(t.status) FROM generate_series(1, %d) i, influence.record_touch(1, bench.visitor(i, 8), md5('untimed ' || i)::uuid::text, 'click', 1) t;" % UNTIMED)
    keys = [b - a for a, b in zip(after["event_key"], sizes()["event_key"])]
    for setting in ("ALTER SYSTEM SET full_page_writes = on;", "SELECT pg_reload_conf();", "SELECT pg_sleep(1);", "CHECKPOINT;"):
        session.ask(setting)
    images = pass_minute(MINUTES, (AFTER_CHECKPOINT, AFTER_CHECKPOINT, AFTER_CHECKPOINT // PAGE, AFTER_CHECKPOINT))
    session.end()

    facts, lines = machine(), []
    told = {"impression": AFTER_CHECKPOINT // PAGE * PAGE}
    for i, (kind, names) in enumerate(KINDS):
        whole = [sum(grown[name][column] for name in names if name in grown) / rows[kind] for column in (1, 2)]
        lines.append(["**%s**" % kind, "1", *("%.0f" % x for x in whole), "**%.0f**" % sum(whole), "%.0f" % (wal[i] / rows[kind]),
                      "%.0f" % (images[i] / told.get(kind, AFTER_CHECKPOINT))])
        if len(names) > 1:
            lines += [["`%s`" % name, "%.2f" % (grown[name][0] / rows[kind]), *("%.0f" % (x / rows[kind]) for x in grown[name][1:]), "%.0f" % (sum(grown[name][1:]) / rows[kind]), "", ""]
                      for name in names if name in grown]
    lines.append(["`event_key`, of a touch or reaction without a time", "1", *("%.0f" % (x / keys[0]) for x in keys[1:]), "%.0f" % (sum(keys[1:]) / keys[0]), "", ""])
    buckets = [["`%s`" % name, str(grown[name][0]), *("%.0f" % (x / grown[name][0]) for x in grown[name][1:]), "%.0f" % (sum(grown[name][1:]) / grown[name][0])] for name in BUCKETS if name in grown and grown[name][0] >= 1000]
    others = sorted(name for name in grown if name not in BUCKETS + STATE + [n for _, names in KINDS for n in names] and sum(grown[name][1:]) > 100000)
    creator = sum(grown["creator_hour"][1:]) / grown["creator_hour"][0]
    text = "\n".join([
        "## Measured", "",
        "Written by `make bench PART=sizes`: %d touches, %d engagements, %d impressions and %d orders of %d visitors, 1,000 creators, 5,000 posts and 2,000 products within five hours. "
        "%s, %s." % (rows["touch"], rows["engagement"], rows["impression"], rows["order"], visitors, facts["day"], session_version()), "",
        "Bytes for each event, which is MB for a million of them. WAL is without images of pages; the last column is that of %d events just after a checkpoint, when nearly every page that "
        "changes needs one (`full_page_writes`). Touches, reactions and orders carry keys of 36, 36 and 16 characters and a handful of details; an order has 1.5 lines, %.0f %% of them credited to a creator."
        % (AFTER_CHECKPOINT, 100 * grown["earning"][0] / grown["order_line"][0]), "",
        table(["", "rows an event", "table", "indexes", "together", "WAL", "WAL after a checkpoint"], lines), "",
        "Buckets of which there are a thousand or more, as the minute job and the daily job leave them:", "",
        table(["bucket", "rows", "table, a row", "indexes, a row", "together"], buckets), "",
        "A thousand creators with an event in every hour so make %.1f MB a day in `creator_hour`. The minute job wrote %.1f MB of WAL a minute, for %.0f events a minute (without images of pages)."
        % (24000 * creator / 1e6, wal[4] / MINUTES / 1e6, sum(per_minute[:2]) + per_minute[2] * PAGE + per_minute[3])])
    print(text)
    print("other tables that grew: %s" % (", ".join("%s %s" % (n, grown[n]) for n in others) or "none"))
    if doc:
        write_part(os.path.join(os.environ["PGI_TREE"], doc), "sizes", text)
    return 0


def session_version():
    return subprocess.run(["psql", "-XqAtc", "SELECT 'PostgreSQL ' || current_setting('server_version')"], stdout=subprocess.PIPE, check=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
