#!/usr/bin/env python3
"""Admission: random applications decided, everything changed, replayed: the same decisions for the same reasons.

A story tells facts through the API (creators, channels, metrics and posts measured long before they are told, verifications,
countries and verticals, quality, scores refitted) and sets and ends rules, with applications in between. admission_model.py
decides each of them from what the test told until then. Then rules and facts change again, also with old dates, and every
decision is replayed: same decision, same reasons, value for value. Random moments are replayed against the model, too:
as known then, and as known now; and simulate_admission() decides about everybody under other rules. PGI_APPLICATIONS is how many applications are wanted (15,000 in a long run, 10,000 of them decided).
"""

from datetime import datetime, timezone
from decimal import Decimal
from fractions import Fraction
import json
import os
import random
import re
from zoneinfo import ZoneInfo

import admission_model as model
from admission_story import Story, ZONES
from pg import Script, settings
from tap import Tap

WHOLE = {"followers", "total_followers", "channels", "verified_channels", "quality", "posts"}
ROUNDING = Fraction(2, 10**9)


def same_value(metric, got, want):
    if got is None or want is None:
        return got is None and want is None
    got, want = Fraction(got), Fraction(want)
    return got == want if metric in WHOLE else abs(got - want) <= ROUNDING * max(1000 if metric == "views_per_post" else 1, abs(want))


def differing(reasons, got):
    """Compares reasons with the model's and returns what differs; what the model does not know it takes from the answer."""
    if [r["rule_id"] for r in reasons] != [g["rule_id"] for g in got]:
        return "rules: model %s, got %s" % ([r["rule_id"] for r in reasons], [g["rule_id"] for g in got])
    for want, found in zip(reasons, got):
        value = found["value"]
        if not want["modelled"]:
            want["value"] = None if value is None else Fraction(value)
        elif not same_value(want["metric"], value, want["value"]):
            return "value of %s: model %s, got %s" % (want, want["value"] if want["value"] is None else float(want["value"]), found)
        elif value is not None and want["metric"] not in WHOLE and abs(want["value"] - want["threshold"]) <= ROUNDING:
            want["value"] = Fraction(value)
        if any(found[k] != want[k] for k in ("version", "metric", "comparison")) or Fraction(found["threshold"]) != want["threshold"]:
            return "rule: model %s, got %s" % (want, found)
        if found["passed"] != model.passes(want):
            return "verdict: model %s, got %s" % (model.passes(want), found)
    return None


def parse(text):
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def by_rule(reasons):
    return sorted(reasons, key=lambda r: r["rule_id"])


REASON = ("rule_id", "version", "metric", "value", "comparison", "threshold", "passed")


def moment(text):
    return text and datetime.fromisoformat(text + ":00").astimezone(timezone.utc)


def stored_reasons(got):
    """{(creator, application): [reason]} as the table has them."""
    stored = {}
    for creator_id, application_id, rule_id, version, metric, value, comparison, threshold, passed in got["stored"]:
        values = (int(rule_id), int(version), metric, value and Decimal(value), comparison, Decimal(threshold), passed and passed == "t")
        stored.setdefault((int(creator_id), int(application_id)), []).append(dict(zip(REASON, values)))
    return stored


class Decisions:
    """Follows the story in the order of its calls, beside what the extension answered."""

    def __init__(self, story, got):
        self.story, self.got, self.failures, self.decided, self.counts = story, got, [], {}, {}
        self.stored, self.jobs = stored_reasons(got), {}
        for creator_id, application_id, program_id, submitted, decision, reapply in got["jobs"]:
            self.jobs.setdefault(moment(submitted), {})[int(creator_id), int(program_id) - 1] = (int(application_id), decision, reapply)
        for name, creator, program, at, known in story.asked:
            if creator is None:
                self.job(at, known)
            else:
                self.application(got[name][0], creator, program, at, known)

    def record(self, creator, program, at, known, application_id, decision, reasons, reapply):
        """A decision that was made: by the model's reasons, as the model decides, at a moment at which one is due."""
        want = model.judge(self.story.rules[program], creator, at, known)
        where = "creator %d, program %d, at %s, call %d" % (creator.creator_id, program + 1, at.isoformat(), known)
        different = differing(want, reasons)
        if different or decision != model.decide(want):
            self.failures.append("%s: %s, got %s, model %s; model's reasons %s" % (where, different, decision, model.decide(want), want))
        elif not creator.applications[program].is_fresh(at, decision):
            self.failures.append("%s: decided anew beside %s" % (where, creator.applications[program].standing()))
        after = model.reapply_after(at, ZoneInfo(ZONES[program])) if decision == "rejected" else None
        if moment(reapply) != (after and after.astimezone(timezone.utc)):
            self.failures.append("%s: reapply_after %s, model %s" % (where, reapply, after))
        creator.applications[program].rows.append({"id": application_id, "at": at, "decision": decision, "reapply_after": after})
        self.counts[decision] = self.counts.get(decision, 0) + 1
        self.decided[creator.creator_id, application_id] = (decision, [[r[k] for k in REASON] for r in reasons])

    def application(self, answer, creator, program, at, known):
        status, application_id, decision, reasons, reapply = answer
        if status == "recorded":
            self.record(creator, program, at, known, int(application_id), decision, by_rule(parse(reasons)), reapply)
            return
        history, want = creator.applications[program], model.judge(self.story.rules[program], creator, at, known)
        last = history.standing()
        # whether an application under review would be decided now is not known where the model lacks a value
        due = all(r["modelled"] for r in want) and (last is None or history.is_fresh(at, model.decide(want)))
        if last is None or int(application_id) != last["id"] or decision != last["decision"] or due:
            self.failures.append("creator %d, program %d, at %s: answered with application %s %s, model decides %s beside %s"
                                 % (creator.creator_id, program + 1, at.isoformat(), application_id, decision, want, last))

    def job(self, at, known):
        """Who waits is decided as soon as the rules say so, who was rejected only if it is admitted now."""
        made = self.jobs.pop(at, {})
        for creator in self.story.creators:
            for program, history in enumerate(creator.applications):
                last, answer = history.standing(), made.pop((creator.creator_id, program), None)
                if answer:
                    reasons = by_rule(self.stored.get((creator.creator_id, answer[0]), []))
                    if last is None or last["decision"] == "rejected" and answer[1] != "admitted":
                        self.failures.append("job at %s: decides about creator %d beside %s" % (at, creator.creator_id, last))
                    self.record(creator, program, at, known, answer[0], answer[1], reasons, answer[2])
                elif last and program < 2:
                    verdict = model.decide(model.judge(self.story.rules[program], creator, at, known))
                    if history.is_fresh(at, verdict) and (last["decision"] == "review" or verdict == "admitted"):
                        self.failures.append("job at %s: leaves creator %d of program %d, who is %s now, beside %s" % (at, creator.creator_id, program + 1, verdict, last))
        self.failures += ["job at %s: decides about %s" % (at, key) for key in made]


