"""Vectors for attribution_model.py that follow from the rules by hand: a group of cases for each rule."""

from datetime import datetime
from zoneinfo import ZoneInfo
import random

from attribution_model import (BILLION, Conversion, DAY, EPOCH, MICROSECOND, Policy, Span, Touch, credit, credit_rows, decay_weight,
                               judge_visitor, lower_bound, model_weights, orders_of, totals)
from money_model import INT64_MAX, INT64_MIN, MoneyError

HOUR = 3600 * 10**6
NOW = 40 * DAY


def policy(model="last_touch", lookback=Span(0, 30, 0), view=Span(0, 0, 0), cart=Span(0, 90, 0), w=("0.4", "0.2", "0.4"), zone="UTC", **more):
    return Policy(model, lookback, view, cart, w, ZoneInfo(zone), **more)


def clicks(*times):
    """Ids 1, 2, ... of creators 100, 101, ..."""
    return [Touch(1, t, i + 1, 100 + i, "click", None) for i, t in enumerate(times)]


def touch(at, id, creator, kind="click", product=None, **more):
    return Touch(1, at, id, creator, kind, product, **more)


def line(at, id, amount=5, product=None, order=None, **more):
    return Conversion(1, at, id, amount, product, more.pop("excluded", None), order, **more)


def brief(rows):
    return [(r.touch, r.credit, r.reason) for r in rows]


def shares(touches, amount, pol, **more):
    """(touch, credit, reason) of the rows of one conversion on day 40."""
    return brief(credit(touches, line(NOW, 7, amount, **more), pol))


def winners(touches, lines, pol):
    """For each line, by id: the touches that are credited, or the reason."""
    return {c.id: [t.id for _, t, _ in v.shares] or v.reason for c, v in judge_visitor(touches, lines, pol)}


class Vectors:
    def __init__(self, tap, name):
        self.tap, self.name, self.cases, self.bad = tap, name, 0, []

    def __enter__(self):
        return self

    def same(self, got, want, what):
        self.cases += 1
        if got != want:
            self.bad.append("%s: got %r, want %r" % (what, got, want))

    def __exit__(self, error, *rest):
        if error is None:
            self.tap.group("attribution model by hand: " + self.name, self.cases, self.bad)


def windows(v):
    v.same(shares(clicks(10 * DAY), 5, policy()), [(None, 5, "outside_window")], "lower border is outside")
    v.same(shares(clicks(10 * DAY + 1), 5, policy()), [(1, 5, "credited")], "one microsecond above it is inside")
    v.same(shares(clicks(NOW), 5, policy()), [(1, 5, "credited")], "the conversion's own instant is inside")
    v.same(shares(clicks(NOW + 1), 5, policy()), [(None, 5, "no_touch")], "later touches do not count")
    v.same(shares(clicks(NOW), 5, policy(lookback=Span(0, 0, 0))), [(None, 5, "outside_window")], "no lookback, nothing")
    v.same(shares(clicks(39 * DAY, 39 * DAY), 5, policy()), [(2, 5, "credited")], "ties by id")
    v.same(shares([touch(39 * DAY, 9, 1), touch(39 * DAY, 2, 1, "coupon")], 5, policy()), [(2, 5, "credited")], "ties by kind")
    v.same(shares([touch(39 * DAY, 9, None), touch(39 * DAY, 9, 4), touch(39 * DAY, 9, 3)], 9, policy("linear")), [(9, 3, "credited")] * 3, "the same id")
    v.same([r.creator for r in credit([touch(39 * DAY, 9, None), touch(39 * DAY, 9, 4), touch(39 * DAY, 9, 3)], line(NOW, 1), policy("linear"))],
           [3, 4, None], "then by creator, nobody last")
    view = touch(39 * DAY, 50, 1, "view")
    v.same(shares([view], 5, policy()), [(None, 5, "outside_window")], "views earn nothing without a view lookback")
    v.same(shares([view], 5, policy(view=Span(0, 2, 0))), [(50, 5, "credited")], "views inside theirs")
    v.same(shares([view] + clicks(38 * DAY), 5, policy("linear", view=Span(0, 2, 0))), [(1, 5, "credited")], "a click drives views out")
    v.same(shares([view, touch(38 * DAY, 6, 1, "cart", 8)], 5, policy(view=Span(0, 2, 0)), product=9), [(50, 5, "credited")], "a cart of another product does not")
    cart = touch(39 * DAY, 60, 1, "cart", 8)
    v.same(shares([cart], 5, policy(), product=8), [(60, 5, "credited")], "cart of the product")
    v.same(shares([cart], 5, policy(), product=9), [(None, 5, "outside_window")], "cart of another product")
    v.same(shares(clicks(38 * DAY, 39 * DAY), 5, policy(), excluded=[101]), [(None, 5, "excluded")], "excluded winner")
    v.same(shares(clicks(38 * DAY, 39 * DAY), 5, policy(), excluded=[100]), [(2, 5, "credited")], "excluded loser has no weight")


