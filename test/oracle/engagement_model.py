"""Model of the engagement kernels: pooled rates, Wilson's lower bound, event-decayed scores.

Rates are `fractions`; the normal quantile, the bound and the scores are `decimal` with 60 and more digits: far finer
than what a float8 can show. Written from the specification alone; it shares no code with the extension.
"""

from decimal import Decimal, localcontext
from fractions import Fraction
from statistics import NormalDist

WEIGHT_UNITS = 2**20
PRECISION = 60


def engagement_rate(rows):
    """sum(interactions) / sum(base) over rows with both given and base > 0, as the nearest float; None without rows."""
    counted = [(i, b) for i, b in rows if i is not None and b is not None and b > 0]
    if not counted:
        return None
    return float(Fraction(sum(i for i, _ in counted), sum(b for _, b in counted)))


def normal_cdf(z):
    """Phi(z) = 1/2 + phi(z) (z + z^3/3 + z^5/(3 5) + ...): Marsaglia 2004."""
    total, term, k = Decimal(0), z, 1
    while abs(term) > Decimal(10) ** -(PRECISION - 5):
        total += term
        k += 2
        term = term * z * z / k
    pi = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899")
    return Decimal("0.5") + total * (-z * z / 2).exp() / (2 * pi).sqrt()


def normal_quantile(p):
    """Newton on normal_cdf, from the standard library's float approximation."""
    pi = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899")
    z = Decimal(NormalDist().inv_cdf(float(p)))
    for _ in range(4):
        z -= (normal_cdf(z) - p) * (z * z / 2).exp() * (2 * pi).sqrt()
    return z


_quantiles = {}


def two_sided_z(confidence):
    if confidence not in _quantiles:
        with localcontext() as context:
            context.prec = PRECISION
            _quantiles[confidence] = normal_quantile((1 + Decimal(confidence)) / 2)
    return _quantiles[confidence]


def wilson_lower_bound(positives, trials, confidence=0.95):
    """Wilson 1927: the smaller root of |p - p_hat| = z sqrt(p (1 - p) / n)."""
    if trials == 0:
        return Decimal(0)
    z = two_sided_z(confidence)
    with localcontext() as context:
        context.prec = PRECISION
        n, p = Decimal(trials), Decimal(positives) / Decimal(trials)
        root = (p * (1 - p) / n + z * z / (4 * n * n)).sqrt()
        return (p + z * z / (2 * n) - z * root) / (1 + z * z / n)


def quantise(weight):
    """To units of 2^-20, nearest, ties to even; a float is an exact binary fraction."""
    return round(Fraction(weight) * WEIGHT_UNITS)


def decayed_score(rows, half_life_us):
    """log2( sum w 2^((at - L)/h) ) of rows (weight, microseconds since L); returns (score, cancellation) where
    cancellation is sum / sum of magnitudes: near 0 the sum is ill-conditioned. Equal instants are added exactly first,
    so that what is taken back leaves nothing behind. None without rows, -Infinity when the sum is <= 0."""
    if not rows:
        return None
    by_instant = {}
    for weight, at in rows:
        by_instant[at] = by_instant.get(at, 0) + quantise(weight)
    terms = sorted(((at, units) for at, units in by_instant.items() if units), reverse=True)
    if not terms:
        return Decimal("-Infinity"), Fraction(1)
    with localcontext() as context:
        context.prec = PRECISION
        newest = terms[0][0]
        total = magnitude = Decimal(0)
        for at, units in terms:
            exponent = Fraction(at - newest, half_life_us)
            if exponent < -400 and abs(total) > Decimal(2) ** -50:
                break
            scaled = units * Decimal(2) ** (Decimal(exponent.numerator) / Decimal(exponent.denominator))
            total += scaled
            magnitude += abs(scaled)
        conditioning = abs(total) / magnitude
        if total <= 0:
            return Decimal("-Infinity"), conditioning
        offset = Decimal(newest) / Decimal(half_life_us)
        return (total / WEIGHT_UNITS).ln() / Decimal(2).ln() + offset, conditioning


def self_test(tap):
    bad, cases = [], 0

    def near(got, want, tolerance, what):
        nonlocal cases
        cases += 1
        if abs(Decimal(got) - Decimal(want)) > Decimal(tolerance):
            bad.append("%s: got %s, published %s" % (what, got, want))

    near(two_sided_z(Decimal("0.95")), "1.95996398454005423552", "1e-19", "z of 95 %")
    near(normal_quantile(Decimal("0.995")), "2.57582930354890076101", "1e-19", "z of 99 %")
    near(wilson_lower_bound(1, 1), "0.206549", "5e-7", "wilson (1,1)")
    near(wilson_lower_bound(90, 100), "0.825634", "5e-7", "wilson (90,100)")
    near(wilson_lower_bound(0, 10), "0", "1e-30", "wilson (0,10)")
    near(engagement_rate([(1, 2), (3, 0), (None, 5), (5, None), (2, 1)]), "1", "0", "rates above 1 pool")
    near(decayed_score([(1.0, 0)], 10)[0], "0", "1e-30", "one event at the epoch")
    near(decayed_score([(1.0, 0), (1.0, 0)], 10)[0], "1", "1e-30", "two events")
    near(decayed_score([(1.0, 0), (1.0, 10)], 10)[0], "1.58496250072115618145", "1e-19", "1 + 2 = 3")
    near(decayed_score([(4.0, 25)], 10)[0], "4.5", "1e-30", "weight 4, two and a half half-lives")
    near(decayed_score([(1.0, 10**6), (1.0, 7), (-1.0, 10**6)], 10)[0], "0.7", "1e-30", "taken back")
    if decayed_score([(1.0, 5), (-1.0, 5)], 10)[0] != Decimal("-Infinity") or decayed_score([], 10) is not None:
        bad.append("empty and non-positive sums")
    tap.group("engagement model: published vectors", cases + 1, bad)
