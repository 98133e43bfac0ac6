#!/usr/bin/env python3
"""Metrics and scores of creators against independent calculations from the facts that the test told.

1. creator_metrics(): every metric of every creator that needs nobody else, by platform and overall, at random moments and as known
   at others, against admission_model.py.
"""

from fractions import Fraction
import random

import admission_model as model
from admission_story import Facts, ORIGIN, PLATFORMS, SPAN
from check_admission import same_value
from pg import Script, settings
from tap import Tap

CREATORS, FACTS, MOMENTS = 100, 1200, 24


def uninstall():
    Script().sql("SELECT influence.uninstall('drop all influence data in ' || current_database())").run()


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
    got, cases, failures = story.script.run(), 0, []
    uninstall()
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


def main():
    tap = Tap()
    rounds, seed = settings()
    for s in range(seed, seed + rounds):
        check_metrics(tap, s)
    tap.done()


if __name__ == "__main__":
    main()
