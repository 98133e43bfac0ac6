"""What make bench prints: the machine, a table, ratios against the bars, and how the numbers came about."""

import datetime
import os
import platform
import re

from measure import CPUS

SETTINGS = ["shared_buffers", "work_mem", "hash_mem_multiplier", "jit", "max_parallel_workers_per_gather", "effective_cache_size",
            "random_page_cost", "autovacuum", "fsync", "huge_pages"]
BUSY = 0.05                     # of one processor, by others: above it the numbers are marked
GROUPS = [("floor", "The floor"), ("last_touch", "Last touch"), ("linear", "Linear"), ("position_based", "Position based 40/20/40"),
          ("time_decay", "Time decay, half-life 7 days"), ("uuid", "uuid visitors"), ("small_memory", "Little memory")]
MIB = 1024 * 1024

# The targets of the project: (what, numerator, denominators, must be at least or at most, bar, stretch). Of several
# denominators the fastest counts.
SQL_OF = {"linear": ["pairs_linear", "arrays_linear"], "position_based": ["arrays_position_based"], "time_decay": ["arrays_time_decay"]}
BARS = [
    ("last touch: LATERAL / ours", ["lateral"], "ours_last_touch", ">=", 3, 6),
    ("last touch: running window / ours", ["running_window"], "ours_last_touch", ">=", 5, 10),
    ("last touch: ours / DuckDB's ASOF join", "ours_last_touch", ["duckdb_last_touch"], "<=", 1.25, 0.7),
    ("linear: window function over pairs / ours", ["pairs_linear"], "ours_linear", ">=", 20, 40),
    ("linear: fastest SQL found / ours", SQL_OF["linear"], "ours_linear", ">=", 20, 40),
    ("position based: fastest SQL found / ours", SQL_OF["position_based"], "ours_position_based", ">=", 20, 40),
    ("time decay: fastest SQL found / ours", SQL_OF["time_decay"], "ours_time_decay", ">=", 20, 40),
    ("linear: DuckDB / ours", ["duckdb_linear"], "ours_linear", ">=", 3.5, 7),
    ("position based: DuckDB / ours", ["duckdb_position_based"], "ours_position_based", ">=", 3.5, 7),
    ("time decay: DuckDB / ours", ["duckdb_time_decay"], "ours_time_decay", ">=", 3.5, 7),
    ("linear / last touch", "ours_linear", ["ours_last_touch"], "<=", 1.3, None),
    ("position based / last touch", "ours_position_based", ["ours_last_touch"], "<=", 1.3, None),
    ("time decay / last touch", "ours_time_decay", ["ours_last_touch"], "<=", 1.8, None),
    ("last touch / scan of both tables", "ours_last_touch", ["floor"], "<=", 2.0, 1.2),
    ("linear / scan of both tables", "ours_linear", ["floor"], "<=", 2.0, 1.2),
    ("last touch: uuid / bigint", "uuid_last_touch", ["ours_last_touch"], "<=", 1.4, None),
    ("linear: uuid / bigint", "uuid_linear", ["ours_linear"], "<=", 1.4, None),
]


def first_value(path, key):
    with open(path) as f:
        for line in f:
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    return "unknown"


def machine():
    return {"processor": first_value("/proc/cpuinfo", "model name"), "processors": CPUS,
            "memory": int(first_value("/proc/meminfo", "MemTotal").split()[0]) / MIB,
            "kernel": platform.release(), "load": os.getloadavg(), "day": datetime.date.today().isoformat()}


def warnings_before(facts):
    if facts["load"][0] > 0.3:
        yield "*** The load of this machine is %.2f: others are at work, and the times will mean little. ***" % facts["load"][0]
    if facts["memory"] < 16 and facts["touches"] >= 10000000:
        yield "*** This machine has %.0f GB of memory: the tables may not stay in it. ***" % facts["memory"]


def table(header, rows):
    """A Markdown table whose columns are aligned; all but the first column to the right."""
    widths = [max(len(row[i]) for row in [header] + rows) for i in range(len(header))]

    def line(row):
        return "| " + " | ".join(v.ljust(w) if i == 0 else v.rjust(w) for i, (v, w) in enumerate(zip(row, widths))) + " |"

    rule = "|" + "|".join("-" * (w + 2) if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(widths)) + "|"
    return "\n".join([line(header), rule] + [line(row) for row in rows])


