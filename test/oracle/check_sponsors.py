#!/usr/bin/env python3
"""Sponsored campaigns against an independent model: whom they are shown, what they are charged, what is booked.

A random story of impressions and clicks (told again, by others, as touches before and after their impression, by bots
and strangers, late), jobs, budgets, pauses, ends and refunds is told to the database call by call. The model keeps what
was delivered in lists and says at each moment what docs/explanation/sponsored.md says in words, with fractions: the
answer of every call, each entry of the ledger, the report by day, and who may be shown what, with what is pending.
Then the same impressions and clicks are told by several sessions at once, each twice, while two more run the job without
end: whatever the order, the ledger has what so many units cost, to the cent, and never more than the budget.
"""

import copy
import datetime
from fractions import Fraction
import os
import random
import subprocess
import zoneinfo

from pg import Script, quote
from tap import Tap

SEED = int(os.environ.get("PGI_SEED") or 7)
STORIES = 20 if os.environ.get("PGI_LONG") == "1" else 2
STEPS = 260
ZONE = zoneinfo.ZoneInfo("Asia/Kolkata")
HOUR, DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.timezone.utc).replace(minute=0, second=0, microsecond=0)
BASE = NOW - 4 * DAY
VISITORS = 14
PEOPLE = {2: 1, 4: 3, 5: 3}     # visitor -> the person that it is
ENGAGEMENT = {1: 0.0, 2: 1.5, 3: -2.0, 4: 5.0, 5: -7.25, 6: None}
OPEN_PAGE, OFFLINE = HOUR, 7 * DAY


def visitor(n):
    return "00000000-0000-0000-0000-%012d" % n


def person(n):
    return PEOPLE.get(n, n)


def people(n):
    return [m for m in range(1, VISITORS + 1) if person(m) == person(n)]


def stamp(at):
    return quote(at.isoformat())


def array(values, kind):
    return "'{%s}'::%s[]" % (",".join(str(v) for v in values), kind)


