"""Random scenarios for check_attribution.py: a policy, visitors whose touches and orders crowd the edges of the rules,
and the SQL that brings them into PostgreSQL and asks about them.

Scenarios go round over all models, reuses and matches; windows, zones, columns and types are drawn. A visitor's times
are window borders to the microsecond, instants of other touches and orders, ends of sessions, clock changes, and ages
at which a time_decay weight is about to round the other way.
"""

from datetime import datetime, timedelta, timezone
from functools import lru_cache
from math import log2
from zoneinfo import ZoneInfo
import random
import uuid

import attribution_model as model
from attribution_model import BILLION, Conversion, DAY, Policy, Span, Touch
from money_model import INT64_MAX, INT64_MIN
from pg import array, quote

COMBINATIONS = len(model.MODELS) * len(model.REUSES) * len(model.MATCHES)
SCENARIOS = 3 * COMBINATIONS + 1
VISITORS = 100
HOUR = 3600 * 10**6
ZONES = ["UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Kolkata",
         "America/St_Johns", "Europe/Lisbon"]
LOOKBACKS = [Span(0, 30, 0), Span(1, 0, 0), Span(0, 1, 3 * HOUR), Span(0, 0, 24 * HOUR), Span(0, 0, 720 * HOUR), Span(1, 1, HOUR), Span(2, 10, 0), Span(1, 1, 0),
             Span(0, 1, 0), Span(3, 0, 0), Span(0, 0, 1), Span(0, 7, 0), Span(13, 2, 90 * 60 * 10**6 + 1)]
