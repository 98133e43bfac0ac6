#!/usr/bin/env python3
"""Votes on products against an independent calculation with exact fractions.

Random shoppers of random age vote up, down and back, say it again, late, twice, and under several visitors, of whom
some turn out to be one person before they vote and some after. Votes come in in two different orders. The model keeps
the latest vote of each person and weighs it as votes.sql says in words; compared are the votes, the weight of each,
the sums, and the scores. Wilson's bound is worked out with decimals from its published formula.
"""

import datetime
from decimal import Decimal, getcontext
from fractions import Fraction
import os
import random

from pg import Script, quote
from tap import Tap

getcontext().prec = 40
SEED = int(os.environ.get("PGI_SEED") or 6)
SHOPPERS, EVENTS, PRODUCTS = 70, 1500, 4
YOUNG, HOUR_VOTES, HOUR_FACTOR, PRIOR = Fraction(1, 4), 3, 40, 4
START = datetime.datetime(2024, 5, 1, tzinfo=datetime.timezone.utc)
DAY, HOUR = datetime.timedelta(days=1), datetime.timedelta(hours=1)
Z = Decimal("1.959963984540054235524594430520551527956")


def visitor(n):
    return "00000000-0000-0000-0000-%012d" % n


def nine(value):
    """Rounded to nine decimals, halves away from zero, as numeric does."""
    scaled = abs(value) * 10**9
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Fraction(whole if value >= 0 else -whole, 10**9)


def wilson(ups, total):
    if total == 0:
        return Decimal(0)
    n = Decimal(total.numerator) / Decimal(total.denominator)
    p = Decimal(ups.numerator) / Decimal(ups.denominator) / n
    z2 = Z * Z
    bound = (p + z2 / (2 * n) - Z * ((p * (1 - p) + z2 / (4 * n)) / n).sqrt()) / (1 + z2 / n)
    return max(bound, Decimal(0))


class Story:
    def __init__(self, rng):
        self.created = {n: START + rng.randrange(0, 20 * 24 * 60) * datetime.timedelta(minutes=1) for n in range(1, SHOPPERS + 1)}
        pairs = rng.sample(range(1, SHOPPERS + 1), 30)
        links = [(pairs[i], pairs[i + 1]) for i in range(0, 28, 2)] + [(pairs[1], pairs[29])]
        self.before, self.after = links[:7], links[7:]
        # most votes in few hours, or there is no mob
        crowded = [START + h * HOUR for h in rng.sample(range(20 * 24), 12)]
        self.events, taken = [], set()
        while len(self.events) < EVENTS:
            n, product = rng.randint(1, SHOPPERS), rng.randint(1, PRODUCTS)
            at = (rng.choice(crowded) if rng.random() < 0.7 else START + rng.randrange(20 * 24) * HOUR) + rng.randrange(3600) * datetime.timedelta(seconds=1)
            if (product, at) not in taken:      # no two at once: which one holds would be a conflict
                taken.add((product, at))
                self.events.append((n, product, rng.choices([1, -1, 0], [6, 3, 1])[0], at))

    def person(self, n, links):
        while n in links:
            n = links[n]
        return n

    def model(self):
        """{(visitor, product): (vote, voted_at)} as stored under who said it last, then what each weighs."""
        early, late = dict(self.before), dict(self.before + self.after)
        latest = {}
        for n, product, vote, at in sorted(self.events, key=lambda e: e[3]):
            latest[self.person(n, early), product] = (n, vote, at)
        stored = {(n, product): (vote, at) for (_, product), (n, vote, at) in latest.items()}
        weights, counted = {}, {}
        for (n, product), (vote, at) in stored.items():
            root = (self.person(n, late), product)
            if root not in counted or at > counted[root][1]:
                counted[root] = (vote, at, n)
        first = {(n, product) for (_, product), (_, _, n) in counted.items()}
        hours = {}
        for (_, product), (vote, at, _) in counted.items():
            hour = at.replace(minute=0, second=0)
            hours.setdefault((product, vote), {}).setdefault(hour, 0)
            hours[product, vote][hour] += 1
        for (n, product), (vote, at) in stored.items():
            if vote == 0:
                continue
            hour = at.replace(minute=0, second=0)
            known = hours.get((product, vote), {})
            week = sum(count for h, count in known.items() if hour - 7 * DAY <= h < hour)
            limit = max(Fraction(HOUR_VOTES), Fraction(HOUR_FACTOR * week, 168))
            weight = Fraction(1)
            if at < self.created[n] + DAY:
                weight *= YOUNG
            weight *= min(Fraction(1), limit / max(known.get(hour, 0), 1))
            weights[n, product] = (vote, nine(weight) if (n, product) in first else Fraction(0))
        return stored, weights


