#!/usr/bin/env python3
"""Random programs against the model of payouts: every plan, payout, tax, statement number and balance, to the unit.

Programs in currencies of 0 to 3 decimals and many time zones, with holds, minimums, granularities, rounding modes and tax
authorities that change over time; creators who move, are suspended, held, share an account; brands that pay first; bonuses,
adjustments in other currencies, opening balances, orders and their returns. Months are paid on time, late, twice or not at
all; payouts are confirmed, fail before and after it, and debts are written off. A story is told twice, the second time with
calls repeated and facts, confirmations and failures in another order, and has to end the same.

After each batch of months the database has to be where the model is, and check_books() empty.

PGI_PAYOUT_STORIES: how many stories (1; in a long run 10).
"""

import hashlib
import os
import random
from collections import Counter

from check_commission import RUNNER
from payout_story import Telling
from pg import Script, at_once, settings
from tap import Tap

PROGRAMS, PARTIES, MONTHS, STEP = 8, 50, 15, 3
SESSIONS = 2
MICRO = "(extract(epoch FROM %s - '2000-01-01 00:00+00') * 1000000)::bigint"


def send(calls):
    """The outcomes of statements, told one after another by one session."""
    if not calls:
        return []
    script = Script()
    script.parts.append(RUNNER)
    script.copy("call", ["no", "statement"], list(enumerate(calls)))
    script.sql("CALL pg_temp.run()")
    # a line each: plans have several
    script.query("outcomes", "SELECT no, replace(outcome, E'\\n', '~') FROM call ORDER BY no")
    return [None if row[1] is None else row[1].replace("~", "\n") for row in script.run()["outcomes"]]


# What is there ------------------------------------------------------------------

def moment(column):
    return "CASE WHEN %s > now() - interval '1 day' THEN 'now' ELSE %s::text END" % (column, MICRO % column)


def found(statements=True):
    """The state of the database, as sets of rows by name."""
    script = Script()
    script.sql("SET TimeZone = 'UTC'")
    script.query("payouts", "SELECT p.program_id, p.party_id, p.currency, p.period, p.state, p.amount, p.withheld, p.vat, p.net, %s, %s, p.bank_ref, %s, p.failure, p.payout_policy_version, cardinality(p.entry_nos), "
                 "(SELECT sum(l.amount) FROM influence.payout_line l WHERE (l.party_id, l.program_id, l.currency, l.period) = (p.party_id, p.program_id, p.currency, p.period)), "
                 "(SELECT %s FROM influence.payout_destination d WHERE (d.party_id, d.destination_id) = (p.party_id, p.destination_id)) "
                 "FROM influence.payout p" % (MICRO % "p.run_at", MICRO % "p.paid_at", MICRO % "p.failed_at", MICRO % "d.valid_from"))
    script.query("taxes", "SELECT program_id, party_id, currency, period, authority, kind, tax_year, trim_scale(rate), base, amount FROM influence.payout_tax")
    script.query("entries", "SELECT l.program_id, l.party_id, l.kind, l.currency, %s, x.period, count(*), sum(CASE WHEN l.credit_account = 'payable' THEN l.amount ELSE -l.amount END) FROM influence.ledger l "
                 "LEFT JOIN influence.payout_line x ON (x.party_id, x.program_id, x.entry_no) = (l.party_id, l.program_id, l.entry_no) "
                 "WHERE 'payable' IN (l.debit_account, l.credit_account) GROUP BY 1, 2, 3, 4, 5, 6" % moment("l.available_at"))
    script.query("accounts", "SELECT l.program_id, coalesce(b.brand, l.party_id::text), l.currency, a.account, sum(a.amount) FROM influence.ledger l LEFT JOIN influence.brand_account b ON b.party_id = l.party_id, "
                 "LATERAL (VALUES (l.credit_account, l.amount), (l.debit_account, -l.amount)) a(account, amount) GROUP BY 1, 2, 3, 4 HAVING sum(a.amount) <> 0")
    script.query("statements", "SELECT s.program_id, s.statement_no, s.kind, s.cancels, s.party_id, s.currency, s.period, s.amount, s.withheld, s.vat, s.self_billing, %s, "
                 "(SELECT c.period FROM influence.closed_period c WHERE c.program_id = s.program_id AND c.hash = s.closing_hash) FROM influence.statement s" % (MICRO % "s.issued_at"))
    script.query("chain", "SELECT program_id, statement_no, kind, cancels, party_id, currency, period, amount, withheld, vat, CASE WHEN self_billing THEN 'true' ELSE 'false' END, "
                 "to_char(issued_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), encode(closing_hash, 'hex'), encode(hash, 'hex') FROM influence.statement")
    script.query("keys", "SELECT DISTINCT l.kind, l.source, l.debit_account, l.credit_account, regexp_replace(regexp_replace(l.entry_key, '[0-9]{4}-[0-9]{2}', 'MONTH'), '/(%s)/', '/CUR/') FROM influence.ledger l "
                 "WHERE l.source = 'payout'" % "EUR|JPY|KWD|USD")
    script.query("closed", "SELECT program_id, party_id, currency, period, entry_count, opening, closing, reserved, not_due, due_30, due_60, due_90, due_older FROM influence.closed_balance "
                 "WHERE party_id NOT IN (SELECT party_id FROM influence.brand_account)")
    script.query("books", "SELECT check_name, program, subject, expected, found FROM influence.check_books()")
    result = script.run()
    return {name: set(map(tuple, rows)) for name, rows in result.items()}


