"""What is agreed with creators, from the explanation alone (docs/explanation/agreements.md), on whole hours since 2024-01-01 UTC.

Every writer answers what the database has to answer: recorded, duplicate, or the code of the error. Ranges are [begin, end, stated_end], with FOREVER
as the end of an open one; ended before it began, begin and end are equal.
"""

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

START = datetime(2024, 1, 1, tzinfo=timezone.utc)
FOREVER = 10 ** 9
GRADES = ["active", "suspended", "banned"]


def moment(hours):
    return "infinity" if hours == FOREVER else (START + timedelta(hours=hours)).strftime("%Y-%m-%d %H:%M:%S+00")


def month(hours, zone):
    return (START + timedelta(hours=hours)).astimezone(ZoneInfo(zone)).strftime("%Y-%m")


def meets(a, b):
    return max(a[0], b[0]) < min(a[1], b[1])


def holds(r, at):
    return r[0] <= at < r[1]


def end(r, at):
    """An agreement ends earlier, never later."""
    wanted = max(at, r[0])
    if wanted > r[1]:
        return "IN005"
    status = "duplicate" if wanted == r[1] else "recorded"
    r[1] = wanted
    return status


class Lists:
    """Rows of brands or sellers under a key; a key's ranges do not meet."""

    def __init__(self):
        self.rows = {}

    def add(self, key, begin, until):
        rows = self.rows.setdefault(key, [])
        for r in rows:
            if r[0] == begin:
                return "duplicate" if r[2] == until else "IN004"
        if any(meets(r, [begin, until]) for r in rows):
            return "IN011"
        rows.append([begin, until, until])
        return "recorded"

    def end(self, key, at):
        begun = [r for r in self.rows.get(key, []) if r[0] <= at]
        return end(max(begun), at) if begun else "IN003"

    def begun(self, key, at):
        return any(r[0] <= at and r[0] < r[1] for r in self.rows.get(key, []))

    def holds(self, key, at):
        return any(holds(r, at) for r in self.rows.get(key, []))