def tell(story, order):
    script = Script()
    script.sql("SET timezone = 'UTC'")
    script.sql("DO $$ BEGIN IF to_regclass('influence.schema_version') IS NOT NULL THEN PERFORM influence.uninstall('drop all influence data in ' || current_database()); END IF; PERFORM influence.install(); END $$")
    script.sql("SELECT FROM influence.create_category('even')").sql("SELECT FROM influence.create_category('odd')")
    for product in range(1, PRODUCTS + 1):
        script.sql("SELECT FROM influence.add_product('p%d', 'P', %d)" % (product, 1 + product % 2))
    script.sql("INSERT INTO influence.setting (name, version, value) VALUES ('vote_weights', 2, '{\"young\": 0.25, \"young_age\": \"24 hours\", \"hour_votes\": %d, \"hour_factor\": %d, \"prior_votes\": %d}')" % (HOUR_VOTES, HOUR_FACTOR, PRIOR))
    script.copy("influence.shopper", ["visitor_id", "personalised", "discoverable", "content_hash", "created_at"],
                [(visitor(n), True, True, "\\x00", at.isoformat()) for n, at in story.created.items()])
    for a, b in story.before:
        script.sql("SELECT FROM influence.identify('%s', '%s')" % (visitor(a), visitor(b)))
    script.sql("CREATE TEMP TABLE said (n int, visitor_id uuid, product_id bigint, vote int, at timestamptz)")
    script.copy("said", ["n", "visitor_id", "product_id", "vote", "at"],
                [(i, visitor(n), product, vote, at.isoformat()) for i, (n, product, vote, at) in enumerate(order)])
    script.sql("CREATE TEMP TABLE answer AS SELECT s.n, v.* FROM (SELECT * FROM said ORDER BY n) s, LATERAL influence.vote_product(s.visitor_id, s.product_id, s.vote, s.at) v")
    script.query("again", "SELECT count(*) FILTER (WHERE v.status <> 'duplicate'), count(*) FROM (SELECT * FROM said ORDER BY random() LIMIT 300) s, LATERAL influence.vote_product(s.visitor_id, s.product_id, s.vote, s.at) v")
    for a, b in story.after:
        script.sql("SELECT FROM influence.identify('%s', '%s')" % (visitor(a), visitor(b)))
    script.query("events", "SELECT count(*) FROM influence.engagement WHERE kind = 'vote'")
    script.query("votes", "SELECT visitor_id, product_id, vote, voted_at FROM influence.vote")
    script.query("weights", "SELECT visitor_id, product_id, vote, weight FROM influence.vote_weight")
    script.query("sums", "SELECT product_id, ups, downs, weighted_ups, weighted_downs, weighted FROM influence.product_votes")
    script.query("one", "SELECT product_id, ups, downs, weighted_ups, weighted_downs, weighted FROM influence.product_votes WHERE product_id = 2")
    script.query("scores", "SELECT product_id, share, score, shrunk, doubted FROM influence.product_vote_score()")
    script.query("some", "SELECT product_id, share, score, shrunk, doubted FROM influence.product_vote_score('{2,3}')")
    return script.run()


def compare(tap, story, order, name):
    found = tell(story, order)
    stored, weights = story.model()
    tap.ok(found["again"] == [["0", "300"]] and found["events"] == [[str(EVENTS)]], name + ": what is said again is a duplicate, and each event is kept once", [str(found["again"]), str(found["events"])])
    got = {(row[0], int(row[1])): (int(row[2]), datetime.datetime.fromisoformat(row[3])) for row in found["votes"]}
    want = {(visitor(key[0]), key[1]): value for key, value in stored.items()}
    tap.group(name + ": the latest vote of each person", len(want), [(k, want.get(k), got.get(k)) for k in want.keys() | got.keys() if want.get(k) != got.get(k)])
    got = {(row[0], int(row[1])): (int(row[2]), Fraction(row[3])) for row in found["weights"]}
    want = {(visitor(key[0]), key[1]): value for key, value in weights.items()}
    tap.group(name + ": what each weighs", len(want), [(k, want.get(k), got.get(k)) for k in want.keys() | got.keys() if want.get(k) != got.get(k)])
    kinds = {w for _, w in want.values()}
    tap.ok(len(kinds) > 8 and {Fraction(0), YOUNG, Fraction(1)} <= kinds, name + ": young, crowded and second votes were among them", [str(sorted(kinds))])
    sums = {}
    for product in range(1, PRODUCTS + 1):
        mine = [value for key, value in weights.items() if key[1] == product]
        ups, downs = sum((w for v, w in mine if v == 1), Fraction(0)), sum((w for v, w in mine if v == -1), Fraction(0))
        sums[product] = (sum(v == 1 for v, _ in mine), sum(v == -1 for v, _ in mine), ups, downs, ups - downs)
    got = {int(row[0]): (int(row[1]), int(row[2])) + tuple(Fraction(x) for x in row[3:]) for row in found["sums"]}
    tap.group(name + ": sums by product", len(sums), [(k, sums[k], got.get(k)) for k in sums if sums[k] != got.get(k)])
    tap.ok([row for row in found["sums"] if row[0] == "2"] == found["one"], name + ": one product alone has the same sums")
    wrong = []
    for row in found["scores"]:
        product = int(row[0])
        ups, downs = sums[product][2:4]
        mine = [sums[p] for p in sums if p % 2 == product % 2]
        prior = sum(s[2] for s in mine) / sum(s[2] + s[3] for s in mine)
        want = (ups / (ups + downs), wilson(ups, ups + downs), (ups + PRIOR * prior) / (ups + downs + PRIOR))
        if any(abs(Decimal(got) - Decimal(w.numerator) / Decimal(w.denominator) if isinstance(w, Fraction) else Decimal(got) - w) > Decimal("1e-12") for got, w in zip(row[1:4], want)):
            wrong.append((product, row, [float(w) for w in want]))
    tap.group(name + ": scores", len(found["scores"]), wrong)
    tap.ok([row for row in found["scores"] if row[0] in "23"] == found["some"], name + ": of some products they are the same")


def main():
    tap = Tap()
    rng = random.Random(SEED)
    story = Story(rng)
    compare(tap, story, sorted(story.events, key=lambda e: e[3]), "in order of time")
    shuffled = list(story.events)
    rng.shuffle(shuffled)
    compare(tap, story, shuffled, "in any order")
    tap.done()


if __name__ == "__main__":
    main()
