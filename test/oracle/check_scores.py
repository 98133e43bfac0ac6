#!/usr/bin/env python3
"""Metrics and scores of creators against independent calculations from the facts that the test told.

1. creator_metrics(): every metric of every creator that needs nobody else, by platform and overall, at random moments and as known
   at others, against admission_model.py.
2. Influence: touches, orders and returns of two programs (one without views) around the window; refresh_scores() gives the impressions,
   revenue, influence, lower bound, percentile and priors that credits, returns and touches give when they are added up here.
"""

from datetime import datetime, timedelta, timezone
from fractions import Fraction
import json
from math import floor
import random

import admission_model as model
import credibility_model as credibility
from admission_story import Facts, ORIGIN, PLATFORMS, SPAN
from check_admission import same_value
from check_credibility import near
from pg import Script, array, settings
import scores_model as scores
from tap import Tap

CREATORS, FACTS, MOMENTS = 100, 1000, 20
RUN, WINDOW = datetime(2024, 6, 1, 12, tzinfo=timezone.utc), timedelta(days=90)
SELLERS, TOUCHES, ORDERS = 30, 2500, 350


def uninstall():
    Script().sql("SELECT influence.uninstall('drop all influence data in ' || current_database())").run()


SCORED = ("engagement_shrunk", "engagement_lower", "engagement_percentile")


def channels_at(story, at):
    """scores_model's channels, with what is known now about a moment."""
    out = []
    for creator in story.creators:
        country, vertical = creator.profiles.at(at, story.number + 1) or (creator.country, creator.vertical)
        for channel in creator.channels:
            scored = scores.Channel((creator.creator_id, channel.channel_id), channel.platform, vertical, channel.followers(at, story.number + 1),
                                    channel.observations(at, story.number + 1))
            scored.told, scored.country = channel, country
            out.append(scored)
    return out


def lower_bound(channel):
    bounds = credibility.shrunk_bounds(channel.posts, channel.rate, channel.prior, 0.95) if channel.shrunk is not None else None
    return bounds or (None, None)


def check_channels(tap, story, run, later, got):
    """The scores of a run, and what creator_metrics() makes of them then and later, with newer facts and the run's priors."""
    channels, known = channels_at(story, run), story.number + 1
    priors = scores.fit(channels)
    places, found, failures = scores.percentiles(channels), {(int(r[0]), int(r[1])): r[2:] for r in got["scores"]}, []
    for c in channels:
        answer = found.get(c.key)
        plain = [c.platform, c.vertical, c.country or "", c.tier or "", None if c.followers is None else str(c.followers), str(model.channel_metric(c.told, "posts", run, known)), str(c.posts)]
        numbers = [c.rate, credibility.median(c.observations), credibility.trimmed_mean(c.observations), c.shrunk] + list(lower_bound(c))
        numbers += [model.channel_metric(c.told, metric, run, known) for metric in ("growth", "regularity")]
        if answer is None or answer[:7] != plain or c.shrunk is not None and answer[7:9] != list(c.cell[1:]) or not all(near(a, w, Fraction(1, 10**12)) for a, w in zip(answer[9:17], numbers)) \
                or not near(answer[17], places.get(c.key), Fraction(1, 10**5)):
            failures.append("channel %s: got %s, model %s %s, percentile %s" % (c.key, answer, plain, [w and float(w) for w in numbers], places.get(c.key)))
    points = scores.baselines(channels)
    tap.group("channel_score: tier, cell, rates, bounds, growth, regularity, percentile", len(channels), failures)
    cases, failures = 0, []
    for at in (run, later):
        best, found = {}, {(int(r[0]), r[1], r[2]): r[3] for r in got["scored %s" % at.isoformat()]}
        for c in channels_at(story, at):
            scores.shrink(c, priors)
            for metric, value in zip(SCORED, (c.shrunk, lower_bound(c)[0], scores.place(c, points))):
                for platform in ("", c.platform):
                    key = (c.key[0], platform, metric)
                    if value is not None:
                        best[key] = max(best.get(key, Fraction(-1)), Fraction(value))
        for key in set(best) | set(found):
            cases += 1
            # values have nine decimals; a percentile's error is that of the quantiles it lies between
            if not near(found.get(key), best.get(key), Fraction(1, 10**5) if key[2] == SCORED[2] else Fraction(1, 10**9)):
                failures.append("%s at %s: got %s, model %s" % (key, at.isoformat(), found.get(key), best.get(key) and float(best[key])))
    tap.group("creator_metrics: shrunk rate, lower bound and percentile by the priors and baselines of the run, then and with later facts", cases, failures)


