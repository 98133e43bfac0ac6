"""TAP printing for the oracles.

Each `ok` line is a group of cases: its name carries the number of cases. On a difference the first few failing
cases are printed in full, so that a log alone is enough to replay one by hand.
"""

import sys

SHOWN_FAILURES = 5


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = 0

    def note(self, text):
        for line in str(text).splitlines():
            print("# " + line, flush=True)

    def ok(self, passed, name, diagnostics=()):
        self.count += 1
        print("%s %d - %s" % ("ok" if passed else "not ok", self.count, name), flush=True)
        if not passed:
            self.failed += 1
            for item in list(diagnostics)[:SHOWN_FAILURES]:
                self.note(item)
        return passed

    def group(self, name, cases, failures):
        """One line for a group: `failures` lists the differing cases. A group without a case proves nothing and fails."""
        label = "%s (%d cases)" % (name, cases)
        if cases == 0:
            return self.ok(False, label, ["no case was checked"])
        if failures:
            self.note("%d of %d cases differ" % (len(failures), cases))
        return self.ok(not failures, label, failures)

    def skip(self, name, reason):
        self.count += 1
        print("ok %d - %s # SKIP %s" % (self.count, name, reason), flush=True)

    def done(self):
        print("1..%d" % self.count, flush=True)
        sys.exit(1 if self.failed else 0)
