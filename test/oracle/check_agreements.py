#!/usr/bin/env python3
"""Agreements with creators against a model of the explanation: random calls in random order, each with the answer it must get, then the views.

Brands and sellers in any spelling, exclusivities over a tree of categories, quotas in two time zones, parcels, posts; strikes told in any order, lifted,
and with words by hand in between.
"""

import random

from agreements_model import FOREVER, Agreements, moment, month, standing
from pg import Script, quote, settings
from tap import Tap

ZONES = {1: "America/New_York", 2: "Asia/Tokyo"}
PARENTS = {1: None, 2: 1, 3: 1, 4: 2, 5: None, 6: 5}
BRANDS = {"acme": ["Acme", " ACME", "\uff21cme"], "bolt": ["Bolt", "bolt "], "two words": ["Two  Words", "TWO\tWORDS"], "*": ["*"]}
SELLERS = {"s": ["S", " s"], "t": ["T"], "*": ["*"]}
CREATORS = [1, 2, 3]
CALLS, STRUCK, STRIKES = 700, 25, 10
LIMITS, EXPIRES = (3, 6), 40
DAY = 24
ANSWER = """
CREATE FUNCTION pg_temp.answer(call text) RETURNS text LANGUAGE plpgsql AS $f$
DECLARE
    status text;
BEGIN
    EXECUTE 'SELECT status FROM influence.' || call INTO status;
    RETURN status;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END $f$;
CREATE FUNCTION pg_temp.post(program bigint, creator bigint, ref text, products bigint[], at timestamptz, told text) RETURNS text LANGUAGE plpgsql AS $f$
BEGIN
    RETURN (SELECT status FROM influence.publish_post(program, creator, ref, 'photo', published_at => at, disclosure => told,
        tags => (SELECT jsonb_agg(jsonb_build_object('product_id', p)) FROM unnest(products) p)));
EXCEPTION WHEN SQLSTATE 'IN005' THEN
    RETURN 'IN005 ' || coalesce(substring(SQLERRM FROM 'shown|quota|sample'), SQLERRM);
END $f$;
"""


def literal(hours):
    return "NULL" if hours is None else quote(moment(hours))


def spelled(rng, names, key):
    return quote(rng.choice(names[key]))


def a_range(rng):
    begin = rng.randrange(0, 150) * DAY + rng.randrange(DAY)
    return begin, FOREVER if rng.random() < 0.25 else begin + rng.randrange(1, 80) * DAY