def write_part(path, part, text):
    """Puts a part into the report, in the place of what it said there before, and leaves the others as they are."""
    begin, end = ("<!-- %s of %s -->" % (what, part) for what in ("begin", "end"))
    try:
        with open(path) as f:
            known = f.read()
    except OSError:
        known = "# Performance\n"
    before, found, rest = known.partition(begin)
    after = rest.partition(end)[2].strip() if found else ""
    with open(path, "w") as f:
        f.write("\n\n".join(x for x in (before.strip(), "%s\n\n%s\n\n%s" % (begin, text.strip(), end), after) if x) + "\n")


def write_main(path, text):
    """Writes the report anew, and keeps the parts that the other benches have put into it."""
    try:
        with open(path) as f:
            parts = re.findall(r"^<!-- begin of (\w+) -->\n\n(.*?)\n\n<!-- end of \1 -->$", f.read(), re.M | re.S)
    except OSError:
        parts = []
    with open(path, "w") as f:
        f.write(text)
    for part, known in parts:
        write_part(path, part, known)


def busy(result):
    return max(result.others, default=0.0)


def contest(results, touches):
    """A table per group of contestants."""
    medians = {r.contestant.key: r.median for r in results if r.median}
    floor = medians.get("floor")
    for group, title in GROUPS:
        members = [r for r in results if r.contestant.group == group]
        if not members:
            continue
        mine = medians.get("ours_" + group)
        rows = []
        for r in members:
            if r.missing:
                rows.append([r.contestant.label, r.missing] + [""] * 7)
                continue
            rows.append([r.contestant.label + (" *" if busy(r) > BUSY else ""), "%.3f" % (r.median / 1000),
                         "%.3f-%.3f" % (min(r.times) / 1000, max(r.times) / 1000), str(len(r.times)),
                         "%.0f" % (r.median * 1e6 / touches),
                         "%.2f" % (r.median / mine) if mine else "", "%.2f" % (r.median / floor) if floor else "",
                         "%.0f" % (r.memory / MIB), "%.0f" % (r.spilled / MIB)])
        yield "### %s\n\n%s\n" % (title, table(["", "median s", "range", "rounds", "ns/touch", "x ours", "x floor", "peak MiB", "spilled MiB"], rows))


def median_of(results, keys):
    found = [r.median for r in results if r.contestant.key in ([keys] if isinstance(keys, str) else keys) and r.median]
    return min(found) if found else None


def judged(value, sense, bar, stretch):
    def reached(target):
        return value >= target if sense == ">=" else value <= target

    if value is None:
        return "not measured"
    if stretch is not None and reached(stretch):
        return "stretch met"
    return "met" if reached(bar) else "**missed**"


def bar_row(what, value, sense, bar, stretch, unit=""):
    return [what, "" if value is None else "%.2f%s" % (value, unit) if bar < 50 else "%.0f%s" % (value, unit), "%s %g%s" % (sense, bar, unit),
            "" if stretch is None else "%s %g%s" % (sense, stretch, unit), judged(value, sense, bar, stretch)]


def memory_bar(facts):
    """work_mem * hash_mem_multiplier + 64 MiB, for work_mem in MiB"""
    multiplier = float(dict(facts["settings"])["hash_mem_multiplier"])
    return lambda work_mem: work_mem * multiplier + 64


def bars(facts, results, cancels, large):
    rows = []
    for what, over, under, sense, bar, stretch in BARS:
        a, b = median_of(results, over), median_of(results, under)
        rows.append(bar_row(what, a / b if a and b else None, sense, bar, stretch))
    allowed = memory_bar(facts)
    for work_mem, wanted in ((512, lambda c: c.engine == "ours" and c.group != "small_memory"), (64, lambda c: c.group == "small_memory")):
        peaks = [r.memory / MIB for r in results + large if wanted(r.contestant) and r.memory]
        rows.append(bar_row("greatest peak memory of ours, work_mem %d MB" % work_mem, max(peaks) if peaks else None, "<=",
                            allowed(work_mem), None, " MiB"))
    latencies = [ms for answers in cancels.values() for _, ms in answers if ms is not None]
    rows.append(bar_row("slowest answer to a cancel", max(latencies) if latencies else None, "<=", 100, None, " ms"))
    if large:
        factor = number_of(facts["large"]) / facts["touches"]
        for key in "ours_last_touch", "ours_linear", "ours_time_decay":
            a, b = median_of(large, key), median_of(results, key)
            rows.append(bar_row("time per touch, %s / %s, %s" % (facts["large"], facts["size"], key[5:].replace("_", " ")),
                                a / b / factor if a and b else None, "<=", 1.3, None))
    return table(["what", "measured", "bar", "stretch", ""], rows)


