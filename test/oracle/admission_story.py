"""Stories about creators: facts told through the API, many of them long after they were measured, in random order.

Each call has a number, and what it tells goes into admission_model's creators and rules with that number: only calls
before a decision are known to it. Facts is creators, channels, metrics, posts, verifications, countries, verticals and
quality; Story adds rules, refreshed scores and applications.
"""

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
import json

import admission_model as model
from pg import Script, quote

ORIGIN, SPAN = datetime(2024, 1, 1, tzinfo=timezone.utc), timedelta(days=800)
PLATFORMS, COUNTRIES, VERTICALS = ["instagram", "tiktok", "youtube"], [None, "DE", "US"], ["", "beauty", "sport"]
ZONES = ["UTC", "Europe/Berlin", "Asia/Kolkata"]
TOPICS = ["lips", "shoes", "football", "tea"]
# Per metric: thresholds, comparisons (weights by repetition), whether a platform can be named.
RULES = {
    "followers": ([200, 500, 20000], [">=", ">", ">=", "<="], True), "total_followers": ([200, 1000, 100000], [">=", ">=", "<"], True),
    "engagement_rate": (["0.002", "0.01", "0.1"], [">=", ">", "<="], True), "views_per_post": ([50, 300], [">=", ">"], True),
    "channels": ([1, 2], [">=", ">=", "<="], True), "verified_channels": ([1, 1, 2], [">="], True), "quality": (["0.2", "0.5"], [">=", ">"], False),
    "engagement_median": (["0.01", "0.05"], [">=", "<"], True), "growth": (["0.05", "-0.1"], [">="], True), "regularity": (["0.3", "0.6"], [">="], True),
    "posts": ([3, 10], [">=", ">"], True),
}
# These depend on everybody: the replay has to give them again, the model takes them from the answer.
SCORED = {
    "engagement_shrunk": (["0.01", "0.03"], [">=", "<"], True), "engagement_lower": (["0.005", "0.02"], [">="], True),
    "engagement_percentile": ([25, 60], [">=", "<="], True), "focus": (["0.4", "0.7"], [">="], False), "authenticity": (["0.3", "0.8"], [">="], False),
}
COUNTS = ["followers", "posts", "views", "likes", "comments", "shares", "saves", "interactions"]