def text(*row):
    return tuple(None if x is None else "t" if x is True else "f" if x is False else str(x) for x in row)


LEGS = {"payout_reserve": "payable reserved", "payout_withheld": "reserved withheld", "payout_vat": "expense reserved", "payout_remainder": "payable held", "payout_remainder_kept": "held payable",
        "payout_paid": "reserved paid", "payout_returned": "paid reserved", "payout_withheld_reversed": "withheld reserved", "payout_vat_reversed": "reserved expense", "payout_failed": "reserved payable"}


def rate(decimal):
    return decimal.rstrip("0").rstrip(".") if "." in decimal else decimal


def expected(world):
    """The same of the model."""
    result = {name: set() for name in ("payouts", "taxes", "entries", "accounts", "statements", "closed", "keys", "books")}
    entries = Counter()
    for number, program in world.programs.items():
        for (party, currency, period), p in program.payouts.items():
            key = number, party, currency, period
            result["payouts"].add(text(*key, p["state"], p["amount"], p["withheld"], p["vat"], p["net"], p["run"], p["paid"], p["bank"], p["failed"], p["reason"], p["version"], p["lines"], p["amount"],
                                       p["place"] and p["place"]["from"]))
            result["taxes"].update(text(*key, authority, kind, year, rate(share), p["amount"], amount) for authority, kind, year, share, amount in p["taxes"])
            kinds = {"payout_reserve": 1, "payout_withheld": p["withheld"], "payout_vat": p["vat"], "payout_remainder": p["kept"], "payout_remainder_kept": p["kept"], "payout_paid": p["paid"] is not None}
            if p["state"] == "failed":
                kinds.update(payout_returned=p["paid"] is not None, payout_withheld_reversed=p["withheld"], payout_vat_reversed=p["vat"], payout_failed=1)
            result["keys"].update((kind, "payout", *LEGS[kind].split(), "payout/MONTH/CUR/" + kind[7:]) for kind, there in kinds.items() if there)
        for e in program.entries:
            available = "now" if e.available == world.now else e.available
            entries[number, e.party, e.kind, e.currency, available, e.paid and e.paid[2], "n"] += 1
            entries[number, e.party, e.kind, e.currency, available, e.paid and e.paid[2], "sum"] += e.amount
        result["closed"].update(text(number, party, currency, period, *(row[k] for k in ("entries", "opening", "closing", "reserved")), *row["ages"])
                                for (period, party, currency), row in program.balances.items() if party in world.parties)
        result["statements"].update(text(number, n, *row) for n, row in enumerate(program.statements, 1))
    result["entries"] = {text(*key[:6], n, entries[key[:6] + ("sum",)]) for key, n in entries.items() if key[6] == "n"}
    result["accounts"] = {text(*key, amount) for key, amount in world.accounts.items() if amount != 0}
    return result


def conserved(rows):
    """Sums that have to be 0 whatever the model says: all accounts of a party; and of a program's money, that what was earned is owed, on its way, paid, withheld or held."""
    wrong, total, earned, where = [], Counter(), Counter(), Counter()
    for program, party, currency, account, amount in rows:
        total[program, party, currency] += int(amount)
        if account in ("expense", "opening", "write_off"):
            earned[program, currency] -= int(amount)
        elif account in ("payable", "reserved", "paid", "withheld", "held"):
            where[program, currency] += int(amount)
    wrong += ["party %s: accounts sum to %d" % (key, amount) for key, amount in total.items() if amount != 0]
    wrong += ["program %s: %d earned, %d accounted for" % (key, earned[key], where[key]) for key in earned.keys() | where.keys() if earned[key] != where[key]]
    return len(total) + len(earned), wrong