def number_of(size):
    return int(size.rstrip("kM")) * {"k": 1000, "M": 1000000}.get(size[-1], 1)


def cancel_table(results, cancels):
    labels = {r.contestant.key: r.contestant for r in results}
    header = ["cancelled after"] + ["%d %%" % (share * 100) for share, _ in next(iter(cancels.values()))]
    rows = [["%s, work_mem %s" % (labels[key].model, "64 MB" if labels[key].settings else "512 MB")] +
            ["ended" if ms is None else "%.1f" % ms for _, ms in answers] for key, answers in cancels.items()]
    return table(header, rows)


def engine_table(results):
    """last_attribution_stats() of the last run of each of ours, whatever columns it has in this version."""
    told = [r for r in results if r.stats]
    names = list(told[0].stats)

    def shown(value):
        return "%.0f" % value if isinstance(value, float) else str(value)

    return table([""] + names, [[r.contestant.key] + [shown(r.stats.get(name, "")) for name in names] for r in told])


def state_of_machine(facts, results):
    shares = [share for r in results for share in r.others]
    mean, worst = sum(shares) / max(1, len(shares)), max(shares, default=0)
    text = ("While a contestant ran, everything else on the machine took %.0f %% of one processor on average, and %.0f %% at worst; "
            "the load at the start was %.2f." % (mean * 100, worst * 100, facts["load"][0]))
    if mean > BUSY:
        return "**The machine was busy: these times mean little.** " + text
    if worst > BUSY:
        return text + " Contestants with a round above %.0f %% have a star." % (BUSY * 100)
    return text


def document(facts, results, compared, cancels, large):
    seconds = facts["seconds"]
    parts = ["""# Performance

Written by `make bench`; don't edit. Totals per creator over %d M pairs of a touch and an order, from %s touches and a tenth
as many orders over 90 days, with a window of 30 days. What is measured and how it is kept fair is told in
[test/bench](../../test/bench/README.md).

| | |
|---|---|
| day | %s |
| machine | %s, %d processors, %.0f GB, Linux %s |
| PostgreSQL | %s |
| pg_influence | %s |
| DuckDB | %s, 2 threads, tables in its memory |
| settings | %s |
| rounds | %d (SQL over all pairs: %d), interleaved; the median counts |
| wall time | %.0f minutes, of which %.0f s for generating, %.0f s for the covering index, %.0f s for loading DuckDB; none of these count |

%s
""" % (round(facts["pairs"] / 1e6), facts["size"], facts["day"], facts["processor"], facts["processors"], facts["memory"], facts["kernel"],
       facts["postgres"], facts["extension"], facts["duckdb"], ", ".join("%s %s" % pair for pair in facts["settings"]),
       facts["rounds"], facts["slow_rounds"], facts["wall"] / 60, seconds["generate"], seconds["index"], seconds["duckdb"],
       state_of_machine(facts, results + large)), "## Bars\n", bars(facts, results, cancels, large) + "\n", "## %s touches\n" % facts["size"]]
    parts += contest(results, facts["touches"])
    if any(r.stats for r in results):
        parts += ["### What ours did\n", "`last_attribution_stats()` after its last round.\n", engine_table(results) + "\n"]
    if large:
        parts.append("## %s touches\n" % facts["large"])
        parts += contest(large, number_of(facts["large"]))
    if cancels:
        parts += ["## Cancels\n", "Milliseconds from `pg_cancel_backend` to the error, by the share of the query's time that had passed.\n",
                  cancel_table(results, cancels) + "\n"]
    parts += ["## Results compared\n", """Conversions and credit of every creator. Last touch, and ours against ours: to the unit. SQL and DuckDB divide in floating
point where a model splits: less than a billionth of a conversion and less than a minor unit per credited pair may lie
between. Against largest remainder spelled out in DuckDB: to the unit. What nobody earned is left out.
""", table(["model", "this", "and that", "creators"], [list(line) for line in compared]) + "\n",
              "## Repeat\n", "    make bench SIZE=%s ROUNDS=%d%s\n" % (facts["size"], facts["rounds"], " LARGE=" + facts["large"] if facts["large"] else ""),
              "on a machine with nothing else to do. Sizes, rounds and contestants: [test/bench](../../test/bench/README.md)."]
    return "\n".join(parts) + "\n"
