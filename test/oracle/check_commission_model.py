#!/usr/bin/env python3
"""The models of money by themselves: numbers worked out by hand, laws, and stories that end the same however they are told.

No server: this says that the models mean what the contract says before check_commission compares them with the program.
"""

import random
from fractions import Fraction

from attribution_model import DAY, Span, instant_of_local
from commission_model import BILLION, PARTS, Bonus, Budget, Coupon, Line, Market, Order, Payouts, Policy, Rate, Shop, Tier, Touched, exchanged, ratio
from commission_settings import LONG_AGO, Settings
from commission_story import Story
from datetime import datetime
from money_model import clawback
from order_life_model import Event, Return, World
from person_model import Rules
from pg import settings
from settlement_model import capped, graduated, reached, settle, tiered
from tap import Tap
from zoneinfo import ZoneInfo

MARCH = instant_of_local(datetime(2024, 3, 10), ZoneInfo("UTC"))
ME = "00000000-0000-4000-8000-000000000500"
PERCENT = BILLION // 100


def small(payouts=None, **policy):
    """A program in EUR with one rate of 5 %, creators 1 and 2, product 1 in categories 1 > 2."""
    market = Market()
    market.paths, market.brands = {1: [1, 2]}, {1: "Acme"}
    market.creators = {c: {"visitor": None, "agency_of": [], "status": []} for c in (1, 2)}
    rules = Rules(None, "linear", Span(0, 30, 0), Span(0, 0, 0), Span(0, 90, 0), ("0.4", "0.2", "0.4"), Span(0, 7, 0), "reuse", Span(0, 1, 0), "any", "none", None, 0)
    terms = dict(dict(base_less=PARTS, platform_rate=0, line_cap=None, order_cap=None, month_cap=None, month_minimum=None, tier_restate="until_lock"), **policy)
    shop = Shop("EUR", "UTC", True, None, [rules], [payouts or held()], [Policy(None, **terms)])
    shop.admitted = {1: LONG_AGO, 2: LONG_AGO}
    shop.rates = [rate(5 * PERCENT)]
    market.shops[1] = shop
    return market, shop, World(market)


def held(**more):
    return Payouts(None, **dict(dict(hold=Span(0, 14, 0), after_month_end=None, rounding="half_up", scope="line", earns_at="placed", hold_from="placed", max_clawback_age=None), **more))


def rate(ppb=None, flat=None, days=0, start=LONG_AGO, stop=None, **keys):
    key = dict(dict(creator=0, product=0, category=0, country="", directness="", customer="", boost="", priority=0), **keys)
    return Rate(rate=ppb, flat=flat, protect_days=days, start=start, stop=stop, **key)


def click(world, creator, at=MARCH - DAY, product=None, boosted=None):
    fact = Touched(1, ME, "t%d" % len(world.contacts[ME]), at, "click", creator, product, None, None, at, None, boosted)
    assert world.record_touch(fact) == "recorded"


def order(world, ref, *bases, at=MARCH, quantity=1, **more):
    lines = {n: Line(1, quantity, 0, {}, base, None, None) for n, base in enumerate(bases, 1)}
    fact = Order(**dict(dict(program=1, visitor=ME, ref=ref, at=at, currency="EUR", country=None, coupon=None, fx=None, lines=lines), **more))
    assert world.record_order(fact) == "recorded"


def back(world, ref, amount, at, kind="return", name="r", quantity=None):
    return world.record_return(Return(1, ME, ref, 1, name, kind, quantity, amount, at))


def net(world, ref, creator=1, line=1):
    nets = world.nets((1, ref))
    return [nets.get((line, creator, kind), (0, 0))[1] for kind in ("commission", "clawback", "write_off")]


class Cases:
    def __init__(self):
        self.count, self.bad = 0, []

    def same(self, got, want, what):
        self.count += 1
        if got != want:
            self.bad.append("%s: got %r, by hand %r" % (what, got, want))


