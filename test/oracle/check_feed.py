#!/usr/bin/env python3
"""get_feed() against its promises, from outside.

Sessions scroll through the feed of a small random program while posts are taken down and published, products sell out,
creators are suspended, blocked, muted and hidden, and statistics are refreshed between their pages. Who may be shown
what is worked out anew by one plain query over the facts, for every page. The features of formats and sounds are worked out
from the facts, too. Sessions that nothing disturbs go to the
end: then all that may be shown must have been, in the order that a plain greedy model in Python makes of the scores.
Other sessions scroll while writers are at work at the same time. Cursors are altered, impressions told twice.
"""

from collections import defaultdict
import math
import os
import subprocess

from pg import Script, quote, settings
from tap import Tap

TREE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
POSTS = 560
WINDOW, OF_CREATOR, OF_CATEGORY = 10, 2, 4
FIRST_SPONSORED, SPACING, ORGANIC_LEFT = 3, 5, 5

# All posts are candidates, so that "within the bounds" is everybody.
SETUP = """
SET client_min_messages = error;
INSERT INTO influence.setting (name, version, value)
SELECT 'feed_candidates', 1 + max(version), (SELECT value FROM influence.setting WHERE name = 'feed_candidates' ORDER BY version DESC LIMIT 1) || '{"popular": 5000, "history_days": 3650}'
  FROM influence.setting WHERE name = 'feed_candidates';
UPDATE influence.post SET disclosure = 'affiliate' WHERE disclosure = 'none';
SELECT c.status
  FROM (SELECT row_number() OVER (ORDER BY d.brand) AS n, d.brand, array_agg(DISTINCT g.post_id) AS posts
          FROM influence.product d JOIN influence.post_tag g USING (product_id) JOIN influence.post t USING (post_id)
         WHERE t.published_at > bench.moment() - interval '60 days' GROUP BY d.brand HAVING count(DISTINCT g.post_id) BETWEEN 2 AND 50 LIMIT 4) p,
       LATERAL influence.create_sponsored_campaign(1, 'c' || p.n, p.brand, 'Campaign', p.posts, 1000000, 'impression', 5000 + p.n, bench.moment() - interval '30 days', bench.moment() + interval '30 days', frequency_cap => NULL) c;
CREATE TABLE public.told (session int, visitor_id uuid, post_id bigint, at timestamptz);
CREATE TABLE public.shown (session int, page int, place int, rank int, post_id bigint, creator_id bigint, category_id bigint, media text, score float8, sponsored boolean,
    disclosure text, sources text[], next_cursor text, impression text);
CREATE INDEX ON public.shown (session, page);
CREATE TABLE public.open_post (session int, page int, post_id bigint);
CREATE INDEX ON public.open_post (session);
CREATE TABLE public.seen_only (session int, post_id bigint);

-- Who may be shown what, from the facts alone.
CREATE FUNCTION public.open_posts(viewer uuid, frozen timestamptz, at timestamptz) RETURNS SETOF bigint LANGUAGE sql STABLE AS $f$
    WITH persons AS MATERIALIZED (SELECT viewer AS id), me AS MATERIALIZED (SELECT (SELECT country FROM influence.shopper WHERE visitor_id = viewer) AS country, (SELECT language FROM influence.shopper WHERE visitor_id = viewer) AS language),
    stocked AS MATERIALIZED (
        SELECT DISTINCT ON (k.product_id) k.product_id, k.quantity FROM influence.product_stock k WHERE k.valid_from <= at ORDER BY k.product_id, k.valid_from DESC),
    sellable AS MATERIALIZED (SELECT DISTINCT g.post_id FROM influence.post_tag g JOIN stocked s ON s.product_id = g.product_id AND s.quantity > 0),
    stated AS MATERIALIZED (SELECT DISTINCT ON (s.post_id) s.post_id, s.status FROM influence.post_status s WHERE s.since <= at ORDER BY s.post_id, s.since DESC),
    standing AS MATERIALIZED (SELECT DISTINCT ON (s.creator_id) s.creator_id, s.status FROM influence.creator_status s WHERE s.since <= at ORDER BY s.creator_id, s.since DESC),
    away AS MATERIALIZED (
        SELECT h.target_kind, h.target_id FROM influence.hidden h, persons p WHERE h.visitor_id = p.id AND (h.kind <> 'see_less' OR (h.since > at - interval '14 days' AND h.target_kind <> 'post'))
        UNION SELECT m.target_kind, m.target_id FROM influence.mute m, persons p WHERE m.visitor_id = p.id AND (m.until IS NULL OR m.until > at)
        UNION SELECT 'creator', b.creator_id FROM influence.block b, persons p WHERE b.visitor_id = p.id
        UNION SELECT 'creator', c.creator_id FROM influence.creator c, persons p WHERE c.visitor_id = p.id
        UNION SELECT 'post', t.post_id FROM public.told t, persons p WHERE t.visitor_id = p.id
        UNION SELECT 'post', i.post_id FROM influence.impression i, persons p WHERE i.visitor_id = p.id AND i.shown_at > at - interval '7 days' AND i.shown_at <= at GROUP BY i.post_id HAVING count(*) >= 3
        UNION SELECT 'creator', i.creator_id FROM influence.impression i, persons p WHERE i.visitor_id = p.id AND i.shown_at > at - interval '1 day' AND i.shown_at <= at GROUP BY i.creator_id HAVING count(*) >= 20)
    SELECT p.post_id
      FROM influence.post p
      JOIN me ON true
      JOIN sellable t ON t.post_id = p.post_id
      JOIN stated s ON s.post_id = p.post_id AND s.status = 'published'
      LEFT JOIN standing c ON c.creator_id = p.creator_id
     WHERE p.program_id = 1 AND p.published_at <= frozen AND (p.expires_at IS NULL OR p.expires_at > at)
       AND (p.countries IS NULL OR me.country = ANY (p.countries)) AND (p.language IS NULL OR me.language IS NULL OR p.language = me.language)
       AND coalesce(c.status, 'active') = 'active'
       AND NOT EXISTS (SELECT FROM away a WHERE a.target_kind = 'post' AND a.target_id = p.post_id)
       AND NOT EXISTS (SELECT FROM away a WHERE a.target_kind = 'creator' AND a.target_id = p.creator_id)
       AND NOT EXISTS (SELECT FROM away a WHERE a.target_kind = 'topic' AND a.target_id = p.topic_id)
$f$;

-- One thing that happens between two pages.
CREATE FUNCTION public.disturb(viewer uuid, at timestamptz) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
    r float8 := random();
    post influence.post;
BEGIN
    SELECT * INTO post FROM influence.post ORDER BY random() LIMIT 1;
    IF r < 0.20 THEN
        PERFORM influence.set_post_status(post.post_id, CASE WHEN random() < 0.6 THEN 'removed' ELSE 'published' END, 'r', 'ops', at);
    ELSIF r < 0.35 THEN
        PERFORM influence.set_stock((SELECT g.product_id FROM influence.post_tag g WHERE g.post_id = post.post_id ORDER BY random() LIMIT 1), (random() < 0.5)::int * 9, at);
    ELSIF r < 0.42 THEN
        PERFORM influence.set_creator_status(post.creator_id, CASE WHEN random() < 0.3 THEN 'suspended' ELSE 'active' END, 'r', 'ops', at);
    ELSIF r < 0.50 THEN
        PERFORM influence.block(viewer, post.creator_id, CASE WHEN random() < 0.5 THEN 'by_shopper' ELSE 'by_creator' END, random() < 0.5);
    ELSIF r < 0.56 THEN
        INSERT INTO influence.mute (visitor_id, target_kind, target_id, since, until) VALUES (viewer, 'creator', post.creator_id, at, CASE WHEN random() < 0.8 THEN at + interval '3 seconds' END) ON CONFLICT DO NOTHING;
    ELSIF r < 0.64 THEN
        INSERT INTO influence.hidden (visitor_id, target_kind, target_id, kind, since)
        SELECT viewer, k, CASE k WHEN 'post' THEN post.post_id ELSE post.creator_id END, CASE WHEN k = 'post' THEN 'hide' ELSE 'see_less' END, at
          FROM (SELECT CASE WHEN random() < 0.8 THEN 'post' ELSE 'creator' END AS k) x ON CONFLICT DO NOTHING;
    ELSIF r < 0.76 THEN
        INSERT INTO influence.engagement (visitor_id, occurred_at, event_ref, kind, post_id, creator_id, topic_id, format, sound_key)
        SELECT v.visitor_id, at - interval '1 microsecond' * n, 'd' || n || random(), 'smile', post.post_id, post.creator_id, post.topic_id, influence_internal.post_format(post.kind, post.duration_ms),
               influence_internal.sound_key(post.sound)
          FROM (SELECT visitor_id, row_number() OVER () AS n FROM influence.shopper ORDER BY random() LIMIT 30) v ON CONFLICT DO NOTHING;
        IF random() < 0.2 THEN
            PERFORM influence.refresh_stats(false);
        END IF;
    ELSIF r < 0.84 THEN
        INSERT INTO influence.follow (visitor_id, target_kind, target_id, since) VALUES (viewer, 'creator', post.creator_id, at) ON CONFLICT DO NOTHING;
    ELSIF r < 0.92 THEN
        PERFORM influence.set_price((SELECT g.product_id FROM influence.post_tag g WHERE g.post_id = post.post_id LIMIT 1), (random() * 9999)::bigint, 'EUR', at);
    ELSE
        PERFORM influence.publish_post(1, post.creator_id, 'new' || random(), 'photo', (SELECT jsonb_agg(jsonb_build_object('product_id', g.product_id)) FROM influence.post_tag g WHERE g.post_id = post.post_id),
                                       'topic ' || post.topic_id, media => post.media || CASE WHEN random() < 0.7 THEN random()::text ELSE '' END, published_at => at);
    END IF;
EXCEPTION WHEN SQLSTATE 'IN004' OR SQLSTATE 'IN005' THEN
    NULL;       -- refused: nothing happened
END
$f$;

-- A session: pages until their number is reached or the feed ends; what was open at each call.
CREATE FUNCTION public.scroll(session int, viewer uuid, pages int, size int, started timestamptz, events int, telling boolean) RETURNS void LANGUAGE plpgsql AS $f$
DECLARE
    cursor text;
    at timestamptz := started;
    scroll_page int;
BEGIN
    FOR page IN 1 .. pages LOOP
        scroll_page := page;
        INSERT INTO public.open_post SELECT scroll.session, page, o FROM public.open_posts(viewer, started, at) o;
        INSERT INTO public.shown
        SELECT scroll.session, page, row_number() OVER (), f.rank, f.post_id, f.creator_id, i.category_id, coalesce(p.media, 'post ' || p.post_id), f.score, f.sponsored, f.disclosure, f.sources, f.next_cursor, f.impression
          FROM influence.get_feed(1, viewer, size, cursor, at, device => CASE WHEN scroll.session % 3 = 0 THEN 'ios' END) f JOIN influence.feed_item i USING (post_id) JOIN influence.post p USING (post_id) ORDER BY f.rank;
        SELECT max(s.next_cursor) INTO cursor FROM public.shown s WHERE s.session = scroll.session AND s.page = scroll_page;
        EXIT WHEN cursor IS NULL;
        at := at + interval '1 second';
        FOR e IN 1 .. events LOOP
            PERFORM public.disturb(viewer, at - interval '1 millisecond' * (e + 1));
        END LOOP;
    END LOOP;
    IF telling THEN
        PERFORM influence.record_impressions(viewer, (SELECT jsonb_agg(jsonb_build_object('impression', s.impression, 'shown_at', at) ORDER BY s.rank) FROM public.shown s WHERE s.session = scroll.session AND s.page < 3));
        INSERT INTO public.told SELECT scroll.session, viewer, s.post_id, at FROM public.shown s WHERE s.session = scroll.session AND s.page < 3;
    END IF;
    -- what the seen filter takes for seen without cause
    INSERT INTO public.seen_only
    SELECT scroll.session, p.post_id FROM (SELECT DISTINCT o.post_id FROM public.open_post o WHERE o.session = scroll.session) p
     WHERE EXISTS (SELECT FROM influence.seen_filter f WHERE f.visitor_id = viewer AND influence_internal.seen_test(f.bits, f.generation, p.post_id));
END
$f$;

-- What is oldest is all of one creator: to show it, the rules must give way.
SELECT p.status
  FROM (SELECT t.creator_id, (SELECT jsonb_agg(jsonb_build_object('product_id', g.product_id)) FROM influence.post_tag g WHERE g.post_id = t.post_id) AS tags
          FROM public.open_posts((SELECT visitor_id FROM bench.cold ORDER BY n LIMIT 1), bench.moment(), bench.moment()) o(post_id) JOIN influence.post t USING (post_id)
         ORDER BY t.post_id LIMIT 1) x,
       generate_series(1, 8) n, influence.publish_post(1, x.creator_id, 'old ' || n, 'photo', x.tags, media => 'old ' || n, published_at => bench.moment() - interval '175 days') p;
"""