def calendars(v):
    """Published transitions: New York skips 2025-03-09 02:00-03:00, repeats 2025-11-02 01:00-02:00."""
    ny = ZoneInfo("America/New_York")

    def at(*when):
        return (datetime(*when) - EPOCH) // MICROSECOND

    v.same(lower_bound(at(2025, 3, 10, 6, 30), Span(0, 1, 0), ny), at(2025, 3, 9, 7, 30), "the skipped 02:30 is 03:30")
    v.same(lower_bound(at(2025, 11, 3, 6, 30), Span(0, 1, 0), ny), at(2025, 11, 2, 6, 30), "the second 01:30")
    v.same(lower_bound(at(2025, 3, 10, 7, 30), Span(0, 1, 3 * HOUR), ny), at(2025, 3, 9, 4, 30), "then three hours elapse")
    v.same(lower_bound(at(2024, 3, 31, 12), Span(1, 0, 0), ZoneInfo("UTC")), at(2024, 2, 29, 12), "a month before 31 March")


def orders(v):
    """Lines of one order share its earliest moment; orders follow each other by moment, then smallest id."""
    two = [line(12 * DAY, 1, order=5), line(10 * DAY, 9, product=3, order=5), line(10 * DAY, 4), line(10 * DAY, 8)]
    got = orders_of(two)
    v.same([(o.at, sorted(l.id for l in o.lines), o.path_start) for o in got],
           [(10 * DAY, [1, 9], None), (10 * DAY, [4], 10 * DAY), (10 * DAY, [8], 10 * DAY)], "sequence and path_start")
    v.same(orders_of(two + [line(13 * DAY, 2, product=3)])[-1].cart_starts, [10 * DAY], "cart_start is the last order with the product")
    v.same(orders_of([line(5, 1, order="b"), line(5, 1, order="a"), line(5, 1)])[0].lines[0].order, "a", "then by order id")
    touches = clicks(9 * DAY, 11 * DAY)
    v.same(winners(touches, two[:2], policy()), {1: [1], 9: [1]}, "a later line sees what the first line saw")
    v.same(winners(touches, [line(12 * DAY, 1, order=5), line(10 * DAY, 9, order=6)], policy()), {1: [2], 9: [1]}, "other orders do not")
    v.same(winners(clicks(2), [line(33, 1, order=1), line(32, 2, order=1)], policy(lookback=Span(0, 0, 31))), {1: [1], 2: [1]}, "and the window of the first")


def matching(v):
    touches = [touch(39 * DAY, 1, 1, product=7, category=70), touch(39 * DAY, 2, 2, product=8, category=70), touch(39 * DAY, 3, 3),
               touch(39 * DAY, 4, 4, "coupon"), touch(39 * DAY, 5, 5, "coupon", product=8, category=80), touch(39 * DAY, 6, 6, "cart", 7, category=80)]
    both = dict(product=7, category=70)

    def of(match, **of_line):
        return winners(touches, [line(NOW, 1, **of_line)], policy("linear", match=match))[1]
    v.same(of("any", **both), [1, 2, 3, 6, 4, 5], "any")
    v.same(of("product", **both), [1, 6, 4], "product: its clicks, its cart, coupons for everything")
    v.same(of("category", **both), [1, 2, 6, 4], "category: the cart still by product")
    v.same(of("product"), [4], "a line without product: coupons for everything")
    v.same(of("category", product=8, category=80), [4, 5], "a cart of another product stays out")
    v.same(winners([touch(39 * DAY, 1, 1, product=7), touch(39 * DAY, 2, 1, "view", product=8)], [line(NOW, 1, product=8)],
                   policy(match="product", view=Span(0, 9, 0))), {1: [2]}, "a click of another product drives no view out")


