#!/usr/bin/env python3
"""Buckets against a recount of the facts in Python, after random histories.

Touches, engagements, impressions, orders, returns and cancellations in a random order, many of them late, some by COPY;
persons who are identified and forgotten; runs of refresh_stats() with and without days, alone and in a transaction that
writes, sealings, moves to another cluster in between. At several moments every table is read: summed
over its parts it has to be what the facts in the tables say, row by row; no sealed row may differ from what it was when it was
sealed, and a bucket has at most one open part, its last. Then months are dropped: nothing changes but what comes after.
"""

import json
import random
from collections import defaultdict
from datetime import datetime, timedelta, timezone

from pg import Script, quote, settings
from tap import Tap

ORIGIN = datetime(2024, 3, 1, tzinfo=timezone.utc)
TOUCH_KINDS, POST_KINDS = ["view", "click", "cart", "coupon"], ["smile", "unsmile", "comment", "share", "save", "click"]
SPANS = {"hour": lambda t: t.replace(minute=0, second=0, microsecond=0), "day": lambda t: t.replace(hour=0, minute=0, second=0, microsecond=0)}
COLUMNS = {"creator": ["views", "clicks", "carts", "coupons", "visitors", "lines", "revenue", "returned", "commission", "clawed_back"],
           "product": ["views", "clicks", "carts", "coupons", "visitors", "lines", "units", "revenue", "returned"],
           "post": ["smiles", "unsmiles", "comments", "shares", "saves", "clicks", "visitors"]}
COLUMNS["category"] = COLUMNS["product"]
KEYS = {"creator": ["creator_id", "program_id"], "product": ["product_id", "program_id"], "category": ["category_id", "program_id"], "post": ["post_id"]}
TABLES = ["%s_%s" % (what, span) for what in KEYS for span in SPANS]
FACTS = {
    "touch": "SELECT visitor_id, touched_at AT TIME ZONE 'UTC', kind, creator_id, product_id, category_id, program_id FROM influence.touch",
    "engagement": "SELECT visitor_id, occurred_at AT TIME ZONE 'UTC', kind, post_id FROM influence.engagement WHERE post_id IS NOT NULL",
    "line": "SELECT o.ordered_at AT TIME ZONE 'UTC', l.program_id, l.product_id, l.category_path[array_length(l.category_path, 1)], l.quantity, l.base_amount "
            "FROM influence.order_line l JOIN influence.orders o USING (visitor_id, program_id, order_ref)",
    "return": "SELECT r.returned_at AT TIME ZONE 'UTC', l.program_id, l.product_id, l.category_path[array_length(l.category_path, 1)], r.kind, r.amount "
              "FROM influence.order_return r JOIN influence.order_line l USING (visitor_id, program_id, order_ref, line_no) WHERE r.state = 'applied'",
    "earning": "SELECT visitor_id, order_ref, line_no, occurred_at AT TIME ZONE 'UTC', creator_id, program_id, kind, base, amount FROM influence.earning WHERE creator_id <> 0",
    "credit": "SELECT visitor_id, program_id, order_ref, line_no, creator_id FROM influence.credit WHERE creator_id IS NOT NULL AND superseded_by IS NULL",
}


def parse(text):
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def recount(facts, span):
    """{table: {key: [column...]}} of one span from the facts alone; what is zero throughout is left out."""
    start = SPANS[span]
    counts = {what: defaultdict(lambda what=what: dict.fromkeys(COLUMNS[what], 0)) for what in KEYS}
    people = {what: defaultdict(set) for what in KEYS}
    for visitor, at, kind, creator, product, category, program in facts["touch"]:
        for what, key in (("creator", creator), ("product", product), ("category", category)):
            if key is not None:
                bucket = (key, program, start(parse(at)))
                counts[what][bucket][{"view": "views", "click": "clicks", "cart": "carts", "coupon": "coupons"}[kind]] += 1
                people[what][bucket].add(visitor)
    for visitor, at, kind, post in facts["engagement"]:
        bucket = (post, start(parse(at)))
        if kind in POST_KINDS:
            counts["post"][bucket][kind + "s"] += 1
        people["post"][bucket].add(visitor)
    for at, program, product, category, quantity, base in facts["line"]:
        for what, key in (("product", product), ("category", category)):
            row = counts[what][(key, program, start(parse(at)))]
            row["lines"] += 1
            row["units"] += int(quantity)
            row["revenue"] += int(base)
    for at, program, product, category, kind, amount in facts["return"]:
        if kind != "goodwill":
            for what, key in (("product", product), ("category", category)):
                counts[what][(key, program, start(parse(at)))]["returned"] += int(amount) * (-1 if kind == "chargeback_reversed" else 1)
    credited, lines = {tuple(c) for c in facts["credit"]}, defaultdict(set)
    for visitor, order, line, at, creator, program, kind, base, amount in facts["earning"]:
        bucket = (creator, program, start(parse(at)))
        row = counts["creator"][bucket]
        if kind == "commission":
            row["revenue"] += int(base)
            row["commission"] += int(amount)
            if (visitor, program, order, line, creator) in credited:
                # a line counts in the hour of its commission
                lines[bucket].add((visitor, order, line))
        elif kind == "clawback":
            row["returned"] -= int(base)
            row["clawed_back"] -= int(amount)
    for what in KEYS:
        for bucket, visitors in people[what].items():
            counts[what][bucket]["visitors"] = len(visitors)
    for bucket, those in lines.items():
        counts["creator"][bucket]["lines"] = len(those)
    return {"%s_%s" % (what, span): {k: [v[c] for c in COLUMNS[what]] for k, v in counts[what].items() if any(v.values())} for what in KEYS}


