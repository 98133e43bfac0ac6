#!/usr/bin/env python3
"""Decayed counters against a recount of the facts with exact fractions.

A random history: reactions (smiles taken back, said twice, late, in the same instant), comments, touches, orders, returns,
chargebacks and votes, of accounts young and old and of guests, by the functions and by COPY, with runs of the job at random
moments in between. The model reads the facts and counts them as docs/explanation/trending.md says in words; weights are exact
fractions, powers of two decimals of 40 digits. Then the counters, counted in many batches, have to have the same bits as
counted all at once, and as counted from the same events in another order and in other batches. At last the weights change.
The quality of posts in feed_item, which is kept in the same way, is counted beside.
"""

import json
import random
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from decimal import Decimal, getcontext
from fractions import Fraction

from pg import Script, quote, settings
from tap import Tap

getcontext().prec = 40
ORIGIN = datetime(2024, 3, 1, tzinfo=timezone.utc)
PUBLISHED = datetime(2024, 2, 1, tzinfo=timezone.utc)
LANDMARK = datetime(2000, 1, 1, tzinfo=timezone.utc)
MICROSECOND, DAY = timedelta(microseconds=1), timedelta(days=1)
HALF_LIVES = {"6h": timedelta(hours=6), "3d": timedelta(days=3), "30d": timedelta(days=30)}
REACTIONS = ["smile", "comment", "share", "save", "click"]
WEIGHTS = {"smile": 1, "comment": 3, "share": 4, "save": 4, "click": 0.5, "vote": 1}
TREND = {"view": 0.1, "click": 1, "cart": 3, "coupon": 0, "sale": 10}
OTHER_TREND = {"view": 0.3, "click": 1, "cart": 2, "coupon": 1.7, "sale": 7}
YOUNG, HOUR_VOTES = Fraction(1, 5), 2
FACTS = {
    "engagement": "SELECT visitor_id, post_id, kind, occurred_at AT TIME ZONE 'UTC', event_ref FROM influence.engagement WHERE post_id IS NOT NULL",
    "touch": "SELECT program_id, product_id, category_id, kind, touched_at AT TIME ZONE 'UTC' FROM influence.touch",
    "line": "SELECT l.visitor_id, l.program_id, l.order_ref, l.line_no, l.product_id, l.category_path, l.base_amount, o.ordered_at AT TIME ZONE 'UTC' "
            "FROM influence.order_line l JOIN influence.orders o USING (visitor_id, program_id, order_ref)",
    "return": "SELECT visitor_id, program_id, order_ref, line_no, kind, amount FROM influence.order_return WHERE state = 'applied'",
    "vote": "SELECT product_id, vote, weight, voted_at AT TIME ZONE 'UTC' FROM influence.vote_weight",
    "shopper": "SELECT visitor_id, created_at AT TIME ZONE 'UTC' FROM influence.shopper",
    "post": "SELECT p.post_id, p.program_id, p.creator_id, (SELECT x.category_id FROM influence.post_tag t JOIN influence.product x USING (product_id) "
            "WHERE t.post_id = p.post_id ORDER BY t.tag_id LIMIT 1) FROM influence.post p",
    "product": "SELECT product_id, category_id FROM influence.product",
    "category": "SELECT category_id, coalesce(parent_id, 0), path FROM influence.category",
    "quality": "SELECT post_id, quality FROM influence.feed_item",
    "rank": "SELECT program_id, kind, half_life, scope_id, item_id, score FROM influence.trend_rank",
}
# what is far behind the best of its scope may be there or not
BITS = ("SELECT md5(coalesce(string_agg(r::text, ',' ORDER BY r::text COLLATE \"C\"), '')), count(*) FROM (SELECT t.* FROM influence.trend_rank t WHERE t.score >= "
        "(SELECT max(b.score) - 60 FROM influence.trend_rank b WHERE (b.program_id, b.kind, b.half_life, b.scope_id) = (t.program_id, t.kind, t.half_life, t.scope_id))) r")


