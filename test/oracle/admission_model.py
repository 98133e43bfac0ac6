"""Model of admission: decides an application from a list of facts, each with the number of the call that told it.

Nothing is read from the database: facts are what the test itself told, rules what it set. Whoever asks gives a moment
(the world as it was then) and a number (only calls before it are known), so that the same function decides and replays.
Written from the documentation of admission alone.
"""

from datetime import datetime, timedelta, timezone
from fractions import Fraction

import credibility_model as credibility

OPERATORS = {">=": lambda a, b: a >= b, ">": lambda a, b: a > b, "<=": lambda a, b: a <= b, "<": lambda a, b: a < b}
BASIS = {"instagram": "followers", "tiktok": "views", "youtube": "views"}
INTERACTIONS = ("likes", "comments", "shares", "saves")


def microseconds(moment):
    return (moment - datetime(2000, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1)


class History:
    """(moment, number of the call, value) in any order; at() is the latest by moment among those that were known."""

    def __init__(self):
        self.rows = []

    def add(self, moment, number, value):
        self.rows.append((moment, number, value))

    def at(self, moment, known):
        best = None
        for row in self.rows:
            if row[0] <= moment and row[1] < known and (best is None or row[0] >= best[0]):
                best = row
        return best and best[2]

    def known(self, moment, known):
        return [row for row in self.rows if row[0] <= moment and row[1] < known]


class Channel:
    def __init__(self, number, channel_id, platform, verified):
        self.number, self.channel_id, self.platform, self.verified = number, channel_id, platform, verified
        self.metrics, self.verifications, self.posts = History(), History(), {}

    def followers(self, at, known):
        """Of the newest snapshot that states them, else of the newest measurement of a post that does."""
        for histories in ([self.metrics], self.posts.values()):
            told = [row for history in histories for row in history.known(at, known) if row[2].get("followers") is not None]
            if told:
                return max(told, key=lambda row: row[0])[2]["followers"]
        return None

    def latest_posts(self, at, known):
        return [row for row in (history.at(at, known) for history in self.posts.values()) if row]

    def observations(self, at, known):
        """(rate, posts): the posts one by one, and where they give none the snapshots."""
        for rows in (self.latest_posts(at, known), [value for _, _, value in self.metrics.known(at, known)]):
            rated = [(engagement_rate(self.platform, row), row.get("posts", 1)) for row in rows]
            rated = [(rate, posts) for rate, posts in rated if rate is not None]
            if rated:
                break
        return rated


class Creator:
    def __init__(self, number, creator_id, country, vertical):
        self.number, self.creator_id, self.country, self.vertical = number, creator_id, country, vertical
        self.profiles, self.quality, self.channels = History(), History(), []


def engagement_rate(platform, row):
    """Interactions per post by the platform's denominator, itself per post; a snapshot sums up its posts."""
    interactions, posts = row.get("interactions"), row.get("posts", 1)
    if interactions is None:
        if row.get("likes") is None:
            return None
        interactions = sum(row.get(k) or 0 for k in INTERACTIONS)
    base = row.get(BASIS[platform])
    if not base:
        return None
    return Fraction(interactions, base * posts) if BASIS[platform] == "followers" else Fraction(interactions, base)


def channel_metric(channel, metric, at, known):
    """What is asked of a channel; None where it is not known."""
    if metric == "followers":
        return channel.followers(at, known)
    if metric == "growth":
        exponent = credibility.growth_exponent([(microseconds(m), row.get("followers")) for m, _, row in channel.metrics.known(at, known)])
        return None if exponent is None else Fraction(exponent.exp() - 1)
    posts = channel.latest_posts(at, known)
    if metric == "regularity":
        regularity = credibility.posting_regularity([microseconds(row["published_at"]) for row in posts])
        return None if regularity is None else Fraction(regularity)
    if metric == "engagement_median":
        return credibility.median(channel.observations(at, known))
    if metric == "posts":
        return len(posts) or sum(w for _, w in channel.observations(at, known))
    newest = channel.metrics.at(at, known)
    if metric == "engagement_rate":
        rates = [rate for rate in (engagement_rate(channel.platform, row) for row in posts) if rate is not None]
        return sum(rates) / len(rates) if rates else newest and engagement_rate(channel.platform, newest)
    for rows in (posts, [newest]):
        views = [Fraction(row["views"], row.get("posts", 1)) for row in rows if row and row.get("views") is not None]
        if views:
            return sum(views) / len(views)
    return None


BEST = ("followers", "growth", "regularity", "engagement_median", "posts", "engagement_rate", "views_per_post")
METRICS = BEST + ("total_followers", "channels", "verified_channels", "quality")


def metric_of(creator, platform, metric, at, known):
    """Of a creator's best channel on a platform ('' = any), or a total or count over them; None: not known."""
    if metric == "quality":
        return creator.quality.at(at, known)
    channels = [c for c in creator.channels if c.number < known and platform in ("", c.platform)]
    if metric == "channels":
        return len(channels)
    if metric == "verified_channels":
        said = [(c.verified, c.verifications.at(at, known)) for c in channels]
        return sum(first if later is None else later for first, later in said)
    each = [channel_metric(c, "followers" if metric == "total_followers" else metric, at, known) for c in channels]
    each = [v for v in each if v is not None]
    return None if not each else sum(each) if metric == "total_followers" else max(each)


class Rule:
    """One rule over its versions: each beginning and end is an event with a moment and the number of its call."""

    def __init__(self, rule_id, metric, platform, country, vertical):
        self.rule_id, self.metric, self.platform, self.country, self.vertical = rule_id, metric, platform, country, vertical
        self.events, self.versions = [], 0

    def set(self, number, moment, comparison, threshold, effect):
        self.versions += 1
        self.events.append((moment, number, (self.versions, comparison, threshold, effect)))

    def end(self, number, moment):
        self.versions += 1
        self.events.append((moment, number, None))

    def last(self):
        return self.events[-1][0]

    def in_force(self, at, known):
        told = [e for e in self.events if e[1] < known and e[0] <= at]
        return max(told, key=lambda e: (e[0], e[1]))[2] if told else None


def judge(rules, creator, at, known):
    """A reason per rule that fits the applicant: value None where it is not known."""
    profile = creator.profiles.at(at, known) or (creator.country, creator.vertical)
    platforms = {c.platform for c in creator.channels if c.number < known}
    reasons = []
    for rule in rules:
        version = rule.in_force(at, known)
        if version is None or rule.country not in ("", profile[0]) or rule.vertical not in ("", profile[1]) or rule.platform and rule.platform not in platforms:
            continue
        number, comparison, threshold, effect = version
        modelled = rule.metric in METRICS
        reasons.append({"rule_id": rule.rule_id, "version": number, "metric": rule.metric, "comparison": comparison, "threshold": threshold, "effect": effect,
                        "modelled": modelled, "value": metric_of(creator, rule.platform, rule.metric, at, known) if modelled else None})
    return sorted(reasons, key=lambda r: r["rule_id"])


def passes(reason):
    return None if reason["value"] is None else OPERATORS[reason["comparison"]](reason["value"], reason["threshold"])


def decide(reasons):
    verdicts = [(passes(r), r["effect"]) for r in reasons]
    if any(p is False and effect == "reject" for p, effect in verdicts):
        return "rejected"
    return "admitted" if verdicts and all(p for p, _ in verdicts) else "review"


def reapply_after(at, zone, days=30):
    """Days count on the calendar of the program's zone."""
    return ((at.astimezone(zone).replace(tzinfo=None)) + timedelta(days=days)).replace(tzinfo=zone)


class Applications:
    """One creator's applications to one program, and whether another one is decided or answered with the old."""

    def __init__(self):
        self.rows = []

    def standing(self):
        return max(self.rows, key=lambda a: (a["decision"] == "admitted", a["at"], a["id"])) if self.rows else None

    def is_fresh(self, at, decision):
        last = self.standing()
        if last is None:
            return True
        if last["decision"] == "rejected":
            return at >= last["reapply_after"]
        return last["decision"] == "review" and at >= last["at"] and decision != "review"