def load(moment):
    """The program of the benchmark at a tiny size: its rows come from hashes, its ranks from the jobs."""
    done = subprocess.run(["psql", "-X", "-q", "-v", "posts=%d" % POSTS, "-v", "moment=%s" % moment, "-f", os.path.join(TREE, "test", "bench", "feed.sql")],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.decode()[:2000])
    script = Script()
    for statement in SETUP.split(";\n\n"):
        script.sql(statement)
    script.run()


class Row:
    def __init__(self, fields):
        self.session, self.page, self.place, self.rank, self.post, self.creator, self.category = (int(x) for x in fields[:7])
        self.media, self.score, self.sponsored = fields[7], float(fields[8]), fields[9] == "t"
        self.disclosure, self.sources, self.more = fields[10], fields[11], fields[12] == "t"


def rows_of(result):
    sessions = defaultdict(list)
    for fields in result["shown"]:
        row = Row(fields)
        sessions[row.session].append(row)
    opened = defaultdict(lambda: defaultdict(set))
    for session, page, post in result["open"]:
        opened[int(session)][int(page)].add(int(post))
    seen = defaultdict(set)
    for session, post in result["seen"]:
        seen[int(session)].add(int(post))
    return sessions, opened, seen


ANSWER = (("shown", "SELECT session, page, place, rank, post_id, creator_id, category_id, media, score, sponsored, disclosure, sources, next_cursor IS NOT NULL FROM public.shown ORDER BY session, rank"),
          ("open", "SELECT session, page, post_id FROM public.open_post"),
          ("seen", "SELECT session, post_id FROM public.seen_only"))


