"""Sessions that are timed, and what /proc says about them: memory, spilled bytes, and who else used the processors."""

import json
import os
import re
import subprocess
import threading
import time

TICK = os.sysconf("SC_CLK_TCK")
CPUS = os.cpu_count()
MARK = "@@pgi-bench@@"
INTERVAL = 0.004                # seconds between two looks at a process's memory


def proc_lines(pid, name):
    try:
        with open("/proc/%s/%s" % (pid, name)) as f:
            return f.read().splitlines()
    except OSError:
        return []


def stat_fields(pid):
    """The fields of /proc/PID/stat from the state on: [1] is the parent, [11:15] the ticks of it and its dead children."""
    lines = proc_lines(pid, "stat")
    return lines[0].rpartition(")")[2].split() if lines else None


def processor(pid):
    """Seconds of processor that a process has used, to the nanosecond; of its first thread, and a backend has no other."""
    with open("/proc/%s/schedstat" % pid) as f:
        return int(f.read().split()[0]) / 1e9


def processes():
    return [name for name in os.listdir("/proc") if name.isdigit()]


def anonymous(pid):
    for line in proc_lines(pid, "status"):
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


def directory_size(path):
    total = 0
    for entry in os.scandir(path):
        try:
            total += entry.stat().st_blocks * 512
        except OSError:
            pass
    return total


class Watch(threading.Thread):
    """Looks at a process every few milliseconds: the peak of its anonymous memory, of the children that the server
    started meanwhile (parallel workers) and of the dynamic shared memory they map; of what lies in a directory."""

    def __init__(self, pid, server=None, directory=None):
        super().__init__(daemon=True)
        self.pid, self.server, self.directory = str(pid), server and str(server), directory
        self.known, self.helpers = set(processes()), set()
        self.shared = self.mapped()
        self.memory = self.spilled = 0
        self.over = threading.Event()

    def mapped(self):
        segments = {}
        for pid in {self.pid} | self.helpers:
            for line in proc_lines(pid, "maps"):
                if "/dev/shm/PostgreSQL." in line:
                    low, high = (int(x, 16) for x in line.split()[0].split("-"))
                    segments[line.split()[5]] = high - low
        return sum(segments.values())

    def run(self):
        look, shared = 0, 0
        while not self.over.wait(INTERVAL):
            if self.server:
                for pid in set(processes()) - self.known:
                    self.known.add(pid)
                    fields = stat_fields(pid)
                    if fields and fields[1] == self.server:
                        self.helpers.add(pid)
                if look % 8 == 0:
                    shared = max(0, self.mapped() - self.shared)
            if self.directory:
                self.spilled = max(self.spilled, directory_size(self.directory))
            self.memory = max(self.memory, sum(map(anonymous, {self.pid} | self.helpers)) + shared)
            look += 1

    def stop(self):
        self.over.set()
        self.join()


class Processors:
    """How much of the processors others took, from now until others() is asked."""

    def __init__(self, server, *ours):
        self.server, self.ours = str(server), [str(pid) for pid in ours]
        self.since, self.start = time.monotonic(), self.ticks()

    def ticks(self):
        busy = [int(x) for x in proc_lines(".", "stat")[0].split()[1:9]]
        own = 0
        for pid in processes():
            fields = stat_fields(pid)
            if fields and (pid == self.server or pid in self.ours):
                own += sum(map(int, fields[11:15]))
            elif fields and fields[1] == self.server:
                own += sum(map(int, fields[11:13]))
        return sum(busy) - busy[3] - busy[4] - own

    def others(self):
        """As a share of one processor."""
        elapsed = time.monotonic() - self.since
        return max(0.0, (self.ticks() - self.start) / TICK / elapsed) if elapsed > 0.1 else 0.0


class PgError(Exception):
    def __init__(self, text):
        super().__init__(text)
        found = re.search(r"ERROR:  (\w{5}): ", text)
        self.sqlstate = found.group(1) if found else ""


class Session:
    """A psql of its own, and so a fresh backend."""

    def __init__(self, settings=()):
        self.psql = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", "-F", "\t", "-v", "VERBOSITY=verbose"], text=True, bufsize=1,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.pid = int(self.run("SELECT pg_backend_pid()")[0][0])
        for setting in settings:
            self.run(setting)
        self.ms = None

    def send(self, sql):
        self.psql.stdin.write("\\timing on\n%s;\n\\timing off\n\\echo %s\n" % (sql, MARK))
        self.psql.stdin.flush()

    def receive(self):
        lines = []
        for line in self.psql.stdout:
            line = line.rstrip("\n")
            if line == MARK:
                break
            lines.append(line)
        else:
            raise PgError("\n".join(lines + ["psql ended"]))
        timing = [i for i, line in enumerate(lines) if line.startswith("Time: ")]
        if timing:
            self.ms = float(lines.pop(timing[-1]).split()[1])
        errors = [line for line in lines if re.match(r"(ERROR|FATAL):  ", line)]
        if errors:
            raise PgError("\n".join(lines))
        return [line.split("\t") for line in lines if not line.startswith(("NOTICE:", "LOCATION:"))]

    def run(self, sql):
        self.send(sql)
        return self.receive()

    def close(self):
        self.psql.stdin.close()
        self.psql.wait()
        self.psql.stdout.close()


class Asked:
    """A psql of its own whose answers are lines; with an error the program ends."""

    def __init__(self, *arguments, **environment):
        self.psql = subprocess.Popen(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                     env=dict(os.environ, **environment))
        self.pid = self.ask("SELECT pg_backend_pid();")[0]

    def ask(self, statement):
        self.psql.stdin.write(statement + "\n\\echo done\n")
        self.psql.stdin.flush()
        answer = []
        while True:
            line = self.psql.stdout.readline()
            if not line:
                raise SystemExit("psql ended")
            if line == "done\n":
                return answer
            answer.append(line.rstrip("\n"))

    def used(self):
        """Seconds of processor until now."""
        return processor(self.pid)

    def end(self):
        self.psql.stdin.close()
        self.psql.wait()


class Duck:
    """DuckDB in a process of its own; see duckdb.js."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        self.node = subprocess.Popen(["node", "duckdb.js", directory], text=True, bufsize=1,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self.node.pid
        self.version = self.answer()["version"]
        self.ms = None

    def answer(self):
        line = self.node.stdout.readline()
        if not line:
            raise RuntimeError("DuckDB's process ended")
        return json.loads(line)

    def run(self, sql):
        self.node.stdin.write(json.dumps({"sql": sql}) + "\n")
        self.node.stdin.flush()
        answer = self.answer()
        if "error" in answer:
            raise RuntimeError("DuckDB: " + answer["error"])
        self.ms = answer["ms"]
        return answer["rows"]

    def close(self):
        self.node.stdin.close()
        self.node.wait()
