#!/usr/bin/env python3
"""Writes decay_weight_cases.h: ages and half lives, and the weights by 120-digit arithmetic.

    python3 test/unit/decay_weight_cases.py > test/unit/decay_weight_cases.h

The hard cases are fractions age / half_life next to 32 - log2(c), c odd: there 2^31 * 2^(-age / half_life) comes within a
rounding error of the half c / 2. They are convergents of the continued fraction, from both sides, and their multiples.
"""
import random
from decimal import Decimal, ROUND_FLOOR, getcontext

getcontext().prec = 120
LN2 = Decimal(2).ln()
LARGEST = 2**64 - 1

# The odd numbers below 2^32 whose logarithms come closest to a fraction with a denominator below 2^64 (see the note on
# the slow path in decay_weight_core.c), the closest first, at 2^-160; found by searching them all.
CLOSE = [3901027285, 3250217927, 3784771081, 3598599631, 3325320239, 4009350121, 3904762425, 2386025021]


def weight(age, half_life):
    whole, rest = divmod(age, half_life)
    if rest == 0:  # a power of two, or the tie at 1/2
        return 2**31 >> whole if whole < 32 else 0
    value = 2**31 * (-(Decimal(age) / Decimal(half_life)) * LN2).exp()
    return int((value + Decimal("0.5")).to_integral_value(rounding=ROUND_FLOOR))


def convergents(x):
    p0, q0, p1, q1 = 0, 1, 1, 0
    while True:
        a = int(x)
        p0, q0, p1, q1 = p1, q1, a * p1 + p0, a * q1 + q0
        if max(p1, q1) > LARGEST:
            return
        yield p1, q1
        x = 1 / (x - a)


def hard(c):
    return list(convergents(32 - Decimal(c).ln() / LN2))


def main():
    rng = random.Random("decay weights")
    cases = [(0, 1), (1, 1), (30, 1), (31, 1), (32, 1), (33, 1), (LARGEST, 1), (LARGEST, LARGEST), (LARGEST - 1, LARGEST), (1, LARGEST)]
    for half_life in (2, 3, 7 * 86400 * 10**6, 2**58, 2**59 - 1, 2**59, 2**59 + 1, 2**63, 2**63 + 1):
        for halves in (0, 1, 30, 31, 32):
            for age in (half_life * halves - 1, half_life * halves, half_life * halves + 1):
                if 0 <= age <= LARGEST:
                    cases.append((age, half_life))
    for _ in range(80):
        half_life = rng.getrandbits(rng.randint(1, 64)) or 1
        cases.append((min(LARGEST, rng.randint(0, 33 * half_life)), half_life))
    for c in CLOSE:
        cases += hard(c)[-2:]
    for bits in range(2, 33):
        for _ in range(4):
            c = rng.getrandbits(bits - 1) | 1 << (bits - 1) | 1
            found = hard(c)
            cases += found[-2:] + [rng.choice(found)]
            age, half_life = found[len(found) // 2]
            times = LARGEST // max(age, half_life)
            cases.append((age * times, half_life * times))

    print("/* Written by decay_weight_cases.py: age, half life and weight. */")
    for age, half_life in cases:
        print("{UINT64_C(%d), UINT64_C(%d), UINT64_C(%d)}," % (age, half_life, weight(age, half_life)))


if __name__ == "__main__":
    main()