def consuming(v):
    pol = policy("linear", reuse="consume")
    touches = clicks(8 * DAY, 10 * DAY, 10 * DAY + 1)
    lines = [line(10 * DAY, 1), line(12 * DAY, 2), line(12 * DAY, 3), line(12 * DAY, 4, order=1), line(12 * DAY, 5, order=1)]
    v.same(winners(touches, lines, pol), {1: [1, 2], 2: [3], 3: "consumed", 4: "consumed", 5: "consumed"}, "an order ends the path")
    v.same(winners(touches, lines[:1] + [line(12 * DAY, 2, order=1), line(12 * DAY, 3, order=1)], pol), {1: [1, 2], 2: [3], 3: [3]}, "once for its lines")
    v.same(winners(touches, [line(10 * DAY, 1), line(60 * DAY, 2)], pol), {1: [1, 2], 2: "outside_window"}, "too old anyway")
    v.same(winners(touches, [line(9 * DAY, 1, excluded=[100]), line(9 * DAY, 2)], pol), {1: "excluded", 2: "consumed"}, "whatever became of it")
    v.same(winners(touches, [line(9 * DAY, 1, order=1), line(11 * DAY, 2, order=1), line(10 * DAY, 3)], pol), {1: [1], 2: [1], 3: [2]}, "by the order's moment")
    cart = [touch(8 * DAY, 1, 1, "cart", 7), touch(8 * DAY, 2, 2, "cart", 8)]
    lines = [line(9 * DAY, 1, product=7), line(10 * DAY, 2, product=8), line(11 * DAY, 3, product=8), line(12 * DAY, 4, product=7), line(13 * DAY, 5)]
    v.same(winners(cart, lines, pol), {1: [1], 2: [2], 3: "consumed", 4: "consumed", 5: "outside_window"}, "carts carry over to the order of their product")
    late_cart = [touch(9 * DAY + 1, 1, 1, "cart", 7)]
    v.same(winners(late_cart, [line(9 * DAY, 1, product=7), line(12 * DAY, 2, product=7)], pol), {1: "no_touch", 2: [1]}, "a cart after the order")
    v.same(winners(late_cart, [line(9 * DAY + 1, 1, product=7), line(12 * DAY, 2, product=7)], pol), {1: [1], 2: "consumed"}, "a cart at its instant")
    views = [touch(8 * DAY, 1, 1, "view")]
    v.same(winners(views, [line(9 * DAY, 1), line(9 * DAY, 2)], policy(view=Span(0, 9, 0), reuse="consume")), {1: [1], 2: "consumed"}, "views are consumed")


