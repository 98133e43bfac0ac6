"""Model of the program's money: attribution, rates, commissions, returns, payouts, one call after another.

Written from the contract (design sections 5 to 7 and the functions' comments), not from the SQL: dictionaries and exact
integers instead of tables. Credits come from attribution_model, splits and rounding from money_model. Times are
microseconds since 2000-01-01 UTC.
"""

from collections import namedtuple
from datetime import timedelta
from zoneinfo import ZoneInfo

from attribution_model import Conversion, Policy, Span, Touch, credit, instant_of_local, minus_months, to_datetime
from money_model import clawback, commission

Rate = namedtuple("Rate", "creator product category country priority rate start stop")
Hold = namedtuple("Hold", "span after_month_end")
Payouts = namedtuple("Payouts", "start hold minimum rounding")
Rules = namedtuple("Rules", "start model lookback view_lookback cart_lookback position_weights")


def local_time(at, zone):
    return to_datetime(at).astimezone(zone).replace(tzinfo=None, fold=0)


def later(at, span, zone):
    """at plus an interval: months and days on the zone's clocks, then elapsed time."""
    if span.months or span.days:
        at = instant_of_local(minus_months(local_time(at, zone), -span.months) + timedelta(days=span.days), zone)
    return at + span.us


def month_start(at, zone, months=0, days=0):
    first = local_time(at, zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return instant_of_local(minus_months(first, -months) + timedelta(days=days), zone)


def period_end(period, zone):
    year, month = map(int, period.split("-"))
    start = local_time(0, ZoneInfo("UTC")).replace(year=year, month=month)
    return instant_of_local(minus_months(start, -1), zone)


class Program:
    """One program's settings."""

    def __init__(self, zone, rules, payouts, rates, pays=True):
        self.zone, self.rules, self.payouts, self.rates, self.pays = ZoneInfo(zone), rules, payouts, rates, pays

    def in_force(self, versions, at):
        return [v for v in versions if v.start is None or v.start <= at][-1]

    def policy(self, at):
        r = self.in_force(self.rules, at)
        return Policy(r.model, r.lookback, r.view_lookback, r.cart_lookback, r.position_weights, self.zone)

    def rate(self, creator, product, path, country, at):
        """Creator before product before the deepest category before country before anything, then priority."""
        fits = [r for r in self.rates if r.start <= at and (r.stop is None or at < r.stop)
                and r.creator in (0, creator) and r.product in (0, product) and (r.category == 0 or r.category in path)
                and r.country in ("", country or "")]
        if not fits:
            return None
        return max(fits, key=lambda r: (r.creator != 0, r.product != 0, path.index(r.category) + 1 if r.category else 0, r.country != "", r.priority)).rate

    def available(self, at):
        hold = self.in_force(self.payouts, at).hold
        if hold.after_month_end is not None:
            return month_start(at, self.zone, 1, hold.after_month_end)
        return later(at, hold.span, self.zone)


class World:
    """Everything that was recorded. Each method answers what the call of its name has to answer."""

    def __init__(self, programs, creators, categories):
        self.programs, self.creators, self.categories = programs, creators, categories
        self.touches, self.orders, self.returns = {}, {}, {}
        self.credits, self.earnings, self.entries, self.paid, self.payouts = [], {}, {}, set(), {}

    # who may earn ------------------------------------------------------------

    def status(self, creator, at):
        state = "active"
        for since, name in sorted(self.creators[creator]["status"]):
            if since <= at:
                state = name
        return state

    def bar(self, program, creator, at):
        admitted = self.creators[creator]["admitted"].get(program)
        if not self.programs[program].pays:
            return "not_paying"
        if admitted is None or at < admitted:
            return "not_admitted"
        return None if self.status(creator, at) == "active" else "creator_" + self.status(creator, at)

    def excluded(self, visitor):
        own = {c for c, facts in self.creators.items() if facts["visitor"] == visitor}
        agencies = {c for c, facts in self.creators.items() if own & set(facts["agency_of"])}
        return own | agencies | {client for c in own for client in self.creators[c]["agency_of"]}

    # writers -------------------------------------------------------------------

    def record_touch(self, program, visitor, ref, at, kind, creator, product):
        self.touches.setdefault((program, visitor), []).append((at, ref, kind, creator, product))

    def record_order(self, program, visitor, ref, at, country, lines):
        key = (program, visitor, ref)
        if key in self.orders:
            return "duplicate"
        self.orders[key] = {"at": at, "lines": {n: dict(line) for n, line in lines.items()}}
        rules, settings = self.programs[program], self.programs[program].in_force(self.programs[program].payouts, at)
        seen = sorted(self.touches.get((program, visitor), []), key=lambda t: (t[0], t[1].encode()))
        touches = [Touch(visitor, t[0], n, t[3], t[2], t[4]) for n, t in enumerate(seen)]
        for n, line in sorted(lines.items()):
            rows = credit(touches, Conversion(visitor, at, n, line["base"], line["product"], self.excluded(visitor)), rules.policy(at))
            shares = {}
            for row in rows:
                self.credits.append(key + (n, "" if row.touch is None else seen[row.touch][1], row.creator, row.credit, row.reason))
                if row.creator is not None:
                    shares[row.creator] = shares.get(row.creator, 0) + row.credit
            for creator, base in shares.items():
                reason = self.bar(program, creator, at)
                rate = None if reason else rules.rate(creator, line["product"], self.categories[line["product"]], country, at)
                if reason is None and rate is None:
                    reason = "no_rate"
                amount = commission(base, rate, settings.rounding) if rate is not None else 0
                self.book(key, n, creator, "commission", 0, base, amount, at, rules.available(at), reason)
        waiting = [(r["at"], k[4].encode(), k) for k, r in self.returns.items() if k[:3] == key and r["state"] == "parked"]
        for _, _, k in sorted(waiting):
            self.apply(k)
        return "recorded"

    def record_return(self, program, visitor, ref, line, return_ref, at, quantity, amount):
        key = (program, visitor, ref, line, return_ref)
        if key in self.returns:
            return "refused" if self.returns[key]["state"] == "refused" else "duplicate"
        self.returns[key] = {"at": at, "quantity": quantity, "amount": amount, "state": "parked"}
        if key[:3] not in self.orders:
            return "parked"
        if line not in self.orders[key[:3]]["lines"]:
            del self.returns[key]
            return "IN003"
        self.apply(key)
        if self.returns[key]["state"] == "refused":
            del self.returns[key]
            return "IN007"
        return "recorded"

    def apply(self, key):
        back, line = self.returns[key], self.orders[key[:3]]["lines"].get(key[3])
        back["state"] = "refused"
        if line is None:
            return
        before = [r for k, r in self.returns.items() if k[:4] == key[:4] and r["state"] == "applied"]
        money, pieces = sum(r["given"] for r in before), sum(r["quantity"] or 0 for r in before)
        if (back["quantity"] or 0) > line["quantity"] - pieces:
            return
        give = back["amount"]
        if give is None:
            # pieces telescope over the base, rounded down, but never more than is left
            share = line["base"] * (pieces + back["quantity"]) // line["quantity"] - line["base"] * pieces // line["quantity"]
            give = min(share, line["base"] - money)
        if give > line["base"] - money:
            return
        back.update(state="applied", given=give)
        seq = len(before) + 1
        for (owner, n, creator, kind, zero), e in list(self.earnings.items()):
            if (owner, n, kind) == (key[:3], key[3], "commission"):
                rounding = self.programs[key[0]].in_force(self.programs[key[0]].payouts, self.orders[owner]["at"]).rounding
                self.book(owner, n, creator, "clawback", seq, -clawback(e["base"], line["base"], money, give, rounding),
                          -clawback(e["amount"], line["base"], money, give, rounding), back["at"], e["available"], None)

    def book(self, order, line, creator, kind, seq, base, amount, at, available, reason):
        key = (order, line, creator, kind, seq)
        self.earnings[key] = {"base": base, "amount": amount, "available": available, "reason": reason, "at": at}
        if amount != 0:
            self.entries[key] = (order[0], creator, amount, available)

    def run_payouts(self, program, period, at):
        """What each creator gets for a month: everything available before its end that nobody paid yet."""
        end = period_end(period, self.programs[program].zone)
        start = month_start(end - 1, self.programs[program].zone)
        minimum = self.programs[program].in_force(self.programs[program].payouts, start).minimum
        due = {}
        for key, (owner, creator, amount, available) in self.entries.items():
            if owner == program and available < end and key not in self.paid:
                due.setdefault(creator, []).append((key, amount))
        for creator, entries in due.items():
            total = sum(amount for _, amount in entries)
            if total > 0 and total >= minimum and self.status(creator, at) == "active" and (program, period, creator) not in self.payouts:
                self.payouts[program, period, creator] = total
                self.paid.update(key for key, _ in entries)