def run_sessions(calls, seed):
    script = Script()
    script.sql("TRUNCATE public.shown, public.open_post, public.seen_only").sql("SELECT setseed(%f)" % (seed % 1000 / 1000.0))
    for call in calls:
        script.sql("SELECT public.scroll(%s)" % call)
    for name, text in ANSWER:
        script.query(name, text)
    return rows_of(script.run())


def fits(window, creator, category, relaxed):
    """Whether a post may follow these (creator, category), the last ones of the session, newest last."""
    recent = window[-(WINDOW - 1):]
    if relaxed < 3 and recent and recent[-1][0] == creator:
        return False
    if relaxed < 2 and sum(c == creator for c, _ in recent) >= OF_CREATOR:
        return False
    return relaxed >= 1 or category == 0 or sum(k == category for _, k in recent) < OF_CATEGORY


def greedy(rows, diverse):
    """The organic order that a plain greedy makes of the same posts and scores, sponsored places left where they are."""
    left = sorted((r for r in rows if not r.sponsored), key=lambda r: (-r.score, -r.post))
    paid = {r.rank: r for r in rows if r.sponsored}
    order, window = [], []
    for rank in range(1, len(rows) + 1):
        if rank in paid:
            chosen = paid[rank]
        else:
            levels = range(4) if diverse else (3,)
            chosen = next(r for level in levels for r in left if fits(window, r.creator, r.category, level))
            left.remove(chosen)
        order.append(chosen.post)
        window.append((chosen.creator, chosen.category))
    return order