def by_hand(case):
    case.same(exchanged(1000, Fraction("0.0061"), "JPY", "EUR"), 610, "1000 yen at 0.0061")
    case.same(exchanged(1234, Fraction("3.0"), "KWD", "EUR"), 370, "1.234 dinar at 3 euros")
    case.same(exchanged(1999, Fraction("163.5"), "EUR", "JPY"), 3268, "19.99 euros at 163.5 yen: 3268.365")
    case.same(exchanged(5, Fraction(1, 10), "EUR", "USD"), 1, "half a cent is a cent")
    market, shop, world = small(base_less=("tax",))
    click(world, 1)
    order(world, "parts", lines={1: Line(1, 3, 1000, {"tax": 500, "shipping": 100}, None, None, None)})
    case.same(net(world, "parts"), [125, 0, 0], "3 x 10.00 less tax 5.00, shipping stays, at 5 %")

    market, shop, world = small()
    shop.rates = [rate(flat=333)]
    click(world, 1)
    click(world, 2, MARCH - 2 * DAY)
    click(world, 2, MARCH - 3 * DAY)
    order(world, "flat", 3000, quantity=2)
    order(world, "free", 0, quantity=2)
    case.same([net(world, ref, c)[0] for ref in ("flat", "free") for c in (1, 2)], [222, 444, 222, 444], "666 by one touch and two")
    back(world, "free", None, MARCH + DAY, quantity=1)
    case.same([net(world, "free", c)[1] for c in (1, 2)], [-111, -222], "a piece of two of a free line comes back")

    market, shop, world = small(held(scope="order"))
    click(world, 1)
    order(world, "three", 10, 10, 10)
    case.same([net(world, "three", line=n)[0] for n in (1, 2, 3)], [1, 0, 1], "0.5, 1.0, 1.5 rounded once per order")

    market, shop, world = small(platform_rate=PERCENT)
    click(world, 1)
    order(world, "cut", 5000)
    case.same([net(world, "cut", c)[0] for c in (0, 1)], [50, 250], "the platform's percent")

    market, shop, world = small()
    cut = MARCH - 5 * DAY
    shop.rates = [rate(10 * PERCENT, stop=cut), rate(5 * PERCENT, start=cut, days=6), rate(20 * PERCENT, directness="direct", creator=2)]
    market.posts = [(1, cut - 1, {1})]
    click(world, 1)
    click(world, 2, product=1)
    order(world, "kept", 2000)
    order(world, "over", 2000, at=cut + 6 * DAY)
    case.same([net(world, ref, c)[0] for ref in ("kept", "over") for c in (1, 2)], [100, 200, 50, 200], "protected for six days, and direct")

    market, shop, world = small(held(max_clawback_age=Span(0, 60, 0)))
    click(world, 1)
    order(world, "old", 1000)
    back(world, "old", 500, MARCH + 60 * DAY, name="a")
    case.same(net(world, "old"), [50, -25, 0], "sixty days to the microsecond")
    back(world, "old", 300, MARCH + 60 * DAY + 1, name="b")
    case.same(net(world, "old"), [50, -40, 15], "beyond, the rest is written off")
    case.same([back(world, "old", 201, MARCH + DAY, name="c"), back(world, "old", 1, MARCH, "chargeback_reversed", "d")], ["IN007", "IN007"], "more than is left")

    market, shop, world = small()
    click(world, 1)
    order(world, "gone", 1000)
    back(world, "gone", 400, MARCH + DAY, "chargeback", "a")
    back(world, "gone", 1000, MARCH + DAY, "goodwill", "g")
    back(world, "gone", 100, MARCH + 2 * DAY, "chargeback_reversed", "b")
    case.same(net(world, "gone"), [50, -15, 0], "4.00 charged back, 1.00 of it reversed, goodwill is the creator's")
    world.record_event(Event(1, ME, "gone", "c", "cancelled", MARCH + 3 * DAY, None))
    case.same([net(world, "gone"), back(world, "gone", 700, MARCH + 4 * DAY, name="z"), net(world, "gone")], [[50, -50, 0], "recorded", [50, -50, 0]], "cancelled, and a return after it")

    market, shop, world = small(held(earns_at="shipped", hold_from="delivered"))
    click(world, 1)
    order(world, "slow", 1000)
    key, states = (1, "slow"), []
    for kind in (None, "shipped", "delivered"):
        if kind:
            world.record_event(Event(1, ME, "slow", kind, kind, MARCH + 2 * DAY, None))
        states.append((net(world, "slow")[0], world.available(key)))
    case.same(states, [(0, "infinity"), (50, "infinity"), (50, MARCH + 16 * DAY)], "earned when shipped, held from delivery")
    world.record_event(Event(1, ME, "first", "new", "replaced", MARCH, "slow"))
    case.same(net(world, "slow"), [50, 0, 0], "an event counts when its order comes")
    order(world, "first", 1000)
    case.same(net(world, "slow"), [0, 0, 0], "a replacement earns nothing")


