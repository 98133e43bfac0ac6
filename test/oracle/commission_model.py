"""Model of what an order's lines are worth and what their creators earn: base, currency, rate, flat, tier, the platform's cut.

A pure function of settings and facts, written from the contract of money, not from the SQL: exact integers, the
definition before speed. Credits come from person_model, splits from money_model. Rates are integers in units of 10^-9,
exchange rates are Fractions, times are microseconds since 2000-01-01 UTC, None is never (or infinity).
"""

from collections import namedtuple
from decimal import Decimal, ROUND_HALF_UP
from fractions import Fraction
from zoneinfo import ZoneInfo

from attribution_model import DAY, to_datetime
from money_model import minor_unit_digits, split
from program_model import later, month_start, period_end

BILLION = 10**9
PLATFORM = 0
PARTS = ("discount_seller", "discount_platform", "tax", "shipping", "points", "gift_card")

# Settings: versions are in the order of their starts, the first valid since ever (start None).
Payouts = namedtuple("Payouts", "start hold after_month_end rounding scope earns_at hold_from max_clawback_age")
Policy = namedtuple("Policy", "start base_less platform_rate line_cap order_cap month_cap month_minimum tier_restate")
# product, category 0 and '' are any; one of rate and flat is None
Rate = namedtuple("Rate", "creator product category country directness customer boost priority rate flat protect_days start stop")
Tier = namedtuple("Tier", "id category measure mode thresholds rates start stop")
Budget = namedtuple("Budget", "id brand amount start stop")
Bonus = namedtuple("Bonus", "id kind threshold amount start stop")
Coupon = namedtuple("Coupon", "code creator start stop fixed")

# Facts
Touched = namedtuple("Touched", "program visitor ref at kind creator product category channel received viewable_ms boosted")
Order = namedtuple("Order", "program visitor ref at currency country coupon fx lines")
Line = namedtuple("Line", "product quantity price parts stated new_customer renewal_no")
Booked = namedtuple("Booked", "base amount rate tier reason")


def ratio(numerator, denominator, rounding="half_up"):
    """numerator / denominator, rounded to a whole number; the denominator is positive."""
    whole, rest = divmod(abs(numerator), denominator)
    if rounding == "half_up":
        whole += 2 * rest >= denominator
    elif rounding == "half_even":
        whole += 2 * rest > denominator or (2 * rest == denominator and whole % 2 == 1)
    else:
        assert rounding == "down"
    return -whole if numerator < 0 else whole


def within(at, start, stop):
    return (start is None or start <= at) and (stop is None or at < stop)


class Shop:
    """A program's settings."""

    def __init__(self, currency, zone, pays, group, rules, payouts, policies):
        self.currency, self.zone, self.pays, self.group = currency, ZoneInfo(zone), pays, group
        self.rules, self.payouts, self.policies = rules, payouts, policies
        self.rates, self.tiers, self.budgets, self.bonuses, self.codes, self.admitted = [], [], [], [], [], {}

    @staticmethod
    def in_force(versions, at):
        return [v for v in versions if v.start is None or v.start <= at][-1]

    def rules_at(self, at):
        return self.in_force(self.rules, at)

    def payouts_at(self, at):
        return self.in_force(self.payouts, at)

    def policy_at(self, at):
        return self.in_force(self.policies, at)

    @property
    def coupons(self):
        """As person_model wants them."""
        return [(c.code, c.creator, c.start, c.stop) for c in self.codes]

    def coupon_of(self, code, at):
        for c in self.codes:
            if code is not None and code.strip().upper() == c.code.strip().upper() and within(at, c.start, c.stop):
                return c
        return None

    # the calendar ----------------------------------------------------------------

    def month_of(self, at):
        return "%04d-%02d" % to_datetime(at).astimezone(self.zone).timetuple()[:2]

    def month_end(self, month):
        """The first instant after a month."""
        return period_end(month, self.zone)

    def month_begin(self, month):
        return month_start(self.month_end(month) - 1, self.zone)

    def hold_until(self, at, payouts):
        if payouts.after_month_end is not None:
            return month_start(at, self.zone, 1, payouts.after_month_end)
        return later(at, payouts.hold, self.zone)


class Market:
    """What all programs share: products, creators, exchange rates."""

    def __init__(self):
        self.paths, self.brands = {}, {}    # product -> category path, brand
        self.creators = {}                  # id -> {"visitor", "agency_of", "status": [(since, name)]}
        self.posts = []                     # (creator, published_at, {products})
        self.exchange = []                  # (from, to, valid_from, Fraction)
        self.shops = {}

    def exchange_rate(self, source, target, at):
        """The latest rate at a moment, or None."""
        known = [(start, rate) for a, b, start, rate in self.exchange if (a, b) == (source, target) and start <= at]
        return max(known)[1] if known else None

    def status(self, creator, at):
        names = [name for since, name in sorted(self.creators[creator]["status"]) if since <= at]
        return names[-1] if names else "active"

    def bar(self, shop, creator, at):
        """Why a creator earns nothing by an order of a moment, or None."""
        if not shop.pays:
            return "not_paying"
        if creator not in shop.admitted or at < shop.admitted[creator]:
            return "not_admitted"
        status = self.status(creator, at)
        return None if status == "active" else "creator_" + status

    def promoted(self, creator, product, before):
        return any(c == creator and at < before and product in products for c, at, products in self.posts)


# Base and currency ------------------------------------------------------------

