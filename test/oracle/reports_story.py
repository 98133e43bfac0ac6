"""A random program for check_reports.py: the calls that tell it, and beside them what was told, in plain Python.

Two programs pay by the last click (a person's, over all its visitors): one in Berlin, commissions at once, rounded half up; one
in Kolkata, commissions once the order is delivered, rounded half to even. A third, linear one is for the checks that read tables.
Touches come late, so orders are attributed again; some visitors turn out to be one person; orders come in two currencies; lines
come back in pieces, as chargebacks and their reversals, and by cancellations.
"""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from pg import Script

PROGRAMS = {1: ("Berlin", "Europe/Berlin", "placed", "half_up", 60), 2: ("Kolkata", "Asia/Kolkata", "delivered", "half_even", 35), 3: ("Linear", "UTC", "placed", "half_up", 50)}
ZONES = {p: ZoneInfo(x[1]) for p, x in PROGRAMS.items()}
CREATORS, PRODUCTS, VISITORS, DAYS = 6, 8, 40, 75
DAY = timedelta(days=1)


def visitor(n):
    return "00000000-0000-4000-8000-%012d" % n


def literal(value):
    if value is None:
        return "NULL"
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int) else "'%s'" % str(value).replace("'", "''")


def details(**items):
    import json
    return literal(json.dumps({k: v for k, v in items.items() if v is not None}))


def rounded(amount, part, whole, mode):
    """amount x part / whole in whole numbers."""
    quotient, rest = divmod(amount * part, whole)
    up = 2 * rest > whole or (2 * rest == whole and (mode == "half_up" or (mode == "half_even" and quotient % 2 == 1)))
    return quotient + (1 if up else 0)


