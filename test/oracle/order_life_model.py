"""Model of orders after they were placed: what is accepted, when it is earned and held, what returns of all kinds take back.

World keeps the accepted facts, answers each call as the program must, and tells what an order earns now. Written from
the contract of money, not from the SQL. Acceptance (is a return too great?) depends on what came before; everything else
is a function of the facts, but for what each of several returns is worth where they share a rounding (pieces, other
currencies): that goes by the order of their application.
"""

from collections import defaultdict, namedtuple

from commission_model import PLATFORM, Share, bases, commissions, ratio
from person_model import People, Sale
from program_model import later

INFINITY = "infinity"
Return = namedtuple("Return", "program visitor order_ref line ref kind quantity amount at")
Event = namedtuple("Event", "program visitor order_ref ref kind at replacement")
Bonus = namedtuple("Bonus", "program creator ref amount kind at available")
TAKING = ("return", "chargeback")
EVENT_KINDS = ("shipped", "delivered", "cancelled", "replaced")


class Person(People):
    """The facts of one person, for the credits of its orders."""

    def __init__(self, market, alias):
        super().__init__(market.shops, {p: path[-1] for p, path in market.paths.items()}, {})
        self.market, self.alias = market, alias
        self.by_name = {}

    def excluded(self, who):
        """Its own creator accounts, the creators they act for, and the agencies that act for them."""
        creators = self.market.creators
        own = {c for c, facts in creators.items() if facts["visitor"] is not None and self.person(facts["visitor"]) == who}
        agencies = {c for c, facts in creators.items() if own & set(facts["agency_of"])}
        return own | agencies | {client for c in own for client in creators[c]["agency_of"]}


class Back:
    """A return that was accepted: parked, applied (given: amount in the order's currency) or refused."""

    def __init__(self, fact):
        self.fact, self.state, self.given = fact, "parked", 0

    def given_signed(self):
        kind = self.fact.kind
        return self.given if kind in TAKING else -self.given if kind == "chargeback_reversed" else 0

    def pieces(self):
        return (self.fact.quantity or 0) if self.fact.kind in TAKING else 0


class Cancelled:
    """Stands in a line's applied returns for what the cancelled order takes back."""


CANCELLED = Cancelled()
Taken = namedtuple("Taken", "at ref amount pieces aged")     # of one applied return: signed, in the program's currency


def inside(amount, whole):
    """What came back never leaves 0 to all of it, whatever the times of a chargeback and its reversal are, and which of them count."""
    return min(max(amount, 0), whole)


