"""Random facts for check_commission: touches, orders, order events and returns of all kinds, as steps that can be told in many orders.

Each step knows its call and asks the model what the call has to answer. In programs that are not `wild` everything fits
in any order: returns never ask for more than the line has, a reversal comes after its chargeback, and where the rounding
of what a return is worth goes by the order of their application (other currencies, cancelled orders, pieces, the age of
clawbacks) the returns of an order lie on one side of each limit.
"""

import json

from fractions import Fraction

from attribution_model import DAY
from commission_model import PARTS, Line, Order, Touched, order_amount
from commission_settings import CREATORS, CURRENCIES, END, GRAIN, PRODUCTS, START, value, visitor, when
from order_life_model import INFINITY, Bonus, Event, Return
from person_model import HOUR
from program_model import later
from settlement_model import month_lock

MOMENT = "(extract(epoch FROM nullif(available_at, 'infinity') - '2000-01-01 00:00+00') * 1000000)::bigint::text"


class Step:
    """A call: who it is about, what to send, and how the model answers. `phase` 0 comes before 1; `after`: steps that come first."""

    def __init__(self, person, text, answer, phase=1, after=()):
        self.person, self.text, self.answer, self.phase, self.after = person, text, answer, phase, after


class Story:
    def __init__(self, rng, settings, orders):
        self.rng, self.settings, self.market, self.features = rng, settings, settings.market, settings.features
        self.steps, self.next_visitor, self.serial = [], 100, 0
        weights = {"early": 4, "wild": 4, "late": 3}
        programs = [p for p, kind in settings.kinds.items() for _ in range(weights[kind] if settings.market.shops[p].pays else 1)]
        self.told = 0
        while self.told < orders:
            self.shopper(rng.choice(programs))
        if "settle" in self.features:
            for n in range(orders // 20):
                self.bonus("bonus %d" % n)

    def moment(self, low=START, high=END):
        at = self.rng.randrange(low, high)
        return at - at % HOUR if self.rng.random() < 0.5 else at

    def some(self, chance):
        return self.rng.random() < chance

    def add(self, *arguments, **more):
        step = Step(*arguments, **more)
        self.steps.append(step)
        if self.some(0.06):
            self.steps.append(Step(step.person, step.text, step.answer, step.phase, step.after))
        return step

    # people -----------------------------------------------------------------------

    def shopper(self, program):
        """A person with touches and orders; in late programs, with several visitors that turn out to be one."""
        rng, kind = self.rng, self.settings.kinds[program]
        self.next_visitor += 1
        me = visitor(rng.randint(1, CREATORS) if self.some(0.04) and kind != "late" else self.next_visitor)
        visitors = [me]
        while kind == "late" and self.some(0.4):
            self.next_visitor += 1
            guest = visitor(self.next_visitor)
            self.merge(me, guest, rng.choice(visitors))
            visitors.append(guest)
        # (visitor, moment, order_ref, the order that it replaces)
        plan, who = [], None
        for n in range(rng.randint(1, 4)):
            self.told += 1
            replacing = plan[-1][2] if plan and "life" in self.features and self.some(0.06) else None
            who = who if replacing else rng.choice(visitors)
            plan.append((who, self.moment(), "order %d" % self.told, replacing))
        replaced = {p[3]: p[2] for p in plan if p[3]}
        for who, at, ref, _ in plan:
            for _ in range(rng.choice([1, 1, 2, 3])):
                self.touch(program if kind != "late" else rng.choice([4, 5]), me, rng.choice(visitors), at, kind)
            self.order(program, me, who, ref, at, kind, replaced.get(ref))

    def merge(self, me, guest, shopper):
        self.add(me, "SELECT status FROM influence.identify('%s', '%s')" % (guest, shopper), lambda world: world.identify(guest, shopper))

    def touch(self, program, me, who, order_at, kind):
        rng = self.rng
        self.serial += 1
        at = order_at - rng.choice([0, 1, HOUR, rng.randrange(20 * DAY), rng.randrange(20 * DAY), rng.randrange(40 * DAY)])
        what = rng.choice(["view", "click", "click", "click", "click", "cart", "coupon"])
        creator = rng.choice([None] + list(range(1, CREATORS + 1)) * 2)
        product = rng.choice([None] + list(range(1, PRODUCTS + 1)))
        if what == "cart":
            product = product or 1
        channel = rng.choice([None, "direct"]) if creator is None and what == "click" else None
        boosted = rng.choice([None, False, True]) if "rates" in self.features else None
        fact = Touched(program, who, "t%d" % self.serial, at, what, creator, product, None, channel, at, None, boosted)
        details = {k: x for k, x in (("channel", channel), ("boosted", boosted)) if x is not None}
        self.add(me, "SELECT status FROM influence.record_touch(%d, '%s', '%s', '%s', %s, '%s', %s, details => '%s')"
                 % (program, who, fact.ref, what, value(creator), when(at), value(product), json.dumps(details)), lambda world: world.record_touch(fact), phase=0 if kind != "late" else 1)

    # orders -----------------------------------------------------------------------

    def order(self, program, me, who, ref, at, kind, replacement):
        shop = self.market.shops[program]
        lines = {n: self.line() for n in self.rng.sample(range(1, 6), self.rng.choice([1, 1, 1, 2, 3]))}
        details = {"country": self.rng.choice(["DE", "FR", "US"])} if self.some(0.6) else {}
        if self.some(0.25):
            details["coupon"] = self.rng.choice(["one", " TWO ", "three"])
        currency, fx = shop.currency, None
        if "rates" in self.features and self.some(0.25):
            currency = self.rng.choice(sorted(CURRENCIES))
            if currency != shop.currency and self.some(0.3):
                fx = self.settings.random_rate(currency, shop.currency)
        order = Order(program, who, ref, at, currency, details.get("country"), details.get("coupon"), None if fx is None else Fraction(fx), lines)
        told = self.add(me, self.order_text(order, details, fx), lambda world: world.record_order(order))
        if self.some(0.03):
            other = order._replace(lines={n: line._replace(quantity=line.quantity + 1) for n, line in lines.items()})
            self.add(me, self.order_text(other, details, fx), lambda world: world.record_order(other), after=(told,))
        cancelled = "life" in self.features and self.some(0.12)
        window = self.window(order, True) if cancelled or currency != shop.currency else None
        if "life" in self.features:
            self.events(me, order, kind, told, replacement, self.within(window) if cancelled else None)
        for n in lines:
            if self.some(0.6 if kind == "wild" else 0.4) and ("life" in self.features or currency == shop.currency):
                self.returns(me, order, n, kind, window)

    def line(self):
        rng, rates = self.rng, "rates" in self.features
        stated = rng.choice([0, 1, 7, GRAIN, GRAIN, GRAIN, GRAIN, 2 * GRAIN, 2 * GRAIN, 3 * GRAIN, GRAIN + 1, GRAIN - 1]) if self.some(0.5) else None
        return Line(rng.randint(1, PRODUCTS), rng.randint(1, 4), rng.choice([0, 999, GRAIN, rng.randint(1, 9000), rng.randint(1, 9000)]), {k: rng.randint(1, 400) for k in PARTS if self.some(0.25)},
                    stated, rng.choice([None, True, True, False]) if rates else None, rng.choice([None, None, 0, 1]) if rates else None)

    @staticmethod
    def order_text(order, details, fx):
        texts = []
        for n, line in order.lines.items():
            text = dict(line.parts, line_no=n, product_id=line.product, quantity=line.quantity, paid_price=line.price, base_amount=line.stated,
                        new_customer=line.new_customer, renewal_no=line.renewal_no)
            texts.append({k: x for k, x in text.items() if x is not None})
        body = json.dumps(details)
        if fx is not None:
            # a JSON number with all its digits
            body = json.dumps(dict(details, fx_rate="?", fx_source="desk")).replace('"?"', fx)
        return ("SELECT status FROM influence.record_order(%d, '%s', '%s', '%s', '%s', '%s', '%s')"
                % (order.program, order.visitor, order.ref, json.dumps(texts), when(order.at), order.currency, body))

    # order events -------------------------------------------------------------------

    def events(self, me, order, kind, told, replacement, cancelled_at):
        rng = self.rng
        shipped = order.at + rng.choice([0, HOUR, rng.randrange(5 * DAY), rng.randrange(40 * DAY)])
        if self.some(0.85):
            self.event(me, order, kind, told, "shipped", shipped)
            if self.some(0.2):
                self.event(me, order, kind, told, "shipped", shipped + rng.choice([-HOUR, HOUR]), "second parcel")
        if self.some(0.75):
            self.event(me, order, kind, told, "delivered", shipped + 2 * HOUR + rng.randrange(6 * DAY))
        if cancelled_at is not None:
            self.event(me, order, kind, told, "cancelled", cancelled_at)
        if replacement is not None:
            self.event(me, order, kind, told, "replaced", order.at + DAY, replacement=replacement)
        elif self.some(0.02):
            self.event(me, order, kind, told, "replaced", order.at + DAY, replacement="never told")
        if self.some(0.02):
            self.event(me, order, kind, told, "lost", order.at)

    def event(self, me, order, kind, told, what, at, ref=None, replacement=None):
        fact = Event(order.program, order.visitor, order.ref, ref or what, what, at, replacement)
        final = kind != "late"

        def answer(world):
            status = world.record_event(fact)
            if status.startswith("IN") or not final:
                return status
            key = (order.program, order.ref)
            if key not in world.orders:
                return status + " - -"
            available = world.available(key)
            return "%s %d %s" % (status, world.net_of_creators(key), "-" if available == INFINITY else available)

        status = "concat_ws(' ', status, CASE WHEN status = 'parked' THEN '-' ELSE coalesce(commission::text, '-') END, coalesce(%s, '-'))" % MOMENT if final else "status"
        more = "".join(", %s => '%s'" % pair for pair in (("event_ref", ref), ("replacement_ref", replacement)) if pair[1] is not None)
        text = "SELECT %s FROM influence.record_order_event(%d, '%s', '%s', '%s', '%s'%s)" % (status, order.program, order.visitor, order.ref, what, when(at), more)
        step = self.add(me, text, answer)
        if self.some(0.03):
            other = fact._replace(at=at + 1)
            self.add(me, text.replace(when(at), when(at + 1)), lambda world: world.record_event(other), after=(step,))
        if self.some(0.01):
            stranger = fact._replace(visitor=visitor(99))
            self.add(me, text.replace(order.visitor, visitor(99)),
                     lambda world: world.record_event(stranger) + (" - -" if final and (order.program, order.ref) not in world.orders else ""), after=(told,))

    # returns ----------------------------------------------------------------------

    def window(self, order, whole):
        """A range after an order that no limit divides: that of the age of clawbacks, and if whole, the lock of the month.
        (A lock of the late programs lies in the future, where nothing can have happened.)"""
        shop = self.market.shops[order.program]
        age = shop.payouts_at(order.at).max_clawback_age
        cuts = [None if age is None else later(order.at, age, shop.zone) + 1, month_lock(shop, shop.month_of(order.at)) if whole else None]
        bounds = [order.at] + sorted(x for x in cuts if x is not None and order.at < x < END + 365 * DAY)
        n = self.rng.randrange(len(bounds))
        return bounds[n], min(bounds[n + 1] if n + 1 < len(bounds) else bounds[n] + 90 * DAY, bounds[n] + 90 * DAY)

    def within(self, window):
        low, high = window
        return self.rng.choice([low, high - 1, self.rng.randrange(low, high), self.rng.randrange(low, high)])

    def returns(self, me, order, n, kind, window):
        rng, line = self.rng, order.lines[n]
        stated = order_amount(line, self.market.shops[order.program].policy_at(order.at))
        left, pieces, by_pieces, kinds = stated, line.quantity, stated == 0 or self.some(0.35), set()
        if stated == 0 and "life" not in self.features:
            return
        window = window or self.window(order, by_pieces)
        for r in range(rng.choice([1, 1, 2, 3])):
            what, at = rng.choice(["return", "return", "return", "chargeback", "goodwill"]) if "life" in self.features else "return", self.within(window)
            ref = "%s %d" % (what, r)
            if kind == "wild":
                quantity, amount = rng.choice([(None, rng.randint(0, stated + stated // 4)), (None, rng.randint(0, stated // 2)), (rng.randint(1, line.quantity + 1), None), (1, rng.randint(0, stated)), (None, None)])
                at = rng.choice([at, order.at + rng.randrange(100 * DAY), self.within(self.window(order, True))])
                self.give_back(me, order, rng.choice([n] * 9 + [6]), ref, what, quantity, amount, at)
                if what == "chargeback":
                    self.give_back(me, order, n, "reversal %d" % r, "chargeback_reversed", None, rng.randint(0, stated), at + rng.randrange(40 * DAY))
            elif what == "goodwill":
                if what not in kinds:
                    self.give_back(me, order, n, ref, what, None, rng.randint(0, stated), at)
            elif by_pieces:
                if pieces > 0:
                    back = rng.randint(1, pieces)
                    pieces -= back
                    self.give_back(me, order, n, ref, what, back, None, at)
            else:
                back = rng.choice([rng.randint(0, left), left])
                left -= back
                step = self.give_back(me, order, n, ref, what, rng.choice([None, None, 1]) if r == 0 else None, back, at)
                if what == "chargeback" and self.some(0.6):
                    self.give_back(me, order, n, "reversal %d" % r, "chargeback_reversed", None, rng.choice([back, rng.randint(0, back)]), rng.randrange(at, window[1]), (step,))
            kinds.add(what)

    def give_back(self, me, order, n, ref, what, quantity, amount, at, after=()):
        fact = Return(order.program, order.visitor, order.ref, n, ref, what, quantity, amount, at)
        text = ("SELECT status FROM influence.record_return(%d, '%s', '%s', %d, '%s', %s, %s, '%s', '%s')"
                % (order.program, order.visitor, order.ref, n, ref, value(quantity), value(amount), when(at), what))
        step = self.add(me, text, lambda world: world.record_return(fact), after=after)
        if self.some(0.02):
            other = fact._replace(at=at + 1)
            self.add(me, text.replace(when(at), when(at + 1)), lambda world: world.record_return(other), after=(step,))
        return step

    # what operators add -----------------------------------------------------------

    def bonus(self, ref):
        """A payment beside the commissions, sometimes of nothing, sometimes told again as another one."""
        rng, me = self.rng, "creator %d" % self.rng.randint(1, CREATORS)
        fact = Bonus(rng.randint(1, 6), int(me.split()[1]), ref, rng.choice([0, 1, rng.randint(2, 5000)]), rng.choice(["bonus", "fund", "fee"]), self.moment(), rng.choice([None, self.moment(END, END + 30 * DAY)]))
        for told in (fact, fact._replace(amount=fact.amount + 1)):
            if told is fact or (fact.amount > 0 and self.some(0.1)):
                text = ("SELECT status FROM influence.record_bonus(%d, %d, %d, '%s', kind => '%s', occurred_at => '%s', available_at => %s)"
                        % (told.program, told.creator, told.amount, told.ref, told.kind, when(told.at), value(None if told.available is None else when(told.available))))
                step = self.add(me, text, lambda world, told=told: world.record_bonus(told), after=() if told is fact else (step,))

    # tellings ---------------------------------------------------------------------

    def telling(self, rng):
        """The steps in a random order that keeps what has to come first."""
        place = {}

        def place_of(step):
            if id(step) not in place:
                place[id(step)] = max([step.phase + rng.random()] + [place_of(s) + 1e-9 for s in step.after])
            return place[id(step)]

        return sorted(self.steps, key=place_of)