class Story:
    def __init__(self, rng, orders):
        self.rng, self.script = rng, Script()
        self.origin = datetime(2026, 2, 20, tzinfo=timezone.utc)
        self.used, self.person = set(), {visitor(n): visitor(n) for n in range(1, VISITORS + 1)}
        self.touches, self.orders, self.posts, self.costs, self.bonuses, self.smiles, self.votes = [], [], [], [], [], [], {}
        self.members, self.shoppers, self.cohort, self.suspended = [], {}, [], (5, self.origin + 40 * DAY)
        self.set_up()
        calls = [self.tell_touch(n) for n in range(6 * orders)] + [self.tell_order(n) for n in range(orders)]
        # an order comes when it is placed, a third of the touches at the end
        late = [c for c in calls if c[1].startswith("touch") and rng.random() < 0.3]
        for at, text, statements in sorted(c for c in calls if c not in late):
            self.say(*statements)
        for at, text, statements in late:
            self.say(*statements)
        for o in self.orders:
            self.say("SELECT influence.reattribute(%d, '%s')" % (o["program"], o["ref"]))
        for program in PROGRAMS:
            for month in ("2026-02", "2026-03", "2026-04", "2026-05"):
                self.say("SELECT influence.settle_tiers(%d, '%s')" % (program, month))

    def say(self, *statements):
        for text in statements:
            self.script.sql(text)

    def moment(self, first, last):
        """A second of its own between two days of the story, often near midnight of a zone."""
        while True:
            at = self.origin + timedelta(seconds=self.rng.randrange(int(first * 86400), int(last * 86400)))
            if self.rng.random() < 0.3:
                at = at.replace(hour=self.rng.choice([18, 22, 23]), minute=self.rng.choice([29, 30, 59, 0]))
            if at not in self.used:
                self.used.add(at)
                return at

    def set_up(self):
        rng, say = self.rng, self.say
        say("SET TimeZone = 'UTC'", "SET client_min_messages = warning",
            "DO $$ BEGIN IF to_regclass('influence.schema_version') IS NOT NULL THEN PERFORM influence.uninstall('drop all influence data in ' || current_database()); END IF; PERFORM influence.install(); END $$")
        for program, (name, zone, earns_at, rounding, ppm) in PROGRAMS.items():
            say("SELECT influence.create_program('%s', 'EUR', '%s', '{\"model\": \"%s\", \"cart_lookback\": \"0\", \"lookback\": \"20 days\"}', "
                "'{\"hold\": \"3600 days\", \"earns_at\": \"%s\", \"rounding\": \"%s\"}', demands_tag => false)"
                % (name, zone, "linear" if program == 3 else "last_touch", earns_at, rounding),
                "SELECT influence.set_admission_rule(%d, 'channels', '>=', 0, valid_from => '2020-01-01')" % program,
                "SELECT influence.set_commission_rate(%d, 0.0%d, valid_from => '2020-01-01')" % (program, ppm),
                "SELECT influence.set_bonus_rule(%d, 'basket', 'large', 5000, 77, '2020-01-01')" % program)
        for n in (1, 2, 3):
            say("SELECT influence.create_category('category %d', %s)" % (n, "1" if n == 2 else "NULL"))
        self.category = {n: 1 + n % 3 for n in range(1, PRODUCTS + 1)}
        for n, category in self.category.items():
            say("SELECT influence.add_product('sku %d', 'Product %d', %d)" % (n, n, category))
        self.creators = {n: (rng.choice(["DE", "IN", None]), rng.choice(["garden", "games"])) for n in range(1, CREATORS + 1)}
        for n, (country, vertical) in self.creators.items():
            say("SELECT influence.register_creator('creator %d', 'Name %d', country => %s, vertical => '%s')" % (n, n, literal(country), vertical))
            for program in PROGRAMS:
                say("SELECT influence.apply_creator(%d, %d, '2020-01-02')" % (program, n))
        say("SELECT influence.set_creator_status(%d, 'suspended', 'test', 'oracle', '%s')" % (self.suspended[0], self.suspended[1]))
        for n in range(1, VISITORS // 2 + 1):
            self.shoppers[visitor(n)] = None
            say("SELECT influence.register_shopper('%s')" % visitor(n))
        for n in range(1, 9):
            guest, shopper = visitor(VISITORS - n), visitor(n)
            if n % 4 == 0:          # a chain
                say("SELECT influence.identify('%s', '%s')" % (guest, visitor(VISITORS - n - 10)), "SELECT influence.identify('%s', '%s')" % (visitor(VISITORS - n - 10), shopper))
                self.person[visitor(VISITORS - n - 10)] = shopper
            else:
                say("SELECT influence.identify('%s', '%s')" % (guest, shopper))
            self.person[guest] = shopper
        self.campaigns = {1: (1, self.origin + 10 * DAY, self.origin + 40 * DAY, [1, 2, 3]), 2: (2, self.origin + 30 * DAY, None, [2, 7])}
        for n, (program, begins, ends, products) in self.campaigns.items():
            say("SELECT influence.create_campaign(%d, 'campaign %d', 'Campaign', budget => 100000, valid_from => '%s', valid_to => %s, products => '{%s}')"
                % (program, n, begins, literal(ends), ",".join(map(str, products))))
            for i in range(4):
                at, amount = self.moment(0, DAYS), rng.randint(-500, 5000)
                self.costs.append((n, at, amount))
                say("SELECT influence.record_campaign_cost(%d, 'cost %d', 'media', %d, '%s')" % (n, i, amount, at))
        for i in range(20):
            program, creator, at, kind, amount = rng.randint(1, 3), rng.randint(1, CREATORS), self.moment(0, DAYS), rng.choice(["bonus", "fund", "fee"]), rng.randint(1, 900)
            self.bonuses.append((program, creator, at, kind, amount))
            say("SELECT influence.record_bonus(%d, %d, %d, 'bonus %d', '%s', '%s')" % (program, creator, amount, i, kind, at))
        for i in range(1, 31):
            program, creator, at = rng.randint(1, 3), rng.choice([c for c in self.creators if c != self.suspended[0]]), self.moment(0, DAYS)
            post = dict(id=i, program=program, creator=creator, at=at, kind=rng.choice(["photo", "video", "story"]), disclosure=rng.choice(["affiliate", "paid"]),
                        use_case=rng.choice(["review", "tutorial", None]), vertical=rng.choice(["garden", None]),
                        campaign=rng.choice([c for c, x in self.campaigns.items() if x[0] == program] + [None]), products=rng.sample(range(1, PRODUCTS + 1), 2))
            self.posts.append(post)
            say("SELECT influence.publish_post(%d, %d, 'post %d', '%s', '[%s]', published_at => '%s', disclosure => '%s', details => %s)"
                % (program, creator, i, post["kind"], ", ".join('{"product_id": %d}' % p for p in post["products"]), at, post["disclosure"],
                   details(use_case=post["use_case"], vertical=post["vertical"], campaign_id=post["campaign"])))
        say("SELECT influence.create_membership_plan('plus', 'Plus', 9900, 'EUR')")
        for n in range(1, VISITORS // 2 + 1, 3):
            begins = self.moment(0, 40)
            ends = begins + timedelta(days=rng.randint(5, 30)) if rng.random() < 0.7 else None
            self.members.append((visitor(n), begins, ends))
            say("SELECT influence.record_membership('%s', 'plus', '%s', %s)" % (visitor(n), begins, literal(ends)))
        for i in range(60):
            who, post, at = visitor(rng.randint(1, VISITORS // 2)), rng.choice(self.posts), self.moment(0, DAYS)
            if not any(s[0] == who and s[1] is post for s in self.smiles):
                self.smiles.append((who, post, at))
                say("SELECT influence.react('%s', %d, 'smile', occurred_at => '%s')" % (who, post["id"], max(at, post["at"])))
                self.smiles[-1] = (who, post, max(at, post["at"]))
        for n in range(1, 8):
            for product in rng.sample(range(1, PRODUCTS + 1), 6):
                self.votes[visitor(n), product] = rng.choice([1, 1, 1, -1])
                # an account older than a day, and hours without a crowd: a whole vote each
                say("UPDATE influence.shopper SET created_at = '2020-01-01' WHERE visitor_id = '%s'" % visitor(n))
                say("SELECT influence.vote_product('%s', %d, %d, '%s')" % (visitor(n), product, self.votes[visitor(n), product], self.moment(0, DAYS)))
        for member, kind in [(str(c), "creator") for c in (1, 2)] + [(visitor(n), "shopper") for n in (1, 2, 3)]:
            since = self.moment(0, 30)
            until = since + timedelta(days=20)
            self.cohort.append((kind, member, since, until))
            say("SELECT influence.add_to_cohort('beta', '%s', '%s', '%s', '%s')" % (kind, member, since, until))

    def tell_touch(self, n):
        rng = self.rng
        program = rng.choice([1, 1, 2, 3])
        posts = [p for p in self.posts if p["program"] == program]
        post = rng.choice(posts + [None])
        t = dict(program=program, visitor=visitor(rng.randint(1, VISITORS)), at=self.moment(0, DAYS), ref="t%d" % n, kind=rng.choice(["view", "click", "click", "cart"]),
                 creator=post["creator"] if post else rng.choice([None] + list(self.creators)), post=post, product=rng.choice([None] + list(range(1, PRODUCTS + 1))),
                 surface=rng.choice(["feed", None]), embed=rng.choice(["a.example", None, None]), in_app=rng.choice([True, False, None]),
                 country=rng.choice(["DE", "IN", None]), channel=rng.choice(["instagram", "tiktok", None]), experiment=None, variant=None)
        if rng.random() < 0.2:
            # mostly the same variant for a person
            t["experiment"], t["variant"] = "test", ["holdout", "new"][int(t["visitor"][-1]) % 2 if rng.random() < 0.9 else 0]
        t["campaign"] = post["campaign"] if post else None
        self.touches.append(t)
        return (t["at"], "touch %d" % n, ["SELECT influence.record_touch(%d, '%s', '%s', '%s', %s, '%s', %s, %s, %s)" % (
            program, t["visitor"], t["ref"], t["kind"], literal(t["creator"]), t["at"], literal(t["product"]), literal(post and post["id"]),
            details(surface=t["surface"], embed=t["embed"], in_app=t["in_app"], country=t["country"], channel=t["channel"], experiment=t["experiment"], variant=t["variant"]))])

    def tell_order(self, n):
        rng, at = self.rng, self.moment(5, DAYS)
        program = rng.choice([1, 1, 2, 2, 3])
        o = dict(program=program, visitor=visitor(rng.randint(1, VISITORS)), ref="o%d" % n, at=at, country=rng.choice(["DE", "IN", None]), lines={}, delivered=rng.random() < 0.6,
                 holdout=None, experiment=None, variant=None)
        if rng.random() < 0.2:
            o["experiment"], o["variant"] = "test", rng.choice(["new", "holdout"])
            o["holdout"] = o["variant"] == "holdout"
        dollars = rng.random() < 0.3          # two dollars are a euro, and all dollar amounts are even
        lines, after = [], []
        for line in range(1, rng.randint(1, 3) + 1):
            quantity, price = rng.randint(1, 3), 2 * rng.randint(0 if rng.random() < 0.1 else 1, 1500)
            base = quantity * price // (2 if dollars else 1)
            product = rng.randint(1, PRODUCTS)
            o["lines"][line] = dict(product=product, quantity=quantity, base=base, back=[])
            lines.append('{"line_no": %d, "product_id": %d, "quantity": %d, "paid_price": %d}' % (line, product, quantity, price))
        statements = ["SELECT influence.record_order(%d, '%s', '%s', '[%s]', '%s', %s, %s)" % (
            program, o["visitor"], o["ref"], ", ".join(lines), at, "'USD'" if dollars else "NULL",
            details(country=o["country"], experiment=o["experiment"], variant=o["variant"], holdout=o["holdout"], fx_rate=0.5 if dollars else None, fx_source="oracle" if dollars else None))]
        if program == 2 and o["delivered"]:
            after.append((at + DAY, "SELECT influence.record_order_event(2, '%s', '%s', 'delivered', '%s')" % (o["visitor"], o["ref"], at + DAY)))
        for line, l in o["lines"].items():
            left, disputed = l["base"], 0
            for k in range(rng.choice([0, 0, 0, 1, 2, 3])):
                kind = rng.choice(["return", "return", "chargeback", "goodwill"] + (["chargeback_reversed"] if disputed else []))
                amount = rng.randint(0, disputed) if kind == "chargeback_reversed" else rng.choice([left, rng.randint(0, left)])
                when = at + timedelta(seconds=rng.randrange(20 * 86400))
                if kind == "goodwill" and any(g == "goodwill" for _, _, g in l["back"]):
                    continue
                l["back"].append((when, amount, kind))
                if kind != "goodwill":
                    left += amount if kind == "chargeback_reversed" else -amount
                    disputed += amount if kind == "chargeback" else -amount if kind == "chargeback_reversed" else 0
                after.append((None, "SELECT influence.record_return(%d, '%s', '%s', %d, 'r%d', amount => %d, returned_at => '%s', kind => '%s')"
                              % (program, o["visitor"], o["ref"], line, k, amount * (2 if dollars else 1), when, kind)))
        if rng.random() < 0.1:
            when = at + timedelta(hours=30)
            after.append((None, "SELECT influence.record_order_event(%d, '%s', '%s', 'cancelled', '%s')" % (program, o["visitor"], o["ref"], when)))
            for l in o["lines"].values():
                rest = l["base"] - sum((-a if k == "chargeback_reversed" else a) for _, a, k in l["back"] if k != "goodwill")
                l["back"].append((when, rest, "cancelled"))
        self.orders.append(o)
        # what follows an order: delivery may be told after returns
        told = [text for _, text in after]
        if rng.random() < 0.5:
            told.sort(key=lambda text: "'delivered'" in text)
        return (at, "order %d" % n, statements + told)