VIEW_LOOKBACKS = [Span(0, 0, 0), Span(0, 1, 0), Span(0, 0, 2 * HOUR), Span(0, 2, 0), Span(1, 0, 0), Span(1, 1, 0)]
CART_LOOKBACKS = [Span(0, 90, 0), Span(0, 90, 0), Span(0, 0, 0), Span(0, 1, 3 * HOUR), Span(2, 0, 0), Span(1, 2, 0)]
SESSIONS = [Span(0, 0, 24 * HOUR), Span(0, 0, 24 * HOUR), Span(0, 1, 0), Span(0, 0, HOUR // 2 + 1), Span(0, 7, 0), Span(1, 0, 0), Span(0, 2, 3 * HOUR), Span(0, 0, 1)]
WEIGHTS = [None, ("0.4", "0.2", "0.4"), ("0.3", "0", "0.7"), ("1", "0", "0"), ("0", "0.5", "0.5"), ("0.333333333", "0.1", "0.000000001"),
           ("7", "3", "11"), ("0", "1", "1e-9"), ("0.5", "0", "0")]
AMOUNTS = [0, 1, -1, 2, -3, None, None, INT64_MAX, -INT64_MAX, INT64_MIN, 99, -100]
CREATORS = [1, 2, 3, 4, 5, 6, 0, -5, INT64_MAX, INT64_MIN, 77, 78]
CHANNELS = [None, "direct", "direct", "direct", "Direct", "direct ", "", "email", "search"]
ODD_TEXTS = ["", " ", "a", "A", "a ", "\u00e4", "a\u0308", "NULL", "\\N", "o'brien", "tab\there", "x" * 3000, "x" * 2999 + "y"]
COLUMNS = "conversion_id, touch_id, creator_id, touch_position, path_length, weight, credit, reason"
BOUND = 2**50
BOUNDED_AMOUNT = "CASE WHEN amount BETWEEN -%d AND %d THEN amount END AS amount" % (BOUND, BOUND)
DEFAULTS = Policy("last_touch", Span(0, 30, 0), Span(0, 0, 0), Span(0, 90, 0), ("0.4", "0.2", "0.4"), ZoneInfo("UTC"))


def span_text(span):
    return "%d mons %d days %d.%06d seconds" % (span.months, span.days, span.us // 10**6, span.us % 10**6)


@lru_cache(maxsize=1 << 16)
def time_text(us):
    return us if us is None or isinstance(us, str) else model.to_datetime(us).strftime("%Y-%m-%d %H:%M:%S.%f+00")


def weight_text(units):
    return None if units is None else "%d.%09d" % divmod(units, BILLION)


def text_array(values):
    """An array literal of texts without quotes or backslashes."""
    return "{" + ",".join("NULL" if v is None else '"%s"' % v for v in values) + "}"


def bounded(amount):
    return amount if amount is not None and -BOUND <= amount <= BOUND else None


@lru_cache(maxsize=None)
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
        self.zone = ZONES[number % len(ZONES)]
        self.position_weights = rng.choice(WEIGHTS)
        combination = number % COMBINATIONS
        name = model.MODELS[combination % 11]
        lookback = rng.choice(LOOKBACKS)
        self.policy = Policy(name, lookback, rng.choice(VIEW_LOOKBACKS), rng.choice(CART_LOOKBACKS), self.position_weights or DEFAULTS.position_weights,
                             ZoneInfo(self.zone), self.half_life(lookback), model.REUSES[combination // 11 % 3], rng.choice(SESSIONS), model.MATCHES[combination // 33])
        self.all_defaults = number == SCENARIOS - 1  # and only the columns that must be there
        if self.all_defaults:
            self.policy, self.position_weights, self.zone = DEFAULTS, None, "UTC"

        def column(share, *needed):
            return not self.all_defaults and (any(needed) or rng.random() < share)
        self.visitor_type = rng.choice(["bigint", "uuid", "text"])
        self.with_kind = column(0.9)
        self.with_product = column(0.9, self.policy.match == "product")
        self.with_category = column(0.3, self.policy.match == "category")
        self.with_channel = column(0.3, name == "last_non_direct" and rng.random() < 0.9)
        self.with_weight = column(0.2, name == "custom")
        self.with_amount, self.with_excluded, self.with_order = column(0.85), column(0.9), column(0.75)
        self.order_type = rng.choice(["bigint", "int", "uuid", "text"])
        self.weight_type = rng.choice(["numeric", "numeric", "bigint", "int"])
        self.late_visitors = rng.random() < 0.4
        self.work_mem = ["64kB", None] if number % 2 else [None, "64kB"]
        self.session_zone = rng.choice(ZONES)
        self.changes = clock_changes(self.zone)
        self.order_ids = self.draw_order_ids()
        self.ids = set()
        self.visitors = []  # (visitor, touches, conversions)
        for i in range(VISITORS):
            self.add_visitor(self.visitor(i))
        self.bad_touches, self.bad_conversions = [], []
        self.add_rejected()

    def half_life(self, lookback):
        rng = self.rng
        reach = (lookback.months * 28 + lookback.days) * DAY + lookback.us
        return rng.choice([Span(0, 7, 0), Span(0, 1, 0), Span(0, 0, 1), Span(0, 0, 2977044471), Span(0, 0, max(reach // 64, 1)), Span(0, 0, max(reach // 40, 1)), Span(0, 0, max(reach // rng.randint(33, 99), 1)),
                           Span(0, 0, rng.randint(1, 10**12)), Span(0, 1, 90 * 60 * 10**6 + 1), Span(0, 10**8, 0), Span(0, 0, 10**18 + 7), Span(0, 0, HOUR)])

    def draw_order_ids(self):
        """Some that visitors will have in common, then enough for one each."""
        rng, count = self.rng, VISITORS * 3
        if self.order_type == "uuid":
            return [str(uuid.UUID(int=v)) for v in [0, 1, 2**64, 2**128 - 1, 2**127] + [rng.getrandbits(128) for _ in range(count)]]
        if self.order_type == "text":
            return ODD_TEXTS + ["order %d" % n for n in range(count)]
        top = 2**31 - 1 if self.order_type == "int" else INT64_MAX
        return [0, -1, 1, top, -top - 1] + [rng.randint(-top - 1, top) for _ in range(count)]

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
        return ODD_TEXTS[i] if i < len(ODD_TEXTS) else "visitor-%d" % i

    # Orders

    def order_time(self):
        rng, policy = self.rng, self.policy
        roll = rng.random()
        span = rng.choice([policy.lookback, policy.lookback, policy.view_lookback, policy.cart_lookback, policy.session_lifetime])
        if self.changes and roll < 0.3:
            return self.order_time_for_change(rng.choice(self.changes), span)
        if self.changes and roll < 0.6:
            at = rng.choice(self.changes)
            if roll < 0.5:  # the window begins about the night of the change
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

    def order_moments(self):
        rng = self.rng
        first = self.order_time()
        moments = [first]
        window, session = (first - model.lower_bound(first, s, self.policy.zone) for s in (self.policy.lookback, self.policy.session_lifetime))
        while len(moments) < 6 and rng.random() < 0.55:
            other = rng.choice(moments)
            moments.append(rng.choice([other, other, other + 1, other - 1, other + rng.randint(0, 10) * DAY, other + rng.randint(0, max(window, 1)),
                                       other + rng.randint(0, max(window // 8, 1)), other + rng.randint(0, max(session, 1)),
                                       other + session + rng.choice([-1, 0, 1]), self.order_time() if rng.random() < 0.4 else other]))
        return moments

    def draw_orders(self, visitor, creators, products, categories):
        """The lines of a visitor's orders; the earliest line of an order is its moment."""
        rng, lines, used = self.rng, [], set()
        for at in self.order_moments():
            excluded = rng.sample(creators, rng.randint(0, len(creators))) if rng.random() < 0.2 else rng.choice([None, [], [999]])
            order = None
            if self.with_order and rng.random() < 0.75:
                order = rng.choice(self.order_ids[:5] if rng.random() < 0.4 else self.order_ids)
                if order in used:
                    order = None
                used.add(order)
            count = rng.choice([1, 1, 2, 3])
            first = rng.randrange(count)
            for n in range(count):
                amount = rng.choice(AMOUNTS) if rng.random() < 0.4 else rng.getrandbits(rng.randint(1, 40)) * rng.choice([1, 1, -1])
                line_at = at if n == first else at + rng.choice([0, 0, 0, 1, HOUR, rng.randint(0, 5 * DAY)])
                mine = excluded if rng.random() < 0.9 else rng.sample(creators, rng.randint(0, len(creators)))
                lines.append(Conversion(visitor, line_at, self.fresh_id(), amount if self.with_amount else None, rng.choice(products) if self.with_product else None,
                                        mine if self.with_excluded else None, order, rng.choice(categories) if self.with_category else None))
        while rng.random() < 0.1:  # the same row again, or only its id
            twin = rng.choice(lines)
            if rng.random() < 0.5:
                lines.append(twin)
            else:
                n = rng.randrange(len(lines))
                lines[n] = lines[n]._replace(id=twin.id)
        return self.without_ties(lines)

    def without_ties(self, lines):
        """Orders of one moment and one smallest id follow each other by order id; where there is none, or only a text
        (which the engine compares by its hash), and the lines are not the same, their sequence would be open."""
        while True:
            seen, again = {}, None
            for o in model.orders_of(lines):
                twin = seen.setdefault((o.at, min(l.id for l in o.lines)), o)
                open_ = self.order_type == "text" or None in (o.lines[0].order, twin.lines[0].order)
                if twin is not o and open_ and o.lines != twin.lines:
                    again = o.lines
            if again is None:
                return lines
            lines = [l for l in lines if l not in again] + [l._replace(id=self.fresh_id()) for l in again]

    # Touches

    def add_visitor(self, visitor):
        rng = self.rng
        crowd = rng.random() < 0.004  # a long path, and of many creators
        creators = rng.sample(range(100, 400), 150) if crowd else rng.sample(CREATORS, rng.choice([1, 1, 2, 2, 3, 4, 6]))
        products, categories = ([None] + rng.sample(range(1, 9), rng.randint(1, 3)) for _ in range(2))
        if rng.random() < 0.6:  # all have one
            del products[0], categories[0]
        lines = self.draw_orders(visitor, creators, products, categories)
        orders = model.orders_of(lines)
        kinds = rng.choice([["click"], ["view"], ["view"] * 5 + ["click"], ["cart", "view"], ["view", "click", "cart", "coupon"], ["click"] * 3 + ["cart"],
                            ["click"], ["click", "click", "coupon"], ["click", "coupon"], ["cart", "cart", "click"], ["view", "click", "click", "cart", "coupon"]]) if self.with_kind else ["click"]
        length = rng.choice([0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16]) if rng.random() < 0.95 else rng.randint(17, 50)
        length = rng.randint(100, 400) if crowd else length
        windows = [(o.at, model.bounds(o.at, self.policy)) for o in orders]
        whole = self.policy.match == "any" or rng.random() < 0.3  # else most touches are of something that is bought
        nobody = rng.choice([0, 0.1, 0.1, 0.5])
        budget = INT64_MAX if self.weight_type == "numeric" else INT64_MAX // BILLION if self.weight_type == "bigint" else 2**31 - 1
        touches = []
        for _ in range(length):
            at, low = rng.choice(windows)
            kind = rng.choice(kinds)
            line = rng.choice(lines)
            creator = None if rng.random() < nobody else rng.choice(creators)
            product, category = (rng.choice(own) if whole or rng.random() < 0.2 else bought for own, bought in [(products, line.product), (categories, line.category)])
            if kind == "coupon" and rng.random() < 0.5:
                product = category = None
            weight = self.draw_weight(budget) if self.with_weight else None
            budget -= (weight or 0) // (1 if self.weight_type == "numeric" else BILLION)
            touch_id = rng.choice(touches).id if touches and rng.random() < 0.05 else self.fresh_id()
            touches.append(Touch(visitor, self.touch_time(at, low[kind], low["session"], touches), touch_id, creator, kind, product if self.with_product else None,
                                 category if self.with_category else None, rng.choice(CHANNELS) if self.with_channel else None, weight))
        if touches and rng.random() < 0.1:  # the same touch again, or nearly
            changes = {"custom": {"weight": None}, "last_non_direct": {"channel": rng.choice(CHANNELS) if self.with_channel else None}}
            touches.append(rng.choice(touches)._replace(**changes.get(self.policy.model, {})))
        self.visitors.append((visitor, touches, lines))

    def draw_weight(self, budget):
        """In units of 10^-9; all weights of a visitor together stay within the budget, in units of the column."""
        rng = self.rng
        weight = rng.choice([None, 0, 1, 1, 2, 3, rng.randint(0, 10), rng.randint(0, 10**6), rng.randint(0, budget), rng.randint(0, budget), budget])
        if weight is None or self.weight_type != "numeric":
            return None if weight is None else min(weight, budget) * BILLION
        return min(weight * rng.choice([1, 1, 10**3, BILLION, BILLION // 2]), budget)

    def touch_time(self, top, low, session, touches):
        rng, roll = self.rng, self.rng.random()
        if self.policy.model == "time_decay" and roll < 0.6:
            newest = max((t.at for t in touches if t.at <= top), default=None)
            return top - rng.randint(0, 2) if newest is None else newest - self.decisive_age() + rng.choice([0, 0, 0, 1, -1])
        if self.policy.reuse == "session" and roll < 0.5:
            span = max(top - session, 2)
            return session + rng.choice([0, 1, -1, rng.randint(0, span), rng.randint(0, span), rng.randint(0, span), rng.randint(-span, span)])
        roll = rng.random()
        if roll < 0.15:
            return low + rng.choice([-1, 0, 0, 1])
        if roll < 0.27:
            return top + rng.choice([-1, 0, 0, 1])
        if roll < 0.35:  # between the border and where a wrong reading of the clock would put it
            return low + rng.choice([rng.randint(-HOUR, HOUR), HOUR, -HOUR, HOUR // 2])
        if roll < 0.47 and touches:
            return rng.choice(touches).at + rng.choice([0, 0, 0, 1])
        span = max(top - low, 8)
        if roll < 0.58:
            return low + span // 8 * rng.randint(0, 8)
        if roll < 0.67:
            return low - rng.randint(0, span // 3)
        return rng.randint(low, max(top, low))

    def decisive_age(self):
        """An age whose weight is a whole power of two, a tie, or within a microsecond of rounding the other way."""
        rng, half_life = self.rng, model.half_life_us(self.policy.half_life)
        if rng.random() < 0.4:
            age = half_life * rng.choice([1, 2, 60, 61, 62, 63, 64, 65, 66, rng.randint(1, 70)]) // 2
        else:
            age = round(half_life * (31 - log2(int(2**rng.uniform(0, 31)) + rng.choice([0.5, 0.5, -0.5]))))
        return age if age < 2000 * DAY else rng.randint(0, 10)

    def add_rejected(self):
        """Rows that must not count: no visitor, no id, no finite time; on visitors who have good rows as well."""
        rng = self.rng
        for _ in range(rng.randint(5, 40)):
            t = rng.choice(rng.choice(self.visitors)[2])
            broken = rng.choice([{"visitor": None}, {"at": None}, {"at": "infinity"}, {"at": "-infinity"}, {"id": None}, {"visitor": None, "at": None, "id": None}])
            self.bad_touches.append(Touch(t.visitor, t.at, self.fresh_id(), rng.choice(CREATORS), "click", t.product)._replace(**broken))
            c = rng.choice(rng.choice(self.visitors)[2])
            self.bad_conversions.append(c._replace(id=self.fresh_id())._replace(**rng.choice(
                [{"visitor": None}, {"at": None}, {"at": "infinity"}, {"at": "-infinity"}, {"id": None}])))

    def late_histories(self):
        """For credit_order: (visitor number, touches) with some of them late."""
        for n, (_, touches, _) in enumerate(self.visitors):
            some = self.late_visitors and self.rng.random() < 0.5
            share = self.rng.choice([0.2, 0.5, 1])
            yield n, [t._replace(late=True) if some and self.rng.random() < share else t for t in touches]

    # SQL side

    def load(self, script):
        rng = self.rng
        touches = [t for _, own, _ in self.visitors for t in own] + self.bad_touches
        conversions = [c for _, _, own in self.visitors for c in own] + self.bad_conversions
        rng.shuffle(touches)
        rng.shuffle(conversions)
        # one in five is read and credited by several processes: they see no temporary tables, but those of an open transaction
        kind = "TEMP"
        if self.number % 5 == 2:
            kind, schema = "", "oracle_" + uuid.uuid4().hex
            script.sql("BEGIN; CREATE SCHEMA %s; SET LOCAL search_path = %s, public" % (schema, schema))
            script.sql("SET LOCAL parallel_setup_cost = 0; SET LOCAL min_parallel_table_scan_size = 0")
        script.sql("CREATE %s TABLE t (visitor %s, touched_at timestamptz, touch_id bigint, creator_id bigint, kind text, product_id bigint, category_id bigint, channel text, weight %s)"
                   % (kind, self.visitor_type, self.weight_type))
        script.sql("CREATE %s TABLE c (visitor %s, converted_at timestamptz, conversion_id bigint, amount bigint, order_id %s, product_id bigint, category_id bigint, excluded_creator_ids bigint[])"
                   % (kind, self.visitor_type, self.order_type))
        weight = weight_text if self.weight_type == "numeric" else lambda w: None if w is None else w // BILLION
        script.copy("t", ["visitor", "touched_at", "touch_id", "creator_id", "kind", "product_id", "category_id", "channel", "weight"],
                    [(t.visitor, time_text(t.at), t.id, t.creator, self.kind_text(t.kind), t.product, t.category, t.channel, weight(t.weight)) for t in touches])
        script.copy("c", ["visitor", "converted_at", "conversion_id", "amount", "order_id", "product_id", "category_id", "excluded_creator_ids"],
                    [(c.visitor, time_text(c.at), c.id, c.amount, c.order, c.product, c.category, array(c.excluded)) for c in conversions])
        script.sql("SET timezone = '%s'" % self.session_zone)

    def kind_text(self, kind):
        """A NULL kind is a click."""
        return None if kind == "click" and self.rng.random() < 0.2 else kind

    def arguments(self, order="", amounts="amount"):
        """The argument list; the two queries name their columns in some order, with one the function does not know."""
        touch = ["visitor", "touched_at", "touch_id", "creator_id"] + ["kind"] * self.with_kind + ["product_id"] * self.with_product
        touch += ["category_id"] * self.with_category + ["channel"] * self.with_channel + ["weight"] * self.with_weight
        conversion = ["visitor", "converted_at", "conversion_id"] + ["amount"] * self.with_amount + ["product_id"] * self.with_product
        conversion += ["excluded_creator_ids"] * self.with_excluded + ["order_id"] * self.with_order + ["category_id"] * self.with_category
        if not self.all_defaults:
            self.rng.shuffle(touch)
            self.rng.shuffle(conversion)
        conversion = [amounts if column == "amount" else column for column in conversion]
        if self.number % 4 == 1:
            touch.insert(2, "'unknown'::text AS colour")
        args = ["touches => %s" % quote("SELECT %s FROM t%s" % (", ".join(touch), order)),
                "conversions => %s" % quote("SELECT %s FROM c%s" % (", ".join(conversion), order))]
        return ", ".join(args + ([] if self.all_defaults else self.policy_arguments()))

    def policy_arguments(self):
        p = self.policy
        values = {"model": p.model, "lookback": span_text(p.lookback), "view_lookback": span_text(p.view_lookback), "cart_lookback": span_text(p.cart_lookback),
                  "half_life": span_text(p.half_life), "reuse": p.reuse, "session_lifetime": span_text(p.session_lifetime), "match": p.match, "time_zone": self.zone}
        if self.position_weights:
            values["position_weights"] = array(self.position_weights)
        return ["%s => '%s'" % item for item in values.items()]

    def load_orders(self, script, histories):
        """What credit_order gets, as arrays: the touches by visitor, the lines by order and exclusions."""
        rng = self.rng

        def shuffled(rows):
            return rng.sample(rows, len(rows))
        script.sql("CREATE TEMP TABLE touches (visitor int PRIMARY KEY, times timestamptz[], kinds text[], ids bigint[], creators bigint[], products bigint[], categories bigint[], channels text[], late boolean[])")
        script.sql("CREATE TEMP TABLE orders (visitor int, at timestamptz, ids bigint[], amounts bigint[], products bigint[], categories bigint[], excluded bigint[], path_start timestamptz, cart_starts timestamptz[])")
        rows = []
        for n, touches in histories:
            touches = shuffled(touches)
            rows.append((n, text_array(time_text(t.at) for t in touches), array(t.kind for t in touches), array(t.id for t in touches), array(t.creator for t in touches),
                         array(t.product for t in touches), array(t.category for t in touches), text_array(t.channel for t in touches), array("t" if t.late else "f" for t in touches)))
        script.copy("touches", ["visitor", "times", "kinds", "ids", "creators", "products", "categories", "channels", "late"], rows)
        rows = []
        for n, (_, _, lines) in enumerate(self.visitors):
            for order in model.orders_of(lines):
                groups = {}
                for line, start in shuffled(list(zip(order.lines, order.cart_starts))):
                    if line.amount is not None:  # an order of the program has amounts
                        groups.setdefault(tuple(line.excluded or ()), []).append((line, start))
                for excluded, group in groups.items():
                    rows.append((n, time_text(order.at), array(l.id for l, _ in group), array(l.amount for l, _ in group), array(l.product for l, _ in group),
                                 array(l.category for l, _ in group), array(excluded), time_text(order.path_start), text_array(time_text(s) for _, s in group)))
        script.copy("orders", ["visitor", "at", "ids", "amounts", "products", "categories", "excluded", "path_start", "cart_starts"], shuffled(rows))
        script.sql("ANALYZE touches").sql("ANALYZE orders")

    def credit_order_query(self):
        p = self.policy
        return """
            SELECT r.* FROM orders o JOIN touches t USING (visitor)
            CROSS JOIN LATERAL influence_internal.credit_order(
                t.times, t.kinds, t.ids, t.creators, t.products, t.categories, t.channels, t.late,
                o.at, o.ids, o.amounts, o.products, o.categories, o.excluded, o.path_start, o.cart_starts,
                '%s', '%s', '%s', '%s', '%s', '%s', '%s', '%s', '%s', '%s') r
            """ % (p.model, span_text(p.lookback), span_text(p.view_lookback), span_text(p.cart_lookback), span_text(p.half_life),
                   array(p.position_weights), p.reuse, span_text(p.session_lifetime), p.match, self.zone)

    def load_journeys(self, script):
        """The rows that count as events, with order ids that journeys have: numbers, in the order of the ids."""
        numbers = {order: n for n, order in enumerate(sorted({l.order for _, _, lines in self.visitors for l in lines} - {None}))}
        rows = []
        for n, (_, touches, lines) in enumerate(self.visitors):
            rows += [(n, time_text(t.at), self.kind_text(t.kind), t.id, t.creator, None, None, t.product, t.category, t.channel, weight_text(t.weight), None) for t in touches]
            rows += [(n, time_text(l.at), "conversion", l.id, None, l.amount, numbers.get(l.order), l.product, l.category, None, None, array(l.excluded)) for l in lines]
        self.rng.shuffle(rows)
        script.sql("CREATE TEMP TABLE events (visitor int, at timestamptz, kind text, id bigint, creator bigint, amount bigint, order_id bigint, product bigint, category bigint, channel text, weight numeric, excluded bigint[])")
        script.copy("events", ["visitor", "at", "kind", "id", "creator", "amount", "order_id", "product", "category", "channel", "weight", "excluded"], rows)

    def journey_query(self):
        arguments = "" if self.all_defaults else ", " + ", ".join(self.policy_arguments())
        return """
            SELECT r.* FROM (
                SELECT influence.journey(at, kind, id, creator, amount, order_id, product, category, channel, weight, excluded) AS events
                FROM events GROUP BY visitor) j
            CROSS JOIN LATERAL influence.attribute_journey(j.events%s) r
            """ % arguments

    def bounds_query(self):
        """A second opinion on the windows' lower bounds, by plain SQL."""
        def bound(span):
            calendar = "make_interval(months => %d, days => %d)" % (span.months, span.days)
            elapsed = "interval '%d.%06d seconds'" % (span.us // 10**6, span.us % 10**6)
            start = "((converted_at AT TIME ZONE '{z}') - {c}) AT TIME ZONE '{z}'".format(z=self.zone, c=calendar) if span.months or span.days else "converted_at"
            return "(extract(epoch FROM (%s) - %s) * 1000000)::bigint" % (start, elapsed)
        p = self.policy
        return "SELECT conversion_id, %s FROM c WHERE visitor IS NOT NULL AND isfinite(converted_at) AND conversion_id IS NOT NULL" % (
            ", ".join(bound(s) for s in (p.lookback, p.view_lookback, p.cart_lookback, p.session_lifetime)))

    def bounds_rows(self):
        epoch = (model.EPOCH_UTC - datetime(1970, 1, 1, tzinfo=timezone.utc)) // model.MICROSECOND
        for _, _, lines in self.visitors:
            for line in lines:
                low = model.bounds(line.at, self.policy)
                yield "\t".join([str(line.id)] + [str(low[k] + epoch) for k in ("click", "view", "cart", "session")])

    def describe(self):
        return "scenario %d, visitor %s, order_id %s, weight %s: %s" % (self.number, self.visitor_type, self.order_type if self.with_order else "-",
                                                                        self.weight_type if self.with_weight else "-", ", ".join(self.policy_arguments()))
