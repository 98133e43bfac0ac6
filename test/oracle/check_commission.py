#!/usr/bin/env python3
"""Random programs against the models of money: what every call answers, what everybody earns and is owed, to the unit.

Six programs in currencies of 0 to 4 decimals, with random policies, rate cards, tiers, caps, budgets, bonuses and
coupons; touches, merges, orders, order events and returns of all kinds, some twice, some with other content, some before
their order or beyond it. Each story is told in several orders and batchings by two sessions at once, with jobs and payout
runs in between. After each batch earnings, returns, settlements, the ledger by account and what is missing to the next tier
have to be those of the model, and check_books() empty; where nothing is refused, every telling has to end the same.

PGI_COMMISSION_OPERATIONS: about how many calls (50,000; in a long run 250,000); PGI_COMMISSION_WITHOUT: leave out rates, life or settle.
"""

import os
import random
from collections import Counter, defaultdict

from commission_model import PLATFORM, within
from commission_settings import CREATORS, END, START, Settings, when
from commission_story import Story
from order_life_model import World
from pg import Script, at_once, settings
from settlement_model import progress, settle, settled_at
from tap import Tap

FEATURES = {"rates", "life", "settle"} - set(os.environ.get("PGI_COMMISSION_WITHOUT", "").split(","))
# a function of each, while they are being built
ORDERS, TELLINGS, CALLS_PER_ORDER = 700, 2, 6
SESSIONS = 2
MOMENT = "CASE WHEN %s = 'infinity' THEN 'infinity' ELSE (extract(epoch FROM %s - '2000-01-01 00:00+00') * 1000000)::bigint::text END"
AVAILABLE = MOMENT % ("x.available_at", "x.available_at")

# Each call is a transaction, as a service would make it; what is to be repeated is.
RUNNER = """
SET TimeZone = 'UTC';
CREATE TEMP TABLE call (no int PRIMARY KEY, statement text, outcome text);
CREATE PROCEDURE pg_temp.run() LANGUAGE plpgsql AS $f$
DECLARE
    c record;
    answer text;
BEGIN
    FOR c IN SELECT no, statement FROM call ORDER BY no LOOP
        FOR attempt IN 1..10 LOOP
            BEGIN
                EXECUTE c.statement INTO answer;
            EXCEPTION
                WHEN serialization_failure OR deadlock_detected THEN answer := NULL;
                WHEN OTHERS THEN answer := CASE WHEN SQLSTATE ~ '^IN' THEN SQLSTATE ELSE SQLSTATE || ' ' || SQLERRM END;
            END;
            EXIT WHEN answer IS NOT NULL;
        END LOOP;
        UPDATE call SET outcome = answer WHERE no = c.no;
        COMMIT;
    END LOOP;
END $f$;
"""
REATTRIBUTE = "SELECT influence.do_job('reattribute', 0, NULL, now())"
SETTLE = "SELECT status FROM influence.settle_tiers()"


def send(calls):
    """The outcomes of statements, told one after another by one session."""
    script = Script()
    script.parts.append(RUNNER)
    script.copy("call", ["no", "statement"], list(enumerate(calls)))
    script.sql("CALL pg_temp.run()")
    script.query("outcomes", "SELECT outcome FROM call ORDER BY no")
    return [row[0] for row in script.run().get("outcomes", [])]


# What is there ------------------------------------------------------------------

def found():
    """The state of the database, as sets of rows by name."""
    script = Script()
    script.sql("SET TimeZone = 'UTC'")
    script.query("earnings", "SELECT x.program_id, x.order_ref, x.line_no, x.creator_id, x.kind, %s, sum(x.base), sum(x.amount) FROM influence.earning x "
                 "GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(x.base) <> 0 OR sum(x.amount) <> 0" % AVAILABLE)
    script.query("returns", "SELECT x.program_id, x.order_ref, x.line_no, x.return_ref, x.state, %s FROM influence.order_return x WHERE x.kind <> 'cancelled' OR x.amount <> 0"
                 % ("CASE WHEN x.state = 'applied' THEN %s END" % ("CASE WHEN x.kind = 'cancelled' THEN x.amount ELSE x.order_amount END" if "life" in FEATURES else "x.amount")))
    script.query("ledger", "SELECT x.program_id, x.party_id, a.account, %s, sum(a.amount) FROM influence.ledger x, "
                 "LATERAL (VALUES (x.credit_account, x.amount), (x.debit_account, -x.amount)) a(account, amount) "
                 "WHERE x.source <> 'payout' GROUP BY 1, 2, 3, 4 HAVING sum(a.amount) <> 0" % AVAILABLE)
    if "settle" in FEATURES:
        ranks = ["(SELECT count(*) FROM influence.%s r WHERE r.%s <= x.ref)" % names for names in (("tier_table", "tier_id"), ("commission_budget", "budget_id"), ("bonus_rule", "bonus_id"))]
        script.query("settlements", "SELECT x.program_id, x.creator_id, x.month, x.stage, CASE x.stage WHEN 'tier' THEN %s WHEN 'budget' THEN %s WHEN 'bonus' THEN %s ELSE x.ref END, %s, sum(x.amount) "
                     "FROM influence.settlement x GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(x.amount) <> 0" % (*ranks, AVAILABLE))
    script.query("books", "SELECT check_name, program, subject, expected, found FROM influence.check_books()")
    return {name: set(map(tuple, rows)) for name, rows in script.run().items()}


