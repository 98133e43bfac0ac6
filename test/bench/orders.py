#!/usr/bin/env python3
"""make bench PART=orders: record_order beside a bare transaction that inserts the same rows.

orders.py SIZE ROUNDS SECONDS DOC; started by the script "run" with a server that has nothing else to do. The bare tables are
copies of ours with the same indexes, CHECKs and foreign keys. What the bare transaction inserts are the rows of real orders,
under new keys: SHAPES orders that record_order has just recorded, each turned into one prepared statement. Both run with the
same number of connections, one call a transaction, and the defaults of a server that loses nothing.
"""

import os
import statistics
import subprocess
import sys

import report
from load import pgbench, say, sql, write

CLIENTS = 8
SHAPES = 20                     # few, so that planning their statements in each connection does not count
TABLES = ["orders", "order_line", "credit", "earning", "ledger"]
PROGRAMS = [("last_touch", "last touch, one credit per line"), ("linear", "linear, a credit per line and touch of 30 days")]
# what the default gives, in both
DEFAULTS = {"received_at", "booked_at", "entry_id", "entry_no", "xact"}

# a person by the law of the touches, a moment of the last 30 days, a key of its own
DRAW = """\\set u random(0, 999999999)
\\set rank 1 + int(%(touches)d / 5000.0 * (pow(501.0, :u / 1000000000.0) - 1)) * 7368787 %% (%(touches)d / 10)
\\set first random(1, 1000)
\\set second random(1, 1000)
\\set back random(1, 2592000)
\\set ref random(1, 4000000000000000000)
"""
OURS = DRAW + """SELECT status FROM influence.record_order(%(program)d, public.visitor(:rank), 'order ' || :ref, format('[{"line_no": 1, "product_id": %%s, "quantity": 2, "paid_price": 1999}, {"line_no": 2, "product_id": %%s, "quantity": 1, "paid_price": 4999}]', :first::int, :second::int)::jsonb, now() - :back * interval '1 second');
"""


# The bare transaction --------------------------------------------------------

def make_bare_tables():
    sql("CREATE SCHEMA bare")
    for table in TABLES:
        sql("CREATE TABLE bare.%s (LIKE influence.%s INCLUDING ALL)" % (table, table))
    for table in TABLES:
        for (definition,) in sql("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' AND conrelid = 'influence.%s'::regclass" % table):
            for own in TABLES:
                definition = definition.replace("influence.%s(" % own, "bare.%s(" % own)
            sql("ALTER TABLE bare.%s ADD %s" % (table, definition))
    counts = "SELECT count(*) FROM pg_index WHERE indrelid = '%s'::regclass UNION ALL SELECT count(*) FROM pg_constraint WHERE conrelid = '%s'::regclass"
    for table in TABLES:
        ours, bare = (sql(counts % (("%s.%s" % (schema, table),) * 2)) for schema in ("influence", "bare"))
        if ours != bare:
            raise RuntimeError("bare.%s is not like ours: %s, %s" % (table, ours, bare))


def insert(table, order_ref):
    """The statement that inserts an order's rows of a table under the keys in k; empty where it has none."""
    columns, taken, stated, values = [], [], [], []
    for name, type_name in sql("SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'influence.%s'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum" % table):
        if name in DEFAULTS:
            continue
        columns.append(name)
        if name in ("visitor_id", "order_ref"):
            taken.append("k." + name)
            continue
        stated.append(name)
        if name == "entry_key":
            taken.append("v.entry_key || k.visitor_id || '/' || k.order_ref")
            values.append("quote_literal(regexp_replace(entry_key, '[^/]*/[^/]*$', ''))")
        else:
            taken.append("v." + name)
            values.append("quote_nullable(%s::text) || '::%s'" % (name, type_name))
    rows = sql("SELECT '(' || concat_ws(', ', %s) || ')' FROM influence.%s WHERE order_ref = '%s'" % (", ".join(values), table, order_ref))
    if not rows:
        return ""
    # parameters are in k alone, so that the rows are a list of constants
    return "INSERT INTO bare.%s (%s) SELECT %s FROM k CROSS JOIN (VALUES %s) v(%s)" % (
        table, ", ".join(columns), ", ".join(taken), ", ".join(row[0] for row in rows), ", ".join(stated))


