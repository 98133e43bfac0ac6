#!/usr/bin/env python3
"""Closings of random programs, computed again from the tables alone, by the formats that docs/explanation/closing.md gives.

Two programs share creators and the ledger; facts come month by month, some late, some for months that are closed; odd
characters in references and notes; several currencies, balances below zero, amounts near the end of bigint. After each
closing the entries of the program that had occurred are noted. Then for each closing: its entries are those that had
occurred and were in none before; digests, balances, ages, return reserve and the chain of hashes are what Python gets.
"""

import hashlib
import json
import random
import re
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from pg import Script, quote, settings
from tap import Tap

MONTHS = ["2024-%02d" % m for m in range(1, 8)]
ZONES = ["UTC", "Europe/Berlin", "America/Havana", "Pacific/Kiritimati", "Asia/Kolkata"]
ODD = ["", " ", "\t", "\\", "\n", "é", "\\N", "ß\r", "\v\f\b", "'"]
LEDGER = """SELECT row_to_json(x) FROM (SELECT program_id, party_id, currency, entry_no, entry_key, kind, debit_account, credit_account, amount,
    occurred_at::text AS occurred, booked_at::text AS booked, available_at::text AS available, source, note, visitor_id, order_ref, line_no,
    extract(epoch FROM occurred_at)::text AS occurred_s, CASE WHEN isfinite(available_at) THEN extract(epoch FROM available_at)::text END AS available_s
    FROM influence.ledger) x"""
PERIODS = """SELECT row_to_json(x) FROM (SELECT program_id, period, closed_at::text AS closed_at, closed_by, entries::text AS entries, entry_count,
    return_rate::text AS return_rate, return_reserve::text AS return_reserve, encode(previous_hash, 'hex') AS previous_hash, encode(hash, 'hex') AS hash
    FROM influence.closed_period ORDER BY program_id, period) x"""
BALANCES = """SELECT row_to_json(x) FROM (SELECT party_id, program_id, period, currency::text, entry_count::text, opening::text, closing::text, not_due::text,
    due_30::text, due_60::text, due_90::text, due_older::text, reserved::text, encode(digest, 'hex') AS digest FROM influence.closed_balance) x"""


def first_instant(month, zone):
    """In seconds: the first minute whose local date is in the month (clocks move on whole minutes in these zones)."""
    year, number = map(int, month.split("-"))
    at = datetime(year, number, 1, tzinfo=timezone.utc) - timedelta(hours=26)
    while at.astimezone(ZoneInfo(zone)).strftime("%Y-%m") < month:
        at += timedelta(minutes=15)
    return int(at.timestamp())


