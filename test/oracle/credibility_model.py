"""Model of the creator kernels: robust rates, the credibility prior, shrunk rates, focus, growth and regularity.

Everything that is a rational number is computed with `fractions`, so without any rounding; roots, logarithms and powers
with 60 digits of `decimal`. Written from the formulas that the functions document, without a look at their code:
Buehlmann & Straub 1970 (credibility with weights), Shannon 1948 (entropy), Hill 1973 (numbers of order 1).

A row is (interactions, base, posts); a creator is a list of rows; an observation is (rate, posts).
"""

from decimal import Decimal, localcontext
from fractions import Fraction
from math import floor

from engagement_model import PRECISION, two_sided_z

INFINITY = float("inf")
THIRTY_DAYS_US = 30 * 86400 * 10**6

# Hachemeister's averages of claims and their numbers, five states by twelve quarters (Credibility for regression models
# with application to trend, in: Credibility, ed. P. M. Kahn, Academic Press 1975; R package actuar, data(hachemeister)).
HACHEMEISTER = [
    ([1738, 1642, 1794, 2051, 2079, 2234, 2032, 2035, 2115, 2262, 2267, 2517], [7861, 9251, 8706, 8575, 7917, 8263, 9456, 8003, 7365, 7832, 7849, 9077]),
    ([1364, 1408, 1597, 1444, 1342, 1675, 1470, 1448, 1464, 1831, 1612, 1471], [1622, 1742, 1523, 1515, 1622, 1602, 1964, 1515, 1527, 1748, 1654, 1861]),
    ([1759, 1685, 1479, 1763, 1674, 2103, 1502, 1622, 1828, 2155, 2233, 2059], [1147, 1357, 1329, 1204, 998, 1077, 1277, 1218, 896, 1003, 1108, 1121]),
    ([1223, 1146, 1010, 1257, 1426, 1532, 1953, 1123, 1343, 1243, 1762, 1306], [407, 396, 348, 341, 315, 328, 352, 331, 287, 384, 321, 342]),
    ([1456, 1499, 1609, 1741, 1482, 1572, 1606, 1735, 1607, 1573, 1613, 1690], [2902, 3172, 3046, 3068, 2693, 2910, 3275, 2697, 2663, 3017, 3242, 3425]),
]
# What actuar's cm(~state, ratios, weights) and its summary print for them (vignette "Credibility theory features of actuar").
HACHEMEISTER_PUBLISHED = {
    "mean": "1683.713", "within": "139120026", "between": "89639",
    "factors": ["0.9847", "0.9276", "0.8985", "0.7279", "0.9588"], "premiums": ["2055", "1524", "1793", "1443", "1603"],
}


def counted(rows):
    """The rows that count: nothing unknown, a base and posts above 0."""
    return [row for row in rows if None not in row and row[1] > 0 and row[2] > 0]


def observations_of(rows):
    return [(Fraction(i, b), w) for i, b, w in counted(rows)]


def mean(observations):
    return Fraction(sum(r * w for r, w in observations)) / sum(w for _, w in observations) if observations else None


def variance(observations):
    """Of one post, within the creator."""
    if len(observations) < 2:
        return None
    m = mean(observations)
    return Fraction(sum(w * (r - m) ** 2 for r, w in observations)) / (len(observations) - 1)


def trimmed_mean(observations, trim=0.1):
    """Every post counts by itself, and as many go at either end as the fraction makes whole ones."""
    if not observations:
        return None
    total = sum(w for _, w in observations)
    cut = floor(trim * total)
    low, high, left, before = cut, total - cut, Fraction(0), 0
    for rate, posts in sorted(observations):
        kept = min(before + posts, high) - max(before, low)
        if kept > 0:
            left += rate * kept
        before += posts
    return left / (high - low)


