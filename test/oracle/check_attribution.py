#!/usr/bin/env python3
"""attribute, attribute_totals and credit_order against attribution_model.py, row for row.

A scenario is one policy (model, windows, zone, weights) over some hundreds of visitors whose touches and orders crowd
the edges of the rules: window borders to the microsecond, equal instants, clock changes, views beside clicks, carts of
other products, excluded and missing creators. Default run: some 33,000 conversions in 48 scenarios, most of them
also by credit_order. --self-test checks the model alone.
"""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo
import random
import sys
import uuid

import attribution_model as model
from attribution_model import BILLION, Conversion, Policy, Span, Touch
from money_model import INT64_MAX, INT64_MIN
from pg import PgError, Script, array, outcomes, quote, settings
from tap import Tap

SCENARIOS, VISITORS = 48, 320
HOUR, DAY = 3600 * 10**6, 86400 * 10**6
ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kolkata",
         "America/St_Johns", "Europe/Lisbon"]
LOOKBACKS = [Span(0, 30, 0), Span(1, 0, 0), Span(0, 1, 3 * HOUR), Span(0, 0, 24 * HOUR), Span(0, 0, 720 * HOUR), Span(1, 1, HOUR), Span(2, 10, 0), Span(1, 1, 0),
             Span(0, 1, 0), Span(3, 0, 0), Span(0, 0, 1), Span(0, 7, 0), Span(13, 2, 90 * 60 * 10**6 + 1)]
VIEW_LOOKBACKS = [Span(0, 0, 0), Span(0, 1, 0), Span(0, 0, 2 * HOUR), Span(0, 2, 0), Span(1, 0, 0), Span(1, 1, 0)]
CART_LOOKBACKS = [Span(0, 90, 0), Span(0, 0, 0), Span(0, 1, 3 * HOUR), Span(2, 0, 0), Span(1, 2, 0)]
WEIGHTS = [None, ("0.4", "0.2", "0.4"), ("0.3", "0", "0.7"), ("1", "0", "0"), ("0", "0.5", "0.5"), ("0.333333333", "0.1", "0.000000001"),
           ("7", "3", "11"), ("0", "1", "1e-9"), ("0.5", "0", "0")]
AMOUNTS = [0, 1, -1, 2, -3, None, None, INT64_MAX, -INT64_MAX, INT64_MIN, 99, -100]
CREATORS = [1, 2, 3, 4, 5, 6, 0, -5, INT64_MAX, INT64_MIN, 77, 78]
COLUMNS = "conversion_id, touch_id, creator_id, touch_position, path_length, weight, credit, reason"
BOUND = 2**50
BOUNDED_AMOUNT = "CASE WHEN amount BETWEEN -%d AND %d THEN amount END AS amount" % (BOUND, BOUND)
DEFAULTS = Policy("last_touch", Span(0, 30, 0), Span(0, 0, 0), Span(0, 90, 0), ("0.4", "0.2", "0.4"), ZoneInfo("UTC"))


