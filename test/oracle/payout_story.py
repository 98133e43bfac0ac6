"""Random facts for check_payouts: parties, tax, programs and months of money, with runs, confirmations and failures.

A Telling asks the model for the answer of each call as it writes the call down. The facts of a story come from its seed alone;
the telling decides what is said twice and in which order, so that two tellings have to end the same.
"""

import json
import random
from zoneinfo import ZoneInfo

from attribution_model import Span
from commission_settings import value, visitor, when
from payout_model import DAY, Party, Policy, Program, World, add_months, begin_of, end_of, month_of

HOUR = 3600 * 10**6
ZONES = ["Europe/Berlin", "America/New_York", "Asia/Tokyo", "Pacific/Auckland", "America/Sao_Paulo", "Africa/Cairo", "America/Havana", "Asia/Kathmandu", "UTC"]
CURRENCIES = ["EUR", "JPY", "KWD", "USD"]
COUNTRIES = ["DE", "US", "JP", "GB", None]
AUTHORITIES = {"US-IRS": ("US", "America/New_York", "01-01"), "UK-HMRC": ("GB", "Europe/London", "04-06"), "AU-ATO": ("AU", "Australia/Sydney", "07-01")}
RATES = ["0", "0.3", "0.24", "0.19", "0.055", "0.123456789", "0.5", "1"]
FORMS = ["W9", "W8BEN", ""]
FIRST_MONTH = "2023-10"
UTC = ZoneInfo("UTC")