def median(observations):
    if not observations:
        return None
    total = sum(w for _, w in observations)

    def at(position):
        before = 0
        for rate, posts in sorted(observations):
            before += posts
            if position < before:
                return rate

    return (Fraction(at((total - 1) // 2)) + at(total // 2)) / 2


def to_200_bits(value):
    """The nearest multiple of 2^-200: for thousands of creators, whose exact fractions would have millions of digits."""
    return Fraction(round(value * 2**200), 2**200)


def prior(creators, keep=lambda value: value):
    """{mean, strength, within, between, creators, posts} of lists of (rate, posts); strength may be INFINITY. Also how
    much of the between variance is left of what it is the difference of: near 0 it is noise by nature."""
    creators = [c for c in creators if c]
    if not creators:
        return None, Fraction(1)
    means, weights = [keep(mean(c)) for c in creators], [sum(w for _, w in c) for c in creators]
    total = sum(weights)
    grand = keep(Fraction(sum(m * w for m, w in zip(means, weights))) / total)
    freedom = sum(len(c) - 1 for c in creators)
    within = between = strength = None
    conditioning = Fraction(1)
    if freedom:
        within = keep(sum(w * (r - m) ** 2 for c, m in zip(creators, means) for r, w in c) / Fraction(freedom))
    if freedom and len(creators) > 1:
        spread = sum(w * (m - grand) ** 2 for m, w in zip(means, weights))
        chance = (len(creators) - 1) * within
        if spread + chance:
            conditioning = abs(spread - chance) / (spread + chance)
        between = max(Fraction(0), keep((spread - chance) / (total - Fraction(sum(w * w for w in weights), total))))
        if between:
            strength = within / between
        elif within:
            strength = INFINITY
    if strength is None or strength == INFINITY:
        centre = grand
    else:
        factors = [keep(w / (w + strength)) for w in weights]
        centre = sum(z * m for z, m in zip(factors, means)) / sum(factors)
    return (centre, strength, within, between, len(creators), total), conditioning


def shrunk_rate(posts, rate, of_prior):
    """The parts of the prior may be floats: they are binary fractions, exactly."""
    centre, strength = of_prior[0], of_prior[1]
    if rate is None or posts == 0:
        return Fraction(centre)
    if strength is None:
        return Fraction(rate)
    if strength == INFINITY:
        return Fraction(centre)
    posts, strength = Fraction(posts), Fraction(strength)
    return (posts * Fraction(rate) + strength * Fraction(centre)) / (posts + strength)


def decimal(value):
    value = Fraction(value)
    return Decimal(value.numerator) / Decimal(value.denominator)


def shrunk_bounds(posts, rate, of_prior, confidence):
    """None where the variance is unknown; no width where the creators do not differ. Who has no posts is a draw from the prior."""
    strength, within, between = of_prior[1:4]
    if within is None:
        return None
    with localcontext() as context:
        context.prec = PRECISION
        centre = decimal(shrunk_rate(posts, rate, of_prior))
        if strength == INFINITY:
            return centre, centre
        if posts == 0 or rate is None:
            if between is None:
                return None
            width = decimal(between).sqrt()
        else:
            width = (decimal(within) / (decimal(posts) + decimal(strength or 0))).sqrt()
        width *= two_sided_z(confidence)
        return max(Decimal(0), centre - width), centre + width


def topic_focus(rows):
    """exp(-H) over the topics' shares of the posts; rows of (topic, posts)."""
    posts = {}
    for topic, count in rows:
        if topic is not None and count:
            posts[topic] = posts.get(topic, 0) + count
    if not posts:
        return None
    with localcontext() as context:
        context.prec = PRECISION
        total = Decimal(sum(posts.values()))
        return sum(n / total * (n / total).ln() for n in map(Decimal, posts.values())).exp()


def growth_exponent(rows):
    """The least squares slope of ln(amount) per 30 days; rows of (microseconds, amount). None below two moments."""
    points = [(at, amount) for at, amount in rows if at is not None and amount is not None and amount > 0]
    if len({at for at, _ in points}) < 2:
        return None
    with localcontext() as context:
        context.prec = PRECISION
        centre = Fraction(sum(at for at, _ in points), len(points))
        square = sum((at - centre) ** 2 for at, _ in points)
        product = sum(decimal((at - centre) / square) * Decimal(amount).ln() for at, amount in points)
        return product * THIRTY_DAYS_US


def posting_regularity(moments):
    """1 / (1 + coefficient of variation of the gaps)."""
    moments = sorted(at for at in moments if at is not None)
    gaps = [b - a for a, b in zip(moments, moments[1:])]
    if len(gaps) < 2 or sum(gaps) == 0:
        return None
    centre = Fraction(sum(gaps), len(gaps))
    square = sum((g - centre) ** 2 for g in gaps) / len(gaps) / centre**2
    with localcontext() as context:
        context.prec = PRECISION
        return 1 / (1 + decimal(square).sqrt())


def hachemeister_rows():
    """As observations: averages of claims are rates, claims are posts."""
    return [[(x * w, w, w) for x, w in zip(*state)] for state in HACHEMEISTER]


def self_test(tap):
    bad, cases = [], 0

    def printed(got, want, what):
        """Equal to as many digits as were printed."""
        nonlocal cases
        cases += 1
        if abs(decimal(got) - Decimal(want)) > Decimal(1).scaleb(Decimal(want).as_tuple().exponent) / 2:
            bad.append("%s: got %s, published %s" % (what, float(got), want))

    def same(got, want, what):
        nonlocal cases
        cases += 1
        if got != want:
            bad.append("%s: got %r, want %r" % (what, got, want))

    def near(got, want, what):
        same(abs(got - want) < Decimal("1e-25"), True, what)

    states = [observations_of(rows) for rows in hachemeister_rows()]
    fit, _ = prior(states)
    for name, value in zip(("mean", "within", "between"), (fit[0], fit[2], fit[3])):
        printed(value, HACHEMEISTER_PUBLISHED[name], "Hachemeister, " + name)
    for state, factor, premium in zip(states, HACHEMEISTER_PUBLISHED["factors"], HACHEMEISTER_PUBLISHED["premiums"]):
        posts = sum(w for _, w in state)
        printed(posts / (posts + fit[1]), factor, "Hachemeister, credibility factor")
        printed(shrunk_rate(posts, mean(state), fit), premium, "Hachemeister, premium")
    # by hand: two creators (1, 3) and (5, 7), one post each: s2 = 2, t2 = (2*4 + 2*4 - 2) / (4 - 8/4) = 7
    two = [[(Fraction(1), 1), (Fraction(3), 1)], [(Fraction(5), 1), (Fraction(7), 1)]]
    same(prior(two)[0], (4, Fraction(2, 7), 2, 7, 2, 4), "two creators by hand")
    same(shrunk_rate(2, 2, prior(two)[0]), Fraction(9, 4), "shrunk: (2*2 + 2/7*4) / (2 + 2/7)")
    same(prior([[(Fraction(1), 1), (Fraction(3), 1)], [(Fraction(2), 4)]])[0][1], INFINITY, "creators that do not differ")
    same(prior([[(Fraction(1), 2), (Fraction(1), 1)], [(Fraction(3), 1)]])[0][:2], (2, 0), "no variance within: creators count alike")
    same(prior([[(Fraction(1), 2)]])[0], (1, None, None, None, 1, 2), "one creator")
    same(median([(Fraction(1), 3), (Fraction(9), 2)]), 1, "median by posts")
    same(median([(Fraction(1), 2), (Fraction(9), 2)]), 5, "the middle two")
    same(trimmed_mean([(Fraction(0), 1), (Fraction(5), 8), (Fraction(100), 1)]), 5, "one post cut at each end")
    same(trimmed_mean([(Fraction(0), 2), (Fraction(5), 3), (Fraction(100), 5)], 0.3), Fraction(2 * 5 + 2 * 100, 4), "a row cut in part")
    near(topic_focus([(1, 3), (2, 3), (None, 9), (3, 0)]), Decimal("0.5"), "two equal topics")
    near(growth_exponent([(0, 100), (THIRTY_DAYS_US, 200), (THIRTY_DAYS_US * 2, 400), (5, 0)]), Decimal(2).ln(), "doubling every 30 days")
    near(posting_regularity([0, 10, 20, 30]), 1, "like a clock")
    near(posting_regularity([0, 0, 20]), Decimal("0.5"), "gaps 0 and 20: mean and deviation 10")
    tap.group("credibility model: Hachemeister as published, cases by hand", cases, bad)
