"""A thin way to PostgreSQL: one psql process per script, rows in by COPY, rows out as tab-separated text.

A Script collects statements, COPY blocks and named queries; run() sends them through one session and returns the rows
of each named query as lists of strings (None for NULL). The server is chosen by the usual PGHOST, PGPORT, PGDATABASE
and PGUSER.
"""

import os
import subprocess
import threading

NULL = "\\N"
MARK = "@@pgi-oracle@@"
# An error inside an expression belongs to the check, not to the run: outcome_of() answers the value or the SQLSTATE.
PRELUDE = """
SET client_min_messages = warning;
SET datestyle = 'ISO, YMD';
SET intervalstyle = 'postgres';
CREATE EXTENSION IF NOT EXISTS pg_influence;
CREATE FUNCTION pg_temp.outcome_of(expression text) RETURNS text LANGUAGE plpgsql AS $f$
DECLARE
    value text;
BEGIN
    EXECUTE 'SELECT (' || expression || ')::text' INTO value;
    RETURN value;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $f$;
"""


class PgError(Exception):
    pass


def copy_field(value):
    if value is None:
        return NULL
    if value is True or value is False:
        return "t" if value else "f"
    text = str(value)
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def array(values):
    """A one-dimensional array literal of numbers; None inside is a NULL element, None itself a NULL array."""
    if values is None:
        return None
    return "{" + ",".join("NULL" if v is None else str(v) for v in values) + "}"


def quote(text):
    return "NULL" if text is None else "'" + str(text).replace("'", "''") + "'"


class Script:
    def __init__(self):
        self.parts = [PRELUDE]
        self.whole = set()

    def sql(self, text):
        self.parts.append(text.rstrip().rstrip(";") + ";\n")
        return self

    def copy(self, table, columns, rows):
        self.parts.append("COPY %s (%s) FROM STDIN;\n" % (table, ", ".join(columns)))
        self.parts.extend("\t".join(map(copy_field, row)) + "\n" for row in rows)
        self.parts.append("\\.\n")
        return self

    def query(self, name, text):
        self.parts.append("\\echo %s %s\n" % (MARK, name))
        return self.sql(text)

    def lines(self, name, text):
        """A query whose rows are wanted as psql's lines, uncut."""
        self.whole.add(name)
        return self.query(name, text)

    def run(self):
        argv = ["psql", "-X", "-q", "-At", "-F", "\t", "-P", "null=" + NULL, "-v", "ON_ERROR_STOP=1"]
        env = dict(os.environ, PGCLIENTENCODING="UTF8")
        done = subprocess.run(argv, input="".join(self.parts).encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
        if done.returncode != 0:
            raise PgError("psql ended with %d: %s" % (done.returncode, done.stderr.decode(errors="replace")[:4000]))
        results, rows = {}, None
        for line in done.stdout.decode().split("\n"):
            if line.startswith(MARK):
                name = line[len(MARK) + 1:]
                rows = results.setdefault(name, [])
            elif line and rows is not None and name in self.whole:
                rows.append(line)
            elif line and rows is not None:
                rows.append([None if f == NULL else f for f in line.split("\t")])
        return results


def outcomes(expressions):
    """The value of each SQL expression as text, or the SQLSTATE it raised."""
    script = Script()
    for i, expression in enumerate(expressions):
        script.query(str(i), "SELECT pg_temp.outcome_of(%s)" % quote(expression))
    result = script.run()
    return [result[str(i)][0][0] for i in range(len(expressions))]


def at_once(send, streams):
    """What send answers for each stream, all sent at the same time, by sessions of their own."""
    results, errors = [None] * len(streams), []

    def work(n):
        try:
            results[n] = send(streams[n])
        except Exception as error:      # for the main thread
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(streams))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def settings():
    """Rounds and first seed of a run: PGI_LONG=1 does twenty times the work, PGI_SEED moves to other cases."""
    return (20 if os.environ.get("PGI_LONG") == "1" else 1), int(os.environ.get("PGI_SEED") or "20240229")
