"""Model of the monthly settlement: tiers, caps, budgets, minimums, bonuses, coupon credits, and what the lock keeps.

Each stage takes what the one before gave each unit, a unit being what one creator earns by one line. Simple and slow:
all months of a program at once, exact fractions. Written from the contract of money, not from the SQL.
"""

from collections import defaultdict

from commission_model import BILLION, PLATFORM, ratio, within
from order_life_model import INFINITY, inside


class Unit:
    """What a creator earns by a line, net of corrections, and what returns that count for the settlement take of it."""

    def __init__(self, world, key, n, creator, booked, until):
        order, shop = world.orders[key], world.market.shops[key[0]]
        self.key, self.line, self.creator, self.order, self.tier = key, n, creator, order, booked.tier
        self.rounding, self.policy = shop.payouts_at(order.at).rounding, shop.policy_at(order.at)
        self.month, self.brand = shop.month_of(order.at), world.market.brands[order.lines[n].product]
        self.place = (order.at, order.ref.encode(), n, creator, order.visitor)
        lock = min((x for x in (month_lock(shop, self.month), until) if x is not None), default=None)
        rows = [r for r in world.taken(key, n) if not r.aged]
        before = [r for r in rows if lock is None or r.at < lock]
        base, quantity = world.worth[key][n][1], order.lines[n].quantity
        self.pieces_left = quantity - sum(r.pieces for r in before)
        if base > 0:
            back, back_ever = inside(sum(r.amount for r in before), base), inside(sum(r.amount for r in rows), base)
            self.net = booked.base - ratio(booked.base * back, base, self.rounding)
            self.commission = booked.amount - ratio(booked.amount * back, base, self.rounding)
            self.late = ratio(booked.base * back_ever, base, self.rounding) - ratio(booked.base * back, base, self.rounding)
        else:
            pieces = inside(sum(r.pieces for r in before), quantity)
            self.net, self.late = 0, 0
            self.commission = booked.amount - ratio(booked.amount * pieces, quantity, self.rounding)


def settled_at(shop, month):
    """When a month's settlement becomes available: the hold counted from the month's end, or so many days after that month."""
    payouts = shop.payouts_at(shop.month_begin(month))
    return shop.hold_until(shop.month_end(month) if payouts.after_month_end is None else shop.month_begin(month), payouts)


def month_lock(shop, month):
    """Returns from this moment on no longer restate the month; None: all do."""
    return None if shop.policy_at(shop.month_begin(month)).tier_restate == "forever" else settled_at(shop, month)


def units_of(world, program, until=None):
    """Those of orders placed before a moment, less what came back before it; None: of all."""
    units = []
    for key, order in world.orders.items():
        if key[0] == program and world.available(key) != INFINITY and (until is None or order.at < until):
            units += [Unit(world, key, n, creator, booked, until) for (n, creator), booked in world.booked(key).items() if booked.reason is None and creator != PLATFORM]
    return sorted(units, key=lambda u: u.place)


# Tiers ------------------------------------------------------------------------

def reached(tier, amount):
    return tier.rates[max(i for i, t in enumerate(tier.thresholds) if t <= amount)]


def graduated(tier, amount):
    """Each slice at its rate, in units of 10^-9 of a minor unit."""
    bounds = list(tier.thresholds) + [None]
    return sum(rate * ((amount if high is None else min(amount, high)) - low) for rate, low, high in zip(tier.rates, bounds, bounds[1:]) if amount > low)


def net_by_order(units):
    nets = defaultdict(int)
    for u in units:
        nets[u.key] += u.net
    return nets


def measured(tier, units):
    """What the units of a group come to by the measure of their table."""
    if tier.measure == "revenue":
        return sum(u.net for u in units)
    if tier.measure == "orders":
        return sum(net > 0 for net in net_by_order(units).values())
    return sum({(u.key, u.line): u.pieces_left for u in units if u.net > 0}.values())


def progress(world, program, creator, at):
    """What tier_progress() should say at a moment: {tier table: (value, tier, rate, next threshold, next rate, missing)}."""
    shop = world.market.shops[program]
    groups, result = defaultdict(list), {}
    for u in units_of(world, program, at + 1):
        if u.creator == creator and u.month == shop.month_of(at) and u.tier is not None:
            groups[u.tier.id].append(u)
    for tier in shop.tiers:
        if within(at, tier.start, tier.stop):
            value = measured(tier, groups[tier.id])
            n = sum(t <= value for t in tier.thresholds)
            then = (tier.thresholds[n], tier.rates[n], tier.thresholds[n] - value) if n < len(tier.rates) else (None, None, None)
            result[tier.id] = (value, n, tier.rates[n - 1], *then)
    return result


