"""Model of attribution inside the program, by persons: what is credited and earned in the end, whatever came first.

A pure function of what was recorded: touches, orders, returns and aliases are sets here, so no order of arrival can
matter. Written from the contract (design section 5 "In the program", docs/explanation/attribution-rules.md), not from the
SQL. Paths and weights come from attribution_model, commissions and clawbacks from money_model.
"""

from collections import namedtuple
from zoneinfo import ZoneInfo

from attribution_model import Conversion, Order, Policy, Span, Touch, bounds, credit_rows, eligible_path, judge_order, lower_bound, path_key
from money_model import clawback, commission

HOUR = 3600 * 10**6
Rules = namedtuple("Rules", "start model lookback view_lookback cart_lookback position_weights half_life reuse session_lifetime match coupon_rule max_delay view_min_ms")
Contact = namedtuple("Contact", "program visitor ref at kind creator product category channel received viewable_ms")
Sale = namedtuple("Sale", "program visitor ref at lines coupon")         # lines: {line_no: (product, base)}
LAST_ID = 2**63 - 1
NOBODY = "00000000-0000-0000-0000-000000000000"


class Shop:
    """A program's settings: versions of rules, rate by creator (0: any), who is admitted, coupons (code, owner, from, to)."""

    def __init__(self, zone, group, rules, rates, rounding, admitted, coupons):
        self.zone, self.group, self.rules, self.rates = ZoneInfo(zone), group, rules, rates
        self.rounding, self.admitted, self.coupons = rounding, admitted, coupons

    def rules_at(self, at):
        return [r for r in self.rules if r.start is None or r.start <= at][-1]


class People:
    """The end state of everything that was recorded."""

    def __init__(self, shops, categories, accounts):
        self.shops, self.categories, self.accounts = shops, categories, accounts    # accounts: creator -> own visitor
        self.contacts, self.sales, self.returns, self.alias = set(), {}, {}, {}

    def person(self, visitor):
        while visitor in self.alias:
            visitor = self.alias[visitor]
        return visitor

    def scope(self, program):
        group = self.shops[program].group
        return {p for p, s in self.shops.items() if p == program or (group is not None and s.group == group)}

    def is_late(self, contact, max_delay):
        return max_delay is not None and contact.received - contact.at > max_delay

    def session_creator(self, seen, cart, max_delay):
        """Of the last click or coupon with a creator that came in time, within the session of the policy of then."""
        shop = self.shops[cart.program]
        since = lower_bound(cart.at, shop.rules_at(cart.at).session_lifetime, shop.zone)
        opened = [c for c in seen if c.creator is not None and not self.is_late(c, max_delay) and since < c.at
                  and ((c.kind == "click" and c.at <= cart.at) or (c.kind == "coupon" and c.at < cart.at))]
        opened.sort(key=lambda c: (c.at, c.kind == "coupon", c.ref.encode(), c.visitor))
        return opened[-1].creator if opened else None

    def history(self, sale, rules):
        """The person's touches in path order, and who and which they were."""
        who, scope = self.person(sale.visitor), self.scope(sale.program)
        seen = [c for c in self.contacts if c.program in scope and self.person(c.visitor) == who]
        counted = [c for c in seen if c.kind != "view" or (c.viewable_ms or 0) >= rules.view_min_ms]
        counted.sort(key=lambda c: (c.at, c.ref.encode(), c.visitor))
        touches, names = [], {}
        for n, c in enumerate(counted):
            creator = self.session_creator(seen, c, rules.max_delay) if c.kind == "cart" and c.creator is None else c.creator
            category = self.categories.get(c.product) if c.category is None else c.category
            touches.append(Touch(who, c.at, n, creator, c.kind, c.product, category, c.channel, None, self.is_late(c, rules.max_delay)))
            names[n] = (c.visitor, c.ref)
        return sorted(touches, key=path_key), names

    def owner(self, sale):
        for code, creator, start, stop in self.shops[sale.program].coupons:
            if sale.coupon is not None and sale.coupon.strip().upper() == code.upper() and start <= sale.at and (stop is None or sale.at < stop):
                return creator
        return None

    def excluded(self, who):
        """The creators that a person may not buy for: its own."""
        return {c for c, v in self.accounts.items() if v is not None and self.person(v) == who}

    def earlier(self, sale):
        key = lambda s: (s.at, s.ref.encode(), s.program, s.visitor)
        who, scope = self.person(sale.visitor), self.scope(sale.program)
        return sorted((s for s in self.sales.values() if s.program in scope and self.person(s.visitor) == who and key(s) < key(sale)), key=key)

    def credits(self, sale):
        """(line, touch's visitor and ref, credit row) of an order."""
        shop, rules = self.shops[sale.program], self.shops[sale.program].rules_at(sale.at)
        policy = Policy(rules.model, rules.lookback, rules.view_lookback, rules.cart_lookback, rules.position_weights, shop.zone,
                        rules.half_life, rules.reuse, rules.session_lifetime, rules.match)
        history, names = self.history(sale, rules)
        before, who = self.earlier(sale), self.person(sale.visitor)
        excluded = self.excluded(who)
        path_start = before[-1].at if before else None
        owner = self.owner(sale) if rules.coupon_rule != "none" else None
        for n, (product, base) in sorted(sale.lines.items()):
            line = Conversion(who, sale.at, n, base, product, excluded, None, self.categories[product])
            with_product = [s.at for s in before if any(p == product for p, _ in s.lines.values())]
            cart_start = with_product[-1] if with_product else None
            path, used, start, cart = history, policy, path_start, cart_start
            if owner is not None:
                coupon = Touch(who, sale.at, LAST_ID, owner, "coupon", None, None, None, None, False)
                names[LAST_ID] = (NOBODY, "coupon " + sale.coupon.strip().upper())
                eligible = eligible_path(history, sale.at, line, path_start, cart_start, bounds(sale.at, policy), policy)
                if rules.coupon_rule == "override":
                    path, used, start, cart = [coupon], policy._replace(lookback=Span(0, 1, 0), reuse="reuse"), None, None
                elif rules.coupon_rule == "last_touch" or not any(t.kind == "click" for t in eligible):
                    path = sorted(history + [coupon], key=path_key)
            (_, verdict), = judge_order(path, Order(sale.at, [line], start, [cart]), used)
            for row in credit_rows(line, verdict, rules.model):
                yield n, names.get(row.touch, (sale.visitor, "")), row

    def earnings(self, sale):
        """(line, creator) -> (base, amount) net of returns, and the current commissions of 0 with their reason."""
        shop, net = self.shops[sale.program], {}
        for n, _, row in self.credits(sale):
            if row.creator is not None:
                net[n, row.creator] = net.get((n, row.creator), 0) + row.credit
        for (n, creator), base in net.items():
            rate = shop.rates.get(creator, shop.rates[0]) if creator in shop.admitted else "0"
            amount, line = commission(base, rate, shop.rounding), sale.lines[n][1]
            back = sum(r for (ref, m, _), r in self.returns.items() if (ref, m) == (sale.ref, n))
            net[n, creator] = (base - clawback(base, line, 0, back, shop.rounding), amount - clawback(amount, line, 0, back, shop.rounding))
        return net