def sessions(v):
    pol = policy("linear", reuse="session")

    def of(*touches, lines=(line(NOW, 1),), pol=pol):
        return winners(touches, list(lines), pol)
    v.same(of(touch(39 * DAY, 1, 1)), {1: "outside_window"}, "a session of 24 hours is over")
    v.same(of(touch(39 * DAY + 1, 1, 1)), {1: [1]}, "and lives a microsecond less")
    v.same(of(touch(NOW - 9, 1, 1), touch(NOW - 8, 2, 2)), {1: [2]}, "another creator's click ends it")
    v.same(of(touch(NOW - 9, 1, 1), touch(NOW - 8, 2, 1)), {1: [1, 2]}, "the same creator's does not")
    v.same(of(touch(NOW - 9, 1, 1), touch(NOW - 8, 2, 2), touch(NOW - 7, 3, 1)), {1: [3]}, "coming back is a new session")
    v.same(of(touch(NOW - 9, 1, 1), touch(NOW - 8, 2, None)), {1: [1, 2]}, "a click without creator ends nothing")
    v.same(of(touch(NOW - 9, 1, None), touch(NOW - 8, 2, 1)), {1: [2]}, "and is ended by any creator's")
    v.same(of(touch(NOW - 9, 1, None), touch(NOW - 9, 2, None)), {1: [1, 2]}, "not by another without")
    v.same(of(touch(NOW - 9, 1, 1), touch(NOW - 8, 2, 2, "coupon")), {1: [2]}, "a coupon is a click")
    v.same(of(touch(NOW, 1, 1), touch(NOW + 1, 2, 2)), {1: [1]}, "after the order nothing ends")
    v.same(of(touch(NOW, 1, 1), touch(NOW, 2, 2)), {1: [2]}, "at its instant it does, by path order")
    v.same(of(touch(NOW, 9, 1, "coupon"), touch(NOW, 10, 2)), {1: [9]}, "click before coupon")
    v.same(of(touch(NOW - 9, 1, 1, "cart", 7), touch(NOW - 8, 2, 2), lines=[line(NOW, 1, product=7)]), {1: [1, 2]}, "carts have no session")
    v.same(of(touch(NOW - 8, 1, 1), touch(NOW - 7, 2, 2, "cart", 7)), {1: [1]}, "and end none")
    v.same(of(touch(38 * DAY, 1, 1, "view"), pol=pol._replace(view_lookback=Span(0, 9, 0))), {1: [1]}, "nor have views")
    v.same(of(touch(NOW - 9, 1, 1, product=7), touch(NOW - 8, 2, 2, product=8), lines=[line(NOW, 1, product=7)], pol=pol._replace(match="product")),
           {1: "outside_window"}, "a click of another product ends it too")
    v.same(of(touch(NOW - 9, 1, 1), touch(NOW - 3, 2, 2), lines=[line(NOW - 5, 1), line(NOW, 2), line(NOW + 1, 3)]), {1: [1], 2: [2], 3: "consumed"}, "orders end it")
    v.same(of(touch(NOW - 9, 1, 1), touch(NOW - 6, 2, 2), lines=[line(NOW - 5, 1), line(NOW, 2)]), {1: [2], 2: "consumed"}, "consumed, not ended")
    v.same(of(touch(NOW - 2 * DAY, 1, 1), lines=[line(NOW - 2 * DAY, 1), line(NOW, 2)]), {1: [1], 2: "outside_window"}, "a session that is over was not consumed")
    v.same(of(touch(NOW - 9, 1, 1), pol=pol._replace(lookback=Span(0, 0, 9))), {1: "outside_window"}, "windows hold as well")


def lateness(v):
    late = dict(late=True)
    pol = policy("linear")
    v.same(winners([touch(NOW - 9, 1, 1, **late)], [line(NOW, 1)], pol), {1: "late"}, "late")
    v.same(winners([touch(NOW - 9, 1, 1, **late), touch(NOW - 9, 2, 2)], [line(NOW, 1)], pol), {1: [2]}, "beside one in time")
    v.same(winners([touch(5 * DAY, 1, 1, **late)], [line(NOW, 1)], pol), {1: "outside_window"}, "late and too old")
    v.same(winners([touch(NOW + 1, 1, 1, **late)], [line(NOW, 1)], pol), {1: "no_touch"}, "late and after the order")
    v.same(winners([touch(NOW - 9, 1, 1, **late)], [line(NOW - 5, 1), line(NOW, 2)], pol._replace(reuse="consume")), {1: "late", 2: "outside_window"}, "late and consumed is neither")
    v.same(winners([touch(NOW - 9, 1, 1), touch(NOW - 6, 2, 2, **late)], [line(NOW, 1)], pol._replace(reuse="session")), {1: [1]}, "ends no session")
    v.same(winners([touch(NOW - 9, 1, 1, product=7, **late), touch(NOW - 6, 2, 2, product=8, **late)], [line(NOW, 1, product=7)],
                   pol._replace(reuse="session", match="product")), {1: "late"}, "nor does it when lateness is thought away")
    v.same(winners([touch(NOW - 9, 1, 1), touch(NOW - 3, 2, 2, **late)], [line(NOW - 6, 1), line(NOW, 2)], pol._replace(reuse="consume")), {1: [1], 2: "late"}, "late before consumed")
    v.same(winners([touch(NOW - 9, 1, 1, "view"), touch(NOW - 8, 2, 2, **late)], [line(NOW, 1)], pol._replace(view_lookback=Span(0, 1, 0))), {1: [1]}, "drives no view out")


