"""Model of payouts: what of the ledger is paid when, to whom, with what tax, one call after another.

Written from the contract (design section 7 and the functions' comments), not from the SQL: lists and exact integers. Commissions
and their clawbacks come from money_model, availability from program_model. Moments are microseconds since 2000-01-01 UTC;
`now` is that of the database, at which status and holds are judged when it is later than a plan's as_of.
"""

from collections import defaultdict
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from functools import lru_cache

from attribution_model import to_datetime
from money_model import INT64_MAX, clawback, commission, round_fraction
from program_model import later, month_start

UTC = timezone.utc
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MICROSECOND, HOUR = timedelta(microseconds=1), timedelta(hours=1)
DAY = 86400 * 10**6
COOLING_OFF = 72 * 3600 * 10**6
# no zone is further from UTC than this, and a bound is looked for so far around its midnight in UTC
WIDE, STRIDE = 28, 4
# entries of payouts that money can be paid from again
BROUGHT_BACK = ("payout_remainder_kept", "payout_failed")


# Periods ------------------------------------------------------------------------

def pieces(zone, low, high):
    """The stretches of a range within which a zone's offset does not change, as (begin, offset)."""
    result, at = [(low, low.astimezone(zone).utcoffset())], low
    while at < high:
        until = at + STRIDE * HOUR
        offset = until.astimezone(zone).utcoffset()
        if offset != result[-1][1]:
            left, right = at, until
            while right - left > MICROSECOND:
                middle = left + (right - left) // 2
                if middle.astimezone(zone).utcoffset() == result[-1][1]:
                    left = middle
                else:
                    right = middle
            result.append((right, right.astimezone(zone).utcoffset()))
        at = until
    return result


def first_instant(year, month, day, zone):
    """The first instant of a local date, whether clocks change near it, and whether the date before comes back after it."""
    midnight = datetime(year, month, day, tzinfo=UTC)
    high = midnight + WIDE * HOUR
    parts = pieces(zone, midnight - WIDE * HOUR, high)
    begin, back = None, False
    for n, (start, offset) in enumerate(parts):
        stop = parts[n + 1][0] if n + 1 < len(parts) else high
        reached = max(start, midnight - offset)
        if begin is None and reached < stop:
            begin = reached
        elif begin is not None and midnight - offset > start:
            back = True
    return begin, len(parts) > 1, back


def us(at):
    return (at - EPOCH) // MICROSECOND


def month_of(at, zone):
    return to_datetime(at).astimezone(zone).strftime("%Y-%m")


def add_months(period, n):
    year, month = divmod(int(period[:4]) * 12 + int(period[5:]) - 1 + n, 12)
    return "%04d-%02d" % (year, month + 1)


@lru_cache(maxsize=1 << 12)
def begin_of(period, zone):
    return us(first_instant(int(period[:4]), int(period[5:]), 1, zone)[0])


def end_of(period, zone):
    return begin_of(add_months(period, 1), zone)


# Facts --------------------------------------------------------------------------

class Policy:
    """A version of a payout policy."""

    def __init__(self, start, hold, after_month_end, minimums, granularity, rounding, when_funded, wants_destination, wants_profile, authorities):
        self.start, self.hold, self.after_month_end, self.minimums, self.granularity, self.rounding = start, hold, after_month_end, minimums, granularity, rounding
        self.when_funded, self.wants_destination, self.wants_profile, self.authorities = when_funded, wants_destination, wants_profile, authorities


class Program:
    def __init__(self, number, currency, zone, rate, policies):
        self.number, self.currency, self.zone, self.rate, self.policies = number, currency, zone, rate, policies
        self.entries, self.payouts, self.statements, self.facts, self.funded, self.orders, self.returned, self.brands = [], {}, [], {}, defaultdict(int), {}, {}, set()
        self.ledger, self.closed, self.balances = [], [], {}

    def policy(self, at):
        return [(n, p) for n, p in enumerate(self.policies, 1) if p.start is None or p.start <= at][-1]

    def available(self, at):
        policy = self.policy(at)[1]
        return later(at, policy.hold, self.zone) if policy.after_month_end is None else month_start(at, self.zone, 1, policy.after_month_end)


class Party:
    def __init__(self, number, country, residence):
        self.number, self.country, self.residence = number, country, residence
        self.statuses, self.destinations, self.profiles = [], [], []


def latest(rows, at):
    """The row of the greatest beginning up to a moment."""
    fits = [row for row in rows if row["from"] <= at]
    return max(fits, key=lambda row: row["from"]) if fits else None