class Story:
    """Writes calls and, at its moments, asks for all facts and buckets."""

    def __init__(self, rng, events):
        self.rng, self.script, self.moments = rng, Script(), []
        s = self.script
        s.sql("SET TimeZone = 'UTC'")
        s.sql("SELECT count(*) FROM influence.install()")
        for n, (zone, seal) in enumerate((("UTC", "3 days"), ("Asia/Kolkata", "36 hours")), 1):
            s.sql("SELECT influence.create_program('program %d', 'EUR', '%s', '{\"model\": \"linear\", \"max_touch_delay\": \"100 years\"}', '{\"hold\": \"%d days\", \"seal_after\": \"%s\"}')"
                  % (n, zone, 5 * n, seal))
            s.sql("SELECT influence.set_admission_rule(%d, 'channels', '>=', 0, valid_from => '2020-01-01')" % n)
            s.sql("SELECT influence.set_commission_rate(%d, 0.1, valid_from => '2020-01-01')" % n)
        s.sql("UPDATE influence.program SET created_at = '2020-01-01'")
        for n, parent in enumerate((None, 1, 1, 2, None), 1):
            s.sql("SELECT influence.create_category('category %d', %s)" % (n, parent or "NULL"))
        for n in range(1, 7):
            s.sql("SELECT influence.add_product('sku %d', 'Product', %d)" % (n, rng.randint(1, 5)))
        for n in range(1, 5):
            s.sql("SELECT influence.register_creator('creator %d', 'Name')" % n)
            for program in (1, 2):
                s.sql("SELECT influence.apply_creator(%d, %d, '2020-01-02')" % (program, n))
            s.sql("SELECT influence.publish_post(%d, %d, 'post', 'photo', '[{\"product_id\": 1}]', published_at => '2024-02-01')" % (1 + n % 2, n))
        self.orders, self.clock, self.runs = [], ORIGIN, 0
        for number in range(events):
            self.step(number)
            if number % (events // 5) == events // 5 - 1:
                self.look()

    def moment(self):
        """Mostly near the story's clock, often on a full hour, sometimes long ago."""
        rng = self.rng
        at = self.clock - timedelta(seconds=rng.randrange(3600 * (2 if rng.random() < 0.7 else 24 if rng.random() < 0.7 else 700)))
        return at.replace(minute=0, second=0) if rng.random() < 0.3 else at

    def visitor(self):
        return "00000000-0000-4000-8000-%012d" % self.rng.randint(1, 12)

    def step(self, number):
        rng, s = self.rng, self.script
        self.clock += timedelta(minutes=rng.randrange(40))
        dice, at, program = rng.random(), self.moment().isoformat(), rng.randint(1, 2)
        if dice < 0.4:
            product = rng.choice(["NULL"] + list(range(1, 7)))
            creator, kind = rng.choice(["NULL", 1, 2, 3, 4]), rng.choice(TOUCH_KINDS)
            if rng.random() < 0.7:
                s.sql("SELECT influence.record_touch(%d, '%s', 't%d', '%s', %s, '%s', %s)" % (program, self.visitor(), number, kind, creator, at, product))
            else:
                s.copy("influence.touch", ["visitor_id", "touched_at", "touch_ref", "program_id", "kind", "creator_id", "product_id", "category_id"],
                       [[self.visitor(), at, "t%d" % number, program, kind, None if creator == "NULL" else creator, None if product == "NULL" else product,
                         rng.choice([None, 1, 2, 3, 4, 5])]])
        elif dice < 0.6:
            kind = rng.choice(POST_KINDS + ["vote"])
            if kind in ("comment", "vote") or rng.random() < 0.3:
                s.copy("influence.engagement", ["visitor_id", "occurred_at", "event_ref", "kind", "post_id"], [[self.visitor(), at, "e%d" % number, kind, rng.randint(1, 4)]])
            else:
                s.sql("SELECT influence.react('%s', %d, '%s', 'e%d', '%s')" % (self.visitor(), rng.randint(1, 4), kind, number, at))
        elif dice < 0.75:
            lines = [{"line_no": n, "product_id": rng.randint(1, 6), "quantity": rng.randint(1, 4), "paid_price": rng.choice([0, 1, 999, 2500])} for n in range(1, rng.randint(2, 4))]
            self.orders.append((program, self.visitor(), "o%d" % number, lines))
            s.sql("SELECT influence.record_order(%d, '%s', 'o%d', '%s', '%s')" % (self.orders[-1][:2] + (number, json.dumps(lines), at)))
        elif dice < 0.87 and self.orders:
            p, v, ref, lines = rng.choice(self.orders)
            if rng.random() < 0.2:
                call = "influence.record_order_event(%d, '%s', '%s', 'cancelled', '%s')" % (p, v, ref, at)
            else:
                line = rng.choice(lines)
                call = "influence.record_return(%d, '%s', '%s', %d, 'r%d', %s, returned_at => '%s', kind => '%s')" % (
                    p, v, ref, line["line_no"], number, rng.choice(["1", "NULL, amount => %d" % rng.randint(0, line["paid_price"])]), at,
                    rng.choice(["return", "return", "return", "chargeback", "chargeback_reversed", "goodwill"]))
            s.sql("SELECT pg_temp.outcome_of(%s)" % quote(call))
        elif dice < 0.95:
            self.refresh(rng.choice(["true", "false", "false"]))
        elif dice < 0.97:
            self.seal(self.clock)
        elif dice < 0.98:
            # what this transaction wrote is none of the job's business yet, and counts once afterwards
            s.sql("BEGIN")
            s.sql("SELECT influence.record_touch(%d, '%s', 't%d', 'click', 1, '%s', 1)" % (program, self.visitor(), number, at))
            for _ in range(rng.randint(1, 2)):
                self.refresh("false")
                s.sql("SELECT influence.react('%s', 1, 'share', 'e%d', '%s')" % (self.visitor(), number, at))
            s.sql(rng.choice(["COMMIT", "COMMIT", "ROLLBACK"]))
        elif dice < 0.988:
            s.sql("SELECT pg_temp.outcome_of(%s)" % quote("influence.identify('%s', '%s')" % (self.visitor(), self.visitor())))
        elif dice < 0.996:
            s.sql("SELECT influence.forget_shopper('%s')" % self.visitor())
        else:
            # what a restored dump is: the watermarks are another cluster's, whose transaction ids were greater
            s.sql("UPDATE influence.watermark SET system_identifier = 1, last_seen = '8999999999999999999:8999999999999999999:'")

    def refresh(self, days):
        self.runs += 1
        self.script.query("run", "SELECT count(*) FROM influence.watermark WHERE name = 'refresh_stats' AND system_identifier <> 1 AND recount_until IS NULL")
        self.script.query("refreshed", "SELECT influence.refresh_stats(days => %s)" % days)

    def seal(self, at):
        s = self.script
        s.sql("SELECT influence.seal_stats('%s')" % at.isoformat())
        self.moments.append(("sealed", at, self.ask({t: "SELECT b::text FROM influence.%s b WHERE b.sealed" % t for t in TABLES})))

    def look(self):
        s = self.script
        s.sql("SELECT influence.do_job('reattribute', 0, NULL, now())")
        s.sql("SELECT influence.refresh_stats()")
        wanted = dict(FACTS)
        for what in KEYS:
            for span in SPANS:
                table, keys = "%s_%s" % (what, span), ", ".join(KEYS[what])
                wanted[table] = ("SELECT %s, bucket_start AT TIME ZONE 'UTC', %s FROM influence.%s GROUP BY %s, bucket_start"
                                 % (keys, ", ".join("sum(%s)" % c for c in COLUMNS[what]), table, keys))
                wanted["parts " + table] = ("SELECT %s, bucket_start, array_agg(part ORDER BY part), count(*) FILTER (WHERE NOT sealed), bool_and(NOT sealed) FILTER (WHERE part = max_part) "
                                            "FROM (SELECT b.*, max(part) OVER (PARTITION BY %s, bucket_start) AS max_part FROM influence.%s b) b GROUP BY %s, bucket_start"
                                            % (keys, keys, table, keys))
                wanted["sealed " + table] = "SELECT b::text FROM influence.%s b WHERE b.sealed" % table
        self.moments.append(("look", self.clock, self.ask(wanted)))

    def ask(self, queries):
        base = len(self.moments)
        for name, query in queries.items():
            if name in TABLES and "b::text" in query or name.startswith("sealed "):
                self.script.lines("%d %s" % (base, name), query)
            else:
                self.script.query("%d %s" % (base, name), query)
        self.script.query("the rest", "SELECT 1")
        return {name: "%d %s" % (base, name) for name in queries}


def main():
    rounds, seed = settings()
    tap = Tap()
    for number in range(rounds):
        rng = random.Random(seed + number)
        story = Story(rng, 900)
        check(tap, "history %d" % number, story)
        Script().sql("SELECT influence.uninstall('drop all influence data in ' || current_database())").run()
    tap.done()


def check(tap, name, story):
    # retention, at the end: everything is sealed and settled, then the first month goes
    s = story.script
    late = story.clock + timedelta(days=200)
    s.sql("SELECT influence.seal_stats('%s')" % late.isoformat())
    before = story.ask({"before " + t: "SELECT md5(coalesce(string_agg(b::text, ',' ORDER BY b::text), '')) FROM influence.%s b" % t for t in TABLES})
    s.sql("INSERT INTO influence.setting (name, version, value) VALUES ('retention', 2, '{\"touch\": \"30 days\", \"engagement\": \"30 days\", \"impression\": null, \"sponsored_charge\": null}')")
    s.sql("DELETE FROM influence.reattribution")
    drops = story.ask({"drop " + p: "SELECT influence.do_job('%s_retention', 0, NULL, '%s')" % (p, late.isoformat()) for p in ("touch", "engagement")})
    left = story.ask({"left": "SELECT count(*) FROM influence.touch", "left e": "SELECT count(*) FROM influence.engagement"})
    s.sql("UPDATE influence.watermark SET system_identifier = 1")
    s.sql("SELECT influence.refresh_stats()")
    after = story.ask({"after " + t: "SELECT md5(coalesce(string_agg(b::text, ',' ORDER BY b::text), '')) FROM influence.%s b" % t for t in TABLES})
    answers = s.run()
    rows, differing, parts, sealed_before, changed, sealed_rows = 0, [], [], {t: set() for t in TABLES}, [], 0
    adjustments = 0
    for kind, at, names in story.moments:
        got = {n: answers.get(mark, []) for n, mark in names.items()}
        for t in TABLES:
            now = set(got["sealed " + t if kind == "look" else t])
            changed += ["%s at %s: %s" % (t, at, row) for row in sealed_before[t] - now]
            sealed_before[t] = now
            sealed_rows = max(sealed_rows, sum(len(x) for x in sealed_before.values()))
        if kind != "look":
            continue
        for span in SPANS:
            expected = recount({f: got[f] for f in FACTS}, span)
            for what in KEYS:
                table, width = "%s_%s" % (what, span), len(KEYS[what])
                found = {tuple(r[:width]) + (parse(r[width]),): [int(float(x)) for x in r[width + 1:]] for r in got[table]}
                found = {k: v for k, v in found.items() if any(v)}
                rows += len(expected[table])
                for key in set(expected[table]) | set(found):
                    if expected[table].get(key) != found.get(key):
                        differing.append("%s %s at %s: expected %s, found %s" % (table, key, at, expected[table].get(key), found.get(key)))
                for r in got["parts " + table]:
                    numbers = [int(x) for x in r[width + 1].strip("{}").split(",")]
                    adjustments += len(numbers) > 1
                    if numbers != list(range(len(numbers))) or int(r[width + 2]) > 1 or (int(r[width + 2]) == 1 and r[width + 3] != "t"):
                        parts.append("%s: %s" % (table, r))
    tap.group("%s: buckets, summed over their parts, are what the facts say" % name, rows, differing)
    added = sum(int(r[0]) for r in answers["run"])
    tap.ok(added > story.runs / 3, "%s: many runs add to the hours" % name, (added, story.runs))
    tap.group("%s: sealed rows never change" % name, sealed_rows, changed)
    tap.group("%s: parts are numbered, and only the last is open" % name, adjustments, parts)
    said = [answers[mark][0][0] for mark in drops.values()]
    tap.ok(all(" dropped, kept from " in text for text in said), "%s: months are dropped" % name, said)
    tap.ok(all(answers[mark][0][0] == "0" for mark in left.values()), "%s: all of them" % name, [answers[m] for m in left.values()])
    tap.group("%s: and no bucket changes by it, even counted anew" % name, len(TABLES),
              [t for t in TABLES if answers[before["before " + t]] != answers[after["after " + t]]])


if __name__ == "__main__":
    main()