class Agreements:
    def __init__(self, zones, parents, products):
        self.zones = zones              # of programs
        self.parents = parents          # category -> parent or None
        self.products = products        # product -> (brand, seller, category), keys or None
        self.brands = Lists()           # (program, allowed, brand)
        self.sellers = Lists()          # (brand, seller)
        self.exclusive = {}             # (creator, ref) -> [begin, end, stated, brand, category]
        self.quotas = {}                # (program, creator) -> [[begin, end, stated or None, least, most]]
        self.samples = {}               # (program, ref) -> dict
        self.posts = []                 # (program, creator, at, products)

    def path(self, category):
        return [] if category is None else self.path(self.parents[category]) + [category]

    def agree(self, creator, ref, brand, category, begin, until):
        known = self.exclusive.get((creator, ref))
        if known:
            return "duplicate" if (known[0], known[2], known[3], known[4]) == (begin, until, brand, category) else "IN004"
        for (other, _), r in self.exclusive.items():
            branch = 0 in (category, r[4]) or category in self.path(r[4]) or r[4] in self.path(category)
            if other == creator and branch and meets(r, [begin, until]):
                return "IN011"
        self.exclusive[creator, ref] = [begin, until, until, brand, category]
        return "recorded"

    def end_exclusivity(self, creator, ref, at):
        return end(self.exclusive[creator, ref], at) if (creator, ref) in self.exclusive else "IN003"

    def set_quota(self, program, creator, least, most, begin, until):
        rows = self.quotas.setdefault((program, creator), [])
        if any(r[2] == until and r[0] == begin and r[3:] == [least, most] for r in rows if r[2] is not None):
            return "duplicate"
        # an open one makes way where another begins, one that only resumed also where it begins itself
        cut = next((r for r in sorted(rows, key=lambda r: r[0]) if meets(r, [begin, until])), None)
        if cut and not (cut[1] == FOREVER and (cut[0] < begin or (cut[0] == begin and cut[2] is None))):
            cut = None
        if any(meets(r, [begin, until]) for r in rows if r is not cut):
            return "IN011"
        if cut:
            cut[1] = begin
            if until != FOREVER:
                rows.append([until, FOREVER, None] + cut[3:])
        rows.append([begin, until, until, least, most])
        return "recorded"

    def bars(self, program, creator, products, at):
        found = []
        for product in sorted(set(products)):
            brand, seller, category = self.products[product]
            names = ["*"] + ([brand] if brand else [])
            if any(self.brands.holds((program, False, b), at) for b in names):
                found.append((product, "denied"))
            listed = any(k[:2] == (program, True) and self.brands.begun(k, at) for k in self.brands.rows)
            if listed and not any(self.brands.holds((program, True, b), at) for b in names):
                found.append((product, "not_allowed"))
            guarded = any(k[0] == brand and self.sellers.begun(k, at) for k in self.sellers.rows)
            if guarded and not any(self.sellers.holds((brand, s), at) for s in ["*", seller]):
                found.append((product, "not_authorised"))
            for (other, _), r in self.exclusive.items():
                if other == creator and holds(r, at) and r[3] != brand and (r[4] == 0 or r[4] in self.path(category)):
                    found.append((product, "exclusive"))
        return found

    def quota_at(self, program, creator, at):
        for key in ((program, creator), (program, 0)):
            for r in self.quotas.get(key, []):
                if holds(r, at):
                    return r
        return None

    def posts_in(self, program, creator, period):
        return sum(p[:2] == (program, creator) and month(p[2], self.zones[program]) == period for p in self.posts)

    def post(self, program, creator, products, at, disclosed):
        quota = self.quota_at(program, creator, at)
        if self.bars(program, creator, products, at):
            return "IN005 shown"
        if quota and quota[4] is not None and self.posts_in(program, creator, month(at, self.zones[program])) >= quota[4]:
            return "IN005 quota"
        if not disclosed and any(s["creator"] == creator and s["product"] in products and s["sent"] <= at < s["back"] for s in self.samples.values()):
            return "IN005 sample"
        self.posts.append((program, creator, at, products))
        return "recorded"

    def send(self, program, ref, creator, product, sent, owed, due):
        facts = dict(creator=creator, product=product, sent=sent, owed=owed, due=due)
        known = self.samples.get((program, ref))
        if known:
            return "duplicate" if {k: known[k] for k in facts} == facts else "IN004"
        self.samples[program, ref] = dict(facts, back=FOREVER)
        return "recorded"

    def give_back(self, program, ref, at):
        known = self.samples.get((program, ref))
        if known is None:
            return "IN003"
        if known["back"] != FOREVER:
            return "duplicate" if known["back"] == at else "IN004"
        if at < known["sent"]:
            return "IN002"
        known["back"] = at
        return "recorded"

    def sample_state(self, s, program):
        mine = [p[2] for p in self.posts if p[:2] == (program, s["creator"]) and s["product"] in p[3] and p[2] >= s["sent"]]
        done = sum(at < s["due"] for at in mine)
        state = "returned" if s["back"] != FOREVER else "fulfilled" if done >= s["owed"] else "overdue" if s["due"] != FOREVER else "open"
        return done, len(mine) - done, state

    def quota_of(self, program, creator, period):
        """The last quota in force in a month of the past, hour by hour from its end; None where there was none, or one without bounds."""
        zone = self.zones[program]
        hours = [h for h in range(-48, 24 * 400) if month(h, zone) == period]
        for hour in reversed(hours):
            r = self.quota_at(program, creator, hour)
            if r:
                return r if r[3:] != [None, None] else None
        return None


def standing(strikes, by_hand, limits, at):
    """The status at a moment: what happened until then, in order. strikes: [begin, points, expiry, lifted or FOREVER]; by_hand: {moment: status}."""
    held, hand = 0, False
    for t in sorted({s[0] for s in strikes} | {s[3] for s in strikes} | set(by_hand)):
        if t > at:
            break
        if t in by_hand:
            held, hand = GRADES.index(by_hand[t]), True
        points = sum(s[1] for s in strikes if s[0] <= t < min(s[2], s[3]))
        asked = (points >= limits[0]) + (points >= limits[1])
        if any(s[0] == t for s in strikes) or any(s[3] == t for s in strikes):
            if asked > held:
                held, hand = asked, False
            elif any(s[3] == t for s in strikes) and not hand:
                held = asked
    return GRADES[held]
