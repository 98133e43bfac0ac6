#!/usr/bin/env python3
"""Payout periods of all IANA time zones, 2020 to 2035, against Python's zoneinfo.

A period is the month in the program's zone: half-open, from the first instant whose local date is in the month to the
first of the next, so without gap or overlap, also where clocks jump over the midnight that ends a month or live it twice. A
program per zone; period_bounds() of every month, last_period() a microsecond before, at and after each bound, and the
month in which moments drawn at random fall, as SQL and as Python see it.
"""

import random
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

from payout_model import MICROSECOND, first_instant, us
from pg import Script, settings
from tap import Tap

FIRST, LAST = 2020, 2035
UTC = timezone.utc
MOMENTS = 20
# PostgreSQL reads these as abbreviations of a fixed offset, IANA as zones with summer time: no program may have one
ABBREVIATIONS = {"CET", "EET", "MET", "WET"}


def months():
    return ["%04d-%02d" % (year, month) for year in range(FIRST, LAST + 1) for month in range(1, 13)]


def month_of(at, zone):
    return at.astimezone(zone).strftime("%Y-%m")


def text(at):
    return at.strftime("%Y-%m-%d %H:%M:%S.%f+00")


def main():
    tap = Tap()
    rounds, seed = settings()
    rng = random.Random(seed)
    script = Script()
    script.sql("SELECT count(*) FROM influence.install()")
    script.query("known", "SELECT name FROM pg_timezone_names")
    known = {row[0] for row in script.run()["known"]}
    names = sorted(available_timezones() & known)
    tap.ok(len(names) > 400, "zones that both know: %d" % len(names))
    script = Script()
    script.query("refused", "SELECT z, pg_temp.outcome_of(format('(SELECT status FROM influence.create_program(%L, %L, %L))', 'Zone ' || z, 'EUR', z)) FROM unnest('{%s}'::text[]) z"
                 .replace("%s", ",".join(sorted(ABBREVIATIONS & set(names)))))
    tap.group("zones that are abbreviations as well are refused", len(ABBREVIATIONS & set(names)), ["%s: %s" % tuple(row) for row in script.run()["refused"] if row[1] != "IN002"])
    names = [name for name in names if name not in ABBREVIATIONS]
    zones = {name: ZoneInfo(name) for name in names}
    wanted = months()
    after = "%04d-01" % (LAST + 1)
    begins, near, twice = {}, set(), []
    for name in names:
        for period in wanted + [after]:
            begins[name, period], changes, back = first_instant(int(period[:4]), int(period[5:]), 1, zones[name])
            if changes:
                near.add((name, period))
            if back:
                twice.append((name, period))
    # else half-open periods and local dates could not agree
    tap.group("no month comes back after the next has begun", len(begins), twice)

    moments = []
    low, high = datetime(FIRST, 1, 3, tzinfo=UTC), datetime(LAST, 12, 28, tzinfo=UTC)
    for name in names:
        for _ in range(MOMENTS * rounds):
            if rng.random() < 0.5:
                at = begins[name, rng.choice(wanted[1:])] + rng.randint(-90 * 60, 90 * 60) * timedelta(seconds=1) + rng.randint(-1, 1) * MICROSECOND
            else:
                at = low + rng.randrange((high - low) // MICROSECOND) * MICROSECOND
            moments.append((name, at))

    following = dict(zip(wanted, wanted[1:] + [after]))
    before = {later: period for period, later in following.items()}
    before[wanted[0]] = "%04d-12" % (FIRST - 1)
    # every end near which clocks change, and some of the others (all in a long run)
    edges = [(name, period) for name in names for period in wanted if rounds > 1 or (name, following[period]) in near or rng.random() < 0.05]

    script = Script()
    script.sql("SET TimeZone = 'UTC'")
    script.sql("CREATE TEMP TABLE zone (name text)")
    script.copy("zone", ["name"], [[name] for name in names])
    script.sql("CREATE TEMP TABLE moment (no int, name text, at timestamptz)")
    script.copy("moment", ["no", "name", "at"], [[n, name, text(at)] for n, (name, at) in enumerate(moments)])
    # create_program() reads all zones to find one, so most programs are put in by hand
    script.query("made", "SELECT z.name, p.status FROM (SELECT name FROM zone ORDER BY md5(name || '%d') LIMIT %d) z, LATERAL influence.create_program('Zone ' || z.name, 'EUR', z.name) p"
                 % (seed, 40 * rounds))
    script.sql("INSERT INTO influence.program (name, currency, time_zone, paying, demands_tag, content_hash) SELECT 'Zone ' || name, 'EUR', name, true, true, '' FROM zone "
               "WHERE NOT EXISTS (SELECT FROM influence.program p WHERE p.name = 'Zone ' || zone.name)")
    micro = "(extract(epoch FROM %s - '2000-01-01 00:00+00') * 1000000)::bigint"
    script.sql("CREATE TEMP TABLE bound AS SELECT z.name, p.program_id, to_char(m, 'YYYY-MM') AS period, b.starts_at, b.ends_at "
               "FROM zone z JOIN influence.program p ON p.name = 'Zone ' || z.name, generate_series(timestamp '%d-01-01', timestamp '%d-12-01', '1 month') m, "
               "LATERAL influence_internal.period_bounds(p.program_id, to_char(m, 'YYYY-MM')) b" % (FIRST, LAST))
    script.query("bounds", "SELECT name, period, %s, %s FROM bound" % (micro % "starts_at", micro % "ends_at"))
    # a month is complete from the begin of the next on; a bound's month is the later one
    script.sql("CREATE TEMP TABLE edge (name text, period text)")
    script.copy("edge", ["name", "period"], edges)
    script.query("edges", "SELECT name, period, influence_internal.last_period(program_id, ends_at - interval '1 us'), influence_internal.last_period(program_id, ends_at), "
                 "influence_internal.last_period(program_id, ends_at + interval '1 us'), to_char((ends_at - interval '1 us') AT TIME ZONE name, 'YYYY-MM'), "
                 "to_char(ends_at AT TIME ZONE name, 'YYYY-MM'), to_char((ends_at + interval '1 us') AT TIME ZONE name, 'YYYY-MM') FROM bound JOIN edge USING (name, period)")
    script.query("moments", "SELECT m.no, to_char(m.at AT TIME ZONE m.name, 'YYYY-MM'), coalesce(string_agg(b.period, ',' ORDER BY b.period), ''), "
                 "(SELECT influence_internal.last_period(p.program_id, m.at) FROM influence.program p WHERE p.name = 'Zone ' || m.name) "
                 "FROM moment m LEFT JOIN bound b ON b.name = m.name AND m.at >= b.starts_at AND m.at < b.ends_at GROUP BY m.no, m.at, m.name")
    results = script.run()

    tap.group("a program in a zone", len(results["made"]), ["%s: %s" % tuple(row) for row in results["made"] if row[1] != "recorded"])

    wrong, ends = [], {}
    for name, period, start, end in results["bounds"]:
        ends[name, period] = int(start), int(end)
        want = us(begins[name, period]), us(begins[name, following[period]])
        if want != (int(start), int(end)):
            wrong.append("%s %s: %s to %s, by zoneinfo %s to %s" % (name, period, start, end, *want))
    tap.group("periods begin and end with the local date", len(ends), wrong)
    gaps = ["%s: %s ends at %d, the next begins at %d" % (name, period, ends[name, period][1], ends[name, following[period]][0])
            for name in names for period in wanted[:-1] if ends[name, period][1] != ends[name, following[period]][0]]
    tap.group("no gap and no overlap", len(names) * (len(wanted) - 1), gaps)

    wrong = []
    for name, period, *got in results["edges"]:
        want = [before[period], period, period, period, following[period], following[period]]
        if got != want:
            wrong.append("%s %s: %s, not %s" % (name, period, got, want))
    tap.group("a microsecond before, at and after each end", 6 * len(results["edges"]), wrong)

    wrong = []
    for no, month, within, last in results["moments"]:
        name, at = moments[int(no)]
        want = month_of(at, zones[name])
        if (month, within, last) != (want, want, before[want]):
            wrong.append("%s %s: month %s, in periods %s, last complete %s; by zoneinfo %s" % (name, text(at), month, within, last, want))
    tap.group("the period of a moment is its local month", len(results["moments"]), wrong)
    tap.done()


if __name__ == "__main__":
    main()