class Entry:
    """A transfer that moves the account payable; amount as owed to the party."""
    __slots__ = ("party", "kind", "amount", "currency", "occurred", "available", "brand", "line", "paid", "serial")


class World:
    def __init__(self, programs, parties, authorities, now):
        self.programs, self.parties, self.authorities, self.now = programs, parties, authorities, now
        self.rules, self.holds, self.accounts, self.owners = [], {}, defaultdict(int), defaultdict(set)
        self.serial = 0

    # the ledger ---------------------------------------------------------------------

    def book(self, program, party, kind, debit, credit, amount, currency, occurred, available, brand=None, line=None):
        """A transfer; below zero the other way round."""
        if amount < 0:
            debit, credit, amount = credit, debit, -amount
        if amount == 0:
            return None
        self.accounts[program.number, party, currency, debit] -= amount
        self.accounts[program.number, party, currency, credit] += amount
        owed, reserved = ((credit == account) - (debit == account) for account in ("payable", "reserved"))
        program.ledger.append({"key": (party, currency), "kind": kind, "owed": owed * amount, "reserved": reserved * amount, "occurred": occurred, "available": available, "closed": False})
        if "payable" not in (debit, credit):
            return None
        entry, self.serial = Entry(), self.serial + 1
        entry.party, entry.kind, entry.currency, entry.occurred, entry.available, entry.brand, entry.line = party, kind, currency, occurred, available, brand, line
        entry.amount, entry.paid, entry.serial = amount if credit == "payable" else -amount, None, self.serial
        program.entries.append(entry)
        return entry

    def remember(self, facts, key, content):
        """Whether a call is the first with its key, the same again, or another one."""
        if key in facts:
            return "duplicate" if facts[key] == content else "IN004"
        facts[key] = content
        return "recorded"

    def balance(self, program, party, currency):
        return self.accounts[program.number, party, currency, "payable"]

    # money --------------------------------------------------------------------------

    def money(self, program, party, kind, ref, amount, currency, occurred, available):
        """record_bonus, record_adjustment, import_balance"""
        status = self.remember(program.facts, (kind, party, ref), (amount, currency, occurred, available))
        if status == "recorded":
            self.book(program, party, kind, "opening" if kind == "opening_balance" else "expense", "payable", amount, currency, occurred, available)
        return status

    def write_off(self, program, party, ref, amount, currency):
        key = ("write_off", party, ref)
        if key in program.facts:
            return "duplicate" if program.facts[key] == (amount, currency) else "IN004"
        if amount > -self.balance(program, party, currency):
            return "IN007"
        program.facts[key] = (amount, currency)
        self.book(program, party, "write_off", "write_off", "payable", amount, currency, self.now, self.now)
        return "recorded"

    def brand_account(self, program, brand):
        status = "duplicate" if brand in program.brands else "recorded"
        program.brands.add(brand)
        return status

    def fund(self, program, brand, ref, amount, currency, received):
        status = self.remember(program.facts, ("funding", brand, ref), (amount, currency, received))
        if status == "recorded":
            program.funded[brand, currency] += amount
            self.book(program, brand, "brand_funding", "in_transit", "brand_receivable", amount, currency, received, received)
        return status

    def order(self, program, party, ref, at, lines):
        """lines: (line_no, brand, base); the order is the party's own, by one click."""
        if ref in program.orders:
            return "duplicate"
        program.orders[ref] = {"at": at, "party": party, "lines": {n: [brand, base, 0] for n, brand, base in lines}}
        earned, available = 0, program.available(at)
        for n, brand, base in sorted(lines):
            amount = commission(base, program.rate, program.policy(at)[1].rounding) if self.status(party, at) == "active" else 0
            program.orders[ref]["lines"][n].append(amount)
            self.book(program, party, "commission", "expense", "payable", amount, program.currency, at, available, brand, (ref, n))
            earned += amount
        return "recorded %d" % earned

    def give_back(self, program, ref, n, return_ref, amount, at):
        if (ref, n, return_ref) in program.returned:
            return "duplicate" if program.returned[ref, n, return_ref] == (amount, at) else "IN004"
        order = program.orders[ref]
        brand, base, before, earned = order["lines"][n]
        if before + amount > base:
            return "IN007"
        program.returned[ref, n, return_ref] = amount, at
        order["lines"][n][2] += amount
        taken = clawback(earned, base, before, amount, program.policy(order["at"])[1].rounding)
        self.book(program, order["party"], "clawback", "payable", "expense", taken, program.currency, at, program.available(order["at"]), brand, (ref, n))
        return "recorded %d" % taken

    # parties ------------------------------------------------------------------------

    def set_status(self, party, status, since):
        row = {"from": since, "status": status}
        if row in self.parties[party].statuses:
            return "duplicate"
        self.parties[party].statuses.append(row)
        return "recorded"

    def status(self, party, at):
        row = latest(self.parties[party].statuses, at)
        return row["status"] if row else "active"

    def set_destination(self, party, method, account, start):
        rows, account = self.parties[party].destinations, (method, "".join(c for c in account if c not in " -.").upper())
        current = latest(rows, start)
        if current and current["account"][1] == account[1]:
            return "duplicate"
        rows.append({"from": start, "account": account, "cooling": start + COOLING_OFF if current else None})
        for other in sorted(self.owners[account[1]] - {party}):
            for one, two in ((party, other), (other, party)):
                self.holds["destination %d/%d" % (one, two)] = {"party": one, "program": None, "kind": "fraud", "open": True}
        self.owners[account[1]].add(party)
        return "recorded"

    def set_profile(self, party, start, entity, residence, form, expires, vat_id, self_billing):
        row = {"from": start, "entity": entity, "residence": residence, "form": form, "expires": expires, "vat_id": vat_id, "self_billing": self_billing}
        current = latest(self.parties[party].profiles, start)
        if current and dict(current, **{"from": start}) == row:
            return "duplicate"
        self.parties[party].profiles.append(row)
        return "recorded"

    def set_rule(self, authority, kind, rate, residence, entity, form, start, stop):
        rules = [{"keys": (authority, kind, residence, entity, form), "rate": rate, "start": start, "stop": stop}]
        if rules[0] in self.rules:
            return "duplicate"
        for rule in self.rules:
            if rule["keys"] == rules[0]["keys"] and rule["stop"] is None:
                # what is there for a while interrupts what was there before
                if stop is not None:
                    rules.append(dict(rule, start=stop))
                rule["stop"] = start
        self.rules += rules
        return "recorded"

    def hold(self, party, ref, kind, program):
        content = {"party": party, "program": program, "kind": kind}
        if ref in self.holds:
            known = {k: x for k, x in self.holds[ref].items() if k != "open"}
            return "duplicate" if known == content else "IN004"
        self.holds[ref] = dict(content, open=True)
        return "recorded"

    def release(self, ref):
        if ref not in self.holds:
            return "IN003"
        status = "recorded" if self.holds[ref]["open"] else "duplicate"
        self.holds[ref]["open"] = False
        return status

    def held(self, program, party):
        kinds = [h["kind"] for h in self.holds.values() if h["open"] and h["party"] == party and h["program"] in (None, program.number)]
        return min(kinds) if kinds else None

    # what is paid -------------------------------------------------------------------

    def unfunded(self, program, policy, end):
        """The serials of entries that wait for their brand, in the order in which they became available."""
        waiting, groups = set(), defaultdict(list)
        if not policy.when_funded:
            return waiting
        for e in program.entries:
            if e.brand in program.brands:
                groups[e.brand, e.currency].append(e)
        for key, entries in groups.items():
            total = sum(e.amount for e in entries if e.paid is not None)
            # a party's entries of one line that are in no payout are one sum; what was taken back of what was paid counts first,
            # so that a run changes nothing for the next one of the same month
            sums = defaultdict(list)
            for e in entries:
                if e.paid is None and e.available < end:
                    sums[e.party, e.line].append(e)
            for part in sorted(sums.values(), key=lambda part: (sum(e.amount for e in part) > 0, min(e.available for e in part), part[0].party,
                                                                min(e.serial for e in part))):
                amount = sum(e.amount for e in part)
                total += amount
                if amount > 0 and total > program.funded[key]:
                    waiting.update(e.serial for e in part)
        return waiting

    def taxes(self, program, policy, party, amount, grain, as_of):
        profile = latest(self.parties[party].profiles, as_of) or {"residence": "", "entity": "", "form": "", "expires": None, "vat_id": None, "self_billing": False}
        form = "none" if profile["form"] == "" or (profile["expires"] is not None and profile["expires"] <= as_of) else profile["form"]
        facts, rows = (profile["residence"], profile["entity"], form), []
        for authority in sorted(policy.authorities):
            for kind in ("withholding", "vat"):
                if kind == "vat" and (profile["vat_id"] is None or not profile["self_billing"]):
                    continue
                fits = [r for r in self.rules if r["keys"][:2] == (authority, kind) and r["start"] <= as_of and (r["stop"] is None or as_of < r["stop"])
                        and all(asked in ("", fact) for asked, fact in zip(r["keys"][2:], facts))]
                if fits:
                    rule = max(fits, key=lambda r: [key != "" for key in r["keys"][2:]])
                    if Fraction(rule["rate"]) != 0:
                        rows.append((authority, kind, self.tax_year(authority, as_of), rule["rate"], round_fraction(amount * Fraction(rule["rate"]) / grain, policy.rounding) * grain))
        return rows

    def tax_year(self, authority, at):
        zone, starts = self.authorities[authority]
        local = to_datetime(at).astimezone(zone)
        return local.year - (local.strftime("%m-%d") < starts)

    def plan(self, program, period, as_of):
        """Rows of plan_payouts, as dictionaries; with what run_payouts needs besides."""
        start, end = begin_of(period, program.zone), end_of(period, program.zone)
        version, policy = program.policy(start)
        waiting, groups, rows = self.unfunded(program, policy, end), defaultdict(list), []
        for e in program.entries:
            if e.paid is None and e.available < end and (not e.kind.startswith("payout_") or e.kind in BROUGHT_BACK):
                groups[e.party, e.currency].append(e)
        for (number, currency), entries in sorted(groups.items()):
            party = self.parties[number]
            counted = [e for e in entries if e.serial not in waiting]
            gross, grain = sum(e.amount for e in counted), policy.granularity.get(currency, 1)
            amount = gross // grain * grain
            profile, place = latest(party.profiles, as_of), latest(party.destinations, as_of)
            country = profile["residence"] if profile else party.residence or party.country
            minimum = policy.minimums.get("%s/%s" % (currency, country), policy.minimums.get(currency, 0))
            taxes = self.taxes(program, policy, number, amount, grain, as_of) if 0 < amount <= INT64_MAX else []
            withheld, vat = (sum(row[4] for row in taxes if row[1] == kind) for kind in ("withholding", "vat"))
            known, hold = program.payouts.get((number, currency, period)), self.held(program, number)
            reasons = [(known is not None, "already %s" % (known and known["state"])),
                       (not counted, "not funded by the brand, waits"),
                       (gross == 0, "nothing due"),
                       (abs(gross) > INT64_MAX, "amount out of range, waits"),
                       (gross < 0, "negative balance, carried forward"),
                       (amount < minimum, "below the minimum, carried forward"),
                       (amount == 0, "below the payout granularity, carried forward"),
                       (self.status(number, max(as_of, self.now)) != "active", "creator is not active, waits"),
                       (hold is not None, "payout hold (%s), waits" % hold),
                       (policy.wants_destination and place is None, "no payout destination, waits"),
                       (place is not None and place["cooling"] is not None and place["cooling"] > as_of, "destination is cooling off, waits"),
                       (policy.wants_profile and profile is None, "no tax profile, waits"),
                       (amount - withheld + vat <= 0, "nothing left after tax, waits"),
                       (True, "pay")]
            verdict = next(words for holds, words in reasons if holds)
            shown = counted or entries
            rows.append({"party": number, "currency": currency, "verdict": verdict, "amount": amount if verdict == "pay" else sum(e.amount for e in shown), "gross": gross, "withheld": withheld, "vat": vat,
                         "net": amount - withheld + vat, "remainder": gross - amount, "entries": len(shown), "minimum": minimum, "taxes": taxes, "lines": counted, "version": version,
                         "self_billing": bool(profile and profile["self_billing"]), "place": place, "left": len(entries) - len(counted)})
        return rows

    def last_period(self, program, as_of):
        return add_months(month_of(as_of, program.zone), -1)

    def run(self, program, period, as_of):
        period = period or self.last_period(program, as_of)
        end = end_of(period, program.zone)
        if as_of < end:
            return "IN005"
        rows = self.plan(program, period, as_of)
        pay = [row for row in rows if row["verdict"] == "pay"]
        for row in pay:
            party, currency = row["party"], row["currency"]
            remainder = self.book(program, party, "payout_remainder", "payable", "held", row["remainder"], currency, as_of, as_of)
            lines = row["lines"] + ([remainder] if remainder else [])
            payout = program.payouts[party, currency, period] = {"kept": row["remainder"],
                "state": "reserved", "amount": row["amount"], "withheld": row["withheld"], "vat": row["vat"], "net": row["net"], "run": as_of, "lines": len(lines), "taxes": row["taxes"],
                "version": row["version"], "self_billing": row["self_billing"], "paid": None, "bank": None, "failed": None, "reason": None, "place": row["place"]}
            for e in lines:
                e.paid = party, currency, period
            if sum(e.amount for e in lines) != row["amount"]:
                raise AssertionError("a payout of %d is not the sum of its lines" % row["amount"])
            self.book(program, party, "payout_reserve", "payable", "reserved", row["amount"], currency, as_of, as_of)
            self.book(program, party, "payout_withheld", "reserved", "withheld", row["withheld"], currency, as_of, as_of)
            self.book(program, party, "payout_vat", "expense", "reserved", row["vat"], currency, as_of, as_of)
            self.book(program, party, "payout_remainder_kept", "held", "payable", row["remainder"], currency, as_of, end)
            payout["statement"] = self.state(program, "payout", None, party, currency, period, payout, as_of)
        carried = [row for row in rows if row["verdict"] not in ("pay", "nothing due") and not row["verdict"].startswith("already")]
        return "%s|%s|%d|%d|%d" % ("recorded" if pay else "duplicate", period, len(pay), sum(row["amount"] for row in pay), len(carried))

    def state(self, program, kind, cancels, party, currency, period, payout, at):
        # what is taken back stands below zero, so that the statements of a party add up to what it got
        sign = 1 if kind == "payout" else -1
        program.statements.append((kind, cancels, party, currency, period, sign * payout["amount"], sign * payout["withheld"], sign * payout["vat"], payout["self_billing"], at, (program.closed or [None])[-1]))
        return len(program.statements)

    def confirm(self, program, party, period, currency, bank, at):
        payout = program.payouts.get((party, currency, period))
        if payout is None:
            return "IN003"
        if payout["paid"] and payout["bank"] == bank:  # it may have come back since: a retry is a retry
            return "duplicate"
        if payout["state"] == "failed":
            return "IN005"
        if payout["paid"]:
            return "IN004"
        payout.update(state="paid", bank=bank, paid=at)
        self.book(program, party, "payout_paid", "reserved", "paid", payout["net"], currency, at, at)
        return "recorded"

    def fail(self, program, party, period, currency, reason, at):
        payout = program.payouts.get((party, currency, period))
        if payout is None:
            return "IN003"
        if payout["state"] == "failed":
            return "duplicate" if payout["reason"] == reason else "IN004"
        if at < max(payout["run"], payout["paid"] or payout["run"]):
            return "IN002"
        if payout["state"] == "paid":
            self.book(program, party, "payout_returned", "paid", "reserved", payout["net"], currency, at, at)
        self.book(program, party, "payout_withheld_reversed", "withheld", "reserved", payout["withheld"], currency, at, at)
        self.book(program, party, "payout_vat_reversed", "reserved", "expense", payout["vat"], currency, at, at)
        self.book(program, party, "payout_failed", "reserved", "payable", payout["amount"], currency, at, at)
        self.state(program, "cancellation", payout["statement"], party, currency, period, payout, at)
        payout.update(state="failed", reason=reason, failed=at)
        return "recorded"

    # what is closed -----------------------------------------------------------------

    def close(self, program, period):
        """close_period: its answer, and in program.balances what it keeps of each party and currency."""
        if period in program.closed:
            return "duplicate"
        end = end_of(period, program.zone)
        if end > self.now or any(begin_of(period, program.zone) > e["occurred"] and month_of(e["occurred"], program.zone) not in program.closed for e in program.ledger if not e["closed"]):
            return "IN005"
        taken = [e for e in program.ledger if not e["closed"] and e["occurred"] < end]
        before = {key[1:]: row for key, row in program.balances.items() if key[0] == (program.closed or [None])[-1]}
        for key in {e["key"] for e in taken} | {key for key, row in before.items() if row["closing"] or row["reserved"]}:
            entries, last = [e for e in taken if e["key"] == key], before.get(key, {"closing": 0, "reserved": 0})
            row = {"entries": len(entries), "opening": last["closing"], "closing": last["closing"] + sum(e["owed"] for e in entries), "reserved": last["reserved"] + sum(e["reserved"] for e in entries)}
            program.balances[(period,) + key] = dict(row, ages=self.ages(program, key, end, row["closing"]))
        for e in taken:
            e["closed"] = True
        program.closed.append(period)
        return "recorded|%d" % len(taken)

    @staticmethod
    def ages(program, key, end, balance):
        """A balance by the age of what it consists of: what was paid was the oldest."""
        if balance < 0:
            return [balance, 0, 0, 0, 0]
        came = [0, 0, 0, 0]
        for e in program.ledger:
            if e["key"] == key and e["occurred"] < end and not e["kind"].startswith("payout_"):
                days = next((n for n, limit in enumerate((0, 30, 60, 90)) if (e["available"] > end if limit == 0 else e["available"] >= end - limit * DAY)), None)
                if days is not None:
                    came[days] += e["owed"]
        result = []
        for amount in came:
            result.append(max(0, min(amount, balance)))
            balance -= result[-1]
        return result + [balance]
