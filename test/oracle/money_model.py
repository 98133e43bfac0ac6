"""Model of the money kernels: commissions, splits, clawbacks, minor units.

Everything is exact: `fractions` for rates and weights, unlimited integers for money. Written from the specification
alone (design section 6); it shares no code with the extension and favours the definition over speed.
"""

from fractions import Fraction
import re

INT64_MAX = 2**63 - 1
INT64_MIN = -(2**63)
ROUNDINGS = ("half_up", "half_even", "down")
BAD_INPUT, OUT_OF_RANGE, OVER_RETURN = "IN002", "IN006", "IN007"

# The largest rate; in units of 10^-9 it and every bigint amount multiply within 128 bits.
LARGEST_RATE = Fraction("9.2e9")

# ISO 4217, list one: everything else has two decimals.
MINOR_UNITS = {code: 0 for code in "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split()}
MINOR_UNITS.update({code: 3 for code in "BHD IQD JOD KWD LYD OMR TND".split()})
MINOR_UNITS.update({code: 4 for code in "CLF UYW".split()})


class MoneyError(Exception):
    """The call must raise this SQLSTATE."""


def in_bigint(value):
    if not INT64_MIN <= value <= INT64_MAX:
        raise MoneyError(OUT_OF_RANGE)
    return value


def round_fraction(value, rounding):
    """half_up is half away from zero, half_even ties to the even neighbour, down is toward zero."""
    magnitude = abs(value)
    whole, rest = divmod(magnitude.numerator, magnitude.denominator)
    twice = 2 * rest - magnitude.denominator
    if rounding == "half_up":
        whole += twice >= 0
    elif rounding == "half_even":
        whole += twice > 0 or (twice == 0 and whole % 2 == 1)
    elif rounding != "down":
        raise MoneyError(BAD_INPUT)
    return -whole if value < 0 else whole


def commission(amount, rate, rounding="half_up"):
    """`rate` is the decimal text that SQL gets."""
    if rounding not in ROUNDINGS or rate.lower() in ("nan", "infinity", "-infinity"):
        raise MoneyError(BAD_INPUT)
    exact = Fraction(rate)
    if exact < 0 or (exact * 10**9).denominator != 1 or exact > LARGEST_RATE:
        raise MoneyError(BAD_INPUT)
    return in_bigint(round_fraction(amount * exact, rounding))


def split(amount, weights):
    """Largest remainder over non-negative weights (ints, Fractions or decimal text), ties to the earlier one."""
    weights = [Fraction(w) for w in weights]
    total = sum(weights)
    if not weights or total == 0 or min(weights) < 0:
        raise MoneyError(BAD_INPUT)
    quotas = [abs(amount) * w / total for w in weights]
    shares = [q.numerator // q.denominator for q in quotas]
    missing = abs(amount) - sum(shares)
    for i in sorted(range(len(weights)), key=lambda i: (shares[i] - quotas[i], i))[:missing]:
        shares[i] += 1
    return [-s for s in shares] if amount < 0 else shares


def split_integers(amount, weights):
    """The same for integer weights, without building fractions: used where thousands of paths are credited."""
    total = sum(weights)
    shares, rests = [], []
    for i, w in enumerate(weights):
        share, rest = divmod(abs(amount) * w, total)
        shares.append(share)
        rests.append((-rest, i))
    rests.sort()
    for _, i in rests[:abs(amount) - sum(shares)]:
        shares[i] += 1
    return [-s for s in shares] if amount < 0 else shares


def clawback(commission_minor, base, before, now, rounding="half_up"):
    if rounding not in ROUNDINGS or base < 0 or before < 0 or now < 0:
        raise MoneyError(BAD_INPUT)
    if before + now > base:
        raise MoneyError(OVER_RETURN)
    if base == 0:
        return 0
    after = round_fraction(Fraction(commission_minor * (before + now), base), rounding)
    return in_bigint(after - round_fraction(Fraction(commission_minor * before, base), rounding))


def minor_unit_digits(currency):
    if not re.fullmatch("[A-Z]{3}", currency):
        raise MoneyError(BAD_INPUT)
    return MINOR_UNITS.get(currency, 2)


def format_minor(amount, currency):
    digits = minor_unit_digits(currency)
    text = str(abs(amount)).rjust(digits + 1, "0")
    if digits:
        text = text[:-digits] + "." + text[-digits:]
    return "-" + text if amount < 0 else text


def self_test(tap):
    """Published vectors: design section 6 and the money issue's known vectors."""
    bad = []

    def same(got, want, what):
        if got != want:
            bad.append("%s: got %r, published %r" % (what, got, want))

    vectors = 0
    for got, want, what in [
        (commission(5000, "0.0057"), 29, "5000 at 0.57 %"),
        (commission(11500, "0.0070"), 81, "11500 at 0.70 %"),
        (commission(500, "0.029"), 15, "500 at 2.9 %"),
        (commission(500, "0.029", "half_even"), 14, "500 at 2.9 %, half even"),
        (commission(500, "0.029", "down"), 14, "500 at 2.9 %, down"),
        (commission(-500, "0.029"), -15, "-500 at 2.9 %"),
        (split(15, [".8", ".08", ".12"]), [12, 1, 2], "15 by .8 .08 .12"),
        (split(9999, [75, 25]), [7499, 2500], "9999 by 75 25"),
        (split(22000, [445455, 9091, 545455]), [9800, 200, 12000], "22000"),
        (split(-5, [7, 3]), [-4, -1], "-5 by 7 3"),
        (split_integers(-5, [7, 3]), [-4, -1], "-5 by 7 3, integers"),
        (split_integers(22000, [445455, 9091, 545455]), [9800, 200, 12000], "22000, integers"),
        (split(2, [1, 0, 1, 1]), [1, 0, 1, 0], "ties to the earlier, zero weight"),
        (clawback(100, 3, 0, 1), 33, "first third"),
        (clawback(100, 3, 1, 1), 34, "second third"),
        (clawback(100, 3, 2, 1), 33, "last third"),
        (clawback(100, 0, 0, 0), 0, "base 0"),
        (minor_unit_digits("KWD"), 3, "KWD"),
        (minor_unit_digits("JPY"), 0, "JPY"),
        (minor_unit_digits("CLF"), 4, "CLF"),
        (format_minor(1234, "EUR"), "12.34", "1234 EUR"),
        (format_minor(-5, "EUR"), "-0.05", "-5 EUR"),
        (format_minor(12, "JPY"), "12", "12 JPY"),
    ]:
        vectors += 1
        same(got, want, what)
    tap.group("money model: published vectors", vectors, bad)
