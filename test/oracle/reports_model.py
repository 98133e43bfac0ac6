"""What the reports should say of a story (reports_story.py): credits, commissions, returns, days and months in each zone, exposure and
concentration, worked out from what was told, for the programs that pay by the last click.
"""

from collections import defaultdict
from datetime import timedelta
from fractions import Fraction

from reports_story import CREATORS, PROGRAMS, ZONES, rounded

OWN = (1, 2)            # the programs that are worked out here


def ratio(top, bottom, digits=6):
    """As the views write it: rounded half away from zero, NULL for nothing."""
    if bottom is None or not bottom:
        return None
    x = Fraction(top) / Fraction(bottom) * 10 ** digits
    return Fraction(int(abs(x) + Fraction(1, 2)) * (1 if x >= 0 else -1), 10 ** digits)


def rates(clicks, orders, revenue, returned, earned):
    """Conversion rate, return rate, average order value, earnings per click."""
    return [ratio(orders, clicks), ratio(returned, revenue), ratio(revenue, orders, 2), ratio(earned, clicks, 4)]


class Model:
    def __init__(self, story):
        self.s, self.lines = story, []
        clicks = defaultdict(list)
        for t in story.touches:
            if t["kind"] == "click":
                clicks[t["program"], story.person[t["visitor"]]].append(t)
        for o in story.orders:
            if o["program"] not in OWN:
                continue
            zone, (_, _, _, mode, rate) = ZONES[o["program"]], PROGRAMS[o["program"]]
            won = None
            for t in sorted(clicks[o["program"], story.person[o["visitor"]]], key=lambda t: t["at"]):
                if self.since(o) < t["at"] <= o["at"]:
                    won = t
            for no, l in o["lines"].items():
                x = dict(order=o, no=no, touch=won, creator=won and won["creator"], product=l["product"], quantity=l["quantity"], base=l["base"], events=[], **{})
                x["earned"] = o["program"] == 1 or o["delivered"]
                barred = x["creator"] == story.suspended[0] and o["at"] >= story.suspended[1]
                x["commission"] = rounded(l["base"], rate, 1000, mode) if x["creator"] and x["earned"] and not barred else 0
                back = 0
                for at, amount, kind in l["back"]:
                    if kind == "goodwill":
                        continue
                    before, back = back, back - amount if kind == "chargeback_reversed" else back + amount
                    claw = (rounded(x["commission"], back, l["base"], mode) - rounded(x["commission"], before, l["base"], mode)) if l["base"] else 0
                    x["events"].append((at, back - before, claw))
                x["returned"], x["clawed"] = back, sum(e[2] for e in x["events"])
                self.lines.append(x)

    def since(self, o):
        """Where the lookback of 20 days begins, on the calendar of the program."""
        zone = ZONES[o["program"]]
        return (o["at"].astimezone(zone).replace(tzinfo=None) - timedelta(days=20)).replace(tzinfo=zone).astimezone(o["at"].tzinfo)

    def day(self, program, at):
        return at.astimezone(ZONES[program]).date().isoformat()

    def month(self, program, at):
        return self.day(program, at)[:7]

    def credits(self):
        out = {}
        for x in self.lines:
            o, t = x["order"], x["touch"]
            out[o["program"], o["ref"], x["no"]] = [x["creator"], t and t["ref"], x["base"], x["returned"] if x["creator"] else 0, x["commission"], x["clawed"],
                                                    t and t["campaign"], t and t["post"] and t["post"]["id"], self.day(o["program"], o["at"]), o["country"]]
        return out

    def daily(self):
        rows, seen, orders = defaultdict(lambda: [0] * 13), defaultdict(set), defaultdict(set)
        for t in self.s.touches:
            if t["creator"] and t["program"] in OWN:
                key = (t["program"], t["creator"], self.day(t["program"], t["at"]))
                rows[key][("view", "click", "cart").index(t["kind"])] += 1
                seen[key].add(t["visitor"])
        for x in self.lines:
            if not x["creator"]:
                continue
            o = x["order"]
            key = (o["program"], x["creator"], self.day(o["program"], o["at"]))
            orders[key].add(o["ref"])
            for i, amount in ((5, 1), (6, x["base"]), (8, x["commission"]), (11, x["base"] - x["returned"]), (12, x["commission"] - x["clawed"])):
                rows[key][i] += amount
            for at, amount, claw in x["events"]:
                there = rows[o["program"], x["creator"], self.day(o["program"], at)]
                there[7] += amount
                there[9] += claw
        for key in list(rows):
            r = rows[key]
            r[3], r[4], r[10] = len(seen[key]), len(orders[key]), None
        out = {}
        for key, r in rows.items():
            clicks = r[1]
            row = r[:10] + [r[6] - r[7], r[8] - r[9], r[11], r[12]] + rates(clicks, r[4], r[6], r[6] - r[11], r[12])
            if any(r[:10]):
                out[key] = row
        return out

    def exposed(self, touches, program):
        """Persons with one of these touches, and those of them who ordered within the lookback after one."""
        by_person = defaultdict(list)
        for t in touches:
            by_person[self.s.person[t["visitor"]]].append(t["at"])
        buyers = {self.s.person[o["visitor"]] for o in self.s.orders if o["program"] == program
                  and any(self.since(o) < at <= o["at"] for at in by_person[self.s.person[o["visitor"]]])} if by_person else set()
        return len([p for p in by_person if by_person[p]]), len(buyers)

    def campaign(self):
        out = {}
        for n, (program, begins, ends, products) in self.s.campaigns.items():
            touches = [t for t in self.s.touches if t["campaign"] == n]
            lines = [x for x in self.lines if x["touch"] and x["touch"]["campaign"] == n]
            earned = sum(x["commission"] - x["clawed"] for x in lines if x["creator"])
            cost = sum(c[2] for c in self.s.costs if c[0] == n)
            in_set = [(o, l) for o in self.s.orders if o["program"] == program for l in o["lines"].values() if l["product"] in products]
            ran = [(o, l) for o, l in in_set if begins <= o["at"] and (ends is None or o["at"] < ends)]
            span = (ends or self.now) - begins
            kept = sum(x["base"] - x["returned"] for x in lines)
            out[(n,)] = [len([p for p in self.s.posts if p["campaign"] == n]), sum(t["kind"] == "view" for t in touches), sum(t["kind"] == "click" for t in touches),
                         *self.exposed(touches, program), len({x["order"]["ref"] for x in lines}), sum(x["base"] for x in lines), sum(x["returned"] for x in lines),
                         sum(x["base"] for x in lines if x["product"] in products), earned, cost, earned + cost, 100000 - cost, ratio(kept, earned + cost),
                         len({o["ref"] for o, l in ran}), sum(l["quantity"] for o, l in ran), sum(l["base"] for o, l in ran), sum(self.back(l) for o, l in ran),
                         sum(l["base"] for o, l in in_set if begins - span <= o["at"] < begins)]
        return out

    @staticmethod
    def back(l):
        return sum(-a if k == "chargeback_reversed" else a for _, a, k in l["back"] if k != "goodwill")

    def roi(self, settlements):
        out = {}
        for program in OWN:
            months = {self.month(program, x["at"]) for x in self.s.touches + self.s.orders if x["program"] == program}
            for month in months:
                lines = [x for x in self.lines if x["order"]["program"] == program and self.month(program, x["order"]["at"]) == month]
                mine = [x for x in lines if x["creator"]]
                bonus = lambda fee: sum(b[4] for b in self.s.bonuses if b[0] == program and self.month(program, b[2]) == month and (b[3] == "fee") == fee)
                cost = sum(c[2] for c in self.s.costs if self.s.campaigns[c[0]][0] == program and self.month(program, c[1]) == month)
                paid = sum(x["commission"] - x["clawed"] for x in mine)
                settled = settlements.get((program, month), 0)
                total = paid + settled + bonus(False) + bonus(True) + cost
                kept = sum(x["base"] - x["returned"] for x in mine)
                exposed = self.exposed([t for t in self.s.touches if t["program"] == program and t["creator"] and self.month(program, t["at"]) == month], program)
                orders = len({x["order"]["ref"] for x in mine})
                out[program, month] = [sum(x["base"] for x in lines), sum(x["base"] for x in mine), sum(x["returned"] for x in mine), orders, paid, settled, bonus(False), bonus(True),
                                       cost, total, kept - total, ratio(kept, total), ratio(total, orders, 2), *exposed]
        return out

    def funnel(self):
        rows, people = defaultdict(lambda: [0] * 9), defaultdict(lambda: [set() for _ in range(6)])
        place = lambda t: (t["program"], self.day(t["program"], t["at"]), t["surface"], t["embed"], t["in_app"])
        for t in self.s.touches:
            if t["program"] in OWN:
                rows[place(t)][("view", "click", "cart").index(t["kind"])] += 1
                people[place(t)][("view", "click", "cart").index(t["kind"])].add(t["visitor"])
        for x in self.lines:
            t = x["touch"]
            if t:
                r, q = rows[place(t)], people[place(t)]
                q[3].add(x["order"]["visitor"])
                q[4].add(x["order"]["ref"])
                r[7] += x["base"]
                r[8] += x["returned"] if x["creator"] else 0
        return {k: r[:3] + [len(q) for q in people[k][:5]] + r[7:] for k, r in rows.items()}

    def hours(self):
        rows, orders = defaultdict(lambda: [0] * 6), defaultdict(set)
        place = lambda t: (t["program"], t["creator"], t["channel"], t["post"] and t["post"]["disclosure"], t["at"].astimezone(ZONES[t["program"]]).hour)
        for t in self.s.touches:
            if t["program"] in OWN and t["creator"]:
                rows[place(t)][("view", "click", "cart").index(t["kind"])] += 1
        for x in self.lines:
            if x["creator"]:
                r = rows[place(x["touch"])]
                orders[place(x["touch"])].add(x["order"]["ref"])
                r[3] += x["base"]
                r[4] += x["returned"]
                r[5] += x["commission"] - x["clawed"]
        return {k: r[:3] + [len(orders[k])] + r[3:] + rates(r[1], len(orders[k]), r[3], r[4], r[5]) for k, r in rows.items()}

    def use_cases(self):
        first, rows, orders = {}, defaultdict(lambda: [0] * 6), defaultdict(set)
        for o in sorted(self.s.orders, key=lambda o: o["at"]):
            first.setdefault((o["program"], self.s.person[o["visitor"]]), o["at"])
        kind = lambda program, who, at: "returning" if first.get((program, self.s.person[who]), at) < at else "new"
        for t in self.s.touches:
            if t["program"] in OWN and t["post"]:
                key = (t["program"], t["post"]["use_case"], t["product"] and self.s.category[t["product"]], kind(t["program"], t["visitor"], t["at"]))
                rows[key][("view", "click", "cart").index(t["kind"])] += 1
        for x in self.lines:
            o, post = x["order"], x["touch"] and x["touch"]["post"]
            if post:
                key = (o["program"], post["use_case"], self.s.category[x["product"]], kind(o["program"], o["visitor"], o["at"]))
                orders[key].add(o["ref"])
                for i, amount in ((3, x["base"]), (4, x["returned"]), (5, x["commission"] - x["clawed"])):
                    rows[key][i] += amount
        return {k: r[:3] + [len(orders[k])] + r[3:] for k, r in rows.items()}

    def post_rows(self):
        """{(program, post): [impressions, smiles, views, clicks, carts, visitors, orders, revenue, returned, kept, earned and the rates]}"""
        out = {}
        for p in self.s.posts:
            if p["program"] in OWN:
                touches = [t for t in self.s.touches if t["post"] is p and t["program"] == p["program"]]
                lines = [x for x in self.lines if x["touch"] and x["touch"]["post"] is p and x["order"]["program"] == p["program"]]
                views, clicks, carts = (sum(t["kind"] == kind for t in touches) for kind in ("view", "click", "cart"))
                orders, revenue, returned = len({x["order"]["ref"] for x in lines}), sum(x["base"] for x in lines), sum(x["returned"] for x in lines)
                earned = sum(x["commission"] - x["clawed"] for x in lines)
                out[p["program"], p["id"]] = [0, sum(s[1] is p for s in self.s.smiles), views, clicks, carts, len({t["visitor"] for t in touches}), orders, revenue, returned,
                                              revenue - returned, earned] + rates(clicks, orders, revenue, returned, earned)
        return out

    def months(self):
        """{(program, month, creator): [posts, clips, views, clicks, orders, revenue, kept, earned]}"""
        rows, orders = defaultdict(lambda: [0] * 8), defaultdict(set)
        for p in self.s.posts:
            if p["program"] in OWN:
                r = rows[p["program"], self.month(p["program"], p["at"]), p["creator"]]
                r[0] += 1
                r[1] += p["kind"] != "photo"
        for t in self.s.touches:
            if t["program"] in OWN and t["creator"]:
                r = rows[t["program"], self.month(t["program"], t["at"]), t["creator"]]
                r[2] += t["kind"] == "view"
                r[3] += t["kind"] == "click"
        for x in self.lines:
            if x["creator"]:
                key = (x["order"]["program"], self.month(x["order"]["program"], x["order"]["at"]), x["creator"])
                orders[key].add(x["order"]["ref"])
                for i, amount in ((5, x["base"]), (6, x["base"] - x["returned"]), (7, x["commission"] - x["clawed"])):
                    rows[key][i] += amount
        for key in orders:
            rows[key][4] = len(orders[key])
        return rows

    def health(self):
        out, months = {}, self.months()
        for program, month in {k[:2] for k in months}:
            rows = [r for k, r in months.items() if k[:2] == (program, month)]
            kept = sorted((max(r[6], 0) for r in rows), reverse=True)
            n, total = len(rows), sum(kept)
            top = lambda share: sum(kept[:-(-n * share // 100)])
            differences = sum(abs(a - b) for a in kept for b in kept)          # Gini by its definition
            smiles = sum(1 for _, p, at in self.s.smiles if p["program"] == program and self.month(program, at) == month)
            revenue, views = sum(r[5] for r in rows), sum(r[2] for r in rows)
            out[program, month] = [CREATORS, n, sum(r[0] > 0 for r in rows), sum(r[4] > 0 for r in rows), sum(r[4] for r in rows), revenue, sum(r[6] for r in rows),
                                   ratio(revenue - sum(r[6] for r in rows), revenue), ratio(kept[0], total), ratio(top(1), total), ratio(top(10), total),
                                   ratio(sum(k * k for k in kept), total * total), ratio(differences, 2 * n * total), smiles, ratio(1000 * smiles, views)]
        return out

    def supply(self):
        rows, posting = defaultdict(lambda: [0] * 4), defaultdict(set)
        vertical = lambda post, creator: (post and post["vertical"]) or self.s.creators[creator][1]
        for p in self.s.posts:
            if p["program"] in OWN:
                key = (p["program"], self.month(p["program"], p["at"]), vertical(p, p["creator"]))
                posting[key].add(p["creator"])
                rows[key][0] += 1
                rows[key][1] += p["kind"] != "photo"
        for t in self.s.touches:
            if t["program"] in OWN and t["creator"]:
                r = rows[t["program"], self.month(t["program"], t["at"]), vertical(t["post"], t["creator"])]
                r[2] += t["kind"] == "view"
                r[3] += t["kind"] == "click"
        share = lambda k, i: ratio(rows[k][i], sum(r[i] for q, r in rows.items() if q[:2] == k[:2]))
        return {k: [len(posting[k])] + r + [share(k, 1), share(k, 2)] for k, r in rows.items()}

    def markets(self):
        out = {}
        for program in OWN:
            for country in ("DE", "IN", ""):
                touches = [t for t in self.s.touches if t["program"] == program and (t["country"] or "") == country]
                lines = [x for x in self.lines if x["order"]["program"] == program and (x["order"]["country"] or "") == country]
                mine = [x for x in lines if x["creator"]]
                out[program, country] = [sum((c[0] or "") == country for c in self.s.creators.values()), sum(t["kind"] == "click" for t in touches), len({t["visitor"] for t in touches}),
                                         len({x["order"]["ref"] for x in lines}), len({self.s.person[x["order"]["visitor"]] for x in lines}), sum(x["base"] for x in lines),
                                         sum(x["base"] - x["returned"] for x in lines), sum(x["base"] for x in mine), sum(x["returned"] for x in mine),
                                         sum(x["commission"] - x["clawed"] for x in mine)]
        return out

    def experiment(self):
        out = {}
        for program in OWN:
            marks = sorted([(x["at"], x["variant"], self.s.person[x["visitor"]], x.get("kind") == "click") for x in self.s.touches + self.s.orders
                            if x["program"] == program and x["experiment"]], key=lambda m: m[0])
            joined, clicked, variants, last = {}, set(), defaultdict(set), marks[-1][0]
            for at, variant, who, click in marks:
                joined.setdefault(who, (variant, at))
                variants[who].add(variant)
                clicked |= {who} if click else set()
            for variant in ("holdout", "new"):
                those = {who: at for who, (v, at) in joined.items() if v == variant}
                lines = [x for x in self.lines if x["order"]["program"] == program and self.s.person[x["order"]["visitor"]] in those
                         and those[self.s.person[x["order"]["visitor"]]] <= x["order"]["at"] <= last]
                out[program, "test", variant] = [len(those), len([w for w in those if len(variants[w]) > 1]), len(clicked & set(those)),
                                                 len({self.s.person[x["order"]["visitor"]] for x in lines}), len({x["order"]["ref"] for x in lines}), sum(x["base"] for x in lines),
                                                 sum(x["returned"] for x in lines)]
            h, n = out[program, "test", "holdout"], out[program, "test", "new"]
            h += [None, None]
            p, q, both = Fraction(n[3], n[0]), Fraction(h[3], h[0]), Fraction(n[3] + h[3], n[0] + h[0])
            n += [ratio(p - q, q), round(float(p - q) / float(both * (1 - both) * (Fraction(1, n[0]) + Fraction(1, h[0]))) ** 0.5, 6)]
        return out

    def members(self):
        """Money by (program, segment, social), and the time of each segment in seconds until now."""
        social, registered = {self.s.person[w] for w in [w for w, _, _ in self.s.smiles] + [w for w, _ in self.s.votes]}, {self.s.person[w] for w in self.s.shoppers}
        plan = lambda who, at: any(w == who and a <= at and (b is None or at < b) for w, a, b in self.s.members)
        rows, orders, buyers = defaultdict(lambda: [0, 0]), defaultdict(set), defaultdict(set)
        for x in self.lines:
            who = self.s.person[x["order"]["visitor"]]
            key = (x["order"]["program"], "member" if plan(who, x["order"]["at"]) else "registered" if who in registered else "guest", who in social)
            rows[key][0] += x["base"]
            rows[key][1] += x["returned"]
            orders[key].add(x["order"]["ref"])
            buyers[key].add(who)
        return {k: [len(buyers[k]), len(orders[k])] + r for k, r in rows.items()}

    def praise(self):
        lines = [(l["product"], l["quantity"], self.back(l) > 0 or any(k == "cancelled" for _, _, k in l["back"])) for o in self.s.orders for l in o["lines"].values()]
        back, ups, downs = sum(b for _, _, b in lines), sum(v > 0 for v in self.s.votes.values()), sum(v < 0 for v in self.s.votes.values())
        share, out = Fraction(ups, ups + downs + back), {}
        for n in self.s.category:
            up, down = (sum(v * sign > 0 for (_, p), v in self.s.votes.items() if p == n) for sign in (1, -1))
            sold, returned = sum(p == n for p, _, _ in lines), sum(b for p, _, b in lines if p == n)
            out[(n,)] = [up, down, sum(n in p["products"] for _, p, _ in self.s.smiles), sold, sum(q for p, q, _ in lines if p == n), returned, ratio(returned, sold),
                         ratio(up, up + down), ratio(up + 10 * share, up + down + returned + 10)]
        return out

    def cohort(self):
        out = {}
        for program in OWN:
            for kind in ("creator", "shopper"):
                views = clicks = revenue = returned = 0
                active, orders = set(), set()
                those = [c for c in self.s.cohort if c[0] == kind]
                for _, member, since, until in those:
                    for t in self.s.touches:
                        if t["program"] == program and since <= t["at"] < until and member == (str(t["creator"]) if kind == "creator" else t["visitor"]):
                            views, clicks = views + (t["kind"] == "view"), clicks + (t["kind"] == "click")
                            active.add(member)
                    for x in self.lines:
                        o = x["order"]
                        if o["program"] == program and since <= o["at"] < until and member == (str(x["creator"]) if kind == "creator" else self.s.person[o["visitor"]]):
                            active.add(member)
                            orders.add((member, o["ref"]))
                            revenue, returned = revenue + x["base"], returned + x["returned"]
                out[program, kind] = [len(those), len(active), views, clicks, len(orders), revenue, returned]
        return out