QUALITY_BITS = "SELECT md5(string_agg(post_id || ' ' || quality::text, ',' ORDER BY post_id)), count(*) FROM influence.feed_item"


def parse(text):
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def numbers(text):
    return [int(x) for x in text.strip("{}").split(",") if x]


def steps(weight):
    """A float weight as the counter takes it: in steps of 2^-20, ties to even."""
    return Fraction(round(Fraction(weight) * 2**20), 2**20)


def rounded(value, scale):
    """Halves away from zero, as numeric does."""
    whole = (2 * abs(value).numerator * scale + abs(value).denominator) // (2 * abs(value).denominator)
    return Fraction(whole if value >= 0 else -whole, scale)


def count(facts, trend):
    """{(program, kind, scope, item): {moment: weight}} from the facts alone."""
    counters = defaultdict(lambda: defaultdict(Fraction))
    created = {v: parse(at) for v, at in facts["shopper"]}
    paths = {int(c): numbers(path) for c, parent, path in facts["category"]}
    posts = {int(p): (int(program), int(creator), paths[int(category)] if category else []) for p, program, creator, category in facts["post"]}
    of_product = {int(p): int(c) for p, c in facts["product"]}

    # reactions: those that stand, by post and hour
    states, hours = defaultdict(list), defaultdict(list)
    for visitor, post, kind, at, ref in facts["engagement"]:
        if kind in ("smile", "unsmile"):
            states[visitor, int(post)].append((parse(at), ref.encode(), kind))
        elif kind in REACTIONS:
            hours[int(post), parse(at).replace(minute=0, second=0, microsecond=0)].append((visitor, kind, parse(at)))
    taken_back = 0
    for (visitor, post), events in states.items():
        events.sort()
        for n, (at, _, kind) in enumerate(events):
            if kind == "smile":
                if n + 1 < len(events) and events[n + 1][2] == "unsmile":
                    taken_back += 1
                else:
                    hours[post, at.replace(minute=0, second=0, microsecond=0)].append((visitor, kind, at))
    damped = 0
    for (post, _), events in hours.items():
        young = [v not in created or at < created[v] + DAY for v, _, at in events]
        factor = float(rounded(YOUNG * min(Fraction(1), Fraction(HOUR_VOTES, max(1, sum(young)))), 10**9))
        damped += sum(young) > HOUR_VOTES
        program, creator, path = posts[post]
        for is_young, (_, kind, at) in zip(young, events):
            weight = steps(float(WEIGHTS[kind]) * (factor if is_young else 1.0))
            counters[program, "post", 0, post][at] += weight
            for scope in [0] + path:
                counters[program, "creator", scope, creator][at] += weight

    for program, product, category, kind, at in facts["touch"]:
        category = int(category) if category else of_product.get(int(product)) if product else None
        if product:
            counters[int(program), "product", 0, int(product)][parse(at)] += steps(float(trend[kind]))
        for branch in paths.get(category, []):
            counters[int(program), "category", 0, branch][parse(at)] += steps(float(trend[kind]))
    came_back = defaultdict(int)
    for visitor, program, order, line, kind, amount in facts["return"]:
        if kind != "goodwill":
            came_back[visitor, program, order, line] += int(amount) * (-1 if kind == "chargeback_reversed" else 1)
    partly = 0
    for visitor, program, order, line, product, path, base, at in facts["line"]:
        base, back = int(base), came_back[visitor, program, order, line]
        partly += 0 < back < base
        weight = rounded(Fraction(trend["sale"]) * (1 - Fraction(min(max(back, 0), base), base) if base else 1), 2**20)
        counters[int(program), "product", 0, int(product)][parse(at)] += weight
        for branch in numbers(path):
            counters[int(program), "category", 0, branch][parse(at)] += weight
    for product, vote, weight, at in facts["vote"]:
        weight = steps(float(Fraction(weight) * int(vote)) * float(WEIGHTS["vote"]))
        counters[0, "product", 0, int(product)][parse(at)] += weight
        for branch in paths[of_product[int(product)]]:
            counters[0, "category", 0, branch][parse(at)] += weight
    return counters, {"smiles taken back": taken_back, "hours over the limit": damped, "lines that came back in part": partly}, posts, of_product, paths, \
        {int(c): int(parent) for c, parent, _ in facts["category"]}


