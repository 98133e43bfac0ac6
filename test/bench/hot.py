#!/usr/bin/env python3
"""make bench PART=hot: sixteen services with three of ten sales on one creator, and with sales spread evenly.

hot.py ROUNDS SECONDS DOC; started by the script "run". Two programs take turns; each has a budget and tiers, and the jobs run all the while. A transaction is a click, an order, and of some orders a return or an event.
The target: at least 0.8 of the throughput without a hot creator.
"""

import os
import statistics
import subprocess
import sys
import threading

import report
from load import pgbench, say, sql, write

CLIENTS = 16
SCRIPT = """\\set a random(1, 4000000000000000000)
\\set b random(1, 4000000000000000000)
\\set dice random(1, 10)
\\set creator random(1, 1000)
%(hot)s\\set product random(1, 100)
SELECT status FROM influence.record_touch(%(program)d, md5(:a::text)::uuid, 'click', 'click', :creator, now() - interval '1 hour', :product);
SELECT status FROM influence.record_order(%(program)d, md5(:a::text)::uuid, 'order ' || :b, format('[{"line_no": 1, "product_id": %%s, "quantity": 2, "paid_price": 1999}]', :product::int)::jsonb);
\\if :dice %% 3 = 0
SELECT status FROM influence.record_return(%(program)d, md5(:a::text)::uuid, 'order ' || :b, 1, 'back', 1);
\\endif
\\if :dice %% 2 = 0
SELECT status FROM influence.record_order_event(%(program)d, md5(:a::text)::uuid, 'order ' || :b, 'shipped');
\\endif
"""
HOT = """\\if :dice <= 3
\\set creator 1
\\endif
"""
PROGRAMS = ["even", "hot"]


class Jobs(threading.Thread):
    """Does what is due, again and again, until it is told to stop."""

    def __init__(self):
        super().__init__(daemon=True)
        self.over, self.runs, self.failures = threading.Event(), 0, ""

    def run(self):
        while not self.over.wait(1):
            done = subprocess.run(["psql", "-Xqc", "CALL influence.run_due()"], stderr=subprocess.PIPE, text=True)
            self.runs += 1
            self.failures += done.stderr


def main():
    rounds, seconds, doc = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    subprocess.run(["psql", "-Xq", "-f", "hot.sql"], check=True)
    scripts = {name: [write(name + ".sql", SCRIPT % {"program": number, "hot": HOT if name == "hot" else ""})]
               for number, name in enumerate(PROGRAMS, 1)}
    results = {name: [] for name in PROGRAMS}
    jobs = Jobs()
    jobs.start()
    for name in PROGRAMS:
        pgbench(scripts[name], CLIENTS, ["-T", "3"])
    for count in range(rounds):
        for name in PROGRAMS if count % 2 == 0 else reversed(PROGRAMS):
            sql("CHECKPOINT")
            results[name].append(pgbench(scripts[name], CLIENTS, ["-T", str(seconds)]))
            say("round %d, %s: %.0f/s, %.2f ms" % ((count + 1, name) + results[name][-1][:2]))
    jobs.over.set()
    jobs.join()
    median = {name: statistics.median(r[0] for r in results[name]) for name in PROGRAMS}
    ratio = median["hot"] / median["even"]
    violations = sql("SELECT * FROM influence.check_books() LIMIT 5")
    deadlocks = sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")[0][0]
    machine = report.machine()
    rows = [[{"even": "1,000 creators, evenly", "hot": "three of ten sales on one of them"}[name], "%.0f" % median[name],
             "%.0f-%.0f" % (min(r[0] for r in results[name]), max(r[0] for r in results[name])),
             "%.2f" % statistics.median(r[1] for r in results[name])] for name in PROGRAMS]
    text = "\n".join([
        "## A hot creator", "",
        "Written by `make bench PART=hot`. %d connections, each transaction a click, an order and often a return or an event; the jobs ran %d times meanwhile. "
        "%d rounds of %d seconds, in turn; medians. %s, %s, PostgreSQL %s." % (
            CLIENTS, jobs.runs, rounds, seconds, machine["day"], machine["processor"], sql("SHOW server_version")[0][0]), "",
        report.table(["", "a second", "range", "ms"], rows), "",
        "With the hot creator %.2f of the throughput without (target: 0.8). Deadlocks: %s. check_books(): %s. Failures of the jobs: %s." % (
            ratio, deadlocks, violations or "nothing", jobs.failures.strip() or "none")])
    print(text)
    if doc:
        report.write_part(os.path.join(os.environ["PGI_TREE"], doc), "hot", text)
    sys.exit(1 if violations or jobs.failures or deadlocks != "0" else 0)


main()