def a_call(rng, model, made):
    """(SQL, what it must answer) of a call; now and then one that was made before."""
    kind = rng.choice(["brand", "brand", "end_brand", "seller", "end_seller", "exclusive", "exclusive", "end_exclusive", "quota", "quota", "sample", "back",
                       "post", "post", "post", "post", "post", "post", "post", "post", "post", "again"])
    program, creator, (begin, until) = rng.choice([1, 2]), rng.choice(CREATORS), a_range(rng)
    product = rng.choice(list(model.products))
    if kind == "again" and made:
        call, make = rng.choice(made)
    elif kind == "brand":
        allowed, brand = rng.random() < 0.75, rng.choice(list(BRANDS))
        until = begin + rng.randrange(1, 10) * DAY if not allowed else until
        call = "set_brand_rule(%d, %s, %s, %s, %s)" % (program, spelled(rng, BRANDS, brand), allowed, literal(begin), literal(until))
        make = lambda: model.brands.add((program, allowed, brand), begin, until)
    elif kind == "end_brand":
        allowed, brand = rng.random() < 0.5, rng.choice(list(BRANDS))
        call = "end_brand_rule(%d, %s, %s, %s)" % (program, spelled(rng, BRANDS, brand), allowed, literal(begin))
        make = lambda: model.brands.end((program, allowed, brand), begin)
    elif kind == "seller":
        brand, seller = rng.choice(["acme", "bolt"]), rng.choice(list(SELLERS))
        call = "authorise_seller(%s, %s, %s, %s)" % (spelled(rng, BRANDS, brand), spelled(rng, SELLERS, seller), literal(begin), literal(until))
        make = lambda: model.sellers.add((brand, seller), begin, until)
    elif kind == "end_seller":
        brand, seller = rng.choice(["acme", "bolt"]), rng.choice(list(SELLERS))
        call = "end_authorisation(%s, %s, %s)" % (spelled(rng, BRANDS, brand), spelled(rng, SELLERS, seller), literal(begin))
        make = lambda: model.sellers.end((brand, seller), begin)
    elif kind == "exclusive":
        ref, brand, category = "e%d" % rng.randrange(30), rng.choice(["acme", "bolt", "two words"]), rng.choice([0] + list(PARENTS))
        until = begin + rng.randrange(1, 15) * DAY
        # the same words in a retry: the content is compared as it was given
        call = "agree_exclusivity(%d, '%s', %s, 'o', %d, %s, %s)" % (creator, ref, quote(BRANDS[brand][0]), category, literal(begin), literal(until))
        make = lambda: model.agree(creator, ref, brand, category, begin, until)
    elif kind == "end_exclusive":
        ref = "e%d" % rng.randrange(30)
        call = "end_exclusivity(%d, '%s', 'o', %s)" % (creator, ref, literal(begin))
        make = lambda: model.end_exclusivity(creator, ref, begin)
    elif kind == "quota":
        of, least = rng.choice([0] + CREATORS), rng.choice([None, 0, 1, 2])
        most = rng.choice([None, least or 0, (least or 0) + 1])
        call = "set_quota(%d, %d, %s, %s, %s, %s)" % (program, of, least if least is not None else "NULL", most if most is not None else "NULL", literal(begin), literal(until))
        make = lambda: model.set_quota(program, of, least, most, begin, until)
    elif kind == "sample":
        ref, owed = "s%d" % rng.randrange(25), rng.randrange(3)
        call = "send_sample(%d, %d, '%s', %d, 'o', sent_at => %s, posts_due => %d, due_at => %s)" % (
            program, creator, ref, product, literal(begin), owed, literal(until if until != FOREVER else None))
        make = lambda: model.send(program, ref, creator, product, begin, owed, until)
    elif kind == "back":
        ref = "s%d" % rng.randrange(25)
        call = "return_sample(%d, '%s', 'o', %s)" % (program, ref, literal(begin))
        make = lambda: model.give_back(program, ref, begin)
    else:
        products, told = rng.sample(sorted(model.products), rng.choice([1, 1, 2])), rng.choice(["affiliate", "gifted", "none", "none"])
        return ("pg_temp.post(%d, %d, '%s', '{%s}', %s, '%s')" % (program, creator, "p%d" % rng.randrange(10 ** 12), ",".join(map(str, products)), literal(begin), told),
                model.post(program, creator, products, begin, told != "none"))
    made.append((call, make))
    return "pg_temp.answer(%s)" % quote(call), make()


def a_catalogue(rng):
    return {n: (rng.choice(["acme", "acme", "bolt", "two words", None]), rng.choice(["s", "t", None]), rng.choice(list(PARENTS))) for n in range(1, 13)}


def world(script, rng, products):
    script.sql("DO $f$ BEGIN IF to_regclass('influence.schema_version') IS NOT NULL THEN PERFORM influence.uninstall('drop all influence data in ' || current_database()); END IF; "
               "PERFORM influence.install(); END $f$")
    script.sql("SET TimeZone = 'UTC'").sql(ANSWER)
    script.sql("DO $f$ BEGIN %s END $f$" % " ".join(
        ["PERFORM influence.create_program('P%d', 'EUR', '%s'), influence.set_admission_rule(%d, 'channels', '>=', 0, valid_from => '2020-01-01');" % (p, zone, p) for p, zone in ZONES.items()]
        + ["PERFORM influence.create_category('c%d', %s);" % (c, parent or "NULL") for c, parent in PARENTS.items()]
        + ["PERFORM influence.add_product('k%d', 'k', %d, brand => %s, seller => %s);" % (n, category, spelled(rng, BRANDS, brand) if brand else "NULL", spelled(rng, SELLERS, seller) if seller else "NULL")
           for n, (brand, seller, category) in products.items()]
        + ["PERFORM influence.register_creator('r%d', 'R'), influence.apply_creator(p, %d, '2023-12-01') FROM unnest('{1,2}'::bigint[]) p;" % (c, c) for c in range(1, len(CREATORS) + STRUCK + 1)]))