def settled(case):
    """Settlements by hand: 5 % of the card, tiers and caps."""
    def total(world, *stages):
        return [settle(world, 1).get((1, "2024-03", stage, ref), 0) for stage, ref in stages]

    tier = Tier(7, 0, "revenue", "graduated", (0, 200, 400), (4 * PERCENT, 6 * PERCENT, 8 * PERCENT), LONG_AGO, None)
    case.same(ratio(graduated(tier, 500), BILLION), 28, "500 graduated")
    case.same(ratio(500 * reached(tier, 500), BILLION), 40, "500 by volume")
    case.same([reached(tier, x) // PERCENT for x in (199, 200, 399, 400)], [4, 6, 6, 8], "reached means from there on")

    # 300 in two pieces and 200: the card gives 15 + 10
    for name, more, want in (("revenue graduated", {}, 28 - 25), ("revenue by volume", {"mode": "volume"}, 40 - 25),
                             ("orders graduated", {"measure": "orders", "thresholds": (0, 1, 2)}, 12 + 12 - 25),
                             ("orders by volume", {"measure": "orders", "mode": "volume", "thresholds": (0, 1, 2)}, 40 - 25),
                             ("units graduated", {"measure": "units", "thresholds": (0, 2, 3)}, 12 + 12 - 25),
                             ("units by volume", {"measure": "units", "mode": "volume", "thresholds": (0, 2, 4)}, 30 - 25)):
        market, shop, world = small()
        shop.tiers = [tier._replace(**more)]
        click(world, 1)
        order(world, "a", 300, quantity=2)
        order(world, "b", 200, at=MARCH + 1)
        case.same(total(world, ("tier", 7)), [want], "tier: " + name)

    market, shop, world = small()
    shop.tiers = [tier._replace(mode="volume", thresholds=(0, 20000), rates=(5 * PERCENT, 10 * PERCENT))]
    click(world, 1)
    order(world, "a", 10000)
    order(world, "b", 10000, at=MARCH + DAY)
    lock = instant_of_local(datetime(2024, 4, 15), ZoneInfo("UTC"))
    back(world, "b", 5000, lock)
    case.same(total(world, ("tier", 7), ("after_lock", 0)), [1000, -250], "after the lock 10 % come back: 15,000 at 10 % stay")
    shop.policies = [shop.policies[0]._replace(tier_restate="forever")]
    case.same(total(world, ("tier", 7), ("after_lock", 0)), [0, 0], "restated forever: 15,000 do not reach the tier")

    market, shop, world = small(line_cap=40, order_cap=70, month_cap=100, month_minimum=150)
    shop.budgets = [Budget(1, "Acme", 90, LONG_AGO, None), Budget(2, "", 85, LONG_AGO, None)]
    shop.bonuses = [Bonus(1, "basket", 2000, 11, LONG_AGO, None), Bonus(2, "frequency", 2, 13, LONG_AGO, None)]
    shop.codes = [Coupon("TEN", 2, LONG_AGO, None, 17)]
    click(world, 1)
    order(world, "a", 1000, 1000, coupon=" ten")       # 50 + 50: lines cut to 40 + 40, the order to 70
    order(world, "b", 1000, at=MARCH + 1)              # 50: 40, the month to 100: 30
    order(world, "c", 100, at=MARCH + 2)               # 5: nothing is left
    case.same(total(world, ("line_cap", 0), ("order_cap", 0), ("month_cap", 0), ("budget", 1), ("budget", 2), ("minimum", 0), ("bonus", 1), ("bonus", 2)),
              [-30, -10, -15, -10, -5, 65, 11, 13], "caps one after another, budgets, the minimum, bonuses")
    case.same(settle(world, 1)[2, "2024-03", "coupon", 0], 17, "the coupon's owner, whoever is credited")


def laws(case, rng):
    class Plain:
        def __init__(self, n, net, pieces):
            self.key, self.line, self.net, self.pieces_left = (1, str(n)), 1, net, pieces

    for _ in range(400):
        count = rng.randint(1, 4)
        tier = Tier(1, 0, rng.choice(["revenue", "orders", "units"]), rng.choice(["graduated", "volume"]), (0, *sorted(rng.sample(range(1, 60), count))),
                    tuple(rng.randint(0, BILLION) for _ in range(count + 1)), None, None)
        units = [Plain(n // 2, rng.randint(0, 20), rng.randint(1, 3)) for n in range(rng.randint(1, 8))]
        amounts, value = tiered(tier, units), sum(u.net for u in units)
        if tier.measure == "revenue":
            want = graduated(tier, value) if tier.mode == "graduated" else value * reached(tier, value)
            case.same(sum(amounts), ratio(want, BILLION), "units add up to their tier: %s" % (tier,))
        if tier.mode == "graduated" and tier.measure == "revenue":
            case.same(amounts[:-1], tiered(tier, units[:-1]), "a later unit changes no earlier one: %s" % (tier,))
        case.same(sum(tiered(tier._replace(rates=(tier.rates[0],) * (count + 1)), units)), ratio(value * tier.rates[0], BILLION), "one rate is no tier")
        cap, given = rng.randint(0, 60), [rng.randint(0, 20) for _ in units]
        cut = capped(units, given, lambda u: cap, lambda u: 1)
        case.same((sum(cut), all(0 <= c <= g for c, g in zip(cut, given))), (min(sum(given), cap), True), "a cap is reached and never passed")
        amount, base = rng.randint(0, 99), rng.randint(1, 99)
        parts = [rng.randint(0, base) for _ in range(3)]
        bounds = [0] + sorted(parts)
        case.same(sum(clawback(amount, base, a, b - a) for a, b in zip(bounds, bounds[1:])), ratio(amount * bounds[-1], base), "returns telescope")


def tellings(tap, seed, orders):
    """However a story is told, the end is the same, but for programs where something is refused."""
    drawn = Settings(random.Random(seed), {"rates", "life", "settle"})
    story, ends = Story(random.Random(seed + 1), drawn, orders), []
    for n in range(3):
        world = World(drawn.market)
        for step in story.telling(random.Random(n)):
            step.answer(world)
        ends.append({(key, world.available(key)): world.nets(key) for key in world.orders} | {p: settle(world, p) for p in drawn.market.shops})
    tame = [{k: v for k, v in end.items() if drawn.kinds[k if isinstance(k, int) else k[0][0]] != "wild"} for end in ends]
    tap.group("seed %d: a story told three times" % seed, len(tame[0]), ["%s: %s, then %s" % (k, tame[0].get(k), end.get(k)) for end in tame[1:] for k in set(tame[0]) | set(end) if tame[0].get(k) != end.get(k)])


def main():
    tap = Tap()
    rounds, seed = settings()
    for name, check in (("numbers by hand", by_hand), ("settlements by hand", settled), ("laws", lambda case: laws(case, random.Random(seed)))):
        case = Cases()
        check(case)
        tap.group("money models: " + name, case.count, case.bad)
    for n in range(3 * rounds):
        tellings(tap, seed + n, 300)
    tap.done()


if __name__ == "__main__":
    main()