def after(month, months=1):
    year, number = map(int, month.split("-"))
    number += year * 12 - 1 + months
    return "%04d-%02d" % (number // 12, number % 12 + 1)


def moment(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()


class Story:
    def __init__(self, rng):
        self.rng = rng
        self.zones = {1: rng.choice(ZONES), 2: rng.choice(ZONES)}
        self.sold = []
        self.number = 0

    def ref(self, word):
        self.number += 1
        return "%s %d%s" % (word, self.number, self.rng.choice(ODD) + self.rng.choice(ODD))

    def text(self, value):
        return "E'%s'" % value.replace("\\", "\\\\").replace("'", "''")

    def setup(self):
        rng, out = self.rng, []
        for p, zone in self.zones.items():
            hold = {"hold": rng.choice(["0", "10 days", "45 days", "1 mon"]), "minimums": {"EUR": rng.choice([0, 2000])}}
            if rng.random() < 0.3:
                hold["hold_after_month_end"] = rng.choice([0, 7])
            out.append("SELECT influence.create_program('program %d', 'EUR', %s, '{}', %s)" % (p, quote(zone), quote(json.dumps(hold))))
            out.append("SELECT influence.set_admission_rule(%d, 'channels', '>=', 0, valid_from => '2020-01-01')" % p)
            out.append("SELECT influence.set_commission_rate(%d, 0.1, valid_from => '2020-01-01')" % p)
        out += ["SELECT influence.create_category('a')", "SELECT influence.add_product('lamp', 'Lamp', 1)"]
        for c in range(1, 5):
            out.append("SELECT influence.register_creator('creator %d', 'Name')" % c)
            out += ["SELECT influence.apply_creator(%d, %d, '2020-01-02')" % (p, c) for p in (1, 2)]
        return out

    def facts(self, month, count):
        """Calls whose moments lie in the month or, now and then, before it."""
        rng, out = self.rng, []
        for _ in range(count):
            of = month if rng.random() < 0.8 else rng.choice(MONTHS[:MONTHS.index(month) + 1])
            p, c = rng.randint(1, 2), rng.randint(1, 4)
            low, high = first_instant(of, self.zones[p]), first_instant(after(of), self.zones[p])
            at = rng.choice([low, high - 1, rng.randrange(low, high)])
            what = rng.random()
            if what < 0.55:
                ref, price = self.ref("order"), rng.choice([1000, 12345, 99999, rng.randint(1, 500000)])
                visitor = "00000000-0000-4000-8000-%012d" % self.number
                self.sold.append((p, visitor, ref, price, at))
                out.append("SELECT influence.record_touch(%d, '%s', 't', 'click', %d, '%s')" % (p, visitor, c, moment(at)))
                out.append("SELECT influence.record_order(%d, '%s', %s, '[{\"line_no\": 1, \"sku\": \"lamp\", \"quantity\": 1, \"paid_price\": %d}]', '%s')"
                           % (p, visitor, self.text(ref), price, moment(at)))
            elif what < 0.75 and self.sold:
                p, visitor, ref, price, sold_at = self.sold.pop(rng.randrange(len(self.sold)))
                out.append("SELECT influence.record_return(%d, '%s', %s, 1, 'r', amount => %d, returned_at => '%s')"
                           % (p, visitor, self.text(ref), rng.choice([price, max(price // 3, 1)]), moment(max(at, sold_at) + rng.choice([0, 86400, 30 * 86400]))))
            elif what < 0.85:
                out.append("SELECT influence.record_bonus(%d, %d, %d, %s, 'bonus', '%s', NULL, %s)"
                           % (p, c, rng.randint(1, 9999), self.text(self.ref("bonus")), moment(at), self.text(rng.choice(ODD) + "note" + rng.choice(ODD))))
            else:
                amount = rng.choice([rng.randint(-9000, 9000) or 1, 2**63 - 1, -(2**63 - 1), -100])
                out.append("SELECT influence.import_balance(%d, %d, %d, %s, '%s', %s, available_at => '%s', note => %s, actor => 'ops')"
                           % (p, c, amount, self.text(self.ref("slip")), moment(at), quote("EUR" if abs(amount) < 10**6 else rng.choice(["JPY", "KWD"])),
                              moment(at + rng.choice([0, 3600, 20 * 86400, 80 * 86400])), self.text(rng.choice(ODD) + "a note")))
        return out

    def tell(self, script):
        rng, closings = self.rng, 0
        for statement in self.setup():
            script.sql(statement)
        for month in MONTHS:
            for statement in self.facts(month, rng.choice([0, 3, 12, 25])):
                script.sql(statement)
            script.sql("SELECT influence.settle_tiers()")
            for p in (1, 2):
                run = moment(first_instant(after(month), self.zones[p]) + rng.choice([0, 86400, 20 * 86400]))
                if rng.random() < 0.7:
                    script.sql("SELECT influence.run_payouts(%d, '%s', '%s')" % (p, month, run))
                    script.sql("SELECT influence.confirm_payout(program_id, party_id, period, 'bank \t' || party_id, currency::text, '%s') FROM influence.payout "
                               "WHERE program_id = %d AND party_id %% 2 = %d AND state = 'reserved'" % (run, p, rng.randint(0, 1)))
                    # a bank that sends something back, now or later: what was paid is owed again, with its age
                    if rng.random() < 0.4:
                        script.sql("SELECT influence.fail_payout(program_id, party_id, period, 'no such \t account', currency::text, greatest(run_at, paid_at) + interval '%d days', 'ops') "
                                   "FROM influence.payout WHERE program_id = %d AND party_id %% 3 = %d AND state <> 'failed'" % (rng.choice([0, 3, 40]), p, rng.randint(0, 2)))
            if rng.random() < 0.3:
                continue        # closed with the next
            for p in (1, 2):
                for past in MONTHS[:MONTHS.index(month) + 1]:
                    end = moment(first_instant(after(past), self.zones[p]))
                    # a month without entries may be left out
                    script.sql("SELECT influence.close_period(%d, '%s', '%s', E'an \\t actor') WHERE (%d = 1 OR EXISTS (SELECT FROM influence.ledger WHERE program_id = %d AND "
                               "occurred_at < '%s')) AND NOT EXISTS (SELECT FROM influence.closed_period WHERE program_id = %d AND period >= '%s')"
                               % (p, past, moment(first_instant(after(month), self.zones[p]) + 86400), p, p, end, p, past))
                    script.lines("open %d %s" % (p, past), "SELECT coalesce(json_agg(entry_no), '[]') FROM influence.ledger WHERE program_id = %d AND occurred_at < '%s' "
                                 "HAVING EXISTS (SELECT FROM influence.closed_period WHERE program_id = %d AND period = '%s')" % (p, end, p, past))


def line(*fields):
    """What COPY writes."""
    escapes = {"\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
    return "\t".join("\\N" if f is None else "".join(escapes.get(ch, ch) for ch in str(f)) for f in fields) + "\n"


def sha256(lines):
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def ranges(text):
    return [(int(low), int(high)) for low, high in re.findall(r"\[(\d+),(\d+)\)", text)]


def signed(entry, account="payable"):
    return entry["amount"] * ((entry["credit_account"] == account) - (entry["debit_account"] == account))


def ages(entries, end):
    """What is left in each class when all that was paid or taken back is set off against the oldest first."""
    classes, pool = [0] * 5, 0
    for e in entries:
        if e["source"] == "payout":
            pool += signed(e)
            continue
        age = None if e["available_s"] is None else end - Fraction(e["available_s"])
        nth = 0 if age is None or age < 0 else 4
        for n, days in ((3, 90), (2, 60), (1, 30)):
            if age is not None and 0 <= age <= days * 86400:
                nth = n
        classes[nth] += signed(e)
    pool += sum(min(c, 0) for c in classes)
    classes = [max(c, 0) for c in classes]
    if pool > 0:        # more payments came back than were made: cannot be
        raise AssertionError("payments are %d" % pool)
    owed = -pool
    for n in (4, 3, 2, 1, 0):
        used = min(owed, classes[n])
        classes[n] -= used
        owed -= used
    classes[0] -= owed
    return classes


def return_terms(entries, since, end, own):
    lines = defaultdict(lambda: [defaultdict(int), 0])
    pending = defaultdict(int)
    earned, returned = defaultdict(int), defaultdict(int)
    for e in entries:
        if e["source"] != "line" or not signed(e):
            continue
        key = e["currency"], e["party_id"], e["visitor_id"], e["order_ref"], e["line_no"]
        if e["kind"].startswith("commission"):
            lines[key][0][e["available_s"]] += signed(e)
            if e["available_s"] is None or Fraction(e["available_s"]) > end:
                pending[e["currency"]] += signed(e)
        elif e["kind"].startswith("clawback"):
            lines[key][1] -= signed(e)
    for (currency, *_), (commissions, back) in lines.items():
        for at, amount in commissions.items():
            if amount and at is not None and since < Fraction(at) <= end:
                earned[currency] += amount
                returned[currency] += back
    rates = {c: Fraction(round(Decimal(returned[c]) / Decimal(amount), 9)) for c, amount in earned.items() if amount}
    return rates.get(own), {c: int((a * rates[c] + Fraction(1, 2)) // 1) for c, a in pending.items() if c in rates}


def check(seed):
    """(number of things compared, differences) of one story."""
    rng = random.Random(seed)
    script = Script()
    script.sql("SET timezone = 'UTC'").sql("SELECT count(u) FROM influence.uninstall('drop all influence data in ' || current_database()) u")
    script.sql("SELECT count(i) FROM influence.install() i")
    story = Story(rng)
    story.tell(script)
    script.lines("ledger", LEDGER).lines("periods", PERIODS).lines("balances", BALANCES)
    script.lines("check", "SELECT row_to_json(b) FROM influence.check_books() b")
    result = {k: [json.loads(x) for x in rows if x.startswith(("{", "["))] for k, rows in script.run().items()}
    wrong = ["seed %d: check_books: %s" % (seed, row) for row in result["check"]]
    compared = 1

    def compare(what, got, wanted):
        nonlocal compared
        compared += 1
        if got != wanted:
            wrong.append("seed %d %s: got %r, should be %r" % (seed, what, got, wanted))

    for program, zone in story.zones.items():
        ledger = {e["entry_no"]: e for e in result["ledger"] if e["program_id"] == program}
        closed, previous, balances = set(), None, {}
        for period in (p for p in result["periods"] if p["program_id"] == program):
            what, month = "program %d %s" % (program, period["period"]), period["period"]
            end, since = first_instant(after(month), zone), first_instant(after(month, -11), zone)
            these = {n for n in ledger if any(low <= n < high for low, high in ranges(period["entries"]))}
            had_occurred = set(result["open %d %s" % (program, month)][0])       # of the first look after the closing
            compare(what + " entries", sorted(these), sorted(had_occurred - closed))
            compare(what + " entry_count", period["entry_count"], len(these))
            closed |= these
            all_entries = [ledger[n] for n in closed]
            parties = defaultdict(list)
            for n in these:
                parties[ledger[n]["party_id"], ledger[n]["currency"]].append(ledger[n])
            for key, (closing, reserved) in balances.items():
                if closing or reserved:
                    parties[key] += []
            kept = {(b["party_id"], b["currency"]): b for b in result["balances"] if b["program_id"] == program and b["period"] == month}
            compare(what + " parties", sorted(kept), sorted(parties))
            lines, later = [], {}
            for party, currency in sorted(parties):
                entries = sorted(parties[party, currency], key=lambda e: e["entry_key"].encode())
                before, before_reserved = balances.get((party, currency), (0, 0))
                closing = before + sum(map(signed, entries))
                reserved = before_reserved + sum(signed(e, "reserved") for e in entries)
                digest = sha256(line(e["entry_key"], e["kind"], e["debit_account"], e["credit_account"], e["amount"], e["occurred"], e["booked"], e["available"],
                                     e["source"], e["note"]) for e in entries)
                classes = ages([e for e in all_entries if (e["party_id"], e["currency"]) == (party, currency)], end)
                row = [party, currency, len(entries), before, closing] + classes + [reserved, digest]
                got = kept.get((party, currency), {})
                compare("%s party %d %s" % (what, party, currency), [got.get("party_id"), got.get("currency")] + [int(got[k]) for k in got if k in
                        ("entry_count", "opening", "closing", "not_due", "due_30", "due_60", "due_90", "due_older", "reserved")] + [got.get("digest")], row)
                lines.append(line(*row))
                later[party, currency] = closing, reserved
            rate, reserve = return_terms(all_entries, since, end, "EUR")
            compare(what + " return rate", None if period["return_rate"] is None else Fraction(period["return_rate"]), rate)
            compare(what + " reserve", json.loads(period["return_reserve"]), reserve)
            compare(what + " previous hash", period["previous_hash"], previous)
            head = line(previous, program, month, period["closed_at"], period["closed_by"], len(these), period["return_rate"], period["return_reserve"])
            compare(what + " hash", period["hash"], sha256([head] + lines))
            previous, balances = period["hash"], later
    return compared, wrong


def main():
    tap = Tap()
    times, first_seed = settings()
    for n in range(4 * times):
        compared, wrong = check(first_seed + n)
        tap.group("closings of seed %d" % (first_seed + n), compared, wrong)
    tap.done()


main()
