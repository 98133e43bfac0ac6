#!/usr/bin/env python3
"""Real creators (PGI_DATA/creators): what is published about them, against what the extension makes of the same inputs.

1. The 200 greatest Instagram accounts with a published engagement rate: the extension's rate from their own inputs agrees within
   5 % on at least 177, and the others are listed with the reason.
2. 15,150 snapshots of 2022 on Instagram, TikTok and YouTube through the API: every row is recorded, a duplicate, or refused as a
   contradiction, as counted beforehand. TikTok rates above 1 by followers pass through. Priors, shrunk rates and percentiles
   agree with scores_model.py; shrinkage moves creators with few observations and leaves those with many; ranks are
   within the vertical.
"""

import csv
from decimal import Decimal
from fractions import Fraction
import os
from statistics import median

import credibility_model as credibility
import scores_model as scores
from check_credibility import near
from pg import Script
from tap import Tap

SCALE = {"k": 10**3, "m": 10**6, "b": 10**9}
PERIODS = {"2022-03": "2022-03-15", "2022-06": "2022-06-15", "2022-09": "2022-09-15", "2022-11": "2022-11-15", "2022-12": "2022-12-15"}
AS_OF = {"top": "2022-03-02", "all": "2023-01-01", "followers": "2023-01-02"}
COUNTRIES = {
    "Albania": "AL", "Algeria": "DZ", "Argentina": "AR", "Australia": "AU", "Bangladesh": "BD", "Brazil": "BR", "Chile": "CL", "China": "CN", "Colombia": "CO",
    "Cyprus": "CY", "Ecuador": "EC", "Egypt": "EG", "Ethiopia": "ET", "France": "FR", "Germany": "DE", "India": "IN", "Indonesia": "ID", "Iran": "IR", "Iraq": "IQ",
    "Italy": "IT", "Japan": "JP", "Jordan": "JO", "Kazakhstan": "KZ", "Malaysia": "MY", "Mexico": "MX", "Morocco": "MA", "Nigeria": "NG", "Pakistan": "PK",
    "Peru": "PE", "Philippines": "PH", "Poland": "PL", "Portugal": "PT", "Romania": "RO", "Russia": "RU", "Saudi Arabia": "SA", "Serbia": "RS", "Singapore": "SG",
    "Somalia": "SO", "South Korea": "KR", "Spain": "ES", "Syria": "SY", "Thailand": "TH", "Turkey": "TR", "Ukraine": "UA", "United Arab Emirates": "AE",
    "United Kingdom": "GB", "United States": "US", "Yemen": "YE",
}
# Says of each row of a staging table what the API made of it: recorded, duplicate, or the SQLSTATE.
LOADER = """
CREATE FUNCTION pg_temp.load() RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
    r record;
    creator bigint;
    channel bigint;
BEGIN
    FOR r IN SELECT * FROM staged ORDER BY n LOOP
        IF r.first_of_handle THEN
            SELECT creator_id INTO STRICT creator FROM influence.register_creator(r.platform || '/' || r.handle, r.name, country => r.country, vertical => r.vertical);
            SELECT channel_id INTO STRICT channel FROM influence.add_channel(creator, r.platform, r.handle);
            INSERT INTO known VALUES (r.platform, r.handle, creator, channel);
        END IF;
        BEGIN
            INSERT INTO outcome SELECT r.n, m.status
              FROM known k, influence.record_channel_metrics(k.creator_id, k.channel_id, r.measured_at, followers => r.followers, views => r.views, likes => r.likes,
                   comments => r.comments, shares => r.shares, interactions => r.interactions, source => r.source) m
             WHERE k.platform = r.platform AND k.handle = r.handle;
        EXCEPTION WHEN SQLSTATE 'IN004' THEN
            INSERT INTO outcome VALUES (r.n, SQLSTATE);
        END;
    END LOOP;
END $f$
"""
STAGED = [("n", "int"), ("first_of_handle", "boolean"), ("platform", "text"), ("handle", "text"), ("name", "text"), ("country", "text"), ("vertical", "text"),
          ("measured_at", "timestamptz"), ("followers", "bigint"), ("views", "bigint"), ("likes", "bigint"), ("comments", "bigint"), ("shares", "bigint"),
          ("interactions", "bigint"), ("source", "text")]
