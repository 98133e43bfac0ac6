"""Model of commission by tiers, written from its rules alone.

A tier table is a list of (lower bound, rate) with exact rates. graduated: every minor unit of the amount is paid at the
rate of the tier that it lies in; volume: all of it at the rate of the last tier whose bound is reached, bound <= amount.
The exact result is a fraction, rounded once; a negative amount gives minus what its opposite gives.
"""

from fractions import Fraction

from money_model import BAD_INPUT, INT64_MAX, LARGEST_RATE, ROUNDINGS, MoneyError, in_bigint, round_fraction

MODES = ("graduated", "volume")
MOST_TIERS = 1000


def table(thresholds, rates, mode):
    """The tiers as (bound, exact rate), or the refusal. Rates are the decimal text that SQL gets."""
    if thresholds is None or rates is None or mode not in MODES:
        raise MoneyError(BAD_INPUT)
    if not 1 <= len(thresholds) <= MOST_TIERS or len(rates) != len(thresholds) or None in thresholds or None in rates:
        raise MoneyError(BAD_INPUT)
    if thresholds[0] != 0 or any(b <= a for a, b in zip(thresholds, thresholds[1:])):
        raise MoneyError(BAD_INPUT)
    exact = []
    for rate in rates:
        if rate.lower() in ("nan", "infinity", "-infinity"):
            raise MoneyError(BAD_INPUT)
        exact.append(Fraction(rate))
        if not 0 <= exact[-1] <= LARGEST_RATE or (exact[-1] * 10**9).denominator != 1:
            raise MoneyError(BAD_INPUT)
    return list(zip(thresholds, exact))


def reached(amount, thresholds):
    """How many bounds are at most the amount."""
    return sum(bound <= amount for bound in thresholds)


def reached_of(amount, thresholds):
    """reached_tier: the same, once the bounds are found to be in order."""
    return reached(amount, [bound for bound, _ in table(thresholds, ["0"] * len(thresholds), "volume")])


def exact(amount, tiers, mode):
    """f before its rounding, for an amount of any size."""
    if amount < 0:
        return -exact(-amount, tiers, mode)
    if mode == "volume":
        return amount * tiers[reached(amount, [bound for bound, _ in tiers]) - 1][1]
    total = Fraction(0)
    for number, (bound, rate) in enumerate(tiers):
        upper = tiers[number + 1][0] if number + 1 < len(tiers) else amount
        total += max(0, min(amount, upper) - bound) * rate
    return total


def commission(amount, thresholds, rates, mode, rounding="half_up"):
    """tiered_amount, and with a sum of amounts tiered_commission."""
    if rounding not in ROUNDINGS:
        raise MoneyError(BAD_INPUT)
    return in_bigint(round_fraction(exact(amount, table(thresholds, rates, mode), mode), rounding))


def marginals(amounts, thresholds, rates, mode):
    """tiered_commission_step for rows in order; None for None. Only the steps have to fit in bigint."""
    tiers = table(thresholds, rates, mode)
    total, earned, steps = 0, 0, []
    for amount in amounts:
        if amount is None:
            steps.append(None)
            continue
        total += amount
        now = round_fraction(exact(total, tiers, mode), "half_up")
        steps.append(in_bigint(now - earned))
        earned = now
    return steps


def self_test(tap):
    """Numbers worked out by hand: 4, 6 and 8 % from 0, 200 and 400."""
    bounds, rates = [0, 200, 400], ["0.04", "0.06", "0.08"]
    tiers = table(bounds, rates, "volume")
    cases = [
        (commission(500, bounds, rates, "graduated"), 8 + 12 + 8), (commission(500, bounds, rates, "volume"), 40),
        (commission(200, bounds, rates, "graduated"), 8), (commission(200, bounds, rates, "volume"), 12),
        (commission(199, bounds, rates, "graduated"), 8), (commission(199, bounds, rates, "volume"), 8),
        (exact(199, tiers, "volume"), Fraction(796, 100)), (exact(201, tiers, "graduated"), Fraction(806, 100)),
        (commission(-500, bounds, rates, "graduated"), -28), (commission(-500, bounds, rates, "volume"), -40),
        (commission(25, [0], ["0.1"], "volume"), 3), (commission(25, [0], ["0.1"], "volume", "half_even"), 2),
        (commission(-25, [0], ["0.1"], "volume"), -3), (commission(29, [0], ["0.1"], "volume", "down"), 2),
        (marginals([100, None, 100, 200, 100], bounds, rates, "volume"), [4, None, 8, 20, 8]),
        (marginals([150, 100, -250], bounds, rates, "graduated"), [6, 5, -11]),
        ([reached(x, bounds) for x in (-1, 0, 199, 200, 400, INT64_MAX)], [0, 1, 1, 2, 3, 3]),
    ]
    tap.group("the model against numbers worked out by hand", len(cases), ["got %r, want %r" % case for case in cases if case[0] != case[1]])
    for bad in [([], []), ([0], []), ([1], ["0"]), ([0, 0], ["0", "0"]), ([0, None], ["0", "0"]), ([0], [None]), (None, ["0"]), ([0], ["-1"])]:
        try:
            commission(1, bad[0], bad[1], "volume")
            tap.ok(False, "the model refuses %r" % (bad,))
        except MoneyError:
            pass