def models(v):
    v.same(model_weights(policy("position_based"), 1), [1], "n=1")
    v.same(model_weights(policy("position_based"), 2), [4 * 10**8] * 2, "n=2 renormalised")
    v.same(model_weights(policy("position_based"), 4), [8 * 10**8, 2 * 10**8, 2 * 10**8, 8 * 10**8], "n=4")
    path = clicks(11 * DAY, 12 * DAY, 13 * DAY)
    v.same(shares(path, 100, policy("linear")), [(1, 34, "credited"), (2, 33, "credited"), (3, 33, "credited")], "linear")
    v.same(shares(path, -100, policy("position_based")), [(1, -40, "credited"), (2, -20, "credited"), (3, -40, "credited")], "mirror")
    v.same(shares(path, 100, policy("j_shaped")), [(1, 20, "credited"), (2, 20, "credited"), (3, 60, "credited")], "j_shaped")
    v.same(shares(path[:2], 100, policy("j_shaped")), [(1, 25, "credited"), (2, 75, "credited")], "j_shaped of two: 1/4, 3/4")
    v.same(shares(path, 100, policy("inverse_j")), [(1, 60, "credited"), (2, 20, "credited"), (3, 20, "credited")], "inverse_j")
    v.same(shares(path, None, policy("linear")), [(1, None, "credited"), (2, None, "credited"), (3, None, "credited")], "no amount")
    v.same([r.credit for r in credit(path, line(NOW, 1, INT64_MIN), policy("linear"))],
           [-3074457345618258603, -3074457345618258603, -3074457345618258602], "the smallest amount by three")

    def channels(*names):
        return shares([t._replace(channel=c) for t, c in zip(path, names)], 5, policy("last_non_direct"))[0][0]
    v.same(channels("email", "direct", "direct"), 1, "last_non_direct")
    v.same(channels("direct", None, "direct"), 2, "no channel is not direct")
    v.same(channels("direct", "Direct", "direct"), 2, "exactly")
    v.same(channels("direct", "direct", "direct"), 3, "all direct: the last")

    def by_creator(model, *creators, **more):
        return [(r.touch, r.creator, r.position, r.path_length, r.weight, r.credit) for r in
                credit([t._replace(creator=c) for t, c in zip(path, creators)], line(NOW, 7, 101), policy(model, **more))]
    v.same(by_creator("participation", 5, 6, 5), [(2, 6, 2, 3, 1.0, 101), (3, 5, 3, 3, 1.0, 101)], "participation: everything to everybody, at the last touch")
    v.same(by_creator("shapley", 5, 6, 5), [(2, 6, 2, 3, 0.5, 51), (3, 5, 3, 3, 0.5, 50)], "shapley: equal parts, the odd one to the earlier")
    v.same(by_creator("shapley", 5, None, None), [(1, 5, 1, 3, 1.0, 101)], "touches without creator take no part")
    v.same(by_creator("participation", None, None, None), [(3, None, 3, 3, 1.0, 101)], "nobody: the last touch")
    v.same(shares(path, 5, policy("shapley"), excluded=[100]), [(None, 5, "excluded")], "shapley with an excluded creator")
    v.same(totals(judge_visitor(path, [line(NOW, 7, 100)], policy("participation")), "participation"),
           {100: (BILLION, 100), 101: (BILLION, 100), 102: (BILLION, 100)}, "participation's totals")
    v.same(totals(judge_visitor(path, [line(NOW, 7, 100)], policy("linear")), "linear"),
           {100: (333333334, 34), 101: (333333333, 33), 102: (333333333, 33)}, "linear's totals")

    def custom(*weights, amount=100, **more):
        return shares([t._replace(weight=w) for t, w in zip(path, weights)], amount, policy("custom"), **more)
    v.same(custom(1, 2, 1), [(1, 25, "credited"), (2, 50, "credited"), (3, 25, "credited")], "custom")
    v.same(custom(None, 2, 0), [(2, 100, "credited")], "weights of 0 and none give no row")
    v.same([(r.position, r.weight) for r in credit([path[0]._replace(weight=w) for w in (1, None)], line(NOW, 1), policy("custom"))], [(2, 1.0)], "no weight is the lightest of twins")
    v.same(custom(None, 0, 0), [(None, 100, "no_weight")], "no weight at all")
    v.same(custom(None, 0, 0, excluded=[100]), [(None, 100, "no_weight")], "and nobody to exclude")
    v.same(custom(1, 0, 0, excluded=[101]), [(1, 100, "credited")], "weight 0 excludes nobody")
    v.same(custom(INT64_MAX, 0, 0), [(1, 100, "credited")], "the heaviest path")
    v.same(credit_rows(line(NOW, 7), judge_visitor(path, [line(NOW, 7)], policy("custom"))[0][1], "custom")[0].path_length, 3, "no_weight has a path")
    for weights in ((INT64_MAX, 1, 0), (-1, 5, 5)):
        try:
            v.same(custom(*weights), "IN002", "refused weights %r" % (weights,))
        except MoneyError as error:
            v.same(str(error), "IN002", "refused weights %r" % (weights,))