def order_amount(line, policy):
    """What of a line earns, in the order's currency."""
    if line.stated is not None:
        return line.stated
    return max(0, line.quantity * line.price - sum(line.parts.get(p, 0) for p in policy.base_less))


def exchanged(amount, rate, source, target):
    digits = minor_unit_digits(target) - minor_unit_digits(source)
    exact = amount * rate * Fraction(10)**digits
    return ratio(exact.numerator, exact.denominator)


def bases(market, order):
    """line_no -> (amount in the order's currency, amount in the program's); None without an exchange rate."""
    shop = market.shops[order.program]
    policy, rate = shop.policy_at(order.at), None
    if order.currency != shop.currency:
        rate = order.fx if order.fx is not None else market.exchange_rate(order.currency, shop.currency, order.at)
        if rate is None:
            return None
    stated = {n: order_amount(line, policy) for n, line in order.lines.items()}
    return {n: (a, a if rate is None else exchanged(a, rate, order.currency, shop.currency)) for n, a in stated.items()}


# The choice of a rate ------------------------------------------------------------

def customer_kind(line):
    if line.new_customer is False or (line.renewal_no or 0) > 0:
        return "returning"
    return "new" if line.new_customer else None


def choose(card, at, creator, product, path, country, direct, customer, boost):
    """The most specific row of a rate card, or None."""
    fits = [r for r in card if within(at, r.start, r.stop) and r.creator in (0, creator) and r.product in (0, product)
            and (r.category == 0 or r.category in path) and r.country in ("", country or "") and r.directness in ("", direct)
            and r.customer in ("", customer or "") and r.boost in ("", boost)]
    if not fits:
        return None
    return max(fits, key=lambda r: (r.creator != 0, r.product != 0, path.index(r.category) + 1 if r.category else 0, r.country != "",
                                    r.directness != "", r.customer != "", r.boost != "", r.priority))


def tier_of(shop, path, at):
    fits = [t for t in shop.tiers if within(at, t.start, t.stop) and (t.category == 0 or t.category in path)]
    return max(fits, key=lambda t: path.index(t.category) + 1 if t.category else 0) if fits else None


class Share:
    """What one creator has of a line: base, weight, and where its touches came from."""

    def __init__(self):
        self.base, self.weight, self.direct, self.boosted = 0, 0.0, False, False

    def billionths(self):
        """The weight as numeric, as PostgreSQL casts a float8: 15 digits, then rounded to nine decimals."""
        return Fraction(Decimal("%.15g" % self.weight).quantize(Decimal("1e-9"), ROUND_HALF_UP))


def flat_share(flat, line, shares, creator):
    """By the creators' bases; where nobody has a minor unit, by the weights of their touches."""
    owners = sorted(shares)
    weights = [shares[c].base for c in owners]
    if sum(weights) == 0:
        weights = [shares[c].billionths() for c in owners]
    return split(flat * line.quantity, weights)[owners.index(creator)]


def line_amount(rate, line, shares, creator, rounding):
    """What a row of the card gives a creator for a line by itself."""
    if rate.flat is not None:
        return flat_share(rate.flat, line, shares, creator)
    return ratio(shares[creator].base * rate.rate, BILLION, rounding)


def chosen_rate(market, order, line, shares, creator, rounding):
    """The row that counts, after protection."""
    shop, path, share = market.shops[order.program], market.paths[line.product], shares[creator]

    def choice(at):
        return choose(shop.rates, at, creator, line.product, path, order.country, "direct" if share.direct else "indirect",
                      customer_kind(line), "boosted" if share.boosted else "organic")

    rate = choice(order.at)
    if rate is not None and rate.protect_days > 0 and rate.start is not None and order.at < rate.start + rate.protect_days * DAY \
            and market.promoted(creator, line.product, rate.start):
        before = choice(rate.start - 1)
        if before is not None and line_amount(before, line, shares, creator, rounding) > line_amount(rate, line, shares, creator, rounding):
            return before
    return rate


def commissions(market, order, shares, replacement):
    """(line, creator) -> Booked of an order that is earned. shares: line -> {creator: Share}."""
    shop, result, running = market.shops[order.program], {}, {}
    payouts, policy = shop.payouts_at(order.at), shop.policy_at(order.at)
    for n in sorted(shares):
        line, path = order.lines[n], market.paths[order.lines[n].product]
        for creator in sorted(shares[n]):
            share = shares[n][creator]
            reason = market.bar(shop, creator, order.at) or ("replacement" if replacement else None)
            rate = None if reason else chosen_rate(market, order, line, shares[n], creator, payouts.rounding)
            if rate is None:
                result[n, creator] = Booked(share.base, 0, None, None, reason or "no_rate")
                continue
            if rate.rate is not None and payouts.scope == "order":
                key = (creator, id(rate))
                before = running.get(key, 0)
                running[key] = before + share.base * rate.rate
                amount = ratio(running[key], BILLION, payouts.rounding) - ratio(before, BILLION, payouts.rounding)
            else:
                amount = line_amount(rate, line, shares[n], creator, payouts.rounding)
            agreed = rate.rate is None or rate.creator != 0 or rate.product != 0
            result[n, creator] = Booked(share.base, amount, rate, None if agreed else tier_of(shop, path, order.at), None)
        if policy.platform_rate > 0 and shop.pays and shares[n]:
            base = sum(s.base for s in shares[n].values())
            amount = 0 if replacement else ratio(base * policy.platform_rate, BILLION, payouts.rounding)
            result[n, PLATFORM] = Booked(base, amount, None, None, "replacement" if replacement else None)
    return result
