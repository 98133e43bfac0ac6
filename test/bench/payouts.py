#!/usr/bin/env python3
"""A payout run beside the plainest sum over the same lines of the ledger, on the server that PG* name.

Usage: payouts.py [lines [rounds [report]]]       (5,000,000 lines of 100,000 creators; 3; a path in the checkout)

The database needs the extension and gets its tables: use an empty one. What is compared is the processor time of the backend:
the whole run (what waits to be settled, orders in doubt, entries already paid, verdicts; payouts, ledger entries and statements
written), and INSERT ... SELECT party_id, currency, sum(...) ... GROUP BY of the same lines into a table without index. Then the
run is cancelled at ten moments spread over its time, and seen from another session meanwhile.
"""

import os
import statistics
import subprocess
import sys
import time

from measure import processor
from report import write_part

PLAIN = ("INSERT INTO plain SELECT party_id, currency, sum(CASE WHEN credit_account = 'payable' THEN amount ELSE -amount END) "
         "FROM influence.ledger WHERE program_id = 1 AND available_at < '2024-03-31 22:00+00' "
         "AND (debit_account = 'payable' OR credit_account = 'payable') GROUP BY 1, 2")
RUN = "SELECT payouts || ' payouts, ' || carried || ' carried' FROM influence.run_payouts(1, '2024-03', '2024-04-01')"
CANCELS = 10


class Session:
    """A psql that answers statement by statement."""

    def __init__(self):
        self.psql = subprocess.Popen(["psql", "-XqAt"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.ask("SET jit = off; SET max_parallel_workers_per_gather = 0")
        self.pid = self.ask("SELECT pg_backend_pid()")[0]

    def send(self, statement):
        self.psql.stdin.write(statement + ";\n\\echo done\n")
        self.psql.stdin.flush()

    def answer(self):
        lines = []
        while True:
            line = self.psql.stdout.readline()
            if not line:
                raise SystemExit("psql ended")
            if line == "done\n":
                return lines
            lines.append(line.strip())

    def ask(self, statement):
        self.send(statement)
        return self.answer()

    def processor(self):
        """Seconds of processor that the backend has used."""
        return processor(self.pid)

    def memory(self):
        """Megabytes that the backend has for itself."""
        with open("/proc/%s/status" % self.pid) as f:
            return next(int(line.split()[1]) for line in f if line.startswith("RssAnon")) / 1024

    def close(self):
        self.psql.stdin.close()
        self.psql.wait()


def measured(statement):
    """Seconds, processor seconds and own memory of a statement that is rolled back, and its answer."""
    session = Session()
    session.ask("BEGIN")
    used, start = session.processor(), time.monotonic()
    answer = session.ask(statement)
    figures = time.monotonic() - start, session.processor() - used, session.memory(), " ".join(answer)
    session.ask("ROLLBACK")
    session.close()
    return figures


def cancelled(watcher, after):
    """How many milliseconds a run takes to end when it is cancelled after so many seconds, and what was seen of it then."""
    session = Session()
    session.send(RUN)
    time.sleep(after)
    seen = watcher.ask("SELECT phase || ' ' || coalesce(done, 0) FROM influence.stat_progress() WHERE pid = %s" % session.pid)
    start = time.monotonic()
    watcher.ask("SELECT pg_cancel_backend(%s)" % session.pid)
    session.answer()
    took = (time.monotonic() - start) * 1000
    session.close()
    return took, seen[0] if seen else "nothing"


def main():
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 5000000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    doc = sys.argv[3] if len(sys.argv) > 3 else ""
    here = os.path.dirname(os.path.abspath(__file__))
    subprocess.run(["psql", "-Xq", "-o", os.devnull, "-v", "n=%d" % lines, "-v", "p=%d" % max(1, lines // 50), "-f", os.path.join(here, "payouts.sql")],
                   check=True)
    text, ratios = [], []
    measured(PLAIN)     # warms
    for number in range(rounds):
        plain = measured(PLAIN)
        run = measured(RUN)
        ratios.append(run[1] / plain[1])
        text.append("round %d: plain sum %.2f s (%.2f of processor, %d MB), run %.2f s (%.2f, %d MB), %.2f times; %s"
                    % (number + 1, *plain[:3], *run[:3], ratios[-1], run[3]))
        print(text[-1], flush=True)
    watcher = Session()
    waits = []
    for number in range(CANCELS):
        took, seen = cancelled(watcher, run[0] * (number + 0.5) / CANCELS)
        waits.append(took)
        text.append("cancelled in %3.0f ms, seen: %s" % (took, seen))
        print(text[-1], flush=True)
    left = watcher.ask("SELECT (SELECT count(*) FROM influence.payout) + (SELECT count(*) FROM influence.statement)")[0]
    whole = watcher.ask(RUN)[0]
    text.append("left behind by cancelled runs: %s rows; then a run: %s" % (left, whole))
    text.append("%d lines of %d creators: the run takes %.2f times the plain sum (median of %d; the bar is 3); the slowest cancel %.0f ms (100)"
                % (lines, max(1, lines // 50), statistics.median(ratios), rounds, max(waits)))
    print("\n".join(text[-2:]))
    if doc:
        write_part(os.path.join(os.environ["PGI_TREE"], doc), "payouts", "## A payout run\n\n```text\n%s\n```" % "\n".join(text))
    return 0 if statistics.median(ratios) <= 3 and max(waits) <= 100 and left == "0" else 3


if __name__ == "__main__":
    sys.exit(main())