def bare_scripts(program, touches):
    """A script for each of some orders, as they came."""
    scripts = []
    # evenly among them by their number of credits, so that the sample has about as many rows as all
    sample = sql("SELECT order_ref FROM (SELECT c.order_ref, row_number() OVER (ORDER BY count(*), c.order_ref) AS n, count(*) OVER () AS of FROM influence.credit c "
                 "WHERE c.program_id = %d GROUP BY c.order_ref) x WHERE (2 * n * %d + of) / (2 * of) <> (2 * (n - 1) * %d + of) / (2 * of) ORDER BY n" % (program, SHAPES, SHAPES))
    for (order_ref,) in sample:
        text = DRAW % {"touches": touches}
        text += "WITH k AS MATERIALIZED (SELECT public.visitor(:rank) AS visitor_id, 'order ' || :ref AS order_ref)"
        parts = [part for part in (insert(table, order_ref) for table in TABLES) if part]
        for number, part in enumerate(parts[:-1]):
            text += ", part%d AS (%s)" % (number, part)
        scripts.append(write("bare_%d_%d.sql" % (program, len(scripts)), text + " " + parts[-1] + ";\n"))
    return scripts


def rows_per_order(schema, program):
    return [float(row[0]) for row in sql(" UNION ALL ".join(
        "(SELECT count(*)::float8 / (SELECT count(*) FROM %s.orders WHERE program_id = %d) FROM %s.%s WHERE program_id = %d)" % (schema, program, schema, table, program)
        for table in TABLES))]


# Rounds and report -----------------------------------------------------------

def main():
    size, rounds, seconds, doc = sys.argv[1:5]
    touches = int(size.rstrip("kM")) * {"k": 1000, "M": 1000000}.get(size[-1], 1)
    rounds, seconds = int(rounds), int(seconds)
    machine = report.machine()
    say("%d touches" % touches)
    subprocess.run(["psql", "-Xq", "-v", "touches=%d" % touches, "-f", "orders.sql"], check=True)
    make_bare_tables()
    text = ["## Recording orders", "",
            "Written by `make bench PART=orders`. record_order (attribution, base commission and ledger in one call; an order of two lines) beside a bare "
            "transaction that inserts the same rows into copies of the tables with the same indexes, CHECKs and foreign keys, by one prepared statement; %d connections, "
            "synchronous_commit on, fsync on, %s touches of 90 days. %d rounds of %d seconds, in turn; medians." % (CLIENTS, size, rounds, seconds), "",
            "| | |", "|---|---|"]
    text += ["| %s | %s |" % row for row in [
        ("day", machine["day"]), ("machine", "%s, %d processors, %.0f GB" % (machine["processor"], machine["processors"], machine["memory"])),
        ("PostgreSQL", sql("SHOW server_version")[0][0]), ("pg_influence", sql("SELECT extversion FROM pg_extension WHERE extname = 'pg_influence'")[0][0])]]
    rows = []
    for program, (model, what) in enumerate(PROGRAMS, 1):
        ours = [write("ours_%d.sql" % program, OURS % {"touches": touches, "program": program})]
        say("%s: warming up" % model)
        pgbench(ours, CLIENTS, ["-T", str(max(5, seconds // 2))])
        bare = bare_scripts(program, touches)
        pgbench(bare, CLIENTS, ["-T", str(max(5, seconds // 2))])
        results = {"record_order": [], "bare": []}
        for count in range(rounds):
            for name, scripts in (("record_order", ours), ("bare", bare)):
                sql("CHECKPOINT")
                results[name].append(pgbench(scripts, CLIENTS, ["-T", str(seconds)]))
                say("%s, round %d, %s: %.0f/s, %.2f ms" % ((model, count + 1, name) + results[name][-1][:2]))
        medians = {name: [statistics.median(x) for x in zip(*values)] for name, values in results.items()}
        for name, schema in (("record_order", "influence"), ("bare", "bare")):
            tps, latency, _ = medians[name]
            rows.append(["%s: %s" % (what, name), "%.0f" % tps, "%.0f-%.0f" % (min(r[0] for r in results[name]), max(r[0] for r in results[name])),
                         "%.2f" % latency, "%.2f" % (medians["bare"][0] / tps)] + ["%.1f" % n for n in rows_per_order(schema, program)]
                        + ["%.0f %%" % (100 * max(r[2] for r in results[name]))])
    text += ["", report.table(["", "orders/s", "range", "ms", "bare / this"] + TABLES + ["others"], rows), "",
             "The columns after the ratio are rows per order; others: what else the machine's processors did, in percent of one.", ""]
    # as autovacuum, which is off, would have
    sql("ANALYZE")
    violations = sql("SELECT * FROM influence.check_books() LIMIT 5")
    text.append("check_books() afterwards: %s." % ("nothing" if not violations else violations))
    print("\n".join(text))
    if doc:
        report.write_part(os.path.join(os.environ["PGI_TREE"], doc), "orders", "\n".join(text))
    sys.exit(1 if violations else 0)


main()