def ended_at(rows, opened):
    """Whether the feed ended: no cursor, or an empty page after a full one."""
    return rows and (not rows[-1].more or max(opened) > rows[-1].page)


def check_shape(rows, opened, failures):
    """What holds for any session: ranks, repeats, eligibility, labels and slots."""
    checked = 0
    posts, media, last = set(), set(), None
    for i, row in enumerate(rows):
        checked += 1
        what = (row.session, row.page, row.rank, row.post)
        if row.rank != i + 1:
            failures.append(("rank", what))
        if row.post in posts or row.media in media:
            failures.append(("repeated", what))
        posts.add(row.post)
        media.add(row.media)
        if not row.sponsored and row.post not in opened[row.page]:
            failures.append(("may not be shown", what))
        if row.sponsored:
            if row.rank < FIRST_SPONSORED or (last is not None and row.rank - last < SPACING):
                failures.append(("sponsored place", what, last))
            if row.disclosure in (None, "none") or "sponsored" not in row.sources:
                failures.append(("sponsored without saying so", what, row.disclosure, row.sources))
            last = row.rank
        elif row.disclosure is None or row.score != row.score:
            failures.append(("row", what))
    return checked


def media_of_posts():
    rows = Script().query("media", "SELECT post_id, coalesce(media, 'post ' || post_id) FROM influence.post").run()["media"]
    return {int(post): media for post, media in rows}