class Facts:
    def __init__(self, rng):
        self.rng, self.script, self.number, self.clock = rng, Script(), 0, ORIGIN
        self.creators, self.channels, self.used, self.moments = [], 0, set(), []
        self.script.sql("SET TimeZone = 'UTC'").sql("SELECT count(*) FROM influence.install()")
        for topic in TOPICS:
            self.script.sql("SELECT influence.create_topic(%s)" % quote(topic))
        self.script.sql("CREATE TEMP TABLE moment (number int, at timestamptz)")

    def call(self, text, *arguments):
        """Each call has a number: only calls before it are known."""
        self.number += 1
        self.script.sql("SELECT influence." + text % arguments)
        return self.number

    def note_moment(self):
        """What is known now can be asked for later: calls up to this number."""
        self.moments.append(self.number + 1)
        self.script.sql("INSERT INTO moment VALUES (%d, clock_timestamp())" % self.moments[-1])

    def fresh(self, moment):
        """No two facts of the same moment: natural keys contain it."""
        while moment in self.used:
            moment += timedelta(microseconds=1)
        self.used.add(moment)
        return moment

    def some_time(self, at):
        """Mostly lately, at times long ago: told late."""
        rng = self.rng
        back = rng.choice([0, rng.uniform(0, 3), rng.uniform(0, 20), rng.uniform(0, 200)])
        return self.fresh(at - timedelta(days=back))

    def register(self):
        rng, country, vertical = self.rng, self.rng.choice(COUNTRIES), self.rng.choice(VERTICALS)
        creator_id = len(self.creators) + 1
        number = self.call("register_creator('creator %d', 'Name', country => %s, vertical => %s)", creator_id, quote(country), quote(vertical))
        creator = model.Creator(number, creator_id, country, vertical)
        creator.size = 10 ** rng.uniform(2, 5.5)
        creator.applications = [model.Applications() for _ in ZONES]
        self.creators.append(creator)
        for _ in range(rng.choice([0, 1, 1, 2, 3])):
            self.add_channel(creator)
        for channel in creator.channels:
            for _ in range(rng.choice([0, 1, 1, 2])):
                self.measure(creator, channel, self.clock)

    def add_channel(self, creator):
        platform, verified = self.rng.choice(PLATFORMS), self.rng.random() < 0.4
        self.channels += 1
        number = self.call("add_channel(%d, %s, 'handle %d', %s)", creator.creator_id, quote(platform), self.channels, verified)
        creator.channels.append(model.Channel(number, self.channels, platform, verified))

    def counts(self, creator, posts):
        """What platforms say, with gaps: sometimes only the sum of interactions, sometimes no followers or views."""
        rng, row = self.rng, {}
        row["followers"] = None if rng.random() < 0.05 else 0 if rng.random() < 0.03 else int(creator.size * rng.uniform(0.5, 2))
        row["views"] = None if rng.random() < 0.05 else int(creator.size * rng.uniform(0.05, 3) * posts)
        liked = int(creator.size * rng.uniform(0.001, 0.2) * posts)
        if rng.random() < 0.2:
            row["interactions"] = liked
        else:
            row.update(likes=None if rng.random() < 0.05 else liked, comments=rng.choice([None, liked // 50]), shares=rng.choice([None, 0, liked // 90]), saves=rng.choice([None, 3]))
        return row

    def arguments(self, row):
        return ", ".join("%s => %d" % (k, row[k]) for k in COUNTS if row.get(k) is not None)

    def measure(self, creator, channel, at):
        posts, at = self.rng.choice([1, 1, 12, 30]), self.some_time(at)
        # a day apart: growth within seconds is no growth
        while any(abs(at - other) < timedelta(days=1) for other, _, _ in channel.metrics.rows):
            at = self.fresh(at - timedelta(days=1, hours=1))
        row = dict(self.counts(creator, posts), posts=posts)
        channel.metrics.add(at, self.call("record_channel_metrics(%d, %d, '%s', %s)", creator.creator_id, channel.channel_id, at.isoformat(), self.arguments(row)), row)

    def post(self, creator, channel, at):
        """A post, or an old one measured again."""
        rng, at = self.rng, self.some_time(at)
        ref, published = "post %d" % rng.randint(1, 6), ORIGIN - timedelta(days=1200)
        if ref in channel.posts:
            published = channel.posts[ref].rows[0][2]["published_at"]
        else:
            published += timedelta(days=rng.randint(0, 60), seconds=rng.randint(0, 86399))
        row = dict(self.counts(creator, 1), published_at=published)
        number = self.call("record_channel_post(%d, %d, '%s', '%s', '%s', %s)", creator.creator_id, channel.channel_id, ref, at.isoformat(), published.isoformat(),
                           ", ".join(filter(None, [self.arguments(row), "topic => '%s'" % TOPICS[int(ref[5:]) % 4]])))
        channel.posts.setdefault(ref, model.History()).add(at, number, row)

    def fact(self, at):
        rng, creator = self.rng, self.rng.choice(self.creators)
        roll = rng.random()
        if roll < 0.2:
            since, value = self.some_time(at), (rng.choice(COUNTRIES), rng.choice(VERTICALS))
            creator.profiles.add(since, self.call("update_creator(%d, %s, %s, '%s', 'test')", creator.creator_id, quote(value[0]), quote(value[1]), since.isoformat()), value)
        elif roll < 0.3:
            scored, score = self.some_time(at), Decimal(rng.randint(0, 10)) / 10
            creator.quality.add(scored, self.call("record_quality_score(%d, 'score %d', %s, 'test', '%s')", creator.creator_id, self.number, score, scored.isoformat()), score)
        elif roll < 0.35 or not creator.channels:
            self.add_channel(creator)
        else:
            channel = rng.choice(creator.channels)
            if roll < 0.5:
                since, value = self.some_time(at), rng.random() < 0.6
                channel.verifications.add(since, self.call("verify_channel(%d, %d, %s, '%s', 'test')", creator.creator_id, channel.channel_id, value, since.isoformat()), value)
            elif roll < 0.75:
                self.measure(creator, channel, at)
            else:
                self.post(creator, channel, at)


class Story(Facts):
    def __init__(self, rng, applications):
        super().__init__(rng)
        self.rules, self.asked = [[] for _ in ZONES], []
        for n, zone in enumerate(ZONES):
            self.script.sql("SELECT influence.create_program('program %d', 'EUR', '%s')" % (n, zone))
            for _ in range(2):
                self.set_rule(n, ORIGIN - timedelta(days=rng.randint(1, 300)))
        wanted = max(12, applications // 4)
        while len(self.asked) < applications:
            self.clock = ORIGIN + SPAN * len(self.asked) / applications
            if len(self.creators) < wanted * (0.2 + 0.8 * len(self.asked) / applications):
                self.register()
            if rng.random() < 0.5:
                self.fact(self.clock)
            if rng.random() < 0.05:
                self.change_rule()
            if len(self.asked) % (applications // 4) == 9:
                self.refresh(self.clock)
            if rng.random() < 8 / applications:
                self.reevaluate()
            if self.creators:
                self.apply()
            if rng.random() < 0.02:
                self.note_moment()

    def set_rule(self, program, since):
        """A new rule, or a new version of one that began before; the third program asks for scores, too."""
        rng = self.rng
        known = dict(RULES, **(SCORED if program == 2 else {}))
        metric = rng.choice(list(known))
        thresholds, comparisons, by_platform = known[metric]
        comparison, platform = rng.choice(comparisons), rng.choice(["", "", ""] + PLATFORMS) if by_platform else ""
        country, vertical = rng.choice(["", "", "", "DE"]), rng.choice(["", "", "", "beauty"])
        # a floor and a ceiling are two rules
        same = [r for r in self.rules[program] if (r.metric, r.platform, r.country, r.vertical, r.side) == (metric, platform, country, vertical, comparison[0])]
        if same and same[0].last() >= since:
            return
        threshold, effect = rng.choice(thresholds), rng.choice(["reject", "reject", "review"])
        rule = same[0] if same else model.Rule(len(self.rules[program]) + 1, metric, platform, country, vertical)
        if not same:
            rule.side = comparison[0]
            self.rules[program].append(rule)
        number = self.call("set_admission_rule(%d, %s, %s, %s, %s, %s, %s, '%s', %s)", program + 1, quote(metric), quote(comparison), threshold, quote(platform),
                           quote(country), quote(vertical), since.isoformat(), quote(effect))
        rule.set(number, since, comparison, Fraction(threshold), effect)

    def change_rule(self):
        rng, program = self.rng, self.rng.randrange(len(ZONES))
        open_rules = [r for r in self.rules[program] if r.events[-1][2] is not None]
        # begins today, lately (decisions that are made already keep theirs) or soon
        at = self.fresh(self.clock + timedelta(days=rng.choice([0, -10, 5])))
        if len(open_rules) > 3 or open_rules and rng.random() < 0.3:
            rule = rng.choice(open_rules)
            if rule.last() < at:
                rule.end(self.call("end_admission_rule(%d, %d, '%s')", program + 1, rule.rule_id, at.isoformat()), at)
        else:
            self.set_rule(program, at)

    def refresh(self, at):
        self.call("refresh_scores('%s')", self.fresh(at).isoformat())

    def apply(self):
        rng, creator, program = self.rng, self.rng.choice(self.creators), self.rng.randrange(len(ZONES))
        at = self.fresh(self.clock - timedelta(days=rng.choice([0, 0, 0, rng.uniform(0, 9)])))
        self.number += 1
        name = "application %d" % len(self.asked)
        self.script.query(name, "SELECT status, application_id, decision, reasons, reapply_after FROM influence.apply_creator(%d, %d, '%s')"
                          % (program + 1, creator.creator_id, at.isoformat()))
        self.asked.append((name, creator, program, at, self.number))

    def reevaluate(self):
        """The job decides again for who waits, and for who was rejected and would be admitted now."""
        at = self.fresh(self.clock)
        self.number += 1
        name = "job %d" % len(self.asked)
        self.script.query(name, "SELECT influence.do_job('admissions', 0, NULL, '%s')" % at.isoformat())
        self.asked.append((name, None, None, at, self.number))

    def upheaval(self):
        """Everything changes: new facts with old dates and new ones, other rules, other priors."""
        rng = self.rng
        for creator in self.creators:
            for _ in range(rng.choice([1, 2, 4])):
                self.fact(self.clock - timedelta(days=rng.uniform(0, 800)))
            if rng.random() < 0.2:  # a person decides otherwise: the rules' decision stays what it was
                self.script.sql("SELECT influence.decide_application(%d, %d, 'rejected', 'by hand', 'test') WHERE EXISTS (SELECT FROM influence.application WHERE program_id = %d AND creator_id = %d)"
                                % (2 * (1 + rng.randrange(len(ZONES)), creator.creator_id)))
        for program in range(len(ZONES)):
            for rule in [r for r in self.rules[program] if r.events[-1][2] is not None]:
                if rng.random() < 0.8 and rule.last() < self.clock:
                    at = self.fresh(rule.last() + timedelta(seconds=rng.randint(1, 100)))
                    rule.end(self.call("end_admission_rule(%d, %d, '%s')", program + 1, rule.rule_id, at.isoformat()), at)
            for _ in range(5):
                self.set_rule(program, self.fresh(self.clock - timedelta(days=rng.uniform(0, 900))))
        for days in (0, 100, 400):
            self.refresh(self.clock - timedelta(days=days + rng.random()))

    def simulate(self, times):
        """What other rules would decide about everybody, by what is known now; sometimes the program's own (None)."""
        rng, self.simulations = self.rng, []
        for n in range(times):
            program, at = rng.randrange(2), ORIGIN + SPAN * rng.random()
            rules = None
            if n % 3:
                rules = []
                for number in range(rng.randint(0, 4)):
                    metric = rng.choice(list(RULES))
                    thresholds, comparisons, by_platform = RULES[metric]
                    rule = model.Rule(number + 1, metric, rng.choice(["", ""] + PLATFORMS) if by_platform else "", rng.choice(["", "DE"]), rng.choice(["", "beauty"]))
                    rule.set(0, ORIGIN - SPAN, rng.choice(comparisons), Fraction(rng.choice(thresholds)), rng.choice(["reject", "review"]))
                    rules.append(rule)
            text = "NULL" if rules is None else quote(json.dumps([dict(metric=r.metric, platform=r.platform, country=r.country, vertical=r.vertical, comparison=r.events[0][2][1],
                                                                       threshold=float(r.events[0][2][2]), effect=r.events[0][2][3]) for r in rules]))
            self.simulations.append((program, at, self.rules[program] if rules is None else rules))
            self.script.query("simulation %d" % n, "SELECT creator_id, vertical, country, decision_simulated, failed FROM influence.simulate_admission(%d, %s, '%s', true)"
                              % (program + 1, text, at.isoformat()))

    def replay(self, probes):
        s = self.script
        s.query("replayed", "SELECT a.creator_id, a.application_id, r.decision, r.replayed, r.same, r.reasons FROM influence.application a, "
                "LATERAL influence.replay_application(a.program_id, a.creator_id, a.application_id) r")
        s.query("stored", "SELECT creator_id, application_id, rule_id, version, metric, value, comparison, threshold, passed FROM influence.application_reason ORDER BY rule_id")
        s.query("jobs", "SELECT creator_id, application_id, program_id, submitted_at, decision, reapply_after FROM influence.application WHERE actor = 'job'")
        self.probes = []
        for n in range(probes):
            creator, program = self.rng.choice(self.creators), self.rng.randrange(2)
            at, known = ORIGIN + SPAN * self.rng.random(), self.rng.choice(self.moments) if n % 2 else self.number + 1
            self.probes.append((creator, program, at, known))
            s.query("probe %d" % n, "SELECT replayed, reasons FROM (SELECT application_id FROM influence.application WHERE program_id = %d AND creator_id = %d LIMIT 1) a, "
                    "LATERAL influence.replay_application(%d, %d, a.application_id, '%s', %s)" % (program + 1, creator.creator_id, program + 1, creator.creator_id, at.isoformat(),
                    "(SELECT at FROM moment WHERE number = %d)" % known if n % 2 else "clock_timestamp()"))