def decay(v):
    for age, half_life, want, what in [
            (0, 1, 2**31, "the newest"), (7, 7, 2**30, "one half-life"), (1, 2, 1518500250, "half of one: 2^30.5 = 1518500249.988"),
            (31, 1, 1, "31"), (63, 2, 1, "31.5: 0.707"), (32, 1, 0, "32: 0.5 to even"), (32 * DAY - 1, DAY, 1, "a microsecond less"), (32 * DAY + 1, DAY, 0, "a microsecond more"),
            (33, 1, 0, "33"), (10**15, 1, 0, "far away"), (1, 10**18, 2**31, "a long half-life"), (61, 2, 1, "30.5: 1.414"),
            (1, 2977044472, 2**31, "2147483647.500000000088"), (1, 2977044471, 2**31 - 1, "2147483647.499999999920")]:
        v.same(decay_weight(age, half_life), want, what)
    # Any w is proved by integers: (2w - 1)^q < 2^(32q - p) < (2w + 1)^q where age / half_life = p / q.
    rng = random.Random(31)
    for _ in range(600):
        q = rng.randint(2, 90)
        p = rng.randint(1, 33 * q)
        if p % q == 0:
            continue
        w, scale = decay_weight(p * 1000, q * 1000), 1 << (33 * q - p)
        v.same((2 * w - 1)**q * 2**q < scale < (2 * w + 1)**q * 2**q if w else scale < 2**q, True, "2^(31 - %d/%d) is %d" % (p, q, w))
    path = clicks(NOW - 3 * HOUR, NOW - 2 * HOUR)
    v.same(shares(path, 300, policy("time_decay", half_life=Span(0, 0, HOUR))), [(1, 100, "credited"), (2, 200, "credited")], "age counts from the newest touch")
    path = clicks(NOW - 33 * DAY, NOW - DAY)
    v.same(shares(path, 300, policy("time_decay", lookback=Span(0, 40, 0), half_life=Span(0, 1, 0))), [(2, 300, "credited")], "no row for a weight of 0")
    v.same(credit(path, line(NOW, 1), policy("time_decay", lookback=Span(0, 40, 0), half_life=Span(0, 1, 0)))[0].path_length, 2, "which is on the path")


def self_test(tap):
    for name, vectors in [("windows, views, carts, ties, exclusion", windows), ("calendar windows", calendars), ("orders", orders), ("match", matching),
                          ("consume", consuming), ("session", sessions), ("late", lateness), ("models", models), ("time_decay", decay)]:
        with Vectors(tap, name) as v:
            vectors(v)