def unchained(rows):
    """Statements whose hash is not sha256(the hash before, their content)."""
    wrong, last = [], {}
    for row in sorted(rows, key=lambda row: (int(row[0]), int(row[1]))):
        content = "|".join("" if x is None else x for x in row[:-1])
        if hashlib.sha256(bytes.fromhex(last.get(row[0], "")) + content.encode()).hexdigest() != row[-1]:
            wrong.append("statement %s: %s" % (content, row[-1]))
        last[row[0]] = row[-1]
    return wrong


def differences(rows, want):
    missing, extra = sorted(want - rows, key=str), sorted(rows - want, key=str)
    yield "%d rows of the model are not there, %d rows are not in the model" % (len(missing), len(extra))
    yield from ("model: %s" % (row,) for row in missing[:3])
    yield from ("database: %s" % (row,) for row in extra[:3])


# Tellings -------------------------------------------------------------------------

def prepare(tap, name, telling):
    """An empty database with the settings of a story."""
    script = Script()
    script.sql("DO $$ BEGIN IF to_regclass('influence.program') IS NOT NULL THEN PERFORM influence.uninstall('drop all influence data in ' || current_database()); END IF; END $$")
    script.sql("SELECT count(*) FROM influence.install()")
    script.run()
    outcomes = send(telling.setup_calls)
    tap.group(name + ": settings", len(outcomes), ["%s: %s" % pair for pair in zip(outcomes, telling.setup_calls) if pair[0] != "recorded"])


def differing(calls, outcomes):
    for (statement, want), got in zip(calls, outcomes):
        if got != want:
            if got and want and "\n" in got + want:
                rows, model = set(got.split("\n")), set(want.split("\n"))
                yield "%s\nmodel:    %s\ndatabase: %s" % (statement, sorted(model - rows)[:4], sorted(rows - model)[:4])
            else:
                yield "%s, model %s: %s" % (got, want, statement)


def tell(tap, seed, n, now, kinds):
    """One telling of a story; returns what it ends with."""
    name = "seed %d, telling %d" % (seed, n + 1)
    telling = Telling(seed, PROGRAMS, PARTIES, MONTHS, now, random.Random("%d/%d" % (seed, n)) if n else None)
    prepare(tap, name, telling)
    told, wrong, different = 0, [], {}
    for first in range(0, MONTHS, STEP):
        streams = telling.batch(first, STEP)
        parties, programs = streams.pop("parties"), [[] for _ in range(SESSIONS)]
        for number, calls in streams.items():
            programs[number % SESSIONS] += calls
        for batch in ([parties], programs):
            outcomes = at_once(send, [[statement for statement, _ in calls] for calls in batch])
            for calls, answers in zip(batch, outcomes):
                told += len(calls)
                wrong += differing(calls, answers)
        have, want = found(), expected(telling.world)
        for what in want:
            rows = have.get(what, set())
            if rows != want[what]:
                different[what] = ["after month %d" % (first + STEP)] + list(differences(rows, want[what]))
        chain = have.pop("chain", set())
        kinds["statements"] += len(chain)
        if unchained(chain):
            different["chain"] = unchained(chain)
        number, leaks = conserved(have["accounts"])
        kinds["sums"] += number
        if leaks:
            different["conservation"] = leaks
        if wrong or different:
            break                       # what follows would only follow from it
    tap.group(name + ": answers", told, wrong)
    for what in want:
        tap.ok(what not in different, "%s: %s (%d rows at the end)" % (name, what, len(want[what])), ["\n".join(different.get(what, ()))])
    tap.ok("chain" not in different, name + ": hashes of statements", different.get("chain", ()))
    tap.ok("conservation" not in different, name + ": no money is made or lost", different.get("conservation", ()))
    kinds.update(telling.kinds)
    kinds["calls"] += told
    kinds["payouts"] += len(have["payouts"])
    return have


def same_ends(ends):
    """What two tellings have to agree on: everything but the numbers of statements."""
    return [{what: rows if what != "statements" else {row[:1] + row[2:3] + row[4:] for row in rows} for what, rows in end.items()} for end in ends]


def main():
    tap, kinds = Tap(), Counter()
    rounds, seed = settings()
    script = Script()
    script.query("now", "SELECT " + MICRO % "now()")
    now = int(script.run()["now"][0][0])
    for story in range(seed, seed + int(os.environ.get("PGI_PAYOUT_STORIES") or (10 if rounds > 1 else 1))):
        one, two = same_ends([tell(tap, story, n, now, kinds) for n in range(2)])
        for what in one:
            tap.ok(one[what] == two[what], "seed %d: %s do not depend on order and repetition (%d rows)" % (story, what, len(one[what])), differences(two[what], one[what]))
    tap.note(dict(kinds))
    tap.done()


if __name__ == "__main__":
    main()