def check_replays(tap, story, got, label, decisions):
    failures, found = [], set()
    for creator_id, application_id, decision, replayed, same, reasons in got["replayed"]:
        key = (int(creator_id), int(application_id))
        found.add(key)
        first, then = decisions.decided.get(key, (None, None))
        now = [[r[k] for k in REASON] for r in by_rule(parse(reasons))]
        stored = [[r[k] for k in REASON] for r in by_rule(decisions.stored.get(key, []))]
        if decision != first or replayed != first or same != "t" or now != then or stored != then:
            failures.append("creator %s, application %s: then %s for %s, now %s (same: %s) for %s, stored %s for %s" % (key + (first, then, replayed, same, now, decision, stored)))
    failures += ["application %s was not replayed" % (key,) for key in set(decisions.decided) - found]
    tap.group("%s: after rules and facts changed, every replay gives the old decision for the old reasons, value for value" % label, len(decisions.decided), failures)
    failures, cases, changed = [], 0, 0
    for n, (creator, program, at, known) in enumerate(story.probes):
        if not got["probe %d" % n]:
            continue
        replayed, reasons = got["probe %d" % n][0]
        want = model.judge(story.rules[program], creator, at, known)
        different, cases = differing(want, by_rule(parse(reasons))), cases + 1
        changed += known <= story.before and model.judge(story.rules[program], creator, at, story.number + 1) != want
        if different or replayed != model.decide(want):
            failures.append("creator %d, program %d, at %s, call %d: %s, got %s, model %s" % (creator.creator_id, program + 1, at.isoformat(), known, different, replayed, model.decide(want)))
    tap.note("%s: at %d of %d moments, half of them as known then, the reasons have changed since" % (label, changed, cases))
    tap.group("%s: replayed at random moments, as is known now and as was known at others" % label, cases, failures)


def said(rule, reason):
    """As simulate_admission() names what is not met."""
    text = " ".join([rule.platform, rule.metric, reason["comparison"], "%g" % float(reason["threshold"])]).strip()
    return text if reason["value"] is not None else text + " (unknown)"


def check_simulations(tap, story, got, label):
    failures, cases = [], 0
    for n, (program, at, rules) in enumerate(story.simulations):
        found = {int(r[0]): r[1:] for r in got["simulation %d" % n]}
        for creator in story.creators:
            profile = creator.profiles.at(at, story.number + 1) or (creator.country, creator.vertical)
            reasons = model.judge(rules, creator, at, story.number + 1)
            failing = [(next(rule for rule in rules if rule.rule_id == r["rule_id"]), r) for r in reasons if not model.passes(r)]
            want = [profile[1], profile[0] or "", model.decide(reasons), sorted(said(rule, r) for rule, r in failing)]
            answer, cases = found.pop(creator.creator_id, None), cases + 1
            if answer is None or [answer[0], answer[1] or "", answer[2], sorted(re.findall('"([^"]*)"', answer[3]))] != want:
                failures.append("simulation %d, creator %d, program %d, at %s: got %s, model %s, reasons %s" % (n, creator.creator_id, program + 1, at.isoformat(), answer, want, reasons))
        failures += ["simulation %d: nobody is creator %d" % (n, creator) for creator in found]
    tap.group("%s: simulate_admission under other rules and under its own, for everybody" % label, cases, failures)


def main():
    tap = Tap()
    rounds, seed = settings()
    wanted = int(os.environ.get("PGI_APPLICATIONS") or (15000 if rounds > 1 else 1200))
    rng = random.Random("admission %d" % seed)
    story = Story(rng, wanted)
    story.before = story.number + 1
    story.upheaval()
    story.replay(max(40, wanted // 5))
    story.simulate(9)
    got = story.script.run()
    label = "seed %d" % seed
    decisions = Decisions(story, got)
    tap.note("%s: %s; %d by the job" % (label, ", ".join("%d %s" % (n, d) for d, n in sorted(decisions.counts.items())), len(got["jobs"])))
    tap.group("%s: decided for the model's reasons, or answered with the application that stands" % label, len(story.asked), decisions.failures)
    tap.ok(len(decisions.counts) == 3 and min(decisions.counts.values()) > len(story.asked) // 50, "%s: all three decisions occur often" % label, [decisions.counts])
    check_replays(tap, story, got, label, decisions)
    check_simulations(tap, story, got, label)
    Script().sql("SELECT influence.uninstall('drop all influence data in ' || current_database())").run()
    tap.done()


if __name__ == "__main__":
    main()