def tiered(tier, units):
    """What each unit of a group earns, in order."""
    orders, total = net_by_order(units), measured(tier, units)
    exact, running, amounts, seen, lines, pieces = 0, 0, [], {}, {}, 0
    for u in units:
        if tier.mode == "volume":
            exact_now = exact + u.net * reached(tier, total)
        elif tier.measure == "revenue":
            exact_now = graduated(tier, running + u.net)
        elif tier.measure == "orders":
            if orders[u.key] > 0:
                seen.setdefault(u.key, len(seen))
            exact_now = exact + u.net * reached(tier, seen.get(u.key, 0))
        else:
            if u.net > 0 and (u.key, u.line) not in lines:
                lines[u.key, u.line] = pieces
                pieces += u.pieces_left
            exact_now = exact + u.net * reached(tier, lines.get((u.key, u.line), 0))
        running += u.net
        amounts.append(ratio(exact_now, BILLION) - ratio(exact, BILLION))
        exact = exact_now
    return amounts


# Stages -------------------------------------------------------------------------

def capped(units, amounts, cap_of, group_of):
    """Running sums of each group cut at a cap (None: none)."""
    running, result = defaultdict(int), []
    for u, amount in zip(units, amounts):
        cap, group = cap_of(u), group_of(u)
        before = running[group]
        running[group] = before + amount
        result.append(amount if cap is None else min(running[group], cap) - min(before, cap))
    return result


def settle(world, program):
    """(creator, month, stage, ref) -> amount of all months of a program."""
    shop, units, result = world.market.shops[program], units_of(world, program), defaultdict(int)
    amounts = [u.commission for u in units]

    def stage(name, after, ref=0):
        nonlocal amounts
        for u, a, b in zip(units, amounts, after):
            result[u.creator, u.month, name, ref] += b - a
        amounts = after

    groups = defaultdict(list)
    for i, u in enumerate(units):
        if u.tier is not None:
            groups[u.creator, u.month, u.tier].append(i)
    after = list(amounts)
    for (creator, month, tier), members in groups.items():
        for i, amount in zip(members, tiered(tier, [units[i] for i in members])):
            result[creator, month, "tier", tier.id] += amount - amounts[i]
            after[i] = amount
    amounts = after
    stage("line_cap", [a if u.policy.line_cap is None else min(a, u.policy.line_cap) for u, a in zip(units, amounts)])
    stage("order_cap", capped(units, amounts, lambda u: u.policy.order_cap, lambda u: (u.creator, u.key)))
    stage("month_cap", capped(units, amounts, lambda u: shop.policy_at(shop.month_begin(u.month)).month_cap, lambda u: (u.creator, u.month)))
    for budget in sorted(shop.budgets, key=lambda b: b.brand == ""):
        inside = lambda u: within(u.order.at, budget.start, budget.stop) and budget.brand in ("", u.brand)
        stage("budget", capped(units, amounts, lambda u: budget.amount if inside(u) else None, lambda u: budget if inside(u) else None), budget.id)
    of_month = defaultdict(list)
    for i, u in enumerate(units):
        of_month[u.creator, u.month].append(i)
    for (creator, month), members in of_month.items():
        mine = [units[i] for i in members]
        # what was settled so far has shares in what comes back later
        settled = sum(a for (c, m, _, _), a in result.items() if (c, m) == (creator, month))
        late, value = sum(u.late for u in mine), sum(u.net for u in mine)
        if value != 0:
            result[creator, month, "after_lock", 0] -= ratio(settled * late, value) if value > 0 else -ratio(settled * late, -value)
        minimum = shop.policy_at(shop.month_begin(month)).month_minimum
        if minimum is not None and any(u.net > 0 for u in mine):
            result[creator, month, "minimum", 0] += max(0, minimum - sum(amounts[i] for i in members))
        for bonus in shop.bonuses:
            orders = net_by_order([u for u in mine if within(u.order.at, bonus.start, bonus.stop)]).values()
            if bonus.kind == "basket":
                result[creator, month, "bonus", bonus.id] += bonus.amount * sum(net >= bonus.threshold for net in orders)
            else:
                result[creator, month, "bonus", bonus.id] += bonus.amount * (sum(net > 0 for net in orders) // bonus.threshold)
    coupon_credits(world, program, result)
    return {k: v for k, v in result.items() if v != 0}


def coupon_credits(world, program, result):
    shop, market = world.market.shops[program], world.market
    for key, order in world.orders.items():
        coupon = shop.coupon_of(order.coupon, order.at) if key[0] == program else None
        if coupon is None or coupon.fixed is None or world.replaces(key) or not world.earned(key) or world.available(key) == INFINITY:
            continue
        who, month = world.person(order.visitor), shop.month_of(order.at)
        lock = month_lock(shop, month)
        left = 0
        for n in order.lines:
            base = world.worth[key][n][1]
            left += base - inside(sum(r.amount for r in world.taken(key, n) if not r.aged and (lock is None or r.at < lock)), base)
        if left > 0 and market.bar(shop, coupon.creator, order.at) is None and coupon.creator not in world.facts_of(who).excluded(who):
            result[coupon.creator, month, "coupon", 0] += coupon.fixed