def quiet(tap, viewers, at):
    calls = ["%d, %s, 100, %d, %s, 0, false" % (n + 1, quote(v), (25, 40, 60)[n % 3], quote(at)) for n, (v, _) in enumerate(viewers)]
    sessions, opened, seen = run_sessions(calls, 1)
    shape, lost, order, ended, rows_checked, paid, relaxed = [], [], [], 0, 0, 0, 0
    for n, (viewer, signal) in enumerate(viewers):
        rows = sessions[n + 1]
        rows_checked += check_shape(rows, opened[n + 1], shape)
        paid += sum(r.sponsored for r in rows)
        delivered = {r.post for r in rows}
        media = {r.media for r in rows}
        if not ended_at(rows, opened[n + 1]):
            lost.append((viewer, "does not end"))
            continue
        ended += 1
        for post in opened[n + 1][1] - delivered - seen[n + 1]:
            lost.append((viewer, post))
        want = greedy(rows, signal)
        if want != [r.post for r in rows]:
            first = next(i for i, r in enumerate(rows) if r.post != want[i])
            order.append((viewer, "rank %d" % (first + 1), rows[first].post, "greedy", want[first]))
        window = []
        for r in rows:
            relaxed += not fits(window, r.creator, r.category, 0)
            window.append((r.creator, r.category))
    of_post = media_of_posts()
    shown_media = {n + 1: {r.media for r in sessions[n + 1]} for n in range(len(viewers))}
    of_viewer = {v: n + 1 for n, (v, _) in enumerate(viewers)}
    lost = [x for x in lost if x[1] == "does not end" or of_post[x[1]] not in shown_media[of_viewer[x[0]]]]
    tap.group("undisturbed: rank, no repeat, only who may be shown, slots", rows_checked, shape)
    tap.group("undisturbed: to the end, all that may be shown is", ended, lost)
    tap.group("undisturbed: in the order of a plain greedy", ended, order)
    tap.ok(paid > len(viewers) / 2 and relaxed > 0, "sponsored posts and rules that gave way were among them", ["%d sponsored, %d relaxed" % (paid, relaxed)])