def text(row):
    return tuple(None if x is None else str(x) for x in row)


def expected(world):
    """The same of the model."""
    earnings, returns, settlements, ledger = set(), set(), set(), defaultdict(int)

    def book(program, party, amount, available, debit):
        for account, signed in (("platform_revenue" if party == PLATFORM and "life" in FEATURES else "payable", amount), (debit, -amount)):
            ledger[program, party, account, available] += signed

    for key in world.orders:
        available = world.available(key)
        for (n, creator, kind), (base, amount) in world.nets(key).items():
            if base or amount:
                earnings.add(text(key + (n, creator, kind, available, base, amount)))
                book(key[0], creator, amount, available, "write_off" if kind == "write_off" else "expense")
        for n in world.orders[key].lines:
            returns.update(text(key + (n, "cancelled", "applied", row.amount)) for row in world.taken(key, n) if row.ref == "cancelled" and row.amount != 0)
    for key, backs in world.backs.items():
        for (n, ref), back in backs.items():
            returns.add(text(key + (n, ref, back.state, back.given if back.state == "applied" else None)))
    if "settle" in FEATURES:
        for program, shop in world.market.shops.items():
            for (creator, month, stage, ref), amount in settle(world, program).items():
                settlements.add(text((program, creator, month, stage, ref, settled_at(shop, month), amount)))
                book(program, creator, amount, settled_at(shop, month), "expense")
    for fact in world.bonuses.values():
        book(fact.program, fact.creator, fact.amount, fact.at if fact.available is None else fact.available, "expense")
    result = {"earnings": earnings, "returns": returns, "ledger": {text(k + (v,)) for k, v in ledger.items() if v != 0}, "books": set()}
    return dict(result, settlements=settlements) if "settle" in FEATURES else result


# Tellings -------------------------------------------------------------------------

def prepare(tap, drawn, seed):
    """An empty database with the settings of a story."""
    script = Script()
    script.sql("DO $$ BEGIN IF to_regclass('influence.program') IS NOT NULL THEN PERFORM influence.uninstall('drop all influence data in ' || current_database()); END IF; END $$")
    script.sql("SELECT count(*) FROM influence.install()")
    script.run()
    outcomes = send(drawn.setup)
    tap.group("seed %d: settings" % seed, len(outcomes), ["%s: %s" % pair for pair in zip(outcomes, drawn.setup) if pair[0] != "recorded"])
    # what is late is for other tests: touches may have come at any time
    script = Script()
    script.sql("UPDATE influence.program SET created_at = '2020-01-01'")
    script.run()
    if drawn.refused:
        outcomes = send([statement for statement, _ in drawn.refused])
        tap.group("seed %d: bad settings" % seed, len(outcomes), ["%s, not %s: %s" % (got, want, statement) for got, (statement, want) in zip(outcomes, drawn.refused) if got != want])


def jobs(rng, drawn):
    """Jobs to run among the calls of a batch."""
    result = [REATTRIBUTE] * rng.randint(0, 2)
    if "settle" in FEATURES:
        result += [SETTLE] * rng.randint(0, 2)
    for program in rng.sample([p for p, kind in drawn.kinds.items() if kind != "late"], 2):
        result.append("SELECT status FROM influence.run_payouts(%d, '2024-%02d')" % (program, rng.randint(4, 9)))
    return result


