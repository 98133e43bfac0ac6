"""Model of attribution: which touches of a visitor earn which part of a conversion.

One visitor at a time, by the rules of design section 5: lines to orders, filter, weigh, split. Times are microseconds
since 2000-01-01 UTC, kept as integers; so are custom weights, in units of 10^-9. Written from the specification alone;
it shares no code with the extension. Vectors made by hand are in attribution_vectors.py.
"""

from collections import namedtuple
from datetime import datetime, timedelta, timezone
from decimal import Context, Decimal, ROUND_FLOOR
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo
import calendar

from money_model import BAD_INPUT, INT64_MAX, MoneyError, split_integers

Span = namedtuple("Span", "months days us")
Touch = namedtuple("Touch", "visitor at id creator kind product category channel weight late", defaults=(None, None, None, False))
Conversion = namedtuple("Conversion", "visitor at id amount product excluded order category", defaults=(None, None))
Policy = namedtuple("Policy", "model lookback view_lookback cart_lookback position_weights zone half_life reuse session_lifetime match",
                    defaults=(Span(0, 7, 0), "reuse", Span(0, 0, 86400 * 10**6), "any"))
# cart_starts: for each line the moment of the last earlier order with its product
Order = namedtuple("Order", "at lines path_start cart_starts")
# shares: (position, touch, weight) of each touch that earns something
Verdict = namedtuple("Verdict", "reason path_length shares")
Credit = namedtuple("Credit", "conversion touch creator position path_length weight credit reason")