def disturbed(tap, viewers, count, at, seed):
    calls = ["%d, %s, 10, %d, timestamptz %s + interval '%d seconds', 2, %s" % (n, quote(viewers[n % len(viewers)][0]), (5, 8)[n % 2], quote(at), 20 * n, "true" if n % 5 == 0 else "false") for n in range(1, count + 1)]
    sessions, opened, seen = run_sessions(calls, seed)
    of_post = media_of_posts()
    shape, lost, rows_checked, stayed, pages = [], [], 0, 0, 0
    for n, rows in sessions.items():
        rows_checked += check_shape(rows, opened[n], shape)
        pages += len(opened[n])
        if not ended_at(rows, opened[n]):
            continue
        # ended early: what was open all the time has been shown
        always = set.intersection(*opened[n].values()) - seen[n]
        stayed += 1
        delivered, media = {r.post for r in rows}, {r.media for r in rows}
        lost += [(n, post) for post in always - delivered if of_post[post] not in media]
    tap.ok(len(sessions) == count and pages > 5 * count, "%d sessions of ten pages were made" % count, ["%d sessions, %d pages" % (len(sessions), pages)])
    tap.group("disturbed: no repeat, only who may be shown, slots", rows_checked, shape)
    if stayed:
        tap.group("disturbed: what stayed open is shown before the feed ends", stayed, lost)