def check_metrics(tap, seed):
    rng = random.Random("metrics %d" % seed)
    story = Facts(rng)
    story.script.sql("SELECT influence.create_program('program', 'EUR', 'UTC')")
    for n in range(FACTS):
        story.clock = ORIGIN + SPAN * n / FACTS
        if len(story.creators) < CREATORS * (0.2 + n / FACTS):
            story.register()
        story.fact(story.clock)
        if n % (FACTS // 20) == 0:
            story.note_moment()
    asked = []
    for n in range(MOMENTS):
        at, known = ORIGIN + SPAN * rng.uniform(-0.1, 1.1), rng.choice(story.moments) if n % 2 else story.number + 1
        asked.append((at, known))
        story.script.query("metrics %d" % n, "SELECT creator_id, platform, metric, value FROM influence_internal.creator_metrics(NULL, 1, '%s', %s)"
                           % (at.isoformat(), "(SELECT at FROM moment WHERE number = %d)" % known if n % 2 else "NULL"))
    run, later = ORIGIN + SPAN * 0.9, ORIGIN + SPAN
    story.script.query("run", "SELECT status FROM influence.refresh_scores('%s')" % run.isoformat())
    story.script.query("scores", "SELECT creator_id, channel_id, platform, vertical, country, tier, followers, posts, rate_posts, prior_vertical, prior_tier, rate, rate_median, rate_trimmed, "
                       "rate_shrunk, rate_lower, rate_upper, growth, regularity, percentile FROM influence.channel_score")
    for at in (run, later):
        story.script.query("scored %s" % at.isoformat(), "SELECT creator_id, platform, metric, value FROM influence_internal.creator_metrics(NULL, 1, '%s', NULL, NULL, '%s')"
                           % (at.isoformat(), array(SCORED)))
    got, cases, failures = story.script.run(), 0, []
    uninstall()
    check_channels(tap, story, run, later, got)
    for n, (at, known) in enumerate(asked):
        found = {(int(r[0]), r[1], r[2]): Fraction(r[3]) for r in got["metrics %d" % n] if r[3] is not None}
        for creator in story.creators:
            for platform in [""] + PLATFORMS:
                for metric in model.METRICS:
                    if metric == "quality" and platform:
                        continue
                    want = model.metric_of(creator, platform, metric, at, known) if creator.number < known else None
                    value = found.pop((creator.creator_id, platform, metric), None)
                    # no channel is told by no row
                    if metric in ("channels", "verified_channels"):
                        want, value = want or 0, value or 0
                    cases += 1
                    if not same_value(metric, value, want):
                        failures.append("%s of creator %d on '%s' at %s, known %d: got %s, model %s" % (metric, creator.creator_id, platform, at.isoformat(), known,
                                                                                                       value and float(value), want and float(want)))
        failures += ["a value of its own: %s" % (key,) for key in found if key[2] in model.METRICS]
    tap.group("creator_metrics: at %d moments, as known then or now" % MOMENTS, cases, failures)


# --- influence ---

def instant(text):
    return datetime.fromisoformat(text + ":00").astimezone(timezone.utc)


def some_instant(rng):
    """Mostly within the window, at times at its very ends, before or after it."""
    roll = rng.random()
    if roll < 0.03:
        return rng.choice([RUN, RUN - WINDOW, RUN - timedelta(microseconds=1), RUN - WINDOW - timedelta(microseconds=1)])
    return RUN - WINDOW * rng.uniform(-0.1, 1.3)


def tell_sales(rng, script):
    """Two programs that sell the same things; in the second nobody records views."""
    verticals = [rng.choice(["beauty", "beauty", "sport", ""]) for _ in range(SELLERS)]
    script.sql("SET TimeZone = 'UTC'").sql("SELECT count(*) FROM influence.install()")
    for program in (1, 2):
        script.sql("SELECT influence.create_program('program %d', 'EUR', 'UTC', '{\"model\": \"linear\", \"max_touch_delay\": \"100 years\"}')" % program)
        script.sql("SELECT influence.set_admission_rule(%d, 'channels', '>=', 0, valid_from => '2020-01-01')" % program)
        script.sql("SELECT influence.set_commission_rate(%d, 0.1, valid_from => '2020-01-01')" % program)
    script.sql("UPDATE influence.program SET created_at = '2020-01-01'")
    script.sql("SELECT influence.create_category('things')")
    for n in range(1, 6):
        script.sql("SELECT influence.add_product('sku %d', 'Product', 1)" % n)
    for n, vertical in enumerate(verticals, 1):
        script.sql("SELECT influence.register_creator('creator %d', 'Name', vertical => '%s')" % (n, vertical))
        for program in (1, 2):
            script.sql("SELECT influence.apply_creator(%d, %d, '2020-01-02')" % (program, n))
    shares = [rng.expovariate(1) for _ in verticals]
    visitors = ["00000000-0000-4000-8000-%012d" % n for n in range(1, 60)]
    for program in (1, 2):
        rows = [[rng.choice(visitors), some_instant(rng).isoformat(), "t%d" % n, program, rng.choice(["view", "view", "click"] if program == 1 else ["click"]),
                 rng.choices(range(1, SELLERS + 1), shares)[0], rng.randint(1, 5)] for n in range(TOUCHES // program)]
        script.copy("influence.touch", ["visitor_id", "touched_at", "touch_ref", "program_id", "kind", "creator_id", "product_id"], rows)
        for n in range(ORDERS):
            lines = [{"line_no": k, "product_id": rng.randint(1, 5), "quantity": rng.randint(1, 4), "paid_price": rng.choice([0, 1, 999, 2500])} for k in range(1, rng.randint(2, 4))]
            visitor, at = rng.choice(visitors), some_instant(rng)
            script.sql("SELECT influence.record_order(%d, '%s', 'o%d', '%s', '%s')" % (program, visitor, n, json.dumps(lines), at.isoformat()))
            if rng.random() < 0.25:
                line = rng.choice(lines)
                # a whole piece, or an amount of it
                what, kind = rng.choice([("1", "return"), ("1", "chargeback"), ("NULL, amount => %d", "return"), ("NULL, amount => %d", "goodwill")])
                what = what % rng.randint(0, line["paid_price"]) if "%" in what else what
                script.sql("SELECT influence.record_return(%d, '%s', 'o%d', %d, 'r%d', %s, returned_at => '%s', kind => '%s')" % (
                    program, visitor, n, line["line_no"], n, what, (at + timedelta(days=rng.uniform(0, 40))).isoformat(), kind))
            elif rng.random() < 0.05:
                script.sql("SELECT influence.record_order_event(%d, '%s', 'o%d', 'cancelled', '%s')" % (program, visitor, n, (at + timedelta(hours=1)).isoformat()))
    script.sql("SELECT influence.do_job('reattribute', 0, NULL, now())").sql("SELECT influence.refresh_scores('%s')" % RUN.isoformat())
    return verticals


def influence_model(verticals, program, got):
    """{creator: (impressions, revenue, influence, lower, percentile)} and the priors by vertical."""
    def inside(at):
        return RUN - WINDOW <= at < RUN

    def month(at):
        return (at.year, at.month)

    touches = [(int(c), kind, instant(at)) for p, c, kind, at in got["touches"] if int(p) == program and inside(instant(at))]
    kind = "view" if any(k == "view" for _, k, _ in touches) else "click"
    shown, sold, back = {}, {}, {}
    for creator, k, at in touches:
        if k == kind:
            shown[creator, month(at)] = shown.get((creator, month(at)), 0) + 1
    for p, visitor, order, line, kind_of_return, amount, at in got["returns"]:
        if int(p) == program and instant(at) < RUN and kind_of_return != "goodwill":
            back[visitor, order, line] = back.get((visitor, order, line), 0) + int(amount) * (-1 if kind_of_return == "chargeback_reversed" else 1)
    for p, visitor, order, line, creator, credit, base, at in got["credits"]:
        if int(p) == program and inside(instant(at)) and int(base):
            key = (int(creator), month(instant(at)))
            sold[key] = sold.get(key, 0) + Fraction(int(credit)) * (int(base) - back.get((visitor, order, line), 0)) / int(base)
    sold = {key: max(0, floor(amount + Fraction(1, 2))) for key, amount in sold.items()}
    creators = []
    for creator in sorted({c for c, _ in list(shown) + list(sold)}):
        months = [(Fraction(sold.get((creator, m), 0), n), n) for (c, m), n in shown.items() if c == creator]
        seller = scores.Channel(creator, "", verticals[creator - 1], None, months)
        seller.cells = ([verticals[creator - 1]] if verticals[creator - 1] else []) + [""]
        seller.revenue = sum(n for (c, _), n in sold.items() if c == creator)
        creators.append(seller)
    priors = scores.fit(creators)
    places, answer = scores.percentiles(creators), {}
    for c in creators:
        # who showed nothing has no influence that could be known, whatever it sold
        lower = lower_bound(c)[0]
        answer[c.key] = (c.posts, c.revenue, None if c.shrunk is None else c.shrunk * 1000, None if lower is None else Fraction(lower) * 1000, places.get(c.key))
    return answer, priors, kind


def check_influence(tap, seed):
    rng = random.Random("influence %d" % seed)
    script = Script()
    verticals = tell_sales(rng, script)
    script.query("touches", "SELECT program_id, creator_id, kind, touched_at FROM influence.touch WHERE creator_id IS NOT NULL")
    script.query("credits", "SELECT c.program_id, c.visitor_id, c.order_ref, c.line_no, c.creator_id, c.credit, l.base_amount, o.ordered_at FROM influence.credit c "
                 "JOIN influence.order_line l USING (visitor_id, program_id, order_ref, line_no) JOIN influence.orders o USING (visitor_id, program_id, order_ref) "
                 "WHERE c.superseded_by IS NULL AND c.creator_id IS NOT NULL")
    script.query("returns", "SELECT program_id, visitor_id, order_ref, line_no, kind, amount, returned_at FROM influence.order_return WHERE state = 'applied'")
    script.query("scores", "SELECT program_id, creator_id, impressions, revenue, influence, influence_lower, influence_percentile, impression_kind FROM influence.creator_score WHERE program_id > 0")
    script.query("priors", "SELECT program_id, vertical, mean, strength, within_variance, between_variance, creators, impressions FROM influence.influence_prior")
    got = script.run()
    uninstall()
    for program in (1, 2):
        want, priors, kind = influence_model(verticals, program, got)
        found, failures = {int(r[1]): r[2:] for r in got["scores"] if int(r[0]) == program}, []
        for creator in set(want) | set(found):
            w, f = want.get(creator), found.get(creator)
            if w is None or f is None or f[5] != kind or int(f[0]) != w[0] or Fraction(f[1]) != w[1] or not all(near(a, b, Fraction(1, 10**9)) for a, b in zip(f[2:4], w[2:4])) \
                    or not near(f[4], w[4], Fraction(1, 10**5)):
                failures.append("creator %d (%s): got %s, model %s" % (creator, verticals[creator - 1], f, w and [None if x is None else float(x) for x in w]))
        tap.group("influence by %ss: impressions, revenue less returns, shrunk, lower bound, percentile" % kind, len(want), failures)
        found = {r[1]: r[2:] for r in got["priors"] if int(r[0]) == program}
        tap.group("influence by %ss: priors by vertical" % kind, len(priors), ["%r: got %s, model %s" % (v, found.get(v), p and [None if x is None else float(x) for x in p])
                  for v, p in priors.items() if v not in found or not all(near(a, b) for a, b in zip(found[v], p))])


def main():
    tap = Tap()
    rounds, seed = settings()
    for s in range(seed, seed + rounds):
        check_metrics(tap, s)
        check_influence(tap, s)
    tap.done()


if __name__ == "__main__":
    main()