class Campaign:
    def __init__(self, rng, number):
        self.number = number
        self.pricing = rng.choice(["impression", "impression", "click"])
        self.per = 1000 if self.pricing == "impression" else 1
        self.bid = rng.choice([1, 333, 999, 1500, 2750, 10001, 70000]) if self.per == 1000 else rng.choice([1, 7, 35])
        self.begins = BASE + rng.randrange(-40, 30) * HOUR
        self.ends = max(self.begins + HOUR, BASE + rng.randrange(20, 300) * HOUR)
        if number % 8 == 7:     # ended so long ago that nothing counts any more
            self.begins, self.ends = NOW - 30 * DAY, NOW - 8 * DAY
        least = (self.bid + self.per - 1) // self.per
        self.budget = least + rng.choice([0, 1, 5, 40, 1000])
        self.posts = sorted(rng.sample(sorted(ENGAGEMENT), rng.randint(1, 5)))
        self.cap = rng.choice([None, None, (1, 12), (2, 24), (3, 50)])
        pick = lambda values: rng.sample(values, rng.randint(1, 2)) if rng.random() < 0.3 else []
        self.countries, self.surfaces, self.topics = pick(["DE", "FR", "JP"]), pick(["feed", "home"]), pick([1, 2, 3])
        self.cohorts, self.plans, self.verticals = pick(["beta", "late"]), pick(["gold", "*"]), pick(["home", "sport"])
        self.status, self.ended = "active", None
        self.told, self.pending, self.free, self.refunded = {}, [], set(), set()
        self.charged, self.entries, self.days = 0, [], {}
        self.impressions = self.clicks = 0
        self.refunds = {}

    def amount(self, units):
        return (Fraction(self.bid) * units / self.per).__floor__()

    @property
    def spent(self):
        return self.amount(self.charged)

    def most(self, amount):
        """The greatest number of units that does not cost more, found by halves."""
        low, high = 0, (amount + 1) * self.per // self.bid + 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.amount(middle) <= amount else (low, middle)
        return low

    def over(self):
        return min(self.ends, self.ended or self.ends)

    def tell(self, kind, impression, who, at):
        known = (kind, impression) in self.told
        if known:
            return "duplicate"
        if at >= self.over() + OPEN_PAGE or NOW >= self.over() + OFFLINE:
            return "late"
        at = max(at, self.begins)
        self.told[kind, impression] = (at, who)
        self.pending.append((at, impression, kind))
        return "recorded"

    def settle(self):
        new = {"units": 0, "free": 0, "amount": 0, "impressions": 0, "clicks": 0}
        room = self.most(self.budget) - self.charged
        days = {}
        for at, impression, kind in sorted(self.pending):
            day = days.setdefault(at.astimezone(ZONE).date(), {"impressions": 0, "clicks": 0, "units": 0, "free": 0})
            day[kind + "s"] += 1
            new[kind + "s"] += 1
            if kind == self.pricing:
                if room > 0:
                    room -= 1
                    day["units"] += 1
                else:
                    self.free.add(impression)
                    day["free"] += 1
        self.pending = []
        for date in sorted(days):
            day = days[date]
            amount = self.amount(self.charged + day["units"]) - self.amount(self.charged)
            self.charged += day["units"]
            total = self.days.setdefault(date, {"impressions": 0, "clicks": 0, "units": 0, "free": 0, "refunded": 0, "amount": 0})
            for name, value in list(day.items()) + [("amount", amount)]:
                total[name] += value
            if amount:
                self.entries.append(amount)
            new["units"] += day["units"]
            new["free"] += day["free"]
            new["amount"] += amount
        self.impressions += new["impressions"]
        self.clicks += new["clicks"]
        return new

    def refund(self, ref, ids):
        if ref in self.refunds:
            return "duplicate" if self.refunds[ref][0] == ids else "IN004"
        if any((self.pricing, i) not in self.told for i in ids):
            return "IN003"
        if any(i in self.refunded for i in ids):
            return "IN005"
        days, before = {}, self.spent
        for i in ids:
            self.refunded.add(i)
            if i not in self.free:
                date = self.told[self.pricing, i][0].astimezone(ZONE).date()
                days[date] = days.get(date, 0) + 1
        for date in sorted(days, reverse=True):
            amount = self.amount(self.charged) - self.amount(self.charged - days[date])
            self.charged -= days[date]
            self.days[date]["units"] -= days[date]
            self.days[date]["refunded"] += days[date]
            self.days[date]["amount"] -= amount
        if before != self.spent:
            self.entries.append(self.spent - before)
        self.refunds[ref] = (ids, sum(days.values()), before - self.spent)
        return "recorded"

    def worth(self):
        value = Fraction(self.bid)
        if self.per == 1:
            value *= Fraction(1000 * (self.clicks + 1), self.impressions + 100)
        return {p: float(value) * 2.0 ** max(-3.0, min(3.0, ENGAGEMENT[p] or 0.0)) for p in self.posts}

    def shows(self, viewer, moment):
        if self.status != "active" or not self.begins <= moment < self.ends or self.spent >= self.budget:
            return False
        waiting = sum(kind == self.pricing for _, _, kind in self.pending)
        if self.charged + waiting + 1 > self.most(self.budget):
            return False
        share = Fraction((moment - self.begins + HOUR) // datetime.timedelta(microseconds=1), (self.ends - self.begins) // datetime.timedelta(microseconds=1))
        if self.amount(self.charged + waiting) > share * self.budget:
            return False
        return self.fits(viewer) and (self.cap is None or self.left(viewer, moment) > 0)

    def fits(self, viewer):
        for wanted, has in ((self.countries, [viewer["country"]]), (self.surfaces, [viewer["surface"]])):
            if wanted and not set(wanted) & set(has):
                return False
        personal = ((self.topics, viewer["topics"]), (self.cohorts, viewer["cohorts"]), (self.plans, viewer["plans"]), (self.verticals, viewer["verticals"]))
        for wanted, has in personal:
            if wanted and not (viewer["personalised"] and set(wanted) & set(has)):
                return False
        return True

    def left(self, viewer, moment):
        if self.cap is None:
            return None
        seen = sum(kind == "impression" and person(who) == person(viewer["n"]) and at > moment - self.cap[1] * HOUR
                   for (kind, _), (at, who) in self.told.items())
        return self.cap[0] - seen

    def create(self):
        names = {1: "tools", 2: "rugs", 3: "cars"}
        lists = {"countries": self.countries, "surfaces": self.surfaces, "cohorts": self.cohorts, "plans": self.plans, "verticals": self.verticals,
                 "topics": [names[t] for t in self.topics]}
        target = "{%s}" % ", ".join('"%s": [%s]' % (k, ", ".join('"%s"' % x for x in v)) for k, v in lists.items() if v)
        cap = "NULL" if self.cap is None else quote('{"impressions": %d, "per": "%d hours"}' % self.cap)
        return "SELECT status, sponsored_campaign_id FROM influence.create_sponsored_campaign(1, 'c%d', 'Acme', 'C', %s, %d, '%s', %d, %s, %s, %s, %s)" % (
            self.number, array(self.posts, "bigint"), self.budget, self.pricing, self.bid, stamp(self.begins), stamp(self.ends), quote(target), cap)


def begin(script):
    script.sql("SET timezone = 'UTC'")
    script.sql("DO $$ BEGIN IF to_regclass('influence.schema_version') IS NOT NULL THEN PERFORM influence.uninstall('drop all influence data in ' || current_database()); END IF; PERFORM influence.install(); END $$")
    script.sql("SELECT FROM influence.create_program('Shop', 'USD', 'Asia/Kolkata')")
    script.sql("SELECT FROM influence.set_admission_rule(1, 'channels', '>=', 0, valid_from => '2020-01-01')")
    script.sql("SELECT FROM influence.create_category('all')").sql("SELECT FROM influence.add_product('lamp', 'Lamp', 1, brand => 'Acme')")
    for topic in ("tools", "rugs", "cars"):
        script.sql("SELECT FROM influence.create_topic('%s')" % topic)
    script.sql("SELECT FROM influence.register_creator('anna', 'Anna', vertical => 'home') a, influence.register_creator('bert', 'Bert', vertical => 'food') b")
    script.sql("SELECT FROM influence.apply_creator(1, 1, '2020-01-02') a, influence.apply_creator(1, 2, '2020-01-02') b")
    script.sql("SELECT FROM generate_series(1, 6) n CROSS JOIN LATERAL influence.publish_post(1, 1 + n %% 2, 'p' || n, 'photo', '[{\"product_id\": 1}]', published_at => '2024-01-01') x".replace("%%", "%"))
    script.sql("SELECT FROM influence.create_membership_plan('gold', 'Gold') a, influence.create_membership_plan('tin', 'Tin') b")
    for n in range(1, VISITORS + 1):
        script.sql("SELECT FROM influence.register_shopper('%s')" % visitor(n))
    for n, other in PEOPLE.items():
        script.sql("SELECT FROM influence.identify('%s', '%s')" % (visitor(n), visitor(other)))
    for n in (1, 6):            # and so visitor 2
        script.sql("SELECT FROM influence.add_to_cohort('beta', 'shopper', '%s', '2024-01-01')" % visitor(n))
    for n, plan in ((3, "gold"), (7, "tin")):
        script.sql("SELECT FROM influence.record_membership('%s', '%s', '2024-01-01')" % (visitor(n), plan))
    for n, creator in ((3, 1), (8, 1), (9, 2)):
        script.sql("SELECT FROM influence.follow('%s', %d)" % (visitor(n), creator))
    script.sql("DELETE FROM influence.feed_item")
    for post, value in ENGAGEMENT.items():
        if value is not None:
            script.sql("INSERT INTO influence.feed_item (post_id, program_id, creator_id, published_at, media_key, quality, engagement) VALUES (%d, 1, %d, '2024-01-01', %d, 0, %s)" % (post, 1 + post % 2, post, value))


def viewer_of(rng):
    n = rng.randint(1, VISITORS)
    p = person(n)
    return {"n": n, "country": rng.choice([None, "DE", "FR", "JP"]), "surface": rng.choice(["feed", "home", "mail"]), "topics": rng.sample([1, 2, 3], rng.randint(0, 2)),
            "personalised": rng.random() < 0.8, "cohorts": ["beta"] if p in (1, 6) else [], "plans": {3: ["gold", "*"], 7: ["tin", "*"]}.get(p, []),
            "verticals": {3: ["home"], 8: ["home"], 9: ["food"]}.get(p, [])}


def tight_campaign(rng, number):
    """Six impressions cost no more than its budget, and four as much: the last two would be free."""
    c = Campaign(rng, number)
    c.pricing, c.per, c.bid, c.budget, c.cap = "impression", 1000, 333, 1, None
    c.begins, c.ends = BASE, NOW + DAY
    c.countries = c.surfaces = c.topics = c.cohorts = c.plans = c.verticals = []
    return c


class Story:
    """What is told, call by call, and what the model says to it."""

    def __init__(self, rng):
        self.rng, self.script, self.wanted = rng, Script(), []
        self.campaigns = [Campaign(rng, i) for i in range(1, 10)] + [tight_campaign(rng, 10)]
        self.touches, self.next_id, self.owner = [], 1, {}
        begin(self.script)
        for c in self.campaigns:
            self.ask("campaign", c.create(), [["recorded", str(c.number)]])
        self.ask("campaign", self.campaigns[0].create(), [["duplicate", "1"]])

    def ask(self, what, sql, wanted):
        self.script.query("%d" % len(self.wanted), sql)
        self.wanted.append((what, sql, wanted))

    def moment(self):
        return BASE + self.rng.randrange(0, 4 * 24 * 60 - 120) * datetime.timedelta(minutes=1) + self.rng.randrange(60) * datetime.timedelta(seconds=1)

    def charge(self, c, kind, impression, who, at):
        said = c.tell(kind, impression, who, at)
        self.ask("charge", "SELECT influence_internal.charge_%s(%d, %d, 1, '%s', %d, %s)" % (kind, c.number, impression, visitor(who), c.posts[0], stamp(at)), [[said]])
        if said == "recorded" and kind == "impression":
            self.owner[impression] = (c, who, at)

    def touch(self):
        """A touch that names an impression: one that was told, that will be, or that is nobody's."""
        rng = self.rng
        impression = rng.randint(max(1, self.next_id - 30), self.next_id + 5)
        who = self.owner[impression][1] if impression in self.owner and rng.random() < 0.8 else rng.randint(1, VISITORS)
        if rng.random() < 0.3:
            who = rng.choice(people(who))
        at, kind, bot = self.moment(), rng.choice(["click"] * 5 + ["view"]), rng.choice([None, None, None, "human", "bot"])
        self.touches.append({"impression": impression, "who": who, "at": at, "counts": kind == "click" and bot != "bot", "seen": False})
        details = '{"impression_id": %d%s}' % (impression, ', "bot_verdict": "%s"' % bot if bot else "")
        self.ask("touch", "SELECT status FROM influence.record_touch(1, '%s', 't%d', '%s', 1, %s, details => '%s')" % (visitor(who), len(self.touches), kind, stamp(at), details), [["recorded"]])

    def clicks(self, campaigns, fresh):
        """Touches that are clicks of the same person: those that are new, and those that came before an impression that is counted now."""
        first = {}

        def found(t, impression, at):
            c, who, shown_at = self.owner[impression]
            if t["counts"] and person(t["who"]) == person(who):
                first[impression] = min(first.get(impression, at), at)

        for t in self.touches if fresh else []:
            if not t["seen"] and t["impression"] in self.owner:
                found(t, t["impression"], t["at"])
            t["seen"] = True
        for c in campaigns:
            for impression in [i for _, i, kind in c.pending if kind == "impression"]:
                for t in self.touches:
                    if t["impression"] == impression and t["at"] >= max(self.owner[impression][2], c.begins) - DAY:
                        found(t, impression, t["at"])
        for impression, at in sorted(first.items()):
            c, who, shown_at = self.owner[impression]
            c.tell("click", impression, who, max(at, shown_at, c.begins))

    def settle(self, c):
        """What is pending is counted, with the clicks on it."""
        self.clicks([c], False)
        return c.settle()

    def job(self):
        self.clicks(self.campaigns, True)
        new = [c.settle() for c in self.campaigns]
        total = [sum(n[k] for n in new) for k in ("impressions", "clicks", "units", "free", "amount")]
        busy = sum(n["impressions"] + n["clicks"] > 0 for n in new)
        self.ask("job", "SELECT * FROM influence.charge_sponsors()", [["recorded" if busy else "duplicate", str(busy)] + [str(x) for x in total]])
        if self.rng.random() < 0.25:
            self.books()

    def books(self):
        self.ask("books", "SELECT check_name, subject, expected, found FROM influence.check_books()", [])

    def outcome(self, call):
        return "SELECT pg_temp.outcome_of(%s)" % quote(call)

    def budget(self, c):
        before = copy.deepcopy(c.__dict__)
        self.settle(c)
        amount = max(1, self.rng.choice([c.spent - 1, c.spent, c.budget, c.budget - 5, c.budget + 1, c.budget + 3, c.budget + 30, c.budget + 200]))
        if amount == c.budget:
            said = "duplicate"
        elif c.most(amount) < 1:
            said = "IN002"
        elif amount < c.spent or c.status == "ended":
            said = "IN005"
        else:
            c.budget, said = amount, "recorded"
        self.undo(c, before, said)
        self.ask("budget", self.outcome("SELECT status FROM influence.set_sponsored_budget(%d, %d, 'ann')" % (c.number, amount)), [[said]])

    def undo(self, c, before, said):
        """What is refused leaves nothing behind, nor what was counted on the way."""
        if said.startswith("IN"):
            c.__dict__.update(before)

    def status(self, c):
        before = copy.deepcopy(c.__dict__)
        status = self.rng.choice(["active", "paused", "active", "ended"] if self.rng.random() < 0.3 else ["active", "paused"])
        self.settle(c)
        if status == c.status:
            said = "duplicate"
        elif c.status == "ended":
            said = "IN005"
        else:
            c.status, said = status, "recorded"
            c.ended = NOW + HOUR if status == "ended" else None     # this moment: after all that is told
        self.undo(c, before, said)
        self.ask("status", self.outcome("SELECT status FROM influence.set_sponsored_status(%d, '%s', 'ann')" % (c.number, status)), [[said]])

    def refund(self, c):
        rng = self.rng
        known = [i for kind, i in c.told if kind == c.pricing]
        ids = set(rng.sample(known, min(len(known), rng.randint(1, 4))))
        if rng.random() < 0.6:
            ids -= c.refunded
        if rng.random() < 0.1:
            ids.add(10**6)
        if not ids:
            return
        self.give_back(c, "r%d" % rng.randint(1, 12), ids)

    def give_back(self, c, ref, ids):
        before = copy.deepcopy(c.__dict__)
        self.settle(c)
        said = c.refund(ref, frozenset(ids))
        self.undo(c, before, said)
        self.ask("refund", self.outcome("SELECT status FROM influence.refund_sponsored(%d, '%s', %s, 'bots', 'ann')" % (c.number, ref, array(sorted(ids), "bigint"))), [[said]])
        if said == "recorded":
            self.ask("refunded", "SELECT units, amount FROM influence.sponsored_refund WHERE sponsored_campaign_id = %d AND refund_ref = '%s'" % (c.number, ref),
                     [[str(x) for x in c.refunds[ref][1:]]])

    def edges(self, c):
        """The moments around those from which on c may be shown by its pacing, as it is charged and with what is pending; and its last one, when only the budget counts."""
        waiting = sum(kind == c.pricing for _, _, kind in c.pending)
        found = [c.ends - datetime.timedelta(seconds=1)]
        for units in {c.charged, c.charged + waiting}:
            turn = c.begins - HOUR + (c.ends - c.begins) * c.amount(units) / c.budget
            found += [m for m in (turn - datetime.timedelta(seconds=1), turn + datetime.timedelta(seconds=1), turn + HOUR / 2, turn - HOUR / 2) if c.begins <= m < c.ends]
        return found

    def show(self):
        edges = [m for c in self.campaigns if c.status == "active" for m in self.edges(c)]
        for moment in [self.moment()] + self.rng.sample(edges, min(3, len(edges))):
            self.ask_shown(viewer_of(self.rng), moment)

    def show_edges(self):
        """Each campaign at the moments where its pacing turns, to a viewer whom it is for."""
        for c in self.campaigns:
            for moment in self.edges(c) if c.status == "active" else []:
                for _ in range(30):
                    viewer = viewer_of(self.rng)
                    if c.fits(viewer) and (c.cap is None or c.left(viewer, moment) > 0):
                        self.ask_shown(viewer, moment)
                        break

    def ask_shown(self, viewer, moment):
        wanted = []
        for c in self.campaigns:
            if c.shows(viewer, moment):
                left = c.left(viewer, moment)
                wanted.append([str(c.number), str(min(3, len(c.posts))), None if left is None else str(left)])
        country = quote(viewer["country"])
        self.ask("shown", "SELECT sponsored_campaign_id, count(*), min(room) FROM influence_internal.sponsored_candidates(1, '%s', %s, %s, %s, %s, '%s', %s, 1000) GROUP BY 1 ORDER BY 1" % (
            visitor(viewer["n"]), array([visitor(n) for n in people(viewer["n"])], "uuid"), country, array(viewer["topics"], "bigint"), str(viewer["personalised"]).lower(),
            viewer["surface"], stamp(moment)), wanted)

    def spend(self, c):
        """A budget that is spent is over, also where one more would cost nothing; in the last hour no pacing hides that."""
        viewer = {"n": 10, "country": None, "surface": "feed", "topics": [], "personalised": True, "cohorts": [], "plans": [], "verticals": []}
        for _ in range(4):
            self.charge(c, "impression", self.next_id, 10, c.begins + HOUR)
            self.next_id += 1
            self.ask_shown(viewer, c.ends - datetime.timedelta(seconds=1))
            self.job()
            self.ask_shown(viewer, c.ends - datetime.timedelta(seconds=1))

    def totals(self):
        for c in self.campaigns:
            self.ask("total", "SELECT impressions, clicks, units, free, refunded, spent FROM influence.sponsored_total WHERE sponsored_campaign_id = %d" % c.number,
                     [[str(x) for x in (c.impressions, c.clicks, c.charged, len(c.free), len(c.refunded - c.free), c.spent)]])
            self.ask("ledger", "SELECT CASE kind WHEN 'sponsored' THEN amount ELSE -amount END FROM influence.ledger WHERE entry_key LIKE 'sponsored/%d/%%' ORDER BY split_part(entry_key, '/', 3)::int" % c.number,
                     [[str(x)] for x in c.entries])
            self.ask("report", "SELECT day, impressions, clicks, units, free, refunded, spend FROM influence.sponsored_report WHERE sponsored_campaign_id = %d ORDER BY day" % c.number,
                     [[str(day)] + [str(t[k]) for k in ("impressions", "clicks", "units", "free", "refunded", "amount")] for day, t in sorted(c.days.items())])
            self.ask("free", "SELECT impression_id FROM influence.sponsored_free WHERE sponsored_campaign_id = %d ORDER BY 1" % c.number, [[str(i)] for i in sorted(c.free)])

    def tell(self):
        rng = self.rng
        self.spend(self.campaigns[-1])
        for _ in range(STEPS):
            c = rng.choice(self.campaigns)
            dice = rng.random()
            if dice < 0.34:
                for _ in range(rng.randint(1, 5)):
                    self.charge(c, "impression", self.next_id, rng.randint(1, VISITORS), self.moment())
                    self.next_id += 1
            elif dice < 0.42 and self.owner:
                impression = rng.choice(sorted(self.owner))
                c, who, at = self.owner[impression]
                self.charge(c, rng.choice(["impression", "click", "click"]), impression, rng.choice([who, rng.randint(1, VISITORS)]), self.moment())
            elif dice < 0.56:
                self.touch()
            elif dice < 0.66:
                # with what is pending, and without
                if rng.random() < 0.4:
                    self.show_edges()
                self.job()
                if rng.random() < 0.4:
                    self.show_edges()
            elif dice < 0.72:
                self.budget(c)
            elif dice < 0.77:
                self.status(c)
            elif dice < 0.82:
                self.refund(c)
            else:
                self.show()
        # at least once
        c = max(self.campaigns, key=lambda c: c.charged)
        again = sorted(i for kind, i in c.told if kind == c.pricing)[:1]
        self.give_back(c, "one", set(again))
        self.give_back(c, "two", set(again))
        self.job()
        self.books()
        self.totals()
        live = [c for c in self.campaigns if c.status == "active" and c.ends > NOW + HOUR]
        for c in live:
            self.ask("worth", "SELECT post_id FROM influence.sponsored_post WHERE sponsored_campaign_id = %d ORDER BY place" % c.number,
                     [[str(p)] for p in sorted(c.posts, key=lambda p: (-c.worth()[p], -p))])
            for p, value in sorted(c.worth().items()):
                self.ask("worth", "SELECT abs(worth / %r - 1) < 1e-12 FROM influence.sponsored_post WHERE sponsored_campaign_id = %d AND post_id = %d" % (value, c.number, p), [["t"]])

    def compare(self, tap, name):
        found = self.script.run()
        kinds = {}
        for i, (what, sql, wanted) in enumerate(self.wanted):
            kinds.setdefault(what, []).append((found["%d" % i] == wanted, (i, sql, wanted, found["%d" % i])))
        for what, cases in kinds.items():
            tap.group("%s: %s" % (name, what), len(cases), [detail for same, detail in cases if not same])
        return kinds


def at_once(tap, seed):
    """Six sessions tell the same charges in orders of their own while two run the job; a third part is told while nobody counts."""
    rng = random.Random(seed)
    script = Script()
    begin(script)
    begins, ends = stamp(BASE), stamp(NOW + 10 * DAY)
    plans = [("impression", 1500, 10**6), ("impression", 333, 20), ("click", 7, 10**6), ("click", 7, 100)]
    for i, (pricing, bid, budget) in enumerate(plans, 1):
        script.sql("SELECT FROM influence.create_sponsored_campaign(1, 'c%d', 'Acme', 'C', '{1}', %d, '%s', %d, %s, %s)" % (i, budget, pricing, bid, begins, ends))
    script.run()
    told = [(kind, c, i) for c in range(1, 5) for i in range(1, 121) for kind in ("impression", "click") if kind == "impression" or i <= 60]
    workers = []
    for _ in range(6):
        mine = rng.sample(told, len(told) * 2 // 3)
        # a transaction tells a few, in order, as record_impressions does
        text = "".join("SELECT %s;\n" % ", ".join("influence_internal.charge_%s(%d, %d, 1, '%s', 1, %s)" % (kind, c, i + 1000 * c, visitor(1 + i % 5), begins)
                                                    for kind, c, i in sorted(mine[n:n + 5], key=lambda x: (x[2] + 1000 * x[1], x[0]))) for n in range(0, len(mine), 5))
        workers.append(text)
    workers += ["SELECT FROM influence.charge_sponsors();\n" * 15] * 2
    running = [subprocess.Popen(["psql", "-X", "-q", "-At", "-o", "/dev/null", "-v", "ON_ERROR_STOP=1"], stdin=subprocess.PIPE, stderr=subprocess.PIPE) for _ in workers]
    for process, text in zip(running, workers):
        process.stdin.write(text.encode())
        process.stdin.close()
    errors = [e for process in running for e in [process.stderr.read().decode()] if process.wait() != 0 or e]
    tap.ok(not errors, "eight sessions at once have no error", errors)
    after = Script()
    for kind, c, i in told:
        after.sql("SELECT influence_internal.charge_%s(%d, %d, 1, '%s', 1, %s)" % (kind, c, i + 1000 * c, visitor(1 + i % 5), begins))
    after.sql("SELECT FROM influence.charge_sponsors()")
    after.query("totals", "SELECT t.impressions, t.clicks, t.units, t.free, t.spent, (SELECT sum(amount) FROM influence.ledger WHERE entry_key LIKE 'sponsored/' || t.sponsored_campaign_id || '/%') FROM influence.sponsored_total t ORDER BY t.sponsored_campaign_id")
    after.query("books", "SELECT * FROM influence.check_books()")
    found = after.run()
    wanted = []
    for pricing, bid, budget in plans:
        delivered, per = (120, 1000) if pricing == "impression" else (60, 1)
        units = max(n for n in range(delivered + 1) if bid * n // per <= budget)
        wanted.append([str(x) for x in (120, 60, units, delivered - units, bid * units // per, bid * units // per)])
    tap.ok(found["totals"] == wanted, "each is charged once, whatever the order, and within the budget", [wanted, found["totals"]])
    tap.ok(found["books"] == [], "and the books agree", found["books"])


def main():
    tap = Tap()
    seen = {}
    for number in range(STORIES):
        story = Story(random.Random(SEED * 1000 + number))
        story.tell()
        story.compare(tap, "story %d" % (SEED * 1000 + number))
        for what, sql, wanted in story.wanted:
            if what in ("charge", "budget", "status", "refund"):
                seen.setdefault(what, set()).add(wanted[0][0])
            elif what == "shown":
                seen.setdefault(what, set()).add("some" if wanted else "none")
        seen.setdefault("free", set()).add(any(c.free for c in story.campaigns))
        seen.setdefault("clicks", set()).add(any(c.clicks for c in story.campaigns))
    full = {"charge": {"recorded", "duplicate", "late"}, "budget": {"recorded"}, "status": {"recorded"}, "refund": {"IN005"}, "shown": {"some", "none"},
            "free": {True}, "clicks": {True}}
    tap.ok(all(values <= seen.get(what, set()) for what, values in full.items()), "the stories have all kinds of answers", [str(seen)])
    at_once(tap, SEED)
    tap.done()


if __name__ == "__main__":
    main()