def check_story(tap, seed):
    rng = random.Random(seed)
    products = a_catalogue(rng)
    model, made, script = Agreements(ZONES, PARENTS, products), [], Script()
    world(script, rng, products)
    calls = [a_call(rng, model, made) for _ in range(CALLS)]
    for n, (call, _) in enumerate(calls):
        script.query("call", "SELECT %d, %s" % (n, call))
    asked = [(rng.choice([1, 2]), rng.choice(CREATORS), rng.randrange(240 * DAY)) for _ in range(200)]
    script.sql("CREATE TEMP TABLE asked (n int, program bigint, creator bigint, at timestamptz)")
    script.copy("asked", ["n", "program", "creator", "at"], [[n, p, c, moment(at)] for n, (p, c, at) in enumerate(asked)])
    script.query("bars", "SELECT n, coalesce(string_agg(b.product_id || ' ' || b.bar, ',' ORDER BY b.product_id, b.bar), '') FROM asked "
                 "LEFT JOIN LATERAL influence_internal.tagging_bars(program, creator, ARRAY(SELECT product_id FROM influence.product), at) b ON true GROUP BY n")
    script.query("breaches", "SELECT b.exclusivity_ref, b.creator_id, b.published_at, b.product_id FROM influence.exclusivity_breach b")
    script.query("quotas", "SELECT program_id, creator_id, period, min_posts, max_posts, posts, missing, over FROM influence.quota_status "
                 "WHERE creator_id <= %d AND period BETWEEN '2024-01' AND '2024-09'" % len(CREATORS))
    script.query("samples", "SELECT program_id, sample_ref, posts, late_posts, state FROM influence.sample_status")
    got = script.run()

    answers = {int(row[0]): row[1] for row in got["call"]}
    tap.group("answers of calls", CALLS, ["%d %s: %s, not %s" % (n, call, answers.get(n), want) for n, (call, want) in enumerate(calls) if answers.get(n) != want])
    bars = {int(row[0]): row[1] for row in got["bars"]}
    want = [",".join("%d %s" % b for b in sorted(model.bars(p, c, products, at))) for p, c, at in asked]
    tap.group("what may not be shown, and why", len(asked) if any(want) else 0, ["%s: %s, not %s" % (asked[n], bars.get(n), w) for n, w in enumerate(want) if bars.get(n) != w])

    want = sorted((ref, str(c), moment(p[2]), str(k)) for (c, ref), r in model.exclusive.items() for p in model.posts for k in p[3]
                  if p[1] == c and r[0] <= p[2] < r[1] and products[k][0] != r[3] and (r[4] == 0 or r[4] in model.path(products[k][2])))
    rows = sorted(tuple(row[:2] + [row[2].replace("+00", "") + "+00"] + row[3:]) for row in got["breaches"])
    tap.group("breaches of exclusivity", len(want), [] if rows == want else ["%s, not %s" % (sorted(set(rows) - set(want)), sorted(set(want) - set(rows)))])

    want = {}
    for p, zone in ZONES.items():
        for c in CREATORS:
            for period in ["2024-%02d" % m for m in range(1, 10)]:
                r = model.quota_of(p, c, period)
                if r:
                    n = model.posts_in(p, c, period)
                    want[str(p), str(c), period] = [None if v is None else str(v) for v in (r[3], r[4], n, None if r[3] is None else max(r[3] - n, 0), None if r[4] is None else max(n - r[4], 0))]
    rows = {tuple(row[:3]): row[3:] for row in got["quotas"]}
    wrong = ["%s: %s, not %s" % (key, rows.get(key), want.get(key)) for key in sorted(set(rows) | set(want))
             # greatest() leaves out what is not known: no bound, nothing missing or over
             if rows.get(key) is None or key not in want or [rows[key][i] for i in range(5)] != [want[key][i] or ("0" if i > 2 else want[key][i]) for i in range(5)]]
    tap.group("months against quotas", len(want), wrong)

    want = {(str(p), ref): [str(v) for v in model.sample_state(s, p)] for (p, ref), s in model.samples.items()}
    rows = {tuple(row[:2]): row[2:] for row in got["samples"]}
    tap.group("parcels and their posts", len(want), ["%s: %s, not %s" % (key, rows.get(key), want.get(key)) for key in sorted(set(rows) | set(want)) if rows.get(key) != want.get(key)])
    return {want for _, want in calls}