class World:
    def __init__(self, market):
        self.market, self.alias = market, {}
        self.contacts, self.sales = defaultdict(list), defaultdict(list)       # by visitor
        self.orders, self.worth = {}, {}
        self.backs, self.events = defaultdict(dict), defaultdict(dict)          # by (program, order_ref)
        self.applied = defaultdict(list)                                       # (program, order_ref, line) -> Backs and CANCELLED
        self.touch_keys, self.replacing = {}, defaultdict(set)              # (program, replacement_ref) -> orders whose place it took
        self.people, self.cached, self.members = {}, {}, {}
        self.bonuses = {}

    # who is who ------------------------------------------------------------------

    def person(self, visitor):
        while visitor in self.alias:
            visitor = self.alias[visitor]
        return visitor

    def facts_of(self, who):
        if who not in self.people:
            person = Person(self.market, self.alias)
            for visitor in self.members.get(who, [who]):
                person.contacts.update(self.contacts[visitor])
                person.sales.update((s.ref, s) for s in self.sales[visitor])
            person.by_name = {(c.visitor, c.ref): c for c in person.contacts}
            self.people[who] = person
        return self.people[who]

    def changed(self, visitor):
        who = self.person(visitor)
        person = self.people.pop(who, None)
        for ref, sale in person.sales.items() if person else ():
            self.cached.pop((sale.program, ref), None)

    # writers -------------------------------------------------------------------

    def identify(self, visitor, shopper):
        if self.person(visitor) == self.person(shopper):
            return "duplicate"
        self.changed(visitor)
        self.changed(shopper)
        old, new = self.person(visitor), self.person(shopper)
        self.members.setdefault(new, [new]).extend(self.members.pop(old, [old]))
        self.alias[visitor] = shopper
        return "recorded"

    def record_touch(self, touch):
        key = (touch.visitor, touch.ref)
        if key in self.touch_keys:
            return "duplicate" if self.touch_keys[key] == touch else "IN004"
        self.touch_keys[key] = touch
        self.contacts[touch.visitor].append(touch)
        self.changed(touch.visitor)
        return "recorded"

    def record_order(self, order):
        key = (order.program, order.ref)
        if key in self.orders:
            return "duplicate" if self.orders[key] == order else "IN004"
        worth = bases(self.market, order)
        if worth is None:
            return "IN002"
        self.changed(order.visitor)
        self.orders[key], self.worth[key] = order, worth
        self.sales[order.visitor].append(Sale(order.program, order.visitor, order.ref, order.at, {n: (l.product, worth[n][1]) for n, l in order.lines.items()}, order.coupon))
        for back in sorted(self.backs[key].values(), key=lambda b: (b.fact.at, b.fact.ref.encode())):
            self.apply(back)
        for event in self.events[key].values():
            if event.kind == "replaced":
                self.cached.pop((order.program, event.replacement), None)
        if self.first(key, "cancelled") is not None:
            self.cancel(key)
        return "recorded"

    def apply(self, back):
        """Whether a return fits; None, or how much money and how many pieces are left of what it wants."""
        fact, key = back.fact, (back.fact.program, back.fact.order_ref)
        back.state = "refused"
        line = self.orders[key].lines.get(fact.line)
        if line is None or self.person(fact.visitor) != self.person(self.orders[key].visitor):
            return False
        stated = self.worth[key][fact.line][0]
        before = [b for b in self.applied[key + (fact.line,)] if b is not CANCELLED]
        money, pieces = sum(b.given_signed() for b in before), sum(b.pieces() for b in before)
        if fact.kind == "chargeback_reversed":
            give = fact.amount
            left = sum(b.given for b in before if b.fact.kind == "chargeback") - sum(b.given for b in before if b.fact.kind == "chargeback_reversed")
        elif fact.kind == "goodwill":
            give = fact.amount
            left = stated - sum(b.given for b in before if b.fact.kind == "goodwill")
        else:
            if (fact.quantity or 0) > line.quantity - pieces:
                return False
            give, left = fact.amount, stated - money
            if give is None:
                # pieces telescope over the line, rounded down, but never more than is left
                give = min(stated * (pieces + fact.quantity) // line.quantity - stated * pieces // line.quantity, left)
        if give > left:
            return False
        back.state, back.given = "applied", give
        self.applied[key + (fact.line,)].append(back)
        return True

    def record_return(self, fact):
        key = (fact.program, fact.order_ref)
        if fact.kind not in TAKING + ("chargeback_reversed", "goodwill") or (fact.amount is None and fact.quantity is None):
            return "IN002"
        if fact.kind not in TAKING and (fact.amount is None or fact.quantity is not None):
            return "IN002"
        known = self.backs[key].get((fact.line, fact.ref))
        if known is not None:
            return "IN004" if known.fact != fact else "refused" if known.state == "refused" else "duplicate"
        back, order = Back(fact), self.orders.get(key)
        if order is not None:
            if self.person(fact.visitor) != self.person(order.visitor):
                return "IN004"
            if fact.line not in order.lines:
                return "IN003"
            if not self.apply(back):
                return "IN007"
        self.backs[key][fact.line, fact.ref] = back
        self.cached.pop(key, None)
        return "recorded" if order is not None else "parked"

    def record_event(self, fact):
        key = (fact.program, fact.order_ref)
        if fact.kind not in EVENT_KINDS or (fact.kind == "replaced") != (fact.replacement is not None):
            return "IN002"
        order, known = self.orders.get(key), self.events[key].get(fact.ref)
        if order is not None and self.person(fact.visitor) != self.person(order.visitor):
            return "IN004"
        if known is not None and order is None and self.person(fact.visitor) != self.person(known.visitor):
            return "parked"     # of an order that was refused: nobody's yet
        if known is not None:
            return "duplicate" if known == fact else "IN004"
        self.events[key][fact.ref] = fact
        self.cached.pop(key, None)
        if fact.kind == "replaced":
            self.replacing[fact.program, fact.replacement].add(key)
            self.cached.pop((fact.program, fact.replacement), None)
        if fact.kind == "cancelled" and order is not None:
            self.cancel(key)
        return "recorded" if order is not None else "parked"

    def record_bonus(self, fact):
        if fact.amount <= 0:
            return "IN002"
        key = (fact.program, fact.creator, fact.ref)
        if key in self.bonuses:
            return "duplicate" if self.bonuses[key] == fact else "IN004"
        self.bonuses[key] = fact
        return "recorded"

    def cancel(self, key):
        for n in self.orders[key].lines:
            if CANCELLED not in self.applied[key + (n,)]:
                self.applied[key + (n,)].append(CANCELLED)

    # the life of an order ----------------------------------------------------------

    def first(self, key, kind):
        """The earliest moment of a kind of event; what was delivered was shipped by then."""
        kinds = ("shipped", "delivered") if kind == "shipped" else (kind,)
        times = [e.at for e in self.events[key].values() if e.kind in kinds]
        return min(times) if times else None

    def replaces(self, key):
        """Whether an order took the place of one that is there."""
        return any(replaced in self.orders for replaced in self.replacing[key])

    def moment(self, key, kind):
        return self.orders[key].at if kind == "placed" else self.first(key, kind)

    def earned(self, key):
        order = self.orders[key]
        return self.moment(key, self.market.shops[order.program].payouts_at(order.at).earns_at) is not None

    def available(self, key):
        order = self.orders[key]
        shop = self.market.shops[order.program]
        payouts = shop.payouts_at(order.at)
        start = self.moment(key, payouts.hold_from)
        return INFINITY if start is None else shop.hold_until(start, payouts)

    def taken(self, key, n):
        """What the applied returns of a line take, by the time of the returns, in the program's currency. What each is
        worth there goes by the order of their application."""
        order, (stated, base) = self.orders[key], self.worth[key][n]
        shop = self.market.shops[order.program]
        age = shop.payouts_at(order.at).max_clawback_age
        limit = None if age is None else later(order.at, age, shop.zone)
        rows, so_far, is_cancelled = [], 0, False
        for back in self.applied[key + (n,)]:
            if back is CANCELLED:
                is_cancelled = True
                continue
            after = so_far + back.given_signed()
            amount = 0 if stated == 0 else ratio(base * after, stated) - ratio(base * so_far, stated)
            so_far = after
            rows.append(Taken(back.fact.at, back.fact.ref, amount, back.pieces(), back.fact.kind != "goodwill" and limit is not None and back.fact.at > limit))
        if is_cancelled:
            at = self.first(key, "cancelled")
            rows.append(Taken(at, "cancelled", base - sum(r.amount for r in rows), order.lines[n].quantity - sum(r.pieces for r in rows), limit is not None and at > limit))
        return sorted(rows, key=lambda r: (r.at, r.ref.encode()))

    def shares(self, key):
        """line -> {creator: Share} of what is credited now."""
        order, market = self.orders[key], self.market
        person = self.facts_of(self.person(order.visitor))
        result = {n: {} for n in order.lines}
        for n, name, row in person.credits(person.sales[order.ref]):
            if row.creator is None:
                continue
            share = result[n].setdefault(row.creator, Share())
            share.base += row.credit
            share.weight += row.weight
            touch = person.by_name.get(name)
            if touch is not None and touch.product is not None:
                product = order.lines[n].product
                share.direct |= touch.product == product or market.paths[touch.product][-1] in market.paths[product]
            share.boosted |= touch is not None and bool(touch.boosted)
        return result

    def booked(self, key):
        """(line, creator) -> Booked; nothing before the order is earned."""
        if key not in self.cached:
            self.cached[key] = commissions(self.market, self.orders[key], self.shares(key), self.replaces(key)) if self.earned(key) else {}
        return self.cached[key]

    def nets(self, key):
        """(line, creator, kind) -> (base, amount): commissions, what returns take back, and what of that is written off."""
        order, result = self.orders[key], {}
        rounding = self.market.shops[order.program].payouts_at(order.at).rounding
        rows = {n: self.taken(key, n) for n in order.lines}
        for (n, creator), booked in self.booked(key).items():
            result[n, creator, "commission"] = (booked.base, booked.amount)
            base = self.worth[key][n][1]
            whole = base if base > 0 else order.lines[n].quantity
            back = off = so_far = 0
            for row in rows[n]:
                before, so_far = so_far, so_far + (row.amount if base > 0 else row.pieces)
                take = ratio(booked.amount * inside(so_far, whole), whole, rounding) - ratio(booked.amount * inside(before, whole), whole, rounding)
                back -= take
                off += take if row.aged else 0
            if rows[n]:
                result[n, creator, "clawback"] = (-ratio(booked.base * so_far, base, rounding) if base > 0 else 0, back)
            if any(row.aged for row in rows[n]):
                result[n, creator, "write_off"] = (0, off)
        return result

    def net_of_creators(self, key):
        """What record_order_event answers."""
        return sum(amount for (_, creator, _), (_, amount) in self.nets(key).items() if creator != PLATFORM)