def quality_sums(facts):
    """{post: {moment: weight}}: its publication and all its engagements, an unsmile at the time of the smile before it."""
    sums = {int(post): defaultdict(Fraction, {PUBLISHED: Fraction(1)}) for post, _, _, _ in facts["post"]}
    said = defaultdict(list)
    for visitor, post, kind, at, ref in facts["engagement"]:
        if kind in ("smile", "unsmile"):
            said[visitor, int(post)].append((parse(at), ref.encode(), kind))
        if kind in WEIGHTS:
            sums[int(post)][parse(at)] += Fraction(WEIGHTS[kind])
    undone = 0
    for (_, post), events in said.items():
        events.sort()
        for (before, _, kind), (_, _, then) in zip(events, events[1:]):
            if then == "unsmile" and kind == "smile":
                sums[post][before] -= WEIGHTS["smile"]
                undone += 1
    return sums, undone


class Powers:
    """2^(t / h) relative to a moment, once per moment and half-life."""

    def __init__(self):
        self.known, self.ln2 = {}, Decimal(2).ln()

    def __call__(self, at, name):
        key = (at, name)
        if key not in self.known:
            halvings = Decimal((at - ORIGIN) // MICROSECOND) / Decimal(HALF_LIVES[name] // MICROSECOND)
            self.known[key] = (halvings * self.ln2).exp()
        return self.known[key]


def expected_ranks(facts, trend, powers):
    """{(program, kind, half-life, scope, item): score}, and the keys whose sum is too near to zero to say."""
    counters, seen, posts, of_product, paths, parents = count(facts, trend)
    ranks, open_ones = {}, set()
    for (program, kind, scope, item), events in counters.items():
        if program == 0:
            continue
        together = defaultdict(Fraction, events)
        for at, weight in counters.get((0, kind, scope, item), {}).items():
            together[at] += weight
        scopes = {"post": lambda: [0] + posts[item][2], "product": lambda: [0] + paths[of_product[item]],
                  "creator": lambda: [scope], "category": lambda: [parents[item]]}[kind]()
        for name, half_life in HALF_LIVES.items():
            terms = [Decimal(w.numerator) / Decimal(w.denominator) * powers(at, name) for at, w in together.items() if w]
            total = sum(terms, Decimal(0))
            doubt = bool(terms) and abs(total) < max(abs(t) for t in terms) * Decimal("1e-12")
            score = total.ln() / powers.ln2 + Decimal((ORIGIN - LANDMARK) // MICROSECOND) / Decimal(half_life // MICROSECOND) if total > 0 and not doubt else None
            for s in scopes:
                key = (program, kind, name, s, item)
                if doubt:
                    open_ones.add(key)
                elif score is not None:
                    ranks[key] = float(score)
    return ranks, open_ones, seen


class Story:
    def __init__(self, rng, events):
        self.rng, self.script, self.orders, self.clock, self.marks = rng, Script(), [], ORIGIN, []
        s = self.script
        s.sql("SET TimeZone = 'UTC'")
        s.sql("SELECT count(*) FROM influence.install()")
        s.sql("INSERT INTO influence.setting (name, version, value) SELECT name, 2, value || '{\"hour_votes\": %d}' FROM influence.setting WHERE name = 'vote_weights'" % HOUR_VOTES)
        for n in (1, 2):
            s.sql("SELECT influence.create_program('program %d', 'EUR', 'UTC', '{\"model\": \"linear\", \"max_touch_delay\": \"100 years\"}', '{\"hold\": \"3 days\"}')" % n)
            s.sql("SELECT influence.set_admission_rule(%d, 'channels', '>=', 0, valid_from => '2020-01-01')" % n)
        s.sql("UPDATE influence.program SET created_at = '2020-01-01'")
        for n, parent in enumerate((None, 1, 1, 2, None), 1):
            s.sql("SELECT influence.create_category('category %d', %s)" % (n, parent or "NULL"))
        for n in range(1, 8):
            s.sql("SELECT influence.add_product('sku %d', 'Product', %d)" % (n, rng.randint(1, 5)))
        for n in range(1, 4):
            s.sql("SELECT influence.register_creator('creator %d', 'Name')" % n)
            for program in (1, 2):
                s.sql("SELECT influence.apply_creator(%d, %d, '2020-01-02')" % (program, n))
        for n in range(1, 10):
            tags = json.dumps([{"product_id": p} for p in rng.sample(range(1, 8), rng.randint(1, 3))])
            s.sql("SELECT influence.publish_post(%d, %d, 'post %d', 'photo', '%s', published_at => '2024-02-01')" % (rng.randint(1, 2), rng.randint(1, 3), n, tags))
        for n in range(1, 13):
            s.sql("SELECT influence.register_shopper('%s')" % self.visitor(n))
            s.sql("UPDATE influence.shopper SET created_at = '%s' WHERE visitor_id = '%s'" % ((ORIGIN + timedelta(hours=rng.randrange(-24, 500))).isoformat(), self.visitor(n)))
        # some hours are crowded, or nothing would be damped
        self.crowded = [ORIGIN + timedelta(hours=rng.randrange(24 * 20)) for _ in range(2)]
        for number in range(events):
            self.step(number)

    def visitor(self, n=None):
        # from 13 on they are guests
        return "00000000-0000-4000-8000-%012d" % (n or self.rng.randint(1, 18))

    def moment(self):
        rng = self.rng
        if rng.random() < 0.5:
            return rng.choice(self.crowded) + timedelta(minutes=rng.randrange(60), microseconds=rng.randrange(10))
        return self.clock - timedelta(minutes=rng.randrange(120 if rng.random() < 0.7 else 60 * 24 * 20))

    def step(self, number):
        rng, s = self.rng, self.script
        self.clock += timedelta(minutes=rng.randrange(60))
        dice, at, program = rng.random(), self.moment().isoformat(), rng.randint(1, 2)
        if dice < 0.3:
            kind = rng.choice(["smile"] * 3 + ["unsmile"] * 3 + ["share", "save", "click"])
            s.sql("SELECT influence.react('%s', %d, '%s', 'e%d', '%s')" % (self.visitor(), rng.randint(1, 9), kind, number, at))
        elif dice < 0.5:
            # what no function would write: twice, in the same instant, from nobody
            kinds = rng.choice([["smile", "unsmile"], ["unsmile"], ["smile", "smile"], ["comment"], ["hide"], ["unsmile", "smile", "unsmile"]])
            visitor, post = self.visitor(), rng.randint(1, 9)
            s.copy("influence.engagement", ["visitor_id", "occurred_at", "event_ref", "kind", "post_id"],
                   [[visitor, at, "c%d/%s" % (number, rng.choice("aBz") + str(n)), kind, post] for n, kind in enumerate(kinds)])
        elif dice < 0.7:
            product = rng.choice(["NULL"] + list(range(1, 8)))
            if rng.random() < 0.5:
                s.sql("SELECT influence.record_touch(%d, '%s', 't%d', '%s', %s, '%s', %s)" % (
                    program, self.visitor(), number, rng.choice(list(TREND)[:4]), rng.choice(["NULL", 1, 2]), at, product))
            else:
                s.copy("influence.touch", ["visitor_id", "touched_at", "touch_ref", "program_id", "kind", "product_id", "category_id"],
                       [[self.visitor(), at, "t%d" % number, program, rng.choice(list(TREND)[:4]), None if product == "NULL" else product, rng.choice([None, 1, 2, 3, 4, 5])]])
        elif dice < 0.8:
            s.sql("SELECT pg_temp.outcome_of(%s)" % quote("influence.vote_product('%s', %d, %d, '%s')" % (
                self.visitor(rng.randint(1, 12)), rng.randint(1, 7), rng.choice([-1, 0, 1, 1]), at)))
        elif dice < 0.87:
            lines = [{"line_no": n, "product_id": rng.randint(1, 7), "quantity": rng.randint(1, 3), "paid_price": rng.choice([0, 1, 999, 2500, 2500])} for n in range(1, rng.randint(2, 4))]
            self.orders.append((program, self.visitor(), "o%d" % number, lines))
            s.sql("SELECT influence.record_order(%d, '%s', 'o%d', '%s', '%s')" % (self.orders[-1][:2] + (number, json.dumps(lines), at)))
        elif dice < 0.93 and self.orders:
            p, v, ref, lines = rng.choice(self.orders)
            line = rng.choice(lines)
            call = "influence.record_order_event(%d, '%s', '%s', 'cancelled', '%s')" % (p, v, ref, at) if rng.random() < 0.2 else \
                "influence.record_return(%d, '%s', '%s', %d, 'r%d', NULL, amount => %d, returned_at => '%s', kind => '%s')" % (
                    p, v, ref, line["line_no"], number, rng.randint(0, line["paid_price"]), at, rng.choice(["return", "return", "chargeback", "chargeback_reversed", "goodwill"]))
            s.sql("SELECT pg_temp.outcome_of(%s)" % quote(call))
        else:
            s.sql("SELECT influence.refresh_stats(days => %s)" % rng.choice(["true", "false", "false"]))

    def look(self, name, facts=True):
        s = self.script
        s.query("the rest", "SELECT influence.refresh_stats()")
        for what, query in FACTS.items() if facts else ():
            s.query("%s %s" % (name, what), query)
        s.query("%s bits" % name, BITS)
        s.query("%s quality bits" % name, QUALITY_BITS)
        s.query("the rest", "SELECT 1")
        self.marks.append(name)

    def reorder(self):
        """The same touches and engagements again, in another order and in other batches."""
        s = self.script
        for table, order in (("touch", "touch_ref"), ("engagement", "event_ref")):
            s.sql("CREATE TEMP TABLE all_%s AS SELECT *, row_number() OVER (ORDER BY md5(%s || visitor_id)) AS n FROM influence.%s" % (table, order, table))
            s.sql("ALTER TABLE all_%s DROP COLUMN xact" % table)
        s.sql("TRUNCATE influence.touch, influence.engagement, influence.trend_state, influence.trend_vote, influence.trend_return, influence.trend_basis, influence.watermark")
        s.sql("SELECT influence.refresh_stats()")
        s.sql("""DO $$
DECLARE
	columns_of text[] := ARRAY(SELECT (SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute WHERE attrelid = t AND attnum > 0 AND NOT attisdropped AND attname <> 'n')
							   FROM unnest('{all_touch,all_engagement}'::regclass[]) t);
	at int := 0;
	size int := 1;
BEGIN
	WHILE at <= (SELECT greatest((SELECT count(*) FROM all_touch), (SELECT count(*) FROM all_engagement))) LOOP
		EXECUTE format('INSERT INTO influence.touch (%1$s) SELECT %1$s FROM all_touch WHERE n > $1 AND n <= $2 ORDER BY n DESC', columns_of[1]) USING at, at + size;
		EXECUTE format('INSERT INTO influence.engagement (%1$s) SELECT %1$s FROM all_engagement WHERE n > $1 AND n <= $2', columns_of[2]) USING at, at + size;
		COMMIT;
		PERFORM influence.refresh_stats(days => at % 2 = 0);
		COMMIT;
		at := at + size;
		size := size * 3 % 151 + 1;
	END LOOP;
END $$""")


def main():
    rounds, seed = settings()
    tap = Tap()
    for number in range(rounds):
        story = Story(random.Random(seed + number), 500)
        story.look("batches")
        story.script.query("rebuilt", "SELECT status FROM influence.rebuild_trends()")
        story.look("at once", facts=False)
        story.reorder()
        story.look("reordered", facts=False)
        story.script.sql("INSERT INTO influence.setting (name, version, value) VALUES ('trend_weights', 2, '%s')" % json.dumps(OTHER_TREND))
        story.look("other weights")
        check(tap, "history %d" % number, story.script.run())
        Script().sql("SELECT influence.uninstall('drop all influence data in ' || current_database())").run()
    tap.done()


def check(tap, name, answers):
    powers = Powers()
    for look, trend in (("batches", TREND), ("other weights", OTHER_TREND)):
        facts = {what: answers.get("%s %s" % (look, what), []) for what in FACTS}
        expected, open_ones, seen = expected_ranks(facts, trend, powers)
        found = {(int(r[0]), r[1], r[2], int(r[3]), int(r[4])): float(r[5]) for r in facts["rank"]}
        best = defaultdict(lambda: float("-inf"))
        for key, score in expected.items():
            best[key[:4]] = max(best[key[:4]], score)
        differing = []
        for key in (set(expected) | set(found)) - open_ones:
            if key not in found and expected[key] < best[key[:4]] - 63.9:
                continue
            if key not in found or key not in expected or abs(found[key] - expected[key]) > 1e-9 * max(1, abs(expected[key])):
                differing.append("%s: expected %s, found %s" % (key, expected.get(key), found.get(key)))
        tap.group("%s, %s: every rank is what the facts say" % (name, look), len(expected), differing)
        sums, undone = quality_sums(facts)
        expected = {post: sum((Decimal(w.numerator) / Decimal(w.denominator) * powers(at, "3d") for at, w in events.items()), Decimal(0)).ln() / powers.ln2
                    + Decimal((ORIGIN - LANDMARK) // MICROSECOND) / Decimal(HALF_LIVES["3d"] // MICROSECOND) for post, events in sums.items()}
        differing = ["post %s: expected %s, found %s" % (post, expected.get(int(post)), quality) for post, quality in facts["quality"]
                     if abs(float(expected[int(post)]) - float(quality)) > 1e-9 * abs(float(quality))]
        tap.group("%s, %s: the quality of each post is what its engagements say" % (name, look), len(facts["quality"]),
                  differing if len(expected) == len(facts["quality"]) else ["posts: %d, rows: %d" % (len(expected), len(facts["quality"]))])
        tap.ok(undone > 0, "%s, %s: unsmiles that undo a smile (%d)" % (name, look, undone))
        for what, cases in seen.items():
            tap.ok(cases > 0, "%s, %s: %s (%d)" % (name, look, what, cases))
    bits = {look: answers["%s bits" % look][0] for look in ("batches", "at once", "reordered")}
    quality = {look: answers["%s quality bits" % look][0] for look in ("batches", "at once", "reordered")}
    tap.group("%s: the same bits of quality, too" % name, int(quality["batches"][1]), [] if len(set(map(tuple, quality.values()))) == 1 else [quality])
    tap.ok(answers["rebuilt"] == [["recorded"]], "%s: counted anew" % name, answers["rebuilt"])
    tap.group("%s: in batches, at once, and in another order: the same bits" % name, int(bits["batches"][1]), [] if len(set(map(tuple, bits.values()))) == 1 else [bits])


if __name__ == "__main__":
    main()
