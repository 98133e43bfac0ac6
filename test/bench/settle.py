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

from measure import Asked, anonymous
from report import write_part

PLAIN = ("INSERT INTO plain SELECT creator_id, to_char(ordered_at AT TIME ZONE 'Europe/Berlin', 'YYYY-MM'), sum(base), sum(amount) "
         "FROM influence.earning GROUP BY 1, 2")
SETTLE = "SELECT * FROM influence.settle_tiers()"
AGAIN = "SELECT * FROM influence.settle_tiers(1, '2024-03')"


def measured(*statements):
    """Seconds and processor seconds of each statement, in one session that is rolled back, and its own memory in MB at the end."""
    session = Asked()
    session.ask("SET jit = off; SET max_parallel_workers_per_gather = 0; SET work_mem = '256MB'; BEGIN;")
    figures = []
    for statement in statements:
        used, start = session.used(), time.monotonic()
        session.ask(statement + ";")
        figures.append((time.monotonic() - start, session.used() - used))
    own = anonymous(session.pid) // 1024 ** 2
    session.ask("ROLLBACK;")
    session.end()
    return figures, own


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