class Telling:
    def __init__(self, seed, programs, parties, months, now, order=None):
        """order: None says everything once and in order of drawing, else a source of repetitions and orders."""
        self.seed, self.rng, self.order = seed, random.Random(seed), order
        self.months, self.kinds = months, {}
        self.streams, self.ref = {}, 0
        self.world = World({}, {}, {a: (ZoneInfo(zone), starts) for a, (_, zone, starts) in AUTHORITIES.items()}, now)
        self.setup(programs, parties)

    # writing calls down ---------------------------------------------------------------

    def some(self, chance):
        return self.rng.random() < chance

    def again(self):
        return self.order is not None and self.order.random() < 0.5

    def say(self, stream, text, answer):
        """A call and its answer; sometimes at once again."""
        calls = self.streams.setdefault(stream, [])
        calls.append((text, answer()))
        if self.again():
            calls.append((text, answer()))

    def say_all(self, stream, function, names, rows, answers, casts=None):
        """Calls of one function that are not refused, as one statement. rows and answers in parallel."""
        pairs = list(zip(rows, answers))
        if self.order is not None:
            self.order.shuffle(pairs)
            pairs = [pair for pair in pairs for _ in range(1 + self.again())]
        # what is refused needs a statement of its own
        for cut in range(0, len(pairs), 200):
            part = pairs[cut:cut + 200]
            values = ", ".join("(%d, %s)" % (n, ", ".join(value(x) for x in row)) for n, (row, _) in enumerate(part))
            arguments = ", ".join("%s => v.%s%s" % (name, name, (casts or {}).get(name, "")) for name in names)
            text = ("SELECT string_agg(s.status, ',' ORDER BY v.n) FROM (VALUES %s) v(n, %s), LATERAL influence.%s(%s) s" % (values, ", ".join(names), function, arguments))
            want = ",".join(answer() for _, answer in part)
            self.streams.setdefault(stream, []).append((text, want))

    def reference(self):
        self.ref += 1
        return "r%d" % self.ref

    # what there is before the first month ------------------------------------------------

    def setup(self, programs, parties):
        rng = self.rng
        for number in range(1, parties + 1):
            country, residence = rng.choice(COUNTRIES), rng.choice(COUNTRIES)
            self.world.parties[number] = Party(number, country, residence)
        self.setup_calls = ["SELECT status FROM influence.register_creator('c%d', 'Creator %d', country => %s, residence => %s)" % (n, n, value(p.country), value(p.residence)) for n, p in self.world.parties.items()]
        for authority, (country, zone, starts) in AUTHORITIES.items():
            self.setup_calls.append("SELECT status FROM influence.create_tax_authority('%s', 'Tax office', '%s', '%s', '%s')" % (authority, country, zone, starts))
        self.setup_calls.append("SELECT CASE WHEN category_id > 0 THEN 'recorded' END FROM influence.create_category('all')")
        for n, brand in enumerate(("acme", "zeta", None), 1):
            self.setup_calls.append("SELECT status FROM influence.add_product('p%d', 'Product', 1, brand => %s)" % (n, value(brand)))
        for number in range(1, programs + 1):
            self.program(number)
        self.setup_calls.append("SELECT CASE WHEN count(*) = %d THEN 'recorded' END FROM influence.program p, influence.creator c, LATERAL influence.apply_creator(p.program_id, c.creator_id, '2021-01-02') a WHERE a.decision = 'admitted'" % (programs * parties))
        self.rules()

    def program(self, number):
        rng = self.rng
        currency, zone = rng.choice(CURRENCIES), rng.choice(ZONES)
        monthly, rate = self.some(0.3), rng.choice(["0.1", "0.0333", "0.5"])
        policies = [self.policy(None, monthly)]
        starts = sorted(rng.sample(range(self.months), rng.randint(0, 3)))
        for month in starts:
            base = begin_of(add_months(FIRST_MONTH, month), ZoneInfo(zone))
            policies.append(self.policy(base + rng.choice([0, 0, -1, 1, rng.randrange(28 * DAY)]), monthly))
        self.world.programs[number] = Program(number, currency, ZoneInfo(zone), rate, policies)
        self.setup_calls.append("SELECT status FROM influence.create_program('Program %d', '%s', '%s', attribution => '{\"max_touch_delay\": \"100 years\"}', payout => '%s')" % (number, currency, zone, self.policy_text(policies[0], monthly)))
        for policy in policies[1:]:
            self.setup_calls.append("SELECT status FROM influence.set_payout_policy(%d, '%s', '%s')" % (number, self.policy_text(policy, monthly), when(policy.start)))
        self.setup_calls.append("SELECT status FROM influence.set_admission_rule(%d, 'channels', '>=', 0, valid_from => '2020-01-01')" % number)
        self.setup_calls.append("SELECT status FROM influence.set_commission_rate(%d, %s, valid_from => '2020-01-01')" % (number, rate))
        for brand in ("acme", "zeta"):
            if self.some(0.6):
                self.setup_calls.append("SELECT status FROM influence.create_brand_account(%d, '%s')" % (number, brand))
                self.world.brand_account(self.world.programs[number], brand)

    def policy(self, start, monthly):
        rng = self.rng
        minimums = {}
        for currency in CURRENCIES:
            if self.some(0.4):
                minimums[currency] = rng.choice([0, 1, 500, 2500, 6000])
            for country in ("DE", "US"):
                if self.some(0.15):
                    minimums["%s/%s" % (currency, country)] = rng.choice([0, 100, 3000, 9000])
        grain = {currency: rng.choice([1, 5, 10, 100, 1000]) for currency in CURRENCIES if self.some(0.4)}
        return Policy(start, rng.choice([Span(0, 0, 0), Span(0, 10, 0), Span(1, 0, 0), Span(0, 0, 36 * HOUR)]), rng.choice([0, 5, 20]) if monthly else None, minimums, grain,
                      rng.choice(["half_up", "half_even", "down"]), self.some(0.4), self.some(0.25), self.some(0.2), [a for a in AUTHORITIES if self.some(0.35)])

    @staticmethod
    def policy_text(p, monthly):
        text = {"minimums": p.minimums, "granularity": p.granularity, "rounding": p.rounding, "pay_when_funded": p.when_funded, "demands_destination": p.wants_destination,
                "demands_tax_profile": p.wants_profile, "tax_authorities": p.authorities}
        text.update({"hold_after_month_end": p.after_month_end} if monthly else {"hold": "%d mons %d days %d microseconds" % p.hold})
        return json.dumps(text)

    def rules(self):
        """Rules of each authority, some of which change, end, or are there for a while only."""
        rng = self.rng
        first = begin_of(FIRST_MONTH, UTC)
        for authority in AUTHORITIES:
            for kind in ("withholding", "vat"):
                keys = {(rng.choice(["", "DE", "US", "JP", "GB"]), rng.choice(["", "individual", "company"]), rng.choice(["", "none", "W9", "W8BEN"])) for _ in range(rng.randint(1, 7))}
                for residence, entity, form in sorted(keys):
                    start = first - 400 * DAY
                    for _ in range(rng.choice([1, 1, 2, 3])):
                        stop = None
                        if self.some(0.15):
                            stop = start + rng.randrange(30 * DAY, 500 * DAY)
                        rate = rng.choice(RATES[:-1] if kind == "vat" else RATES)
                        self.setup_calls.append("SELECT status FROM influence.set_tax_rule('%s', '%s', %s, residence => '%s', entity => '%s', form => '%s', valid_from => '%s'%s)"
                                                % (authority, kind, rate, residence, entity, form, when(start), "" if stop is None else ", valid_to => '%s'" % when(stop)))
                        self.world.set_rule(authority, kind, rate, residence, entity, form, start, stop)
                        start = (stop or start) + rng.randrange(1, 400 * DAY)

    # a batch: some months ------------------------------------------------------------------

    def batch(self, first, count):
        """The calls of count months by stream: those about parties, then one per program."""
        self.streams = {"parties": []}
        self.party_facts(first, count)
        for program in self.world.programs.values():
            for n in range(count):
                month = add_months(FIRST_MONTH, first + n)
                self.money(program, month)
                self.pay(program, month, first + n)
            self.afterwards(program)
            if first + count >= self.months:
                # a preview of what is paid when all that is booked by now has become available
                month = add_months(month_of(self.world.now, program.zone), 2)
                self.plan(program, month, end_of(month, program.zone) + self.rng.choice([0, DAY]))
            if self.some(0.6):
                self.close(program, first + count - 1 - self.rng.choice([0, 0, 1, 3]))
        return self.streams

    def close(self, program, last):
        """Closes months in order up to one; what comes later for them belongs to the next closing."""
        world, months = self.world, sorted({month_of(e["occurred"], program.zone) for e in program.ledger if not e["closed"]} - set(program.closed))
        months = [month for month in months if month <= add_months(FIRST_MONTH, last)]
        self.streams[program.number].append(("SELECT CASE WHEN count(*) >= 0 THEN 'settled' END FROM influence.settle_tiers()", "settled"))
        text = "SELECT status || CASE status WHEN 'recorded' THEN '|' || entries ELSE '' END FROM influence.close_period(%d, '%s', actor => 'controller')"
        for month in (months[-1:] if len(months) > 1 else []) + months:
            self.say(program.number, text % (program.number, month), lambda m=month: world.close(program, m))
        if self.some(0.1):
            self.say(program.number, text % (program.number, "2099-01"), lambda: world.close(program, "2099-01"))

    def moment(self, program, month):
        start, end = begin_of(month, program.zone), end_of(month, program.zone)
        return self.rng.choice([start, end - 1, start + self.rng.randrange(end - start), start + self.rng.randrange(end - start)])

    def party_facts(self, first, count):
        rng, world, stream = self.rng, self.world, "parties"
        low = begin_of(add_months(FIRST_MONTH, first), UTC)
        high = begin_of(add_months(FIRST_MONTH, first + count), UTC)
        for number, party in world.parties.items():
            # often near the end of a month, when it is paid
            at = rng.choice([rng.randrange(low, high), min(high - 1, begin_of(add_months(FIRST_MONTH, first + rng.randint(1, count)), UTC) + rng.randrange(-3 * DAY, 3 * DAY))])
            if first == 0 and self.some(0.6) or self.some(0.2):
                self.destination(number, at - (400 * DAY if first == 0 and self.some(0.8) else 0))
            if first == 0 and self.some(0.6) or self.some(0.08):
                start = at - (400 * DAY if first == 0 and self.some(0.8) else 0)
                form, vat = rng.choice(FORMS), rng.choice([None, "VAT%d" % number])
                row = dict(entity=rng.choice(["individual", "company"]), residence=rng.choice(["DE", "US", "JP", "GB", "FR"]), form=form, expires=at + rng.randrange(400 * DAY) if form and self.some(0.4) else None,
                           vat_id=vat, self_billing=vat is not None and self.some(0.7))
                text = ("SELECT status FROM influence.record_tax_profile(creator_id => %d, entity => '%s', residence => '%s', form => '%s', form_expires => %s, vat_id => %s, self_billing => %s, valid_from => '%s', actor => 'ops')"
                        % (number, row["entity"], row["residence"], form, value(row["expires"] and when(row["expires"])), value(vat), row["self_billing"], when(start)))
                self.say(stream, text, lambda n=number, start=start, row=row: world.set_profile(n, start, **row))
            if self.some(0.05 if world.status(number, world.now) == "active" else 0.5):
                status = "active" if world.status(number, world.now) != "active" else rng.choice(["suspended", "banned"])
                self.say(stream, "SELECT status FROM influence.set_creator_status(%d, '%s', 'a reason', 'ops', since => '%s')" % (number, status, when(at)),
                         lambda n=number, status=status, at=at: world.set_status(n, status, at))
            if self.some(0.06):
                for _ in range(rng.choice([1, 1, 2])):
                    self.hold(number)
        refs = sorted(ref for ref, row in world.holds.items() if row["open"])
        for ref in refs:
            if self.some(0.4):
                self.release(ref)

    def destination(self, number, at):
        rng, world, stream = self.rng, self.world, "parties"
        rows = world.parties[number].destinations
        if rows and at <= rows[-1]["from"]:
            return
        # an account that two have in common opens holds; two parties have at most one
        strangers = [n for n, p in world.parties.items() if n != number and p.destinations and "destination %d/%d" % (n, number) not in world.holds and len(world.owners[p.destinations[-1]["account"][1]]) == 1]
        own = [row["account"][1] for row in rows if len(world.owners[row["account"][1]]) == 1]
        if strangers and self.some(0.08):
            account = world.parties[rng.choice(strangers)].destinations[-1]["account"][1]
        elif own and self.some(0.3):
            # an earlier one, perhaps the current one
            account = rng.choice(own)
        else:
            account = "DE%02d%04d%04d" % (rng.randrange(100), number, rng.randrange(10000))
        written = "".join(c + rng.choice(["", "", "", " ", "-", "."]) for c in rng.choice([account, account.lower()]))
        self.say(stream, "SELECT status FROM influence.set_payout_destination(creator_id => %d, method => 'sepa', destination => '%s', valid_from => '%s', actor => 'ops')" % (number, written, when(at)),
                 lambda: world.set_destination(number, "sepa", written, at))

    def hold(self, number):
        rng, world = self.rng, self.world
        ref, kind, program = self.reference(), rng.choice(["fraud", "dispute", "tax", "other"]), rng.choice([None] + list(world.programs))
        text = "SELECT status FROM influence.hold_payouts(creator_id => %d, reason => 'looked odd', hold_ref => '%s', kind => '%s', program_id => %s, evidence => '{\"case\": 1}', actor => 'ops')"
        self.say("parties", text % (number, ref, kind, value(program)), lambda: world.hold(number, ref, kind, program))
        if self.some(0.1):
            other = "dispute" if kind == "fraud" else "fraud"
            self.say("parties", text % (number, ref, other, value(program)), lambda: world.hold(number, ref, other, program))

    def release(self, ref):
        self.say("parties", "SELECT status FROM influence.release_hold(hold_ref => '%s', note => 'settled', actor => 'ops')" % ref, lambda: self.world.release(ref))

    # money of a month -------------------------------------------------------------------

    def money(self, program, month):
        rng, world, number = self.rng, self.world, program.number
        groups = {"record_bonus": [], "record_adjustment": [], "import_balance": []}
        for party in world.parties:
            for _ in range(rng.choice([0, 1, 1, 2]) if self.some(0.6) else 0):
                kind = rng.choice(["record_bonus", "record_bonus", "record_adjustment", "record_adjustment", "import_balance"])
                amount = rng.choice([rng.randint(1, 3000), rng.randint(1, 12000), rng.choice([1, 500, 2500, 2499, 6000, 100])])
                if kind != "record_bonus" and self.some(0.15):
                    amount = -amount
                # some of it late, for a month that is paid or closed already
                at = self.moment(program, add_months(month, -rng.randint(1, 3)) if self.some(0.07) else month)
                available = at + rng.choice([0, 0, 0, 1, rng.randrange(50 * DAY)])
                currency = program.currency if kind == "record_bonus" or self.some(0.8) else rng.choice(CURRENCIES)
                groups[kind].append((party, amount, currency, at, available, self.reference()))
        for kind, rows in groups.items():
            label = {"record_bonus": "bonus", "record_adjustment": "adjustment", "import_balance": "opening_balance"}[kind]
            answers = [lambda r=r: world.money(program, r[0], label, r[5], r[1], r[2], world.now if kind == "record_adjustment" else r[3], r[4]) for r in rows]
            if kind == "record_bonus":
                self.say_all(number, kind, ["program_id", "creator_id", "amount", "bonus_ref", "occurred_at", "available_at"],
                             [(number, r[0], r[1], r[5], when(r[3]), when(r[4])) for r in rows], answers, {"occurred_at": "::timestamptz", "available_at": "::timestamptz"})
            elif kind == "record_adjustment":
                self.say_all(number, kind, ["program_id", "creator_id", "amount", "adjustment_ref", "note", "currency", "available_at", "actor"],
                             [(number, r[0], r[1], r[5], "a note", r[2], when(r[4]), "ops") for r in rows], answers, {"available_at": "::timestamptz"})
            else:
                self.say_all(number, kind, ["program_id", "creator_id", "amount", "adjustment_ref", "occurred_at", "currency", "available_at", "note", "actor"],
                             [(number, r[0], r[1], r[5], when(r[3]), r[2], when(r[4]), "a note", "ops") for r in rows], answers, {"occurred_at": "::timestamptz", "available_at": "::timestamptz"})
        if groups["record_adjustment"] and self.some(0.2):
            r = groups["record_adjustment"][0]
            text = "SELECT status FROM influence.record_adjustment(program_id => %d, creator_id => %d, amount => %d, adjustment_ref => '%s', note => 'a note', currency => '%s', available_at => '%s', actor => 'ops')"
            self.say(number, text % (number, r[0], r[1] + 1 or 2, r[5], r[2], when(r[4])), lambda: "IN004")
        self.large(program, month)
        self.orders(program, month)
        for brand in sorted(program.brands):
            if self.some(0.6):
                amount, ref, at, currency = rng.randint(1, 6000), self.reference(), self.moment(program, month), program.currency if self.some(0.9) else rng.choice(CURRENCIES)
                self.say(number, "SELECT status FROM influence.record_funding(program_id => %d, brand => '%s', amount => %d, funding_ref => '%s', received_at => '%s', currency => '%s')"
                         % (number, brand, amount, ref, when(at), currency), lambda b=brand, a=amount, r=ref, c=currency, at=at: world.fund(program, b, r, a, c, at))

    def large(self, program, month):
        """More than a payout can be, and a month later the correction."""
        world = self.world
        for sign in (1, -1) if self.some(0.04) else ():
            party, currency = self.rng.choice(list(self.world.parties)) if sign > 0 else party, program.currency
            at = begin_of(add_months(month, 0 if sign > 0 else 1), program.zone)
            for _ in range(2):
                ref = self.reference()
                self.say(program.number, "SELECT status FROM influence.record_adjustment(program_id => %d, creator_id => %d, amount => %d, adjustment_ref => '%s', note => 'a slip', currency => '%s', available_at => '%s', actor => 'ops')"
                         % (program.number, party, sign * 5 * 10**18, ref, currency, when(at)), lambda r=ref: world.money(program, party, "adjustment", r, sign * 5 * 10**18, currency, world.now, at))

    def orders(self, program, month):
        rng, world, number = self.rng, self.world, program.number
        for _ in range(rng.randint(1, 6)):
            party, ref, at = rng.choice(list(world.parties)), self.reference(), self.moment(program, month)
            brands = rng.sample([(1, "acme"), (2, "zeta"), (3, None)], rng.choice([1, 1, 2]))
            lines = [(n, brand, rng.choice([0, 1, rng.randint(1, 30000), 10000, rng.randint(1, 200000)])) for n, brand in brands]
            who = visitor(number * 10**6 + self.ref)
            stated = json.dumps([{"line_no": n, "product_id": n, "quantity": 1, "paid_price": base, "base_amount": base} for n, _, base in lines])
            self.say(number, "SELECT status FROM influence.record_touch(%d, '%s', '%s', 'click', %d, '%s')" % (number, who, ref, party, when(at - 1)),
                     lambda r=ref: world.remember(program.facts, ("touch", r), None))
            text = "SELECT status || CASE WHEN status = 'recorded' THEN ' ' || commission ELSE '' END FROM influence.record_order(%d, '%s', '%s', '%s', '%s')" % (number, who, ref, stated, when(at))
            self.say(number, text, lambda p=party, r=ref, at=at, lines=lines: world.order(program, p, r, at, lines))
            program.orders[ref]["visitor"] = who
        # what comes back of old orders and new ones
        for ref in rng.sample(sorted(program.orders), min(len(program.orders), rng.randint(0, 4))):
            order = program.orders[ref]
            n = rng.choice(sorted(order["lines"]))
            left = order["lines"][n][1] - order["lines"][n][2]
            amount, back, at = rng.choice([left, rng.randint(0, left), left + 1 if self.some(0.2) else left]), self.reference(), max(self.moment(program, month), order["at"])
            if amount == 0:
                continue
            text = ("SELECT status || CASE WHEN status = 'recorded' THEN ' ' || clawed_back ELSE '' END FROM influence.record_return(%d, '%s', '%s', %d, '%s', NULL, %d, '%s')"
                    % (number, order["visitor"], ref, n, back, amount, when(at)))
            self.say(number, text, lambda r=ref, n=n, b=back, a=amount, at=at: world.give_back(program, r, n, b, a, at))

    # payouts of a month ------------------------------------------------------------------

    def pay(self, program, month, index):
        rng, world = self.rng, self.world
        end = end_of(month, program.zone)
        if self.some(0.1):
            self.run(program, month, end - 1)
        if self.some(0.15):
            return                      # skipped; the next month's run takes what there is
        as_of = end + rng.choice([0, 1, HOUR, rng.randrange(3 * DAY), rng.randrange(40 * DAY)])
        period = month if self.some(0.8) else None
        if index > 1 and self.some(0.1):
            period = add_months(month, -rng.randint(1, 2))
        self.plan(program, period, as_of)
        self.run(program, period, as_of)
        if self.some(0.3):
            self.plan(program, period, as_of)
        if self.some(0.3):
            self.run(program, period, as_of + rng.randrange(DAY))
        if index > 2 and self.some(0.3):
            self.plan(program, add_months(month, -rng.randint(1, 3)), as_of)

    def run(self, program, period, as_of):
        text = "SELECT concat_ws('|', status, month, payouts, amount, carried) FROM influence.run_payouts(%d, %s, '%s')" % (program.number, value(period), when(as_of))
        self.say(program.number, text, lambda: self.world.run(program, period, as_of))

    def plan(self, program, period, as_of):
        text = ("SELECT string_agg(concat_ws('|', party_id, month, currency, amount, entries, minimum, verdict, CASE WHEN verdict = 'pay' THEN concat_ws('|', withheld, vat, net, remainder) END), E'\\n' ORDER BY party_id, currency) "
                "FROM influence.plan_payouts(%d, %s, '%s')" % (program.number, value(period), when(as_of)))
        self.say(program.number, text, lambda: self.planned(program, period, as_of))

    def planned(self, program, period, as_of):
        month, rows = period or self.world.last_period(program, as_of), []
        for r in self.world.plan(program, month, as_of):
            self.kinds[r["verdict"]] = self.kinds.get(r["verdict"], 0) + 1
            if r["left"] and r["verdict"] == "pay":
                self.kinds["pay what brands have funded"] = self.kinds.get("pay what brands have funded", 0) + 1
            more = [r[k] for k in ("withheld", "vat", "net", "remainder")] if r["verdict"] == "pay" else []
            rows.append("|".join(map(str, [r["party"], month, r["currency"], r["amount"], r["entries"], r["minimum"], r["verdict"]] + more)))
        return "\n".join(rows) or None

    def afterwards(self, program):
        """Confirmations and failures of what is on its way, in any order; what each payout gets is its own."""
        world, number, events, confirmed = self.world, program.number, [], []
        for key, payout in sorted(program.payouts.items()):
            own = random.Random("%s/%d/%s/%s" % (self.seed, number, key, payout["state"]))
            party, currency, period = key
            if payout["state"] == "failed":
                if own.random() < 0.02:
                    events.append((key, [("confirm_payout(%d, %d, '%s', 'again', '%s')" % (number, party, period, currency), lambda k=key: world.confirm(program, k[0], k[2], k[1], "again", 0))]))
                continue
            calls, at = [], payout["paid"] or payout["run"]
            bank = payout["bank"] or "bank %d" % own.randrange(10**9)
            if payout["state"] == "reserved" and own.random() < 0.7:
                at += own.choice([0, own.randrange(5 * DAY)])
                confirmed.append(((number, party, period, bank, currency, when(at)), lambda k=key, b=bank, at=at: world.confirm(program, k[0], k[2], k[1], b, at)))
                if own.random() < 0.05:
                    calls.append(("confirm_payout(%d, %d, '%s', 'another', '%s')" % (number, party, period, currency), lambda k=key: world.confirm(program, k[0], k[2], k[1], "another", 0)))
            if own.random() < (0.12 if payout["state"] == "reserved" else 0.03):
                if own.random() < 0.1:
                    calls.append(("fail_payout(program_id => %d, party_id => %d, period => '%s', reason => 'too early', currency => '%s', failed_at => '%s', actor => 'ops')" % (number, party, period, currency, when(at - 1)),
                                  lambda k=key, at=at: world.fail(program, k[0], k[2], k[1], "too early", at - 1)))
                late = at + own.choice([0, own.randrange(40 * DAY)])
                for reason in ["account closed"] + (["another reason"] if own.random() < 0.1 else []):
                    calls.append(("fail_payout(program_id => %d, party_id => %d, period => '%s', reason => '%s', currency => '%s', failed_at => '%s', actor => 'ops')" % (number, party, period, reason, currency, when(late)),
                                  lambda k=key, r=reason, at=late: world.fail(program, k[0], k[2], k[1], r, at)))
            events.append((key, calls))
        self.say_all(number, "confirm_payout", ["program_id", "party_id", "period", "bank_ref", "currency", "paid_at"], [row for row, _ in confirmed], [answer for _, answer in confirmed], {"paid_at": "::timestamptz"})
        if self.order is not None:
            self.order.shuffle(events)
        for _, calls in events:
            for call, answer in calls:
                self.say(number, "SELECT status FROM influence." + call, answer)
        for party, currency in sorted({(e.party, e.currency) for e in program.entries}):
            owed = -world.balance(program, party, currency)
            own = random.Random("%s/%d/%s/%s/%d" % (self.seed, number, party, currency, owed))
            if 0 < owed < 10**15 and own.random() < 0.1:
                ref, amount = "off %d" % own.randrange(10**9), own.choice([owed, own.randint(1, owed), owed + 1])
                self.say(number, "SELECT status FROM influence.write_off_balance(program_id => %d, party_id => %d, amount => %d, write_off_ref => '%s', currency => '%s')" % (number, party, amount, ref, currency),
                         lambda p=party, r=ref, a=amount, c=currency: world.write_off(program, p, r, a, c))
        unknown = [("confirm_payout(%d, 1, '2019-01', 'x')" % number, "IN003"), ("fail_payout(program_id => %d, party_id => 1, period => '2019-01', reason => 'x', actor => 'ops')" % number, "IN003"),
                   ("run_payouts(%d, '2024-13', '2025-01-01')" % number, "IN002"), ("run_payouts(%d, NULL, '2099-01-01')" % number, "IN005"), ("plan_payouts(99999)", "IN003")]
        call, code = self.rng.choice(unknown)
        self.say(number, "SELECT status FROM influence." + call if "plan" not in call else "SELECT verdict FROM influence." + call, lambda: code)