def at_once(tap, viewers, at):
    """Writers at work while sessions scroll: nothing fails, nothing comes twice."""
    writer = "SET client_min_messages = error; " + "".join(
        "SELECT public.disturb(%s, %s::timestamptz + interval '1 hour' + interval '%d milliseconds');" % (quote(viewers[i % len(viewers)][0]), quote(at), i) for i in range(400))
    writers = [subprocess.Popen(["psql", "-X", "-q", "-At"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(2)]
    for process in writers:
        process.stdin.write(writer.encode())
        process.stdin.close()
    script = Script()
    script.sql("TRUNCATE public.shown, public.open_post, public.seen_only")
    for n in range(1, 25):
        viewer = quote(viewers[n % len(viewers)][0])
        # each page in a transaction of its own: the cursor goes through psql
        script.parts.append("SELECT '' AS cursor \\gset\n")
        for page in range(1, 9):
            script.sql("CREATE TEMP TABLE p AS SELECT * FROM influence.get_feed(1, %s, 8, nullif(:'cursor', ''), %s::timestamptz + interval '2 hours')" % (viewer, quote(at)))
            script.sql("INSERT INTO public.shown (session, page, rank, post_id) SELECT %d, %d, rank, post_id FROM p" % (n, page))
            script.parts.append("SELECT coalesce(max(next_cursor), '') AS cursor FROM p \\gset\n")
            script.sql("DROP TABLE p")
    script.query("rows", "SELECT session, rank, post_id, page FROM public.shown ORDER BY 1, 4, 2")
    rows = script.run()["rows"]
    errors = [p.stderr.read().decode()[:500] for p in writers]
    codes = [p.wait() for p in writers]
    repeats, posts, session = [], set(), None
    for s, rank, post, page in rows:
        if s != session or (rank == "1"):
            posts, session = set(), s
        if post in posts:
            repeats.append((s, page, rank, post))
        posts.add(post)
    tap.group("with writers at work: nothing comes twice", len(rows), repeats)
    tap.ok(codes == [0, 0] and not any(errors), "the writers were not disturbed", errors)


def letter(kind, duration):
    """The format of a post; its place in feed_format.shares."""
    if kind == "video":
        return 1 if duration is None else 2 if int(duration) <= 60000 else 3
    return {"photo": 0, "story": 4, "live": 5}[kind]


def log_ratio(engaged, total, expected, share):
    if share <= 0:
        return 0.0
    rate = (engaged + 16 * expected) / (total + 16)
    return max(-3.0, min(3.0, math.log2(rate / share))) if rate > 0 else -3.0


def media(tap, viewers, at):
    """The features format and sound of all posts of a page, from what everybody did."""
    devices = (None, "ios", "web", "a device of nobody")
    day = 86400 * 10 ** 6
    script = Script()
    script.query("weights", "SELECT key, value FROM jsonb_each_text(influence_internal.setting_value('engagement_weights')) UNION ALL SELECT 'half', influence_internal.setting_value('feed_history_half') #>> '{}'")
    script.query("at", "SELECT (extract(epoch FROM timestamptz %s) * 1000000)::bigint" % quote(at))
    script.query("posts", "SELECT post_id, kind, duration_ms, sound FROM influence.post")
    script.query("events", "SELECT visitor_id, kind, post_id, (extract(epoch FROM occurred_at) * 1000000)::bigint, device FROM influence.engagement WHERE post_id IS NOT NULL ORDER BY occurred_at DESC, event_ref DESC")
    script.query("bought", "SELECT o.visitor_id, (extract(epoch FROM o.ordered_at) * 1000000)::bigint FROM influence.orders o JOIN influence.order_line l USING (visitor_id, program_id, order_ref)")
    for n, device in enumerate(devices):
        script.query("page %d" % n, "SELECT v.id, c.post_id, c.features[13], c.features[14] FROM unnest(%s::uuid[]) v(id), influence.get_feed(1, v.id, 100, as_of => %s, device => %s) f, influence_internal.impression_content(f.impression) c"
                     % (quote("{" + ",".join(v for v, _ in viewers) + "}"), quote(at), "NULL" if device is None else quote(device)))
    found = script.run()
    weights = {key: float(value) for key, value in found["weights"]}
    moment = int(found["at"][0][0])
    kinds = {int(post): (letter(kind, duration), sound) for post, kind, duration, sound in found["posts"]}

    amounts = defaultdict(lambda: [0.0] * 6)
    for _, kind, post, when, device in found["events"]:
        if moment - 30 * day < int(when) <= moment and kind in ("smile", "unsmile", "comment", "share", "save", "click"):
            for of in {None, device}:
                amounts[of][kinds[int(post)][0]] += weights[kind]
    everybody = [max(0.0, a) / sum(amounts[None]) for a in amounts[None]]
    shares = {device: [(max(0.0, a) + 100 * s) / (sum(of) + 100) for a, s in zip(of, everybody)] for device, of in amounts.items() if device and sum(of) >= 100}

    wrong, checked, felt = [], 0, 0
    for viewer, _ in viewers:
        undone, past = [], []
        for _, kind, post, when, device in [e for e in found["events"] if e[0] == viewer and int(e[3]) <= moment][:200]:
            if kind == "unsmile":
                undone.append(post)
            elif kind == "smile" and post in undone:
                undone.remove(post)
            else:
                past.append((int(when), 1, kind, int(post), device))
        past += [(int(when), 0, "purchase", None, None) for v, when in found["bought"] if v == viewer and int(when) <= moment]
        past.sort(key=lambda e: (-e[0], -e[1]))
        for n, device in enumerate(devices):
            formats, sounds = [0.0] * 6, defaultdict(float)
            for rank, (_, _, kind, post, on) in enumerate(past[:200]):
                if post is not None:
                    weight = weights[kind] * 2.0 ** (-rank / weights["half"])
                    formats[kinds[post][0]] += weight * (0.5 if device and on and on != device else 1.0)
                    sounds[kinds[post][1]] += weight
            expected = shares.get(device, everybody)
            fits = [log_ratio(formats[i], sum(formats), expected[i], everybody[i]) for i in range(6)]
            for of, post, fit, heard in found["page %d" % n]:
                if of == viewer:
                    checked += 1
                    form, sound = kinds[int(post)]
                    want = fits[form], math.log2(1 + sounds[sound]) if sound is not None else 0.0
                    felt += want[0] != 0 and want[1] != 0
                    if abs(float(fit) - want[0]) > 1e-9 or abs(float(heard) - want[1]) > 1e-9:
                        wrong.append((viewer, device, post, fit, heard, want))
    tap.group("format and sound of posts as worked out from all that was done", checked, wrong)
    tap.ok(felt > checked / 10 and len(shares) >= 2, "most viewers have formats, sounds and devices", ["%d of %d posts, devices %s" % (felt, checked, sorted(shares))])


def cursors(tap, viewer, other, at):
    """Altered in any place, of another viewer, surface or intent: IN002, and never another page."""
    script = Script()
    script.query("cursor", "SELECT next_cursor FROM influence.get_feed(1, %s, 5, NULL, %s) LIMIT 1" % (quote(viewer), quote(at)))
    cursor = script.run()["cursor"][0][0]
    tries = {"other viewer": (other, cursor, ""), "other surface": (viewer, cursor, ", 'shop'"), "other intent": (viewer, cursor, ", 'feed', 'buy'"), "other device": (viewer, cursor, ", device => 'ios'"),
             "empty": (viewer, "", ""), "cut": (viewer, cursor[:-1], ""), "longer": (viewer, cursor + "A", ""), "twice": (viewer, cursor + cursor, ""), "spaces": (viewer, " " + cursor, "")}
    for i in range(len(cursor)):
        for letter in ("A" if cursor[i] != "A" else "B", "_" if cursor[i] != "_" else "-"):
            tries["letter %d %s" % (i, letter)] = (viewer, cursor[:i] + letter + cursor[i + 1:], "")
    names = list(tries)
    script = Script()
    for i, name in enumerate(names):
        v, c, more = tries[name]
        call = "SELECT count(*) FROM influence.get_feed(1, %s, 5, %s, %s%s)" % (quote(v), quote(c), quote(at), more)
        script.query(str(i), "SELECT pg_temp.outcome_of(%s)" % quote(call[7:].replace("count(*) FROM", "(SELECT count(*) FROM", 1) + ")"))
    result = script.run()
    wrong = [(name, result[str(i)][0][0]) for i, name in enumerate(names) if result[str(i)][0][0] != "IN002"]
    tap.group("cursors that are not this session's: IN002", len(names), wrong)


def told_twice(tap):
    script = Script()
    script.query("again", "SELECT count(*), sum(r.recorded), sum(r.duplicates) > 0 FROM (SELECT (array_agg(t.visitor_id))[1] AS visitor_id, jsonb_agg(jsonb_build_object('impression', s.impression, 'shown_at', t.at)) AS items "
                 "FROM public.shown s JOIN public.told t ON t.session = s.session AND t.post_id = s.post_id GROUP BY s.session) x, LATERAL influence.record_impressions(x.visitor_id, x.items) r")
    script.query("charged", "SELECT (SELECT count(*) FROM influence.impression WHERE sponsored_campaign_id IS NOT NULL), (SELECT count(*) FROM influence.sponsored_charge), (SELECT count(*) FROM (SELECT DISTINCT sponsored_campaign_id, impression_id FROM influence.sponsored_charge) x)")
    script.sql("SELECT count(*) FROM influence.charge_sponsors()").query("books", "SELECT count(*) FROM influence.check_books() c WHERE c::text ~ 'sponsor'")
    result = script.run()
    shown, charged, distinct = (int(x) for x in result["charged"][0])
    tap.ok(shown > 0 and shown == charged == distinct, "each sponsored impression is charged once", [str(result["charged"])])
    sessions, recorded, duplicates = result["again"][0]
    tap.ok(int(sessions) > 3 and recorded == "0" and duplicates == "t", "impressions told twice are duplicates", [str(result["again"])])
    tap.ok(result["books"] == [["0"]], "the books of sponsors are right", [str(result["books"])])


def main():
    tap = Tap()
    rounds, seed = settings()
    moment = Script().query("moment", "SELECT date_trunc('hour', now()) - interval '8 hours'").run()["moment"][0][0]
    load(moment)
    script = Script()
    script.query("at", "SELECT bench.moment()")
    script.query("warm", "SELECT w.visitor_id FROM bench.warm w JOIN influence.shopper s USING (visitor_id) WHERE s.personalised AND EXISTS (SELECT FROM influence.follow f WHERE f.visitor_id = w.visitor_id) ORDER BY n LIMIT 16")
    script.query("cold", "SELECT visitor_id FROM bench.cold ORDER BY n LIMIT 4")
    found = script.run()
    at = found["at"][0][0]
    viewers = [(row[0], True) for row in found["warm"]] + [(row[0], False) for row in found["cold"]]
    media(tap, viewers, at)
    quiet(tap, viewers, at)
    cursors(tap, viewers[0][0], viewers[1][0], at)
    disturbed(tap, viewers, int(os.environ.get("PGI_SESSIONS") or (500 if rounds == 1 else 10000)), at, seed)
    told_twice(tap)
    at_once(tap, viewers, at)
    tap.done()


if __name__ == "__main__":
    main()