COUNTS = ["followers", "views", "likes", "comments", "shares", "interactions"]


def rows_of(name):
    with open(os.path.join(os.environ["PGI_DATA"], "creators", name), encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def number(text):
    """"3.3k", "475.8m" and the half of its last digit, by which it was rounded."""
    if not text:
        return None, None
    scale = SCALE.get(text[-1], 1)
    digits = Decimal(text[:-1] if scale > 1 else text)
    return int(digits * scale), Fraction(Decimal(1).scaleb(digits.as_tuple().exponent) * scale) / 2


def staged(rows):
    """Staged rows, in the order of the source, with what is to be expected of each."""
    seen, facts, expected, out = set(), {}, [], []
    for n, row in enumerate(rows):
        account, key = (row["platform"], row["handle"]), (row["platform"], row["handle"], row["measured_at"])
        content = [row.get(c) for c in COUNTS] + [row["source"]]
        expected.append("recorded" if key not in facts else "duplicate" if facts[key] == content else "IN004")
        facts.setdefault(key, content)
        out.append([n, account not in seen] + [row.get(c) for c, _ in STAGED[2:]])
        seen.add(account)
    return out, expected


def uninstall():
    Script().sql("SELECT influence.uninstall('drop all influence data in ' || current_database())").run()


def load(script, rows):
    script.sql("SET TimeZone = 'UTC'").sql("SELECT count(*) FROM influence.install()")
    script.sql("CREATE TEMP TABLE staged (%s)" % ", ".join("%s %s" % c for c in STAGED))
    script.sql("CREATE TEMP TABLE known (platform text, handle text, creator_id bigint, channel_id bigint, PRIMARY KEY (platform, handle))")
    script.sql("CREATE TEMP TABLE outcome (n int, outcome text)")
    script.copy("staged", [c for c, _ in STAGED], rows).sql(LOADER)
    script.query("load", "SELECT pg_temp.load()").query("outcome", "SELECT outcome FROM outcome ORDER BY n").query("done", "SELECT")


# --- the 200 ---

def reason(row, likes, followers, published, rate):
    if published is None:
        return "no rate is published (%s)" % row["60_day_eng_rate"]
    if likes[0] == 0:
        return "no likes are given for new posts, a rate is published"
    low, high = (likes[0] - likes[1]) / (followers[0] + followers[1]), (likes[0] + likes[1]) / (followers[0] - followers[1])
    if low <= published[0] + published[1] and published[0] - published[1] <= high:
        return "as published within the rounding of the figures given"
    return "the rate published is not that of the inputs given"


def check_top(tap):
    source = rows_of("top_instagram_200.csv")
    rows = [{"platform": "instagram", "handle": r["channel_info"], "name": r["channel_info"], "vertical": "", "measured_at": "2022-03-01",
             "followers": number(r["followers"])[0], "likes": number(r["new_post_avg_like"])[0], "source": "top 200"} for r in source]
    table, expected = staged(rows)
    script = Script()
    load(script, table)
    script.sql("SELECT influence.refresh_scores('%s')" % AS_OF["top"])
    script.query("rates", "SELECT k.handle, s.rate FROM known k JOIN influence.channel_score s USING (creator_id, channel_id)")
    got = script.run()
    uninstall()
    tap.group("top 200: every row is recorded", len(rows), ["%s: %s" % (r, o) for r, (o,), e in zip(rows, got["outcome"], expected) if o != e])
    rates, wrong, agreed, others = dict(got["rates"]), [], 0, []
    for row in source:
        likes, followers, rate = number(row["new_post_avg_like"]), number(row["followers"]), rates.get(row["channel_info"])
        text = row["60_day_eng_rate"].rstrip("%")
        published = None if text in ("", "NaN") else (Fraction(text) / 100, Fraction(1, 20000))
        if not near(rate, Fraction(likes[0], followers[0])):
            wrong.append("%s: %s, likes / followers is %s" % (row["channel_info"], rate, likes[0] / followers[0]))
        elif published and abs(Fraction(float(rate)) - published[0]) <= published[0] / 20:
            agreed += 1
        else:
            others.append("%s: published %s, got %.4f%%: %s" % (row["channel_info"], row["60_day_eng_rate"], 100 * float(rate), reason(row, likes, followers, published, rate)))
    tap.group("top 200: rates are likes / followers", len(source), wrong)
    for line in others:
        tap.note(line)
    tap.ok(agreed >= 177 and agreed + len(others) == len(source), "top 200: %d published rates are reproduced within 5 %%, the others have a reason" % agreed, others)


# --- snapshots of 2022 ---

def snapshots():
    """The rows as they are told: of an account the first country and category that say something hold."""
    source, about, unknown = rows_of("influencers_2022.csv"), {}, {}
    for row in source:
        account = about.setdefault((row["platform"], row["handle"]), {"name": "", "category": "", "country": None})
        account["name"] = account["name"] or row["name"].strip()[:200]
        account["category"] = account["category"] or row["category"]
        account["country"] = account["country"] or COUNTRIES.get(row["country"])
        if row["country"] and row["country"] not in COUNTRIES:
            unknown[row["country"]] = unknown.get(row["country"], 0) + 1
    rows = []
    for row in source:
        account = about[row["platform"], row["handle"]]
        told = {"platform": row["platform"], "handle": row["handle"], "name": account["name"] or row["handle"], "country": account["country"],
                "vertical": account["category"], "measured_at": PERIODS[row["period"]], "source": "2022"}
        for column, field in (("followers", "followers"), ("views", "views_avg"), ("likes", "likes_avg"), ("comments", "comments_avg"), ("shares", "shares_avg"), ("interactions", "eng_avg")):
            told[column] = int(row[field]) if row[field] else None
        rows.append(told)
    return rows, unknown


def observation(row, basis):
    """(rate, 1 post) or None."""
    interactions = row["interactions"]
    if interactions is None:
        if row["likes"] is None:
            return None
        interactions = row["likes"] + (row["comments"] or 0) + (row["shares"] or 0)
    return (Fraction(interactions, row[basis]), 1) if row[basis] else None


def channels_of(rows, expected, basis):
    """scores_model's channels from the rows that were recorded."""
    accounts = {}
    for row, outcome in zip(rows, expected):
        if outcome == "recorded":
            accounts.setdefault((row["platform"], row["handle"]), []).append(row)
    out = []
    for key, those in accounts.items():
        told = [r for r in sorted(those, key=lambda r: r["measured_at"]) if r["followers"] is not None]
        observations = [o for o in (observation(r, basis[key[0]]) for r in those) if o]
        out.append(scores.Channel(key, key[0], those[0]["vertical"], told[-1]["followers"] if told else None, observations))
    return out


def check_snapshots(tap):
    rows, unknown = snapshots()
    table, expected = staged(rows)
    script = Script()
    load(script, table)
    score = "SELECT k.platform, k.handle, s.rate_posts, s.tier, s.vertical, s.rate, s.rate_shrunk, s.rate_lower, s.rate_upper, s.percentile, s.rate_median FROM known k JOIN influence.channel_score s USING (creator_id, channel_id) WHERE s.scored_at = '%s'"
    script.sql("SELECT influence.refresh_scores('%s')" % AS_OF["all"])
    script.query("scores", score % AS_OF["all"])
    script.query("priors", "SELECT platform, vertical, tier, mean, strength, within_variance, between_variance, creators, posts FROM influence.engagement_prior WHERE fitted_at = '%s'" % AS_OF["all"])
    verticals = ["Music", "Sports with a ball", "Cinema & Actors/actresses"]
    for vertical in [""] + verticals:
        script.query("ranking " + (vertical or "overall"), "SELECT k.handle, r.rank, r.value, r.percentile FROM influence.creator_ranking(vertical => '%s', metric => 'engagement', as_of => '%s', platform => 'instagram', page_size => 1000) r "
                     "JOIN known k USING (creator_id) ORDER BY r.rank" % (vertical, AS_OF["all"]))
    script.query("done", "SELECT")
    script.sql("UPDATE influence.platform SET engagement_basis = 'followers' WHERE platform = 'tiktok'")
    script.sql("SELECT influence.refresh_scores('%s')" % AS_OF["followers"])
    script.query("by followers", score % AS_OF["followers"] + " AND k.platform = 'tiktok'")
    got = script.run()
    uninstall()
    check_load(tap, rows, expected, got, unknown)
    channels = channels_of(rows, expected, {"instagram": "followers", "tiktok": "views", "youtube": "views"})
    priors = scores.fit(channels)
    check_scores(tap, "2022", channels, got["scores"])
    check_priors(tap, priors, got["priors"])
    check_shrinkage(tap, channels)
    check_ranks(tap, channels, got, verticals)
    # by followers, as many services measure TikTok
    tiktok = channels_of([r for r in rows if r["platform"] == "tiktok"], [e for r, e in zip(rows, expected) if r["platform"] == "tiktok"], {"tiktok": "followers"})
    scores.fit(tiktok)
    check_scores(tap, "TikTok by followers", tiktok, got["by followers"])
    above = [c for c in tiktok if c.rate is not None and c.rate > 1]
    passed = [r for r in got["by followers"] if r[5] is not None and float(r[5]) > 1]
    tap.ok(len(above) > 100 and len(passed) == len(above), "TikTok by followers: %d of %d channels have a rate above 1, and it passes through" % (len(above), len(tiktok)),
           [len(above), len(passed)])


def check_load(tap, rows, expected, got, unknown):
    outcome = [o for (o,) in got["outcome"]]
    count = {o: expected.count(o) for o in ("recorded", "duplicate", "IN004")}
    tap.note("2022: %d rows: %d recorded, %d surplus rows are told again in the same words (duplicate), %d contradict the row before them (IN004, the first holds)"
             % ((len(rows),) + tuple(count[o] for o in ("recorded", "duplicate", "IN004"))))
    tap.note("2022: countries that are none, left out: %s" % ", ".join("%r %d" % x for x in sorted(unknown.items())))
    tap.group("2022: each row recorded, duplicate or refused as a contradiction", len(rows),
              ["%s: %s, expected %s" % (r, o, e) for r, o, e in zip(rows, outcome, expected) if o != e] + (["%d answers" % len(outcome)] if len(outcome) != len(rows) else []))
    tap.ok(count["duplicate"] + count["IN004"] == 254, "2022: all 254 surplus rows of the source are accounted for", [count])


def check_scores(tap, label, channels, answers):
    found = {(r[0], r[1]): r[2:] for r in answers}
    places, failures = scores.percentiles(channels), []
    for c in channels:
        answer = found.get(c.key)
        if answer is None:
            if c.observations:
                failures.append("%s has no score" % (c.key,))
            continue
        bounds = credibility.shrunk_bounds(c.posts, c.rate, c.prior, 0.95) if c.shrunk is not None else None
        want = [c.rate, c.shrunk] + list(bounds or (None, None))
        fine = int(answer[0]) == c.posts and (answer[1] or None) == c.tier and answer[2] == c.vertical
        fine = fine and all(near(a, w, Fraction(1, 10**12)) for a, w in zip(answer[3:7], want)) and near(answer[7], places.get(c.key), Fraction(1, 10**5))
        fine = fine and near(answer[8], credibility.median(c.observations))
        if not fine:
            failures.append("%s: got %s, model %s, percentile %s, cell %s" % (c.key, answer, [w if w is None else float(w) for w in want], places.get(c.key) and float(places[c.key]), c.cell))
    tap.group("%s: rate, median, tier, shrunk rate, bounds and percentile of every channel" % label, len(channels), failures)


def check_priors(tap, priors, answers):
    found, failures = {tuple(r[:3]): r[3:] for r in answers}, []
    priors = {cell: prior for cell, prior in priors.items() if prior is not None}
    for cell, prior in priors.items():
        if cell in found and not all(near(a, w, Fraction(1, 10**15)) for a, w in zip(found[cell], prior)):
            failures.append("%s: got %s, model %s" % (cell, found[cell], [w if w is None else float(w) for w in prior]))
    failures += ["%s: %s" % (cell, "not stored") for cell in set(priors) - set(found)] + ["%s: stored, without a channel" % (cell,) for cell in set(found) - set(priors)]
    tap.group("2022: priors of platform x vertical x tier and the wider cells", len(priors), failures)


def check_shrinkage(tap, channels):
    """The model's shrunk rates are the extension's by now: how far they move tells whether shrinkage does what it is for."""
    moved, lines = {}, []
    for c in channels:
        if c.shrunk is not None and c.rate != c.prior[0]:
            moved.setdefault(min(c.posts, 5), []).append(float((c.shrunk - c.rate) / (c.prior[0] - c.rate)))
    for posts, shares in sorted(moved.items()):
        lines.append("%d observation%s: %d channels, moved by %.1f %% of the way to their prior (median)" % (posts, "s" if posts > 1 else "", len(shares), 100 * median(shares)))
    for line in lines:
        tap.note(line)
    middle = {posts: median(shares) for posts, shares in moved.items()}
    tap.ok(middle[1] > 2 * middle[5] and all(middle[k] > middle[k + 1] for k in range(1, 5)), "2022: the fewer observations, the further the rate moves", lines)
    tap.ok(all(0 <= share <= 1 for shares in moved.values() for share in shares), "2022: always toward the prior, never beyond")


def check_ranks(tap, channels, got, verticals):
    places, failures, cases = scores.percentiles(channels), [], 0
    overall = {r[0]: int(r[1]) for r in got["ranking overall"]}
    for vertical in [""] + verticals:
        mine = sorted((c for c in channels if c.platform == "instagram" and c.shrunk is not None and vertical in ("", c.vertical)), key=lambda c: -c.shrunk)[:1000]
        answer = got["ranking " + (vertical or "overall")]
        cases += len(mine)
        if len(answer) != len(mine) or [int(r[1]) for r in answer] != list(range(1, len(mine) + 1)):
            failures.append("%r: %d ranks, model %d" % (vertical, len(answer), len(mine)))
        for c, row in zip(mine, answer):
            if not near(row[2], c.shrunk, Fraction(1, 10**9)) or not near(row[3], places[c.key], Fraction(1, 10**5)) and row[0] == c.key[1]:
                failures.append("%r, rank %s: got %s, model %s %.9f, percentile %.3f" % (vertical, row[1], row, c.key, c.shrunk, places[c.key]))
    tap.group("2022: creator_ranking by shrunk rate, overall and within three verticals", cases, failures)
    for vertical in verticals:
        differ = sum(overall.get(r[0]) != int(r[1]) for r in got["ranking " + vertical])
        tap.ok(differ > 0.9 * len(got["ranking " + vertical]) > 0, "2022: in %s, %d of %d ranks are others than overall" % (vertical, differ, len(got["ranking " + vertical])))


def main():
    tap = Tap()
    if not os.path.exists(os.path.join(os.environ.get("PGI_DATA") or "/nowhere", "creators", "top_instagram_200.csv")):
        tap.skip("top 200", "no data")
        tap.skip("2022", "no data: PGI_DATA has no creators/")
        tap.done()
    check_top(tap)
    check_snapshots(tap)
    tap.done()


if __name__ == "__main__":
    main()