def span_text(span):
    return "%d mons %d days %d.%06d seconds" % (span.months, span.days, span.us // 10**6, span.us % 10**6)


def time_text(us):
    return us if us is None or isinstance(us, str) else model.to_datetime(us).strftime("%Y-%m-%d %H:%M:%S.%f+00")


def bounded(amount):
    return amount if amount is not None and -BOUND <= amount <= BOUND else None


def clock_changes(name):
    """Instants at which the zone's offset changes in 2016-2026, to the minute."""
    zone = ZoneInfo(name)

    def offset(us):
        return model.to_datetime(us).astimezone(zone).utcoffset()

    first = (datetime(2016, 1, 1) - model.EPOCH).days * DAY
    found = []
    for start in range(first, first + 3900 * DAY, 10 * DAY):
        low, high = start, start + 10 * DAY
        if offset(low) != offset(high):
            while high - low > 60 * 10**6:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(middle) == offset(low) else (low, middle)
            found.append(high // (60 * 10**6) * 60 * 10**6)
    return found


class Scenario:
    """One policy and its random rows. Everything follows from the seed."""

    def __init__(self, seed, number):
        self.rng = rng = random.Random("attribution %d %d" % (seed, number))
        self.number = number
        zone = ZONES[number % len(ZONES)]
        self.position_weights = rng.choice(WEIGHTS)
        self.policy = Policy(model.MODELS[(number + number // 8) % 4], rng.choice(LOOKBACKS), rng.choice(VIEW_LOOKBACKS), rng.choice(CART_LOOKBACKS),
                             self.position_weights or DEFAULTS.position_weights, ZoneInfo(zone))
        if number == 0:  # all defaults, and only the columns that must be there
            self.policy, self.position_weights = DEFAULTS, None
        self.zone = zone if number else "UTC"
        self.visitor_type = ("bigint", "uuid", "text")[number % 3]
        self.with_kind, self.with_product = number != 0, number != 0
        self.with_amount, self.with_excluded = number % 11 not in (0, 5), number != 0
        self.with_order = number % 4 != 0
        self.work_mem = "64kB" if number % 2 else None
        self.session_zone = rng.choice(ZONES)
        self.changes = clock_changes(self.zone)
        self.ids = set()
        self.touches, self.conversions = [], []
        self.bad_touches, self.bad_conversions = [], []
        for i in range(VISITORS):
            self.add_visitor(self.visitor(i))
        self.add_rejected()
        rng.shuffle(self.touches)
        rng.shuffle(self.conversions)

    def fresh_id(self):
        while True:
            value = self.rng.choice([self.rng.randint(1, 10**6), self.rng.randint(INT64_MIN, INT64_MAX)])
            if value not in self.ids:
                self.ids.add(value)
                return value

    def visitor(self, i):
        if self.visitor_type == "bigint":
            return [0, -1, INT64_MAX, INT64_MIN][i] if i < 4 else (i << self.rng.choice([0, 32, 40])) * 16 + 5
        if self.visitor_type == "uuid":
            return str(uuid.UUID(int=[0, 2**128 - 1][i])) if i < 2 else str(uuid.UUID(int=self.rng.getrandbits(128)))
        odd = ["", " ", "a", "A", "a ", "\u00e4", "a\u0308", "NULL", "\\N", "o'brien", "tab\there", "x" * 3000, "x" * 2999 + "y"]
        return odd[i] if i < len(odd) else "visitor-%d" % i

    def order_time(self):
        rng, policy = self.rng, self.policy
        roll = rng.random()
        span = rng.choice([policy.lookback, policy.lookback, policy.view_lookback, policy.cart_lookback])
        if self.changes and roll < 0.35:
            return self.order_time_for_change(rng.choice(self.changes), span)
        if self.changes and roll < 0.7:
            at = rng.choice(self.changes)
            if roll < 0.6:  # the window begins about the night of the change
                at += span.months * rng.choice([28, 29, 30, 31]) * DAY + span.days * DAY + span.us
            at += rng.choice([0, 0, 1, -1, rng.randint(-3 * HOUR, 3 * HOUR), rng.randint(-12, 12) * HOUR // 4])
        else:
            at = rng.randint(16 * 365 * DAY, 26 * 365 * DAY)
            if roll > 0.85:  # month ends
                at = (datetime(rng.randint(2017, 2025), rng.choice([3, 5, 7, 10, 12]), 31 if roll > 0.9 else 30, 23, 30) - model.EPOCH) // model.MICROSECOND
        return at if rng.random() < 0.7 else at // (60 * 10**6) * 60 * 10**6

    def order_time_for_change(self, change, span):
        """An order whose window begins, on the wall clock, in the hour that is skipped or repeated; or whose calendar
        passes through it when months and days are taken off one after the other."""
        rng, zone = self.rng, self.policy.zone
        before, after = (model.to_datetime(change + d).astimezone(zone).utcoffset() for d in (-1, 0))
        low, high = sorted((before, after))
        inside = timedelta(microseconds=rng.choice([0, 1, rng.randrange((high - low) // model.MICROSECOND)]))
        local = model.EPOCH + timedelta(microseconds=change) + low + inside
        local = model.minus_months(local, -span.months) + rng.choice([1, 1, 0]) * timedelta(days=span.days)
        return model.instant_of_local(local, zone) + span.us

    def add_visitor(self, visitor):
        rng = self.rng
        creators = rng.sample(CREATORS, rng.randint(1, 6))
        products = [None] + rng.sample(range(1, 9), rng.randint(1, 3))
        first = self.order_time()
        orders = [first]
        while len(orders) < 4 and rng.random() < 0.4:
            orders.append(rng.choice([first, first + 1, first - 1, self.order_time(), first + rng.randint(0, 10) * DAY]))
        conversions = []
        for at in orders:
            excluded = rng.sample(creators, rng.randint(0, len(creators))) if rng.random() < 0.3 else rng.choice([None, [], [999]])
            for _ in range(rng.choice([1, 1, 2])):
                amount = rng.choice(AMOUNTS) if rng.random() < 0.4 else rng.getrandbits(rng.randint(1, 40)) * rng.choice([1, 1, -1])
                conversions.append(Conversion(visitor, at, self.fresh_id(), amount if self.with_amount else None,
                                              rng.choice(products) if self.with_product else None, excluded if self.with_excluded else None))
        self.conversions += conversions
        kinds = rng.choice([["click"], ["view"], ["view"] * 5 + ["click"], ["cart", "view"], ["view", "click", "cart", "coupon"],
                            ["click", "coupon"], ["cart"], ["view", "click", "click", "cart", "coupon"]]) if self.with_kind else ["click"]
        length = rng.choice([0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 8, 12]) if rng.random() < 0.84 else rng.randint(13, 40)
        windows = [(c, model.bounds(c, self.policy)) for c in conversions]
        times = []
        for _ in range(length):
            conversion, low = rng.choice(windows)
            kind = rng.choice(kinds)
            at = self.touch_time(conversion.at, low[kind], times)
            times.append(at)
            creator = None if rng.random() < 0.12 else rng.choice(creators)
            self.touches.append(Touch(visitor, at, self.fresh_id(), creator, kind, rng.choice(products) if self.with_product else None))

    def touch_time(self, top, low, times):
        rng, roll = self.rng, self.rng.random()
        if roll < 0.15:
            return low + rng.choice([-1, 0, 0, 1])
        if roll < 0.27:
            return top + rng.choice([-1, 0, 0, 1])
        if roll < 0.35:  # between the border and where a wrong reading of the clock would put it
            return low + rng.choice([rng.randint(-HOUR, HOUR), HOUR, -HOUR, HOUR // 2])
        if roll < 0.47 and times:
            return rng.choice(times)
        span = max(top - low, 8)
        if roll < 0.58:
            return low + span // 8 * rng.randint(0, 8)
        if roll < 0.67:
            return low - rng.randint(0, span // 3)
        return rng.randint(low, max(top, low))

    def add_rejected(self):
        """Rows that must not count: no visitor, no id, no finite time; on visitors who have good rows as well."""
        rng = self.rng
        for _ in range(rng.randint(5, 40)):
            t = rng.choice(self.conversions)
            broken = rng.choice([{"visitor": None}, {"at": None}, {"at": "infinity"}, {"at": "-infinity"}, {"id": None}, {"visitor": None, "at": None, "id": None}])
            self.bad_touches.append(Touch(t.visitor, t.at, self.fresh_id(), rng.choice(CREATORS), "click", t.product)._replace(**broken))
            c = rng.choice(self.conversions)
            self.bad_conversions.append(c._replace(id=self.fresh_id())._replace(**rng.choice(
                [{"visitor": None}, {"at": None}, {"at": "infinity"}, {"at": "-infinity"}, {"id": None}])))

    # SQL side

    def load(self, script):
        touches, conversions = self.touches + self.bad_touches, self.conversions + self.bad_conversions
        self.rng.shuffle(touches)
        self.rng.shuffle(conversions)
        script.sql("CREATE TEMP TABLE t (visitor %s, touched_at timestamptz, touch_id bigint, creator_id bigint, kind text, product_id bigint)" % self.visitor_type)
        script.sql("CREATE TEMP TABLE c (visitor %s, converted_at timestamptz, conversion_id bigint, amount bigint, product_id bigint, excluded_creator_ids bigint[])" % self.visitor_type)
        script.copy("t", ["visitor", "touched_at", "touch_id", "creator_id", "kind", "product_id"],
                    [(t.visitor, time_text(t.at), t.id, t.creator, self.kind_text(t.kind), t.product) for t in touches])
        script.copy("c", ["visitor", "converted_at", "conversion_id", "amount", "product_id", "excluded_creator_ids"],
                    [(c.visitor, time_text(c.at), c.id, c.amount, c.product, array(c.excluded)) for c in conversions])
        script.sql("CREATE INDEX ON t (visitor)").sql("ANALYZE t").sql("ANALYZE c")
        script.sql("SET timezone = '%s'" % self.session_zone)
        if self.work_mem:
            script.sql("SET work_mem = '%s'" % self.work_mem)

    def kind_text(self, kind):
        """A NULL kind is a click."""
        return None if kind == "click" and self.rng.random() < 0.2 else kind

    def arguments(self, order="", amounts="amount"):
        """The argument list; the two queries name their columns in some order, with one the function does not know."""
        touch = ["visitor", "touched_at", "touch_id", "creator_id"] + ["kind"] * self.with_kind + ["product_id"] * self.with_product
        conversion = ["visitor", "converted_at", "conversion_id"] + ["amount"] * self.with_amount + ["product_id"] * self.with_product + ["excluded_creator_ids"] * self.with_excluded
        if self.number:
            self.rng.shuffle(touch)
            self.rng.shuffle(conversion)
        conversion = [amounts if column == "amount" else column for column in conversion]
        if self.number % 4 == 1:
            touch.insert(2, "'unknown'::text AS colour")
        args = ["touches => %s" % quote("SELECT %s FROM t%s" % (", ".join(touch), order)),
                "conversions => %s" % quote("SELECT %s FROM c%s" % (", ".join(conversion), order))]
        if self.number == 0:
            return ", ".join(args)
        args += ["model => '%s'" % self.policy.model, "lookback => '%s'" % span_text(self.policy.lookback),
                 "view_lookback => '%s'" % span_text(self.policy.view_lookback),
                 "cart_lookback => '%s'" % span_text(self.policy.cart_lookback), "time_zone => '%s'" % self.zone]
        if self.position_weights:
            args.append("position_weights => '%s'" % array(self.position_weights))
        return ", ".join(args)

    def credit_order_query(self):
        """Orders are the lines that share visitor, time and exclusions. NULL amounts have no place in the array."""
        p = self.policy
        kind = "coalesce(kind, 'click')"
        return """
            SELECT r.* FROM (
                SELECT visitor, converted_at, excluded_creator_ids,
                       array_agg(conversion_id ORDER BY md5(conversion_id::text)) AS ids,
                       array_agg(amount ORDER BY md5(conversion_id::text)) AS amounts,
                       array_agg(product_id ORDER BY md5(conversion_id::text)) AS products
                FROM c
                WHERE visitor IS NOT NULL AND isfinite(converted_at) AND conversion_id IS NOT NULL AND amount IS NOT NULL
                GROUP BY visitor, converted_at, excluded_creator_ids) o
            CROSS JOIN LATERAL (
                SELECT coalesce(array_agg(touched_at ORDER BY md5(touch_id::text)), '{}') AS times,
                       coalesce(array_agg(%s ORDER BY md5(touch_id::text)), '{}') AS kinds,
                       coalesce(array_agg(touch_id ORDER BY md5(touch_id::text)), '{}') AS ids,
                       coalesce(array_agg(creator_id ORDER BY md5(touch_id::text)), '{}') AS creators,
                       coalesce(array_agg(product_id ORDER BY md5(touch_id::text)), '{}') AS products
                FROM t WHERE t.visitor = o.visitor AND isfinite(touched_at) AND touch_id IS NOT NULL) t
            CROSS JOIN LATERAL influence_internal.credit_order(
                t.times, t.kinds, t.ids, t.creators, t.products, o.converted_at, o.ids, o.amounts, o.products,
                coalesce(o.excluded_creator_ids, '{}'), '%s', '%s', '%s', '%s', '%s', '%s') r
            """ % (kind, p.model, span_text(p.lookback), span_text(p.view_lookback), span_text(p.cart_lookback),
                   array(p.position_weights), self.zone)

    def bounds_query(self):
        """A second opinion on the windows' lower bounds, by plain SQL."""
        def bound(span):
            calendar = "make_interval(months => %d, days => %d)" % (span.months, span.days)
            elapsed = "interval '%d.%06d seconds'" % (span.us // 10**6, span.us % 10**6)
            start = "((converted_at AT TIME ZONE '{z}') - {c}) AT TIME ZONE '{z}'".format(z=self.zone, c=calendar) if span.months or span.days else "converted_at"
            return "(extract(epoch FROM (%s) - %s) * 1000000)::bigint" % (start, elapsed)
        return "SELECT conversion_id, %s, %s, %s FROM c WHERE visitor IS NOT NULL AND isfinite(converted_at) AND conversion_id IS NOT NULL" % (
            bound(self.policy.lookback), bound(self.policy.view_lookback), bound(self.policy.cart_lookback))

    def describe(self):
        p = self.policy
        return "scenario %d: %s, lookback %s, view %s, cart %s, weights %s, zone %s, visitor %s" % (
            self.number, p.model, span_text(p.lookback), span_text(p.view_lookback), span_text(p.cart_lookback), array(p.position_weights), self.zone, self.visitor_type)


def row_key(row):
    return row[0] is None, row[0] or 0, row[3] or 0


def parse_credits(rows):
    """SQL rows as model.Credit, sorted by conversion and position."""
    def integer(text):
        return None if text is None else int(text)
    return sorted((model.Credit(integer(r[0]), integer(r[1]), integer(r[2]), integer(r[3]), integer(r[4]), float(r[5]), integer(r[6]), r[7]) for r in rows), key=row_key)


def by_conversion(rows):
    result = {}
    for row in rows:
        result.setdefault(row.conversion, []).append(row)
    return result


class Results:
    """Failures of all scenarios, per group of the output."""

    def __init__(self):
        self.groups = {}

    def add(self, group, cases, failures):
        before = self.groups.setdefault(group, [0, []])
        before[0] += cases
        before[1] += failures

    def print(self, tap):
        for name, (cases, failures) in self.groups.items():
            tap.group(name, cases, failures)


def differences(scenario, what, want, got):
    """The conversions whose rows differ, in full."""
    touches = None
    for conversion, rows in want.items():
        if got.get(conversion) != rows:
            if touches is None:
                touches, conversions = {}, {c.id: c for c in scenario.conversions}
                for t in scenario.touches:
                    touches.setdefault(t.visitor, []).append(t)
            case = conversions[conversion]
            lines = [scenario.describe(), "%s: %r (converted_at %s)" % (what, case, time_text(case.at)),
                     "bounds %s" % {k: time_text(v) for k, v in model.bounds(case, scenario.policy).items()}]
            lines += ["  %r (%s)" % (t, time_text(t.at)) for t in sorted(touches.get(case.visitor, []), key=lambda t: t.at)]
            lines += ["  model %r" % (r,) for r in rows] + ["  got   %r" % (r,) for r in got.get(conversion, [])]
            yield "\n".join(lines)
    for conversion in got:
        if conversion not in want:
            yield "%s\n%s: rows of an unknown conversion: %r" % (scenario.describe(), what, got[conversion])


def run_scenario(scenario, results):
    touches = {}
    for t in scenario.touches:
        touches.setdefault(t.visitor, []).append(t)
    want = {c.id: model.credit(touches.get(c.visitor, []), c, scenario.policy) for c in scenario.conversions}

    script = Script()
    scenario.load(script)
    script.query("bounds", scenario.bounds_query())
    script.query("credits", "SELECT %s FROM influence.attribute(%s)" % (COLUMNS, scenario.arguments()))
    script.query("stats", "SELECT touches, conversions, rejected_touches, rejected_conversions, credits FROM influence.last_attribution_stats()")
    script.query("again", "SELECT %s FROM influence.attribute(%s)" % (COLUMNS, scenario.arguments(" ORDER BY random()")))
    script.query("totals", "SELECT creator_id, conversions, credit FROM influence.attribute_totals(%s)" % scenario.arguments(amounts=BOUNDED_AMOUNT))
    script.query("all_totals", "SELECT pg_temp.outcome_of(%s)" % quote("SELECT count(*) FROM influence.attribute_totals(%s)" % scenario.arguments()))
    if scenario.with_order:
        script.query("orders", scenario.credit_order_query())
    got = script.run()

    n = len(scenario.conversions)
    bound_failures = []
    bounds = {int(r[0]): r[1:] for r in got["bounds"]}
    epoch = (model.EPOCH_UTC - datetime(1970, 1, 1, tzinfo=timezone.utc)) // model.MICROSECOND
    for c in scenario.conversions:
        low = model.bounds(c, scenario.policy)
        mine = [str(low[k] + epoch) for k in ("click", "view", "cart")]
        if bounds.get(c.id) != mine:
            bound_failures.append("%s\nconverted_at %s: plain SQL %s, model %s" % (scenario.describe(), time_text(c.at), bounds.get(c.id), mine))
    results.add("the model's windows against plain SQL, clock changes included", n, bound_failures)

    credits = parse_credits(got["credits"])
    results.add("attribute: bigint, uuid and text visitors, four models, row for row", n, list(differences(scenario, "attribute", want, by_conversion(credits))))
    results.add("attribute: the same rows from shuffled input", n,
                [] if credits == parse_credits(got["again"]) else ["%s: the rows of two runs differ" % scenario.describe()])
    sums = []
    grouped = by_conversion(credits)
    for c in scenario.conversions:
        parts = [r.credit for r in grouped.get(c.id, [])]
        summed = all(p is None for p in parts) if c.amount is None else None not in parts and sum(parts) == c.amount
        if not parts or not summed:
            sums.append("%s: conversion %d of %r: credits %r" % (scenario.describe(), c.id, c.amount, parts))
    results.add("attribute: the credits of every conversion sum to its amount", n, sums)

    stats = [len(scenario.touches) + len(scenario.bad_touches), n + len(scenario.bad_conversions),
             len(scenario.bad_touches), len(scenario.bad_conversions), sum(map(len, want.values()))]
    results.add("last_attribution_stats: rejected rows are counted", len(scenario.bad_touches) + len(scenario.bad_conversions),
                [] if got["stats"] == [[str(s) for s in stats]] else ["%s: got %r, model %r" % (scenario.describe(), got["stats"], stats)])

    check_totals(scenario, touches, got["totals"], got["all_totals"][0][0], results)
    if scenario.with_order:
        ordered = {c.id: want[c.id] for c in scenario.conversions if c.amount is not None}
        results.add("credit_order: the same credits order by order", len(ordered),
                    list(differences(scenario, "credit_order", ordered, by_conversion(parse_credits(got["orders"])))))
    return n


def check_totals(scenario, touches, rows, outcome, results):
    """Row for row with bounded amounts; with all amounts a creator's sum may leave bigint, which must be refused."""
    want = model.totals(touches, scenario.conversions, scenario.policy)
    fits = all(INT64_MIN <= credit <= INT64_MAX for _, credit in want.values())
    expected = str(len(want)) if fits else "IN006"
    results.add("attribute_totals: sums past bigint are refused with IN006, others are not", 1,
                [] if outcome == expected else ["%s: got %s, model %s" % (scenario.describe(), outcome, expected)])
    want = model.totals(touches, [c._replace(amount=bounded(c.amount)) for c in scenario.conversions], scenario.policy)
    got = {}
    failures = []
    for creator, conversions, credit in rows:
        key = None if creator is None else int(creator)
        if key in got:
            failures.append("%s: creator %s twice" % (scenario.describe(), creator))
        whole, _, decimals = conversions.partition(".")
        got[key] = (int(whole) * BILLION + int(decimals.ljust(9, "0")), int(credit or 0))
    for creator in sorted(set(want) | set(got), key=lambda k: (k is not None, k)):
        if want.get(creator) != got.get(creator):
            failures.append("%s: attribute_totals, creator %s: got %r, model %r (conversions in 10^-9, credit)" % (
                scenario.describe(), creator, got.get(creator), want.get(creator)))
    results.add("attribute_totals: one row per creator", len(want), failures)
    units = sum(u for u, _ in got.values())
    results.add("attribute_totals: conversions add up exactly", len(scenario.conversions),
                [] if units == BILLION * len(scenario.conversions) else ["%s: %d of 10^-9 for %d conversions" % (scenario.describe(), units, len(scenario.conversions))])


def check_refusals(tap):
    """Arguments that must be refused, with the SQLSTATE; 'IN' alone where any of ours will do."""
    touches = "SELECT 1::bigint AS visitor, now() AS touched_at, 1::bigint AS touch_id, 1::bigint AS creator_id"
    conversions = "SELECT 1::bigint AS visitor, now() AS converted_at, 1::bigint AS conversion_id, 5::bigint AS amount"
    cases = []
    for function in ("attribute", "attribute_totals"):
        def call(more, t=touches, c=conversions):
            return "SELECT count(*) FROM influence.%s(%s, %s%s)" % (function, quote(t), quote(c), more)
        cases.append((call(""), "1"))
        cases += [(call(", model => '%s'" % m), "IN010") for m in "last_non_direct time_decay j_shaped inverse_j participation shapley custom".split()]
        cases += [(call(", %s => '%s'" % pair), "IN010") for pair in [("reuse", "consume"), ("reuse", "session"), ("match", "product"), ("match", "category")]]
        cases += [(call(", %s => '%s'" % pair), "IN002") for pair in [("model", "magic"), ("model", ""), ("reuse", "never"), ("match", "all"), ("model", "LINEAR")]]
        cases += [(call(", model => 'position_based', position_weights => %s" % quote(w)), "IN002")
                  for w in ["{}", "{1}", "{1,1}", "{1,1,1,1}", "{0,0,0}", "{0,1,0}", "{-0.1,1,1}", "{1,NULL,1}", "{NaN,1,1}", "{1,1,Infinity}"]]
        cases += [(call(", %s => '%s'" % pair), "IN") for pair in
                  [("lookback", "-1 day"), ("lookback", "-1 mon"), ("lookback", "-1 microsecond"), ("view_lookback", "-1 hour"), ("cart_lookback", "-90 days")]]
        cases += [(call("", t=t, c=c), "IN") for t, c in [
            ("SELECT 1::bigint AS visitor, now() AS touched_at, 1::bigint AS touch_id", conversions),
            (touches, "SELECT 1::bigint AS visitor, 1::bigint AS conversion_id"),
            (touches + ", 'poke' AS kind", conversions)]]
        # Extremes that only a wide accumulator gets right.
        amount = "SELECT 1::bigint AS visitor, now() AS converted_at, n AS conversion_id, a AS amount FROM unnest('{%s}'::bigint[]) WITH ORDINALITY AS u(a, n)"
        if function == "attribute_totals":
            top = INT64_MAX
            cases.append(("SELECT credit FROM influence.attribute_totals(%s, %s)" % (quote(touches), quote(amount % ("%d,%d,%d" % (top, top, -top)))), str(top)))
            cases.append(("SELECT credit FROM influence.attribute_totals(%s, %s)" % (quote(touches), quote(amount % ("%d,%d" % (top, 1)))), "IN006"))
    got = outcomes([expression for expression, _ in cases])
    tap.group("refused arguments: unsupported IN010, unknown and malformed IN002, totals past bigint IN006", len(cases),
              ["%s: got %s, want %s" % (e, g, w) for (e, w), g in zip(cases, got) if not (g == w or (w == "IN" and (g or "").startswith("IN")))])


def main():
    tap = Tap()
    model.self_test(tap)
    if "--self-test" in sys.argv:
        tap.done()
    rounds, seed = settings()
    tap.note("seeds %d to %d" % (seed, seed + rounds - 1))
    check_refusals(tap)
    results, cases = Results(), 0
    for s in range(seed, seed + rounds):
        for number in range(SCENARIOS):
            scenario = Scenario(s, number)
            try:
                cases += run_scenario(scenario, results)
            except PgError as error:
                results.add("scenarios that ended in an error", 1, ["%s: %s" % (scenario.describe(), error)])
    results.print(tap)
    tap.note("%d random conversions" % cases)
    tap.done()


if __name__ == "__main__":
    main()