def check_strikes(tap, seed):
    rng = random.Random(seed + 1)
    script, told, calls = Script(), {}, []
    world(script, rng, {1: ("acme", "s", 1)})
    script.sql("INSERT INTO influence.setting (name, version, value) VALUES ('strike_limits', 2, '{\"suspend\": %d, \"ban\": %d, \"expires\": \"%d days\"}')" % (LIMITS + (EXPIRES,)))
    for creator in range(len(CREATORS) + 1, len(CREATORS) + STRUCK + 1):
        strikes, by_hand, mine = [], {}, []
        for n in range(STRIKES):
            begin, points = rng.randrange(100) * DAY, rng.choice([1, 1, 2])
            lifted = begin + rng.randrange(60) * DAY if rng.random() < 0.4 else FOREVER
            strikes.append([begin, points, begin + EXPIRES * DAY, lifted])
            place = rng.random()
            mine.append((place, "record_strike(%d, 's%d', 'r', 'o', %s, %d)" % (creator, n, literal(begin), points)))
            if lifted != FOREVER:
                mine.append((rng.uniform(place, 1), "lift_strike(%d, 's%d', 'o', 'n', %s)" % (creator, n, literal(lifted))))
        for _ in range(rng.randrange(4)):
            at = rng.randrange(100) * DAY + 7
            by_hand[at] = rng.choice(["active", "active", "suspended", "banned"])
        mine += [(rng.random(), "set_creator_status(%d, '%s', 'r', 'o', %s)" % (creator, status, literal(at))) for at, status in by_hand.items()]
        calls += [call for _, call in sorted(mine)]
        told[creator] = strikes, by_hand
    for call in calls:
        script.query("call", "SELECT %s, pg_temp.answer(%s)" % (quote(call), quote(call)))
    script.query("standing", "SELECT c, d, influence_internal.creator_status_at(c, '2024-01-01 00:00+00'::timestamptz + d * interval '1 day' + interval '12 hours') "
                 "FROM generate_series(%d, %d) c, generate_series(-1, 170) d" % (len(CREATORS) + 1, len(CREATORS) + STRUCK))
    got = script.run()
    tap.group("strikes, lifted ones and words by hand are recorded", len(calls), [row for row in got["call"] if row[1] != "recorded"])
    wrong, seen = [], set()
    for creator, day, status in got["standing"]:
        want = standing(*told[int(creator)], LIMITS, int(day) * DAY + 12)
        seen.add(want)
        if status != want:
            wrong.append("creator %s on day %s: %s, not %s; %s" % (creator, day, status, want, told[int(creator)]))
    tap.group("the status on each day, in whatever order it was told", len(got["standing"]) if len(seen) == 3 else 0, wrong)


def main():
    tap = Tap()
    rounds, seed = settings()
    tap.note("seeds %d to %d" % (seed, seed + rounds - 1))
    some = set()
    for s in range(seed, seed + rounds):
        some |= check_story(tap, s)
        check_strikes(tap, s)
    wanted = {"recorded", "duplicate", "IN003", "IN004", "IN005", "IN011", "IN005 shown", "IN005 quota", "IN005 sample"}
    tap.ok(some >= wanted, "every answer occurs", [sorted(wanted - some)])
    tap.done()


if __name__ == "__main__":
    main()
