#!/usr/bin/env python3
"""The settlement of a month beside the plainest sum over the same earnings, on the server that PG* name.

Usage: settle.py [lines [rounds [document]]]       (5,000,000 lines of 100,000 creators; 3)

The database needs the extension and gets its tables: use an empty one. What is compared is the processor time of the
backend: the settlement, everything in it (which months are due, tiers, returns, differences, two tables written), and
INSERT ... SELECT creator, month, sum(base), sum(amount) ... GROUP BY into a table without index.
"""

import os
import statistics
import subprocess
import sys
import time

from measure import processor
from report import write_part

PLAIN = ("INSERT INTO plain SELECT creator_id, to_char(ordered_at AT TIME ZONE 'Europe/Berlin', 'YYYY-MM'), sum(base), sum(amount) "
         "FROM influence.earning GROUP BY 1, 2")
SETTLE = "SELECT * FROM influence.settle_tiers()"
AGAIN = "SELECT * FROM influence.settle_tiers(1, '2024-03')"


def measured(*statements):
    """Seconds and processor seconds of each statement, in one session that is rolled back, and its own memory in MB at the end."""
    script = ["SET jit = off; SET max_parallel_workers_per_gather = 0; SET work_mem = '256MB';", "SELECT pg_backend_pid();", "BEGIN;"]
    session = subprocess.Popen(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(statement):
        session.stdin.write(statement + "\n\\echo done\n")
        session.stdin.flush()
        answer = []
        while True:
            line = session.stdout.readline()
            if not line:
                raise SystemExit("psql ended")
            if line == "done\n":
                return answer
            answer.append(line.strip())

    ask(script[0])
    pid = ask(script[1])[0]
    ask(script[2])
    figures = []
    for statement in statements:
        ticks, start = processor(pid), time.monotonic()
        ask(statement + ";")
        figures.append((time.monotonic() - start, processor(pid) - ticks))
    own = [line.split()[1] for line in open("/proc/%s/status" % pid) if line.startswith("RssAnon")][0]
    ask("ROLLBACK;")
    session.stdin.close()
    session.wait()
    return figures, int(own) // 1024


def main():
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 5000000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    here = os.path.dirname(os.path.abspath(__file__))
    subprocess.run(["psql", "-Xq", "-o", os.devnull, "-v", "n=%d" % lines, "-f", os.path.join(here, "settle.sql")], check=True)
    doc = sys.argv[3] if len(sys.argv) > 3 else ""
    ratios, text = [], []

    def say(line):
        print(line, flush=True)
        text.append(line)

    measured(PLAIN)     # warms
    for number in range(rounds):
        (plain,), _ = measured(PLAIN)
        (settled, again), own = measured(SETTLE, AGAIN)
        ratios.append(settled[1] / plain[1])
        say("round %d: plain sum %.2f s (%.2f of processor), settlement %.2f s (%.2f), %.2f times; settled again %.2f s; %d MB of its own"
              % (number + 1, *plain, *settled, ratios[-1], again[1], own))
    say("%d lines of %d creators: the settlement takes %.2f times the plain sum (median of %d; the bar is 3)"
          % (lines, lines // 50, statistics.median(ratios), rounds))
    if doc:
        write_part(os.path.join(os.environ["PGI_TREE"], doc), "settle",
                   "## A settlement\n\nWritten by `make bench PART=settle`; what is compared: [test/bench](../../test/bench/README.md).\n\n```text\n%s\n```" % "\n".join(text))
    return 0 if statistics.median(ratios) <= 3 else 3


if __name__ == "__main__":
    sys.exit(main())
