"""Random settings of programs for check_commission: what the model gets, and the calls that tell them to PostgreSQL.

Three kinds of programs. `early`: a visitor's touches come before its orders, so that what an order answers is final, and
directness, boost and protection may count. `wild`: the same, and returns may ask for more than is left. `late`: touches,
merges and orders in any order, under long holds, so that the jobs attribute again.
"""

import json
from datetime import datetime
from fractions import Fraction

from attribution_model import DAY, EPOCH, MICROSECOND, Span, to_datetime
from commission_model import BILLION, PARTS, Bonus, Budget, Coupon, Market, Payouts, Policy, Rate, Shop, Tier
from person_model import HOUR, Rules
from pg import quote

START, END = [(datetime(2024, *d) - EPOCH) // MICROSECOND for d in ((1, 10), (5, 20))]
LONG_AGO = (datetime(2023, 6, 1) - EPOCH) // MICROSECOND
CREATORS, PRODUCTS = 10, 12
CURRENCIES = {"EUR": 2, "JPY": 0, "KWD": 3, "CLF": 4, "USD": 2}
# major units of each that are worth about the same
WORTH = {"EUR": Fraction(1), "JPY": Fraction(163), "KWD": Fraction("0.33"), "CLF": Fraction("0.026"), "USD": Fraction("1.08")}
MODELS = ["first_touch", "last_touch", "last_non_direct", "linear", "position_based", "j_shaped", "time_decay", "shapley"]
# revenue of lines and thresholds of tiers are often multiples of this
GRAIN = 2500


def when(us):
    return "infinity" if us is None else to_datetime(us).isoformat()


def interval(span):
    return None if span is None else "%d months %d days %d microseconds" % span


def visitor(n):
    return "00000000-0000-4000-8000-%012d" % n


def value(x):
    return "NULL" if x is None else quote(x) if isinstance(x, str) else str(x)


def decimal(ppb):
    """A rate in units of 10^-9 as decimal text."""
    return "%d.%09d" % divmod(ppb, BILLION)


def call(function, /, **arguments):
    """SELECT status of a published function with named arguments; those that are not given keep their defaults."""
    return "SELECT status FROM influence.%s(%s)" % (function, ", ".join("%s => %s" % (k, v if isinstance(v, bool) else value(v)) for k, v in arguments.items()))


class Settings:
    def __init__(self, rng, features):
        self.rng, self.features, self.market = rng, features, Market()
        self.setup, self.refused = [], []       # statements; (statement, code) that have to be refused
        self.kinds, self.names = {}, {}
        self.next_tier = self.next_budget = self.next_bonus = 1
        self.catalogue()
        self.people()
        if "rates" in features:
            self.exchange()
        kinds = ["early", "early", "wild", "late", "late", "early"]
        currencies = list(CURRENCIES)
        rng.shuffle(currencies)
        for program, kind in enumerate(kinds, 1):
            self.program(program, kind, currencies[program % 5], program != 6)
        if "rates" in features:
            self.posts()

    def moment(self, low=START, high=END):
        """Often on the full hour, so that times meet."""
        at = self.rng.randrange(low, high)
        return at - at % HOUR if self.rng.random() < 0.5 else at

    def some(self, chance):
        return self.rng.random() < chance

    # shared ------------------------------------------------------------------------

    def catalogue(self):
        paths = {}
        for n, parent in enumerate([None, None, 1, 1, 3, 2, 6], 1):
            paths[n] = (paths[parent] if parent else []) + [n]
            self.setup.append(call("create_category", name="category %d" % n, parent_id=parent))
        for product in range(1, PRODUCTS + 1):
            category = self.rng.randint(1, 7)
            self.market.paths[product] = paths[category]
            self.market.brands[product] = self.rng.choice([None, "Acme", "Acme", "Bolt"])
            self.setup.append(call("add_product", sku="sku %d" % product, title="Product", category_id=category, brand=self.market.brands[product], valid_from="2020-01-01"))

    def people(self):
        rng = self.rng
        for creator in range(1, CREATORS + 1):
            own = visitor(creator) if self.some(0.5) else None
            clients = sorted(rng.sample(range(1, creator), 2)) if creator > 8 else []
            status, at = [], START
            while self.some(0.2):
                at = self.moment(at + 1)
                status.append((at, rng.choice(["suspended", "active", "banned"])))
            self.market.creators[creator] = {"visitor": own, "agency_of": clients, "status": status}
            self.setup.append("SELECT status FROM influence.register_creator('creator %d', 'Name', agency_of => '{%s}', visitor_id => %s)" % (creator, ",".join(map(str, clients)), value(own)))
            self.setup += [call("set_creator_status", creator_id=creator, new_status=name, reason="r", actor="ops", since=when(since)) for since, name in status]

    def exchange(self):
        rng = self.rng
        for source in CURRENCIES:
            for target in CURRENCIES:
                # EUR to JPY is not told: such an order has to bring its own rate
                if source == target or (source, target) == ("EUR", "JPY"):
                    continue
                for start in (LONG_AGO, self.moment()):
                    rate = self.random_rate(source, target)
                    self.market.exchange.append((source, target, start, Fraction(rate)))
                    self.setup.append("SELECT status FROM influence.set_exchange_rate('%s', '%s', %s, 'test', '%s')" % (source, target, rate, when(start)))
        self.refused += [("SELECT status FROM influence.set_exchange_rate('EUR', 'EUR', 1, 'test', '2024-01-01')", "IN002"),
                         ("SELECT status FROM influence.set_exchange_rate('EUR', 'USD', 0, 'test', '2024-01-01')", "IN002"),
                         ("SELECT status FROM influence.set_exchange_rate('EUR', 'USD', 1.1234567890123, 'test', '2024-01-01')", "IN002")]

    def random_rate(self, source, target):
        about = WORTH[target] / WORTH[source] * Fraction(self.rng.randint(90, 110), 100)
        digits = self.rng.choice([2, 6, 12])
        return "%d.%0*d" % (divmod(max(1, round(about * 10**digits)), 10**digits)[0], digits, max(1, round(about * 10**digits)) % 10**digits)

    # a program -------------------------------------------------------------------------

    def program(self, program, kind, currency, pays):
        rng, setup = self.rng, self.setup
        zone = rng.choice(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
        change = [None, self.moment(START + 40 * DAY, END - 40 * DAY)]
        rules = [self.rules(kind, start) for start in change]
        payouts = [self.payouts(kind, start) for start in change]
        policies = [self.policy(start) for start in change] if "rates" in self.features else [Policy(None, PARTS, 0, None, None, None, None, "until_lock")]
        group = "g" if kind == "late" else None
        shop = Shop(currency, zone, pays, group, rules, payouts, policies)
        self.market.shops[program], self.kinds[program], self.names[program] = shop, kind, "program %d" % program
        more = {"commission": self.policy_json(policies[0])} if "rates" in self.features else {}
        setup.append(call("create_program", name=self.names[program], currency=currency, time_zone=zone, attribution=self.rules_json(rules[0]),
                          payout=self.payouts_json(payouts[0]), dedup_group=group, paying=pays, **more))
        setup.append(call("set_attribution_policy", program_id=program, policy=self.rules_json(rules[1]), valid_from=when(change[1])))
        setup.append(call("set_payout_policy", program_id=program, policy=self.payouts_json(payouts[1]), valid_from=when(change[1])))
        if "rates" in self.features:
            setup.append(call("set_commission_policy", program_id=program, policy=self.policy_json(policies[1]), valid_from=when(change[1])))
            self.refused += [(call("set_commission_policy", program_id=program, policy='{"line_cab": 1}', valid_from="2025-01-01"), "IN002"),
                             (call("set_commission_policy", program_id=program, policy='{"platform_rate": 1.5}', valid_from="2025-01-01"), "IN002"),
                             (call("set_commission_policy", program_id=program, policy='{"line_cap": 1}', valid_from="2020-01-01"), "IN005")]
        setup.append("SELECT status FROM influence.set_admission_rule(%d, 'channels', '>=', 0, valid_from => '2020-01-01')" % program)
        for creator in range(1, CREATORS + 1):
            if self.some(0.95):
                shop.admitted[creator] = LONG_AGO if self.some(0.9) else self.moment()
                setup.append(call("apply_creator", program_id=program, creator_id=creator, submitted_at=when(shop.admitted[creator])))
        self.rate_card(program, kind)
        self.coupons(program)
        if "settle" in self.features:
            self.tiers(program)
            self.budgets(program)
            self.bonuses(program)

    def rules(self, kind, start):
        rng = self.rng
        return Rules(start, rng.choice(MODELS), rng.choice([Span(0, 30, 0), Span(1, 0, 0), Span(0, 12, HOUR)]), rng.choice([Span(0, 0, 0), Span(0, 3, 0)]),
                     rng.choice([Span(0, 20, 0), Span(0, 90, 0)]), ("0.4", "0.2", "0.4"), rng.choice([Span(0, 7, 0), Span(0, 0, 5 * HOUR)]),
                     rng.choice(["reuse", "consume", "session"]) if kind == "late" else "reuse", rng.choice([Span(0, 1, 0), Span(0, 0, 60 * HOUR)]),
                     rng.choice(["any", "any", "any", "any", "product", "category"]), rng.choice(["none", "override", "only_without_click", "last_touch"]), None, 0)

    @staticmethod
    def rules_json(r):
        return json.dumps({"model": r.model, "lookback": interval(r.lookback), "view_lookback": interval(r.view_lookback), "cart_lookback": interval(r.cart_lookback),
                           "half_life": interval(r.half_life), "reuse": r.reuse, "session_lifetime": interval(r.session_lifetime), "match": r.match,
                           "coupon_rule": r.coupon_rule, "max_touch_delay": "100 years"})

    def payouts(self, kind, start):
        rng, life = self.rng, "life" in self.features
        hold, after = rng.choice([(Span(0, 14, 0), None), (Span(1, 0, 0), None), (Span(0, 2, 36 * HOUR), None), (None, 15), (Span(0, 0, 0), None)])
        if kind == "late":
            hold, after = Span(12 * 9, rng.randint(0, 3), 0), None
        earns = rng.choice(["placed", "placed", "shipped", "delivered"]) if life else "placed"
        held = rng.choice(["placed", "shipped", "delivered"]) if life else "placed"
        age = rng.choice([None, None, Span(0, 60, 0), Span(1, 0, 0)]) if life else None
        scope = rng.choice(["line", "order"]) if "rates" in self.features else "line"
        return Payouts(start, hold, after, rng.choice(["half_up", "half_up", "half_even", "down"]), scope, earns, held, age)

    def payouts_json(self, p):
        hold = {"hold": interval(p.hold), "hold_after_month_end": None} if p.hold is not None else {"hold_after_month_end": p.after_month_end}
        more = {"earns_at": p.earns_at, "hold_from": p.hold_from, "max_clawback_age": interval(p.max_clawback_age)} if "life" in self.features else {}
        if "rates" in self.features:
            more["rounding_scope"] = p.scope
        return json.dumps(dict(hold, rounding=p.rounding, **more))

    def policy(self, start):
        rng, settle = self.rng, "settle" in self.features
        cap = lambda chance, *amounts: rng.choice(amounts) if settle and self.some(chance) else None
        return Policy(start, tuple(sorted(rng.sample(PARTS, rng.randint(3, 6)))), rng.choice([0, 0, BILLION // 100, 12345678]), cap(0.3, 200, 500), cap(0.3, 400, 900),
                      cap(0.3, 900, 2500), cap(0.3, 100, 700), rng.choice(["until_lock", "until_lock", "forever"]) if settle else "until_lock")

    @staticmethod
    def policy_json(p):
        return json.dumps({"base_less": list(p.base_less), "platform_rate": float(decimal(p.platform_rate)), "line_cap": p.line_cap, "order_cap": p.order_cap,
                           "month_cap": p.month_cap, "month_minimum": p.month_minimum, "tier_restate": p.tier_restate})

    # rates, coupons ------------------------------------------------------------------------

    def price(self, flat_chance):
        """rate or flat_amount of a row."""
        if self.some(flat_chance):
            return None, self.rng.choice([0, 7, 50, 333])
        return self.rng.choice([0, BILLION // 200, 33300000, BILLION // 20, BILLION // 20, 75000000, 123456789, BILLION // 10, BILLION]), None

    def rate_card(self, program, kind):
        """For a key: an open rate, and perhaps a promotion within it, a later rate, or a later rate that protects."""
        rng, more, card, keys = self.rng, "rates" in self.features, self.market.shops[program].rates, {(0,) * 3 + ("",) * 4 + (0,)}
        while len(keys) < 14:
            key = [rng.choice([0, 0, rng.randint(1, CREATORS)]), rng.choice([0, 0, 0, rng.randint(1, PRODUCTS)]), rng.choice([0, rng.randint(1, 7)]), rng.choice(["", "", "DE", "FR"])]
            key += [rng.choice(["", "direct", "indirect"]) if more and kind != "late" else "", rng.choice(["", "", "new", "returning"]) if more else "",
                    rng.choice(["", "", "boosted", "organic"]) if more and kind != "late" else "", rng.choice([0, 0, 5, -5])]
            keys.add(tuple(key))
        for key in sorted(keys):
            first, promotion, end, change = sorted(self.moment(START - 60 * DAY) for _ in range(4))
            flat = 0.25 if more else 0
            style, protect = rng.choice(["plain", "promotion", "change", "both"]), 0
            if more and kind != "late" and self.some(0.4):
                style, protect = "change", rng.choice([20, 90])
            rows = [(self.price(flat), first, None, 0)]
            if style in ("promotion", "both") and promotion < end:
                rows.append((self.price(flat), promotion, end, 0))
            if style in ("change", "both") and end < change:
                rows.append((self.price(flat), change, None, protect))
            self.tell_rates(program, key, rows)
            last = rows[-1][1] if len(rows) > 1 and rows[-1][2] is None else None
            for price, start, stop, days in rows:
                if stop is None and start == first and any(r[2] for r in rows):
                    inner = [r for r in rows if r[2] is not None][0]
                    pieces = [(first, inner[1]), (inner[2], last)]
                elif stop is None and start == first:
                    pieces = [(first, last)]
                else:
                    pieces = [(start, stop)]
                card += [Rate(*key, *price, days, a, b) for a, b in pieces if b is None or a < b]

    def tell_rates(self, program, key, rows):
        names = ("creator_id", "product_id", "category_id", "country", "directness", "customer_kind", "boost", "priority")
        for (rate, flat), start, stop, days in rows:
            arguments = {name: x for name, x in zip(names, key) if x not in (0, "")}
            if flat is not None:
                arguments["flat_amount"] = flat
            if days:
                arguments["protect_days"] = days
            price = "" if rate is None else ", rate => %s" % decimal(rate)
            self.setup.append(call("set_commission_rate", program_id=program, valid_from=when(start), valid_to=when(stop), **arguments).replace("program_id => %d" % program, "program_id => %d%s" % (program, price)))

    def coupons(self, program):
        for code in ("ONE", "two"):
            cut = self.moment()
            for start, stop in ((LONG_AGO, cut), (cut, None)):
                owner, fixed = self.rng.randint(1, CREATORS), self.rng.choice([None, 25, 300]) if "settle" in self.features else None
                self.market.shops[program].codes.append(Coupon(code, owner, start, stop, fixed))
                more = {"fixed_credit": fixed} if fixed else {}
                self.setup.append(call("set_coupon", program_id=program, code=code, creator_id=owner, valid_from=when(start), **more))

    # settlement -------------------------------------------------------------------------------

    def tiers(self, program):
        rng, shop = self.rng, self.market.shops[program]
        for category in rng.sample([0, 0, 1, 3, 6], rng.randint(1, 3)):
            if any(t.category == category for t in shop.tiers):
                continue
            starts = [LONG_AGO] + ([self.moment()] if self.some(0.4) else [])
            for start, stop in zip(starts, starts[1:] + [None]):
                measure, mode = rng.choice(["revenue", "revenue", "orders", "units"]), rng.choice(["graduated", "volume"])
                steps = rng.sample(range(1, 9), rng.randint(1, 3))
                step = {"revenue": GRAIN, "orders": 1, "units": 2}[measure]
                thresholds = (0, *sorted(step * s + (rng.choice([0, 0, 1, -1]) if measure == "revenue" else 0) for s in steps))
                rates = tuple(rng.choice([0, BILLION // 50, 40000000, 60000000, 80000000, 123456789]) for _ in thresholds)
                shop.tiers.append(Tier(self.next_tier, category, measure, mode, thresholds, rates, start, stop))
                self.next_tier += 1
                self.setup.append("SELECT status FROM influence.set_tier_table(%d, '%s', '%s', '{%s}', '{%s}', category_id => %d, valid_from => '%s')"
                                  % (program, measure, mode, ",".join(map(str, thresholds)), ",".join(map(decimal, rates)), category, when(start)))
        bad = "SELECT status FROM influence.set_tier_table(%d, %%s, valid_from => '2025-01-01')" % program
        self.refused += [(bad % arguments, "IN002") for arguments in ("'revenue', 'graduated', '{1}', '{0.1}'", "'revenue', 'graduated', '{0,5,5}', '{0.1,0.2,0.3}'",
                         "'revenue', 'graduated', '{0,5}', '{0.1}'", "'money', 'graduated', '{0}', '{0.1}'", "'orders', 'flat', '{0}', '{0.1}'", "'orders', 'volume', '{0}', '{-0.1}'")]
        self.refused.append(("SELECT status FROM influence.set_tier_table(99, 'revenue', 'volume', '{0}', '{0.1}')", "IN003"))

    def budgets(self, program):
        shop = self.market.shops[program]
        for brand in ("Acme", "Bolt", ""):
            if self.some(0.5):
                start = self.moment(START - 20 * DAY)
                stop = None if self.some(0.3) else self.moment(start + 1, END + 20 * DAY)
                budget = Budget(self.next_budget, brand, self.rng.choice([500, 3000, 12000]), start, stop)
                shop.budgets.append(budget)
                self.next_budget += 1
                # some were asked for longer than they hold
                stated = self.rng.choice([stop, None, stop + 30 * DAY]) if stop else None
                self.setup.append(call("set_commission_budget", program_id=program, amount=budget.amount, brand=brand, valid_from=when(start), valid_to=when(stated)))
                if stated != stop:
                    self.setup.append(call("end_commission_budget", program_id=program, budget_id=budget.id, valid_to=when(stop)))
                self.refused.append((call("set_commission_budget", program_id=program, amount=1, brand=brand, valid_from=when(start), valid_to=when(start + 1)), "IN011"))

    def bonuses(self, program):
        for kind, threshold in (("basket", GRAIN), ("frequency", 3)):
            if self.some(0.5):
                start = self.moment(START - 20 * DAY)
                bonus = Bonus(self.next_bonus, kind, threshold, self.rng.choice([40, 500]), start, self.moment(start + 1, END + 20 * DAY))
                self.market.shops[program].bonuses.append(bonus)
                self.next_bonus += 1
                self.setup.append(call("set_bonus_rule", program_id=program, kind=kind, name=kind, threshold=threshold, amount=bonus.amount, valid_from=when(start), valid_to=when(bonus.stop)))
        self.refused.append((call("set_bonus_rule", program_id=program, kind="baskets", name="x", threshold=1, amount=1, valid_from="2024-01-01", valid_to="2025-01-01"), "IN002"))
        self.refused.append((call("set_bonus_rule", program_id=program, kind="basket", name="y", threshold=0, amount=1, valid_from="2024-01-01", valid_to="2025-01-01"), "IN002"))

    def posts(self):
        """Creators who were always active and admitted show products, before and after rates change."""
        for n in range(60):
            program, creator = self.rng.choice([1, 2, 3]), self.rng.randint(1, CREATORS)
            if self.market.shops[program].admitted.get(creator) != LONG_AGO or self.market.creators[creator]["status"]:
                continue
            at, products = self.moment(START - 50 * DAY), sorted(self.rng.sample(range(1, PRODUCTS + 1), 5))
            self.market.posts.append((creator, at, set(products)))
            self.setup.append(call("publish_post", program_id=program, creator_id=creator, post_ref="post %d" % n, kind="photo", tags=json.dumps([{"product_id": p} for p in products]), published_at=when(at)))