EPOCH = datetime(2000, 1, 1)
EPOCH_UTC = datetime(2000, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
DAY = 86400 * 10**6
KIND_ORDER = {"view": 0, "click": 1, "cart": 2, "coupon": 3}
BILLION = 10**9
MODELS = ("first_touch", "last_touch", "last_non_direct", "linear", "position_based", "j_shaped", "inverse_j", "time_decay",
          "participation", "shapley", "custom")
REUSES = ("reuse", "consume", "session")
MATCHES = ("any", "product", "category")
SHAPES = {"j_shaped": ("0.2", "0.2", "0.6"), "inverse_j": ("0.6", "0.2", "0.2")}


# Windows ---------------------------------------------------------------------

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


@lru_cache(maxsize=1 << 16)
def lower_bound(at, span, zone):
    """Months and days count on the wall clock of `zone`, the rest is elapsed time."""
    if span.months or span.days:
        local = to_datetime(at).astimezone(zone).replace(tzinfo=None, fold=0)
        local = minus_months(local, span.months) - timedelta(days=span.days)
        at = instant_of_local(local, zone)
    return at - span.us


def bounds(at, policy):
    """Lower bound of the window by kind, and of the session; a touch has to lie above it."""
    zone = policy.zone if isinstance(policy.zone, ZoneInfo) else ZoneInfo(policy.zone)
    clicks = lower_bound(at, policy.lookback, zone)
    return {"click": clicks, "coupon": clicks,
            "view": lower_bound(at, policy.view_lookback, zone),
            "cart": lower_bound(at, policy.cart_lookback, zone),
            "session": lower_bound(at, policy.session_lifetime, zone)}


# Orders and paths ------------------------------------------------------------

def path_key(t):
    """The whole order of touches; what comes after the id tells duplicates apart. NULL is last, but no weight is 0."""
    return (t.at, KIND_ORDER[t.kind], t.id, t.creator is None, t.creator or 0, t.product is None, t.product or 0,
            t.category is None, t.category or 0, t.channel == "direct", t.weight or 0)


def orders_of(conversions):
    """The orders of a visitor in their sequence. Lines share an order by its id; without one each is its own."""
    groups = {}
    for n, line in enumerate(conversions):
        groups.setdefault((n,) if line.order is None else line.order, []).append(line)
    groups = [(min(l.at for l in lines), min(l.id for l in lines), lines[0].order is None, lines[0].order, lines) for lines in groups.values()]
    groups.sort(key=lambda g: g[:3] + (0 if g[2] else g[3],))
    orders, path_start, with_product = [], None, {}
    for at, _, _, _, lines in groups:
        orders.append(Order(at, lines, path_start, [with_product.get(l.product) for l in lines]))
        path_start = at
        with_product.update((l.product, at) for l in lines if l.product is not None)
    return orders


def matches(touch, line, match):
    if match == "any":
        return True
    of_touch, of_line = (touch.product, line.product) if match == "product" else (touch.category, line.category)
    if of_touch is None:
        return touch.kind == "coupon"
    return of_touch == of_line


def eligible_path(history, at, line, path_start, cart_start, low, policy, consumption=True, lateness=True):
    """The touches that may earn a line of an order of the moment `at`, oldest first. `history` is in path order.
    consumption, lateness: whether the rules of that name hold, or are thought away to find a reason."""
    sessions, consumes = policy.reuse == "session", policy.reuse != "reuse" and consumption
    path, later_creators, only_views = [], set(), True
    for touch in reversed(history):
        if touch.at > at:
            continue
        late, clicked, ended = touch.late and lateness, touch.kind in ("click", "coupon"), False
        if clicked and sessions:
            ended = any(creator != touch.creator for creator in later_creators)
            if touch.creator is not None and not touch.late:  # late ones end nothing, whatever is thought away
                later_creators.add(touch.creator)
        if late or touch.at <= low[touch.kind]:
            continue
        if touch.kind == "cart":
            start = cart_start
            if touch.product is None or touch.product != line.product:
                continue
        else:
            start = path_start
            if not matches(touch, line, policy.match):
                continue
        if consumes and start is not None and touch.at <= start:
            continue
        if clicked and sessions and (ended or touch.at <= low["session"]):
            continue
        path.append(touch)
        only_views = only_views and touch.kind == "view"
    path.reverse()
    return path if only_views else [t for t in path if t.kind != "view"]


# Weights ---------------------------------------------------------------------

@lru_cache(maxsize=None)
def parse_position_weights(weights):
    """Weights in units of 10^-9, from decimal text."""
    units = [Fraction(w) * BILLION for w in weights]
    assert all(u.denominator == 1 for u in units)
    return [int(u) for u in units]


def half_life_us(span):
    assert span.months == 0
    return span.days * DAY + span.us


@lru_cache(maxsize=1 << 18)
def decay_weight(age, half_life):
    """round_half_even(2^31 * 2^(-age / half_life)), exactly.

    With a whole number of half-lives the power is rational, and 32 of them are the only tie there is: 2^-1 goes to the
    even 0. Any other power of two is irrational, so it is no tie, and enough digits decide. With p digits the exponent
    (below 23 in magnitude), its logarithm and exp are each within one unit in their last place: the error of a result
    below 2^31 is below 10^(12 - p), a thousandth of what is asked for."""
    whole, rest = divmod(age, half_life)
    if whole > 32:
        return 0
    if rest == 0:
        return 2**(31 - whole) if whole < 32 else 0
    digits = 40
    while True:
        context = Context(prec=digits)
        exponent = context.multiply(context.subtract(31, context.divide(Decimal(age), Decimal(half_life))), context.ln(Decimal(2)))
        value = context.exp(exponent)
        shifted = context.add(value, Decimal("0.5"))
        down = shifted.to_integral_value(rounding=ROUND_FLOOR)
        margin = min(context.subtract(shifted, down), context.subtract(down + 1, shifted))
        if margin > Decimal(10)**(15 - digits):
            return int(down)
        digits *= 2


def model_weights(policy, n):
    """Integer weights of a path of n touches, oldest first, of the models that look at nothing but places."""
    if policy.model == "first_touch":
        return [1] + [0] * (n - 1)
    if policy.model == "last_touch":
        return [0] * (n - 1) + [1]
    if policy.model == "linear":
        return [1] * n
    first, middle, last = parse_position_weights(tuple(SHAPES.get(policy.model, policy.position_weights)))
    if n == 1:
        return [1]
    if n == 2:
        return [first, last]
    return [first * (n - 2)] + [middle] * (n - 2) + [last * (n - 2)]


def path_weights(path, policy):
    """Integer weights of a path, oldest first."""
    n = len(path)
    if policy.model == "last_non_direct":
        chosen = [i for i, t in enumerate(path) if t.channel != "direct"] or [n - 1]
        return [int(i == chosen[-1]) for i in range(n)]
    if policy.model == "time_decay":
        half_life = half_life_us(policy.half_life)
        return [decay_weight(path[-1].at - t.at, half_life) for t in path]
    if policy.model in ("participation", "shapley"):
        last = {t.creator: i for i, t in enumerate(path) if t.creator is not None}
        chosen = set(last.values()) or {n - 1}
        return [int(i in chosen) for i in range(n)]
    if policy.model == "custom":
        weights = [t.weight or 0 for t in path]
        if min(weights) < 0 or sum(weights) > INT64_MAX:
            raise MoneyError(BAD_INPUT)
        return weights
    return model_weights(policy, n)


# Credits ---------------------------------------------------------------------

def judge(history, at, line, path_start, cart_start, low, policy):
    """What becomes of one line of an order of the moment `at`."""
    def path(**thought_away):
        return eligible_path(history, at, line, path_start, cart_start, low, policy, **thought_away)

    eligible = path()
    n = len(eligible)
    if n == 0:
        if any(t.late for t in history) and path(lateness=False):
            reason = "late"
        elif policy.reuse != "reuse" and path(consumption=False):
            reason = "consumed"
        else:
            reason = "outside_window" if any(t.at <= at for t in history) else "no_touch"
        return Verdict(reason, 0, ())
    shares = [(i + 1, t, w) for i, (t, w) in enumerate(zip(eligible, path_weights(eligible, policy))) if w > 0]
    if not shares:
        return Verdict("no_weight", n, ())
    if line.excluded and any(t.creator is not None and t.creator in line.excluded for _, t, _ in shares):
        return Verdict("excluded", n, ())
    return Verdict("credited", n, shares)


def judge_order(history, order, policy):
    """(line, verdict) of each line; `history` is the visitor's, in path order."""
    low = bounds(order.at, policy)
    return [(line, judge(history, order.at, line, order.path_start, start, low, policy)) for line, start in zip(order.lines, order.cart_starts)]


def judge_visitor(touches, conversions, policy):
    """(line, verdict) of each conversion of a visitor, order by order."""
    history = sorted(touches, key=path_key)
    return [judged for order in orders_of(conversions) for judged in judge_order(history, order, policy)]


def divide(amount, shares, model):
    """An amount over the shares: each creator's full with participation, else by largest remainder."""
    if amount is None or model == "participation":
        return [amount] * len(shares)
    return [amount] if len(shares) == 1 else split_integers(amount, [w for _, _, w in shares])


def credit_rows(line, verdict, model):
    reason, n, shares = verdict
    if not shares:
        return [Credit(line.id, None, None, None, n, 1.0, line.amount, reason)]
    total = 1 if model == "participation" else sum(w for _, _, w in shares)
    return [Credit(line.id, t.id, t.creator, position, n, float(w) / float(total), c, reason)
            for (position, t, w), c in zip(shares, divide(line.amount, shares, model))]


def credit(touches, conversion, policy):
    """The rows of a conversion that is an order of its own, and its visitor's first. `touches` in any order."""
    (line, verdict), = judge_visitor(touches, [conversion], policy)
    return credit_rows(line, verdict, policy.model)


def totals(judged, model):
    """creator -> (conversions in units of 10^-9, credit). Each conversion's 1 is split like its money."""
    result = {}

    def add(creator, units, amount):
        before = result.get(creator, (0, 0))
        result[creator] = (before[0] + units, before[1] + (amount or 0))

    for line, (_, _, shares) in judged:
        if not shares:
            add(None, BILLION, line.amount)
        for (_, t, _), units, amount in zip(shares, divide(BILLION, shares, model), divide(line.amount, shares, model)):
            add(t.creator, units, amount)
    return result