def tell(tap, drawn, story, seed, n, kinds):
    """One telling of a story; returns what the model says of its end."""
    rng, world = random.Random("%d/%d" % (seed, n)), World(drawn.market)
    prepare(tap, drawn, seed)
    steps = story.telling(rng)
    cuts = sorted(rng.sample(range(1, len(steps)), rng.choice([1, 2, 3]))) if n == 0 else [rng.randrange(len(steps) // 4, len(steps))]
    for batch, (low, high) in enumerate(zip([0] + cuts, cuts + [len(steps)]), 1):
        name = "seed %d, telling %d, batch %d" % (seed, n + 1, batch)
        streams = [[] for _ in range(SESSIONS)]
        for step in steps[low:high]:
            streams[sum(step.person.encode()) % SESSIONS].append((step.text, step.answer(world)))
        for job in jobs(rng, drawn):
            stream = rng.choice(streams)
            stream.insert(rng.randint(0, len(stream)), (job, None))
        outcomes = at_once(send, [[statement for statement, _ in stream] for stream in streams])
        wrong, told = [], 0
        for stream, answers in zip(streams, outcomes):
            for (statement, want), got in zip(stream, answers):
                told += 1
                kinds[(want or "job").split(" ")[0]] += 1
                if got != want and (want is not None or got is None or got[5:6] == " " or got.startswith("IN")):
                    wrong.append("%s, model %s: %s" % (got, want, statement))
        tap.group(name + ": answers", told, wrong)
        send([REATTRIBUTE] + ([SETTLE] if "settle" in FEATURES else []))
        have, want = found(), expected(world)
        for what in want:
            rows = have.get(what, set())
            tap.ok(rows == want[what], "%s: %s (%d rows)" % (name, what, len(want[what])), differences(rows, want[what]))
        if "settle" in FEATURES:
            check_progress(tap, name, world, random.Random(name), kinds)
    if "life" in FEATURES:
        kinds["written off"] += write_offs(tap, "seed %d, telling %d" % (seed, n + 1))
        books = found()["books"]
        tap.ok(not books, "seed %d, telling %d: the books after the write-offs" % (seed, n + 1), sorted(books, key=str))
    return world, want


def write_offs(tap, name):
    """Negative balances are written off, once and not beyond. Whether what is pending counts makes no difference here."""
    script = Script()
    payable = "sum(CASE WHEN x.credit_account = 'payable' THEN x.amount ELSE -x.amount END)"
    script.query("owed", "SELECT x.program_id, x.party_id, -%s, -coalesce(%s FILTER (WHERE x.available_at < now()), 0) FROM influence.ledger x "
                 "WHERE 'payable' IN (x.credit_account, x.debit_account) AND x.party_id <> 0 GROUP BY 1, 2 ORDER BY least(-%s, -%s FILTER (WHERE x.available_at < now())) DESC NULLS LAST LIMIT 6" % ((payable,) * 4))
    calls, want = [], []
    for program, party, whole, now in script.run()["owed"]:
        least, most = sorted((int(whole), int(now)))
        for amount, ref, answer in ((most + 1, "a", "IN007"), (least - 1, "b", "recorded"), (most - least + 2, "c", "IN007"), (1, "d", "recorded"), (least - 1, "b", "duplicate"), (1, "b", "IN004")) if least > 2 else ((1, "a", "IN007"),) if most <= 0 else ():
            calls.append("SELECT status FROM influence.write_off_balance(%s, %s, %d, '%s')" % (program, party, amount, ref))
            want.append(answer)
    answers = send(calls)
    tap.group(name + ": write-offs", len(calls), ["%s, not %s: %s" % row for row in zip(answers, want, calls) if row[0] != row[1]])
    return want.count("duplicate")


def check_progress(tap, name, world, rng, kinds):
    """What tier_progress() says: at the moment of an order that counts in a tier, just before it, and at any moment."""
    sold = [(key[0], creator, order.at) for key, order in world.orders.items() for (_, creator), booked in world.booked(key).items() if booked.tier is not None]
    moments = [(p, c, at - rng.randint(0, 1)) for p, c, at in rng.sample(sold, min(30, len(sold)))]
    moments += [(rng.choice(list(world.market.shops)), rng.randint(1, CREATORS), rng.randrange(START, END)) for _ in range(20)]
    script = Script()
    script.sql("SET TimeZone = 'UTC'")
    for i, (program, creator, at) in enumerate(moments):
        script.query("progress %d" % i, "SELECT (SELECT count(*) FROM influence.tier_table r WHERE r.tier_id <= p.tier_id), p.value, p.tier, (p.rate * 1000000000)::bigint, p.next_threshold, (p.next_rate * 1000000000)::bigint, p.missing "
                     "FROM influence.tier_progress(%d, %d, '%s') p" % (program, creator, when(at)))
    found, wrong, rows = script.run(), [], 0
    for i, (program, creator, at) in enumerate(moments):
        have = {tuple(row) for row in found.get("progress %d" % i, [])}
        want = {text((tier, *row)) for tier, row in progress(world, program, creator, at).items()}
        rows += len(want)
        kinds["in progress"] += sum(0 < int(row[1]) and row[6] is not None for row in want)
        if have != want:
            wrong.append("program %d, creator %d at %s: model %s, found %s" % (program, creator, when(at), sorted(want, key=str), sorted(have, key=str)))
    tap.group("%s: progress to the next tier" % name, rows, wrong)


def differences(rows, want):
    """Rows that differ, those of one key together."""
    missing, extra = sorted(want - rows, key=str), sorted(rows - want, key=str)
    yield "%d rows of the model are not there, %d rows are not in the model" % (len(missing), len(extra))
    for row in missing[:12]:
        yield "model: %s" % (row,)
        yield from ("       but %s" % (other,) for other in extra if other[:4] == row[:4])
    for row in extra[:12]:
        yield "database: %s" % (row,)


def check(tap, seed, orders, kinds):
    rng = random.Random(seed)
    drawn = Settings(rng, FEATURES)
    story = Story(rng, drawn, orders)
    ends = [tell(tap, drawn, story, seed, n, kinds) for n in range(TELLINGS)]
    wild = {str(p) for p, kind in drawn.kinds.items() if kind == "wild"}
    for what in ("earnings", "ledger"):
        tame = [{row for row in end[what] if row[0] not in wild} for _, end in ends]
        tap.ok(all(rows == tame[0] for rows in tame), "seed %d: %s of every telling are the same (%d rows)" % (seed, what, len(tame[0])), differences(tame[0], tame[-1]))
    return ends


def ways(world, key, place, booked):
    """The rules that made a commission, so that a run can say that it tried them all."""
    order, rate = world.orders[key], booked.rate
    if rate is None:
        return ["platform" if place[1] == PLATFORM else booked.reason]
    return [name for name, holds in (("flat", rate.flat is not None), ("kept", not within(order.at, rate.start, rate.stop)), ("direct", rate.directness), ("new or returning", rate.customer),
                                     ("boosted or organic", rate.boost), ("country", rate.country), ("exchanged", order.currency != world.market.shops[key[0]].currency), ("tiered", booked.tier is not None)) if holds]


def main():
    tap, kinds = Tap(), Counter()
    rounds, seed = settings()
    wanted = int(os.environ.get("PGI_COMMISSION_OPERATIONS") or ("50000" if rounds == 1 else "250000"))
    stages, told = Counter(), 0
    while told < wanted:
        orders = min(ORDERS, max(100, (wanted - told) // (CALLS_PER_ORDER * TELLINGS)))
        ends = check(tap, seed, orders, kinds)
        for _, end in ends:
            stages.update(row[3] for row in end.get("settlements", ()))
            stages.update(row[4] for row in end["earnings"])
        for world, _ in ends:
            stages.update("return " + back.state for backs in world.backs.values() for back in backs.values())
            stages.update(what for key in world.orders for row in world.booked(key).items() for what in ways(world, key, *row))
        seed, told = seed + 1, sum(kinds.values())
    tap.note("%d calls: %s; rows: %s" % (told, dict(kinds), dict(stages)))
    tap.ok(set(kinds) >= {"recorded", "duplicate", "parked", "IN003", "IN004", "IN007"}, "the stories have every kind of answer", [dict(kinds)])
    want = {"commission", "clawback", "return applied", "return parked", "return refused", "country", "not_paying", "not_admitted", "creator_suspended", "creator_banned"}
    if "life" in FEATURES:
        want |= {"write_off", "replacement"}
        tap.ok(kinds["written off"] > 0, "some balances were written off", [dict(kinds)])
    if "rates" in FEATURES:
        want |= {"flat", "kept", "direct", "new or returning", "boosted or organic", "exchanged", "platform"}
    if "settle" in FEATURES:
        tap.ok(kinds["in progress"] > 0, "some creators were on their way to a tier", [dict(kinds)])
        want |= {"tiered", "tier", "line_cap", "order_cap", "month_cap", "budget", "minimum", "bonus", "coupon", "after_lock"}
    tap.ok(set(stages) >= want, "the stories have every kind of earning and settlement", [dict(stages)])
    tap.done()


if __name__ == "__main__":
    main()
