"""Model of attribution: which touches of a visitor earn which part of a conversion.

One conversion at a time, by the rules of design section 5: filter, sort, weigh, split. Times are microseconds since
2000-01-01 UTC, kept as integers. Written from the specification alone; it shares no code with the extension.
"""

from collections import namedtuple
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from zoneinfo import ZoneInfo
import calendar

from money_model import split_integers

Touch = namedtuple("Touch", "visitor at id creator kind product")
Conversion = namedtuple("Conversion", "visitor at id amount product excluded")
Span = namedtuple("Span", "months days us")
Policy = namedtuple("Policy", "model lookback view_lookback cart_lookback position_weights zone")
Credit = namedtuple("Credit", "conversion touch creator position path_length weight credit reason")

EPOCH = datetime(2000, 1, 1)
EPOCH_UTC = datetime(2000, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
KIND_ORDER = {"view": 0, "click": 1, "cart": 2, "coupon": 3}
BILLION = 10**9
MODELS = ("first_touch", "last_touch", "linear", "position_based")


def to_datetime(us):
    return EPOCH_UTC + timedelta(microseconds=us)


def instant_of_local(local, zone):
    """The instant of a naive wall time, by PostgreSQL's rule: a time that does not exist is read with the offset in
    force before the jump, one that exists twice with the offset in force after it. Python's fold 0 and 1 are the
    offsets before and after."""
    before, after = local.replace(tzinfo=zone), local.replace(tzinfo=zone, fold=1)
    chosen = after if before.utcoffset() > after.utcoffset() else before
    return (chosen.replace(tzinfo=None) - chosen.utcoffset() - EPOCH) // MICROSECOND


def minus_months(local, months):
    """The same day of an earlier month, or that month's last day."""
    year, month = divmod(local.year * 12 + local.month - 1 - months, 12)
    day = min(local.day, calendar.monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day)


def lower_bound(converted_at, span, zone):
    """Months and days count on the wall clock of `zone`, the rest is elapsed time."""
    if span.months or span.days:
        local = to_datetime(converted_at).astimezone(zone).replace(tzinfo=None, fold=0)
        local = minus_months(local, span.months) - timedelta(days=span.days)
        converted_at = instant_of_local(local, zone)
    return converted_at - span.us


def parse_position_weights(weights):
    """Weights in units of 10^-9, from decimal text."""
    units = [Fraction(w) * BILLION for w in weights]
    assert all(u.denominator == 1 for u in units)
    return [int(u) for u in units]


def model_weights(policy, n):
    """Integer weights of a path of n touches, oldest first."""
    if policy.model == "first_touch":
        return [1] + [0] * (n - 1)
    if policy.model == "last_touch":
        return [0] * (n - 1) + [1]
    if policy.model == "linear":
        return [1] * n
    first, middle, last = parse_position_weights(policy.position_weights)
    if n == 1:
        return [1]
    if n == 2:
        return [first, last]
    return [first * (n - 2)] + [middle] * (n - 2) + [last * (n - 2)]


def bounds(conversion, policy):
    """Lower bound of the window by kind; the touch has to lie above it."""
    zone = policy.zone if isinstance(policy.zone, ZoneInfo) else ZoneInfo(policy.zone)
    clicks = lower_bound(conversion.at, policy.lookback, zone)
    return {"click": clicks, "coupon": clicks,
            "view": lower_bound(conversion.at, policy.view_lookback, zone),
            "cart": lower_bound(conversion.at, policy.cart_lookback, zone)}


def eligible_path(touches, conversion, policy):
    low = bounds(conversion, policy)
    path = []
    for touch in touches:
        if not low[touch.kind] < touch.at <= conversion.at:
            continue
        if touch.kind == "cart" and (touch.product is None or touch.product != conversion.product):
            continue
        path.append(touch)
    if any(t.kind != "view" for t in path):
        path = [t for t in path if t.kind != "view"]
    return sorted(path, key=lambda t: (t.at, KIND_ORDER[t.kind], t.id))


def credit(touches, conversion, policy):
    """The rows of one conversion. `touches` are the visitor's, in any order."""
    path = eligible_path(touches, conversion, policy)
    n = len(path)
    if n == 0:
        seen = any(t.at <= conversion.at for t in touches)
        return [Credit(conversion.id, None, None, None, 0, 1.0, conversion.amount, "outside_window" if seen else "no_touch")]
    weights = model_weights(policy, n)
    excluded = conversion.excluded or ()
    if any(w > 0 and t.creator is not None and t.creator in excluded for t, w in zip(path, weights)):
        return [Credit(conversion.id, None, None, None, n, 1.0, conversion.amount, "excluded")]
    total = sum(weights)
    credits = split_integers(conversion.amount, weights) if conversion.amount is not None else [None] * n
    return [Credit(conversion.id, t.id, t.creator, i + 1, n, w / total, c, "credited")
            for i, (t, w, c) in enumerate(zip(path, weights, credits)) if w > 0]


def totals(touches_by_visitor, conversions, policy):
    """creator -> (conversions in units of 10^-9, credit). Each conversion's 1 is split like its money."""
    result = {}

    def add(creator, units, amount):
        before = result.get(creator, (0, 0))
        result[creator] = (before[0] + units, before[1] + (amount or 0))

    for conversion in conversions:
        touches = touches_by_visitor.get(conversion.visitor, [])
        rows = credit(touches, conversion, policy)
        if rows[0].reason != "credited":
            add(None, BILLION, rows[0].credit)
            continue
        weights = model_weights(policy, rows[0].path_length)
        for row, units in zip(rows, split_integers(BILLION, [weights[r.position - 1] for r in rows])):
            add(row.creator, units, row.credit)
    return result


def self_test(tap):
    """Vectors that follow from the rules by hand."""
    hour, day = 3600 * 10**6, 86400 * 10**6
    bad, cases = [], 0

    def policy(model="last_touch", lookback=Span(0, 30, 0), view=Span(0, 0, 0), cart=Span(0, 90, 0), w=("0.4", "0.2", "0.4"), zone="UTC"):
        return Policy(model, lookback, view, cart, w, ZoneInfo(zone))

    def same(got, want, what):
        nonlocal cases
        cases += 1
        if got != want:
            bad.append("%s: got %r, want %r" % (what, got, want))

    def clicks(*times):
        return [Touch(1, t, i + 1, 100 + i, "click", None) for i, t in enumerate(times)]

    def shares(touches, amount, pol, **more):
        conv = Conversion(1, 40 * day, 7, amount, more.get("product"), more.get("excluded"))
        return [(r.touch, r.credit, r.reason) for r in credit(touches, conv, pol)]

    same(model_weights(policy("position_based"), 1), [1], "n=1")
    same(model_weights(policy("position_based"), 2), [4 * 10**8] * 2, "n=2 renormalised")
    same(model_weights(policy("position_based"), 4), [8 * 10**8, 2 * 10**8, 2 * 10**8, 8 * 10**8], "n=4")
    same(shares(clicks(10 * day), 5, policy()), [(None, 5, "outside_window")], "lower border is outside")
    same(shares(clicks(10 * day + 1), 5, policy()), [(1, 5, "credited")], "one microsecond above it is inside")
    same(shares(clicks(40 * day), 5, policy()), [(1, 5, "credited")], "the conversion's own instant is inside")
    same(shares(clicks(40 * day + 1), 5, policy()), [(None, 5, "no_touch")], "later touches do not count")
    same(shares(clicks(39 * day, 39 * day), 5, policy()), [(2, 5, "credited")], "ties by id")
    same(shares([Touch(1, 39 * day, 9, 1, "click", None), Touch(1, 39 * day, 2, 1, "coupon", None)], 5, policy()), [(2, 5, "credited")], "ties by kind")
    same(shares(clicks(11 * day, 12 * day, 13 * day), 100, policy("linear")), [(1, 34, "credited"), (2, 33, "credited"), (3, 33, "credited")], "linear")
    same(shares(clicks(11 * day, 12 * day, 13 * day), -100, policy("position_based")), [(1, -40, "credited"), (2, -20, "credited"), (3, -40, "credited")], "mirror")
    view = Touch(1, 39 * day, 50, 1, "view", None)
    same(shares([view], 5, policy()), [(None, 5, "outside_window")], "views earn nothing without a view lookback")
    same(shares([view], 5, policy(view=Span(0, 2, 0))), [(50, 5, "credited")], "views inside theirs")
    same(shares([view] + clicks(38 * day), 5, policy("linear", view=Span(0, 2, 0))), [(1, 5, "credited")], "a click drives views out")
    cart = Touch(1, 39 * day, 60, 1, "cart", 8)
    same(shares([cart], 5, policy(), product=8), [(60, 5, "credited")], "cart of the product")
    same(shares([cart], 5, policy(), product=9), [(None, 5, "outside_window")], "cart of another product")
    same(shares(clicks(38 * day, 39 * day), 5, policy(), excluded=[101]), [(None, 5, "excluded")], "excluded winner")
    same(shares(clicks(38 * day, 39 * day), 5, policy(), excluded=[100]), [(2, 5, "credited")], "excluded loser has no weight")

    # Published transitions: New York skips 2025-03-09 02:00-03:00, repeats 2025-11-02 01:00-02:00.
    ny = ZoneInfo("America/New_York")

    def at(*when):
        return (datetime(*when) - EPOCH) // MICROSECOND

    same(lower_bound(at(2025, 3, 10, 6, 30), Span(0, 1, 0), ny), at(2025, 3, 9, 7, 30), "the skipped 02:30 is 03:30")
    same(lower_bound(at(2025, 11, 3, 6, 30), Span(0, 1, 0), ny), at(2025, 11, 2, 6, 30), "the second 01:30")
    same(lower_bound(at(2025, 3, 10, 7, 30), Span(0, 1, 3 * hour), ny), at(2025, 3, 9, 4, 30), "then three hours elapse")
    same(lower_bound(at(2024, 3, 31, 12), Span(1, 0, 0), ZoneInfo("UTC")), at(2024, 2, 29, 12), "a month before 31 March")
    tap.group("attribution model: cases that follow from the rules by hand", cases, bad)
