"""What the parts of the bench that record orders share: pgbench, and statements of one session each."""

import os
import subprocess
import time

from measure import Processors, Session

SERVER = os.environ["PGI_SERVER_PID"]
WORK = os.environ["PGI_WORK"]
STARTED = time.monotonic()


def say(text):
    print("%7.1f s  %s" % (time.monotonic() - STARTED, text), flush=True)


SESSION = []


def sql(statement):
    """Rows of one statement; all in one session."""
    if not SESSION:
        SESSION.append(Session())
    return SESSION[0].run(statement)


def write(name, text):
    path = os.path.join(WORK, name)
    with open(path, "w") as file:
        file.write(text)
    return path


def pgbench(scripts, clients, limit):
    """Transactions per second, mean latency in ms, what others took of a processor."""
    arguments = ["pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "2"] + limit
    for script in scripts:
        arguments += ["-f", script]
    environment = dict(os.environ, PGOPTIONS="-c plan_cache_mode=force_generic_plan -c synchronous_commit=on")
    run = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    processors = Processors(SERVER, run.pid, os.getpid())
    time.sleep(float(limit[1]) * 0.9 if limit[0] == "-T" else 0)
    others = processors.others()
    text = run.communicate()[0]
    if run.returncode != 0 or "number of failed transactions: 0 " not in text:
        raise RuntimeError(text)

    def after(words):
        return float(text.split(words)[1].split()[0])
    return after("tps = "), after("latency average = "), others
