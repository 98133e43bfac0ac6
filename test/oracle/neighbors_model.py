"""Neighbours by the definition, in plain Python: every pair of a history, counted in dictionaries.

Written from docs/explanation/neighbors.md. Sums are integers of any size; a similarity is six operations on doubles in the
documented order, which IEEE 754 leaves no choice about, so results are compared without a tolerance.
"""

from collections import Counter, defaultdict
from math import sqrt

UNITS = 4096            # of a weight


def histories(rows, max_history):
    """rows of (user, item, at[, weight]) -> {user: {item: weight in units}}: the latest of an item, then the newest items."""
    latest = {}
    for user, item, at, *weight in rows:
        if None in (user, item, at) or (weight and weight[0] is None):
            continue
        units = round(weight[0] * UNITS) if weight else 1
        if units == 0:
            continue
        key = (user, item)
        latest[key] = max(latest.get(key, (at, units)), (at, units))
    users = defaultdict(list)
    for (user, item), (at, units) in latest.items():
        users[user].append((at, item, units))
    return {user: {item: units for _, item, units in sorted(chosen, reverse=True)[:max_history]} for user, chosen in users.items()}


def neighbors(rows, k=50, shrink=10.0, max_history=500, wanted=lambda item: True):
    """-> [(item, neighbour, similarity)] of the wanted items, in the order in which item_neighbors() gives them."""
    weighted = any(len(row) > 3 for row in rows)
    scale = float(UNITS * UNITS) if weighted else 1.0
    squares = defaultdict(int)
    common = defaultdict(Counter)
    for chosen in histories(rows, max_history).values():
        for item, weight in chosen.items():
            squares[item] += weight * weight
            if not wanted(item):
                continue
            if not weighted:
                common[item].update(chosen.keys())
                continue
            for other, other_weight in chosen.items():
                common[item][other] += weight * other_weight
    norm = {item: float(total) / scale for item, total in squares.items()}
    result = []
    for item in sorted(common):
        own, found = norm[item], []
        for other, total in common[item].items():
            if other != item:
                c = float(total) / scale
                found.append((-(c * c / (sqrt(own * norm[other]) * (c + shrink))), other))
        found.sort()
        result.extend((item, other, -minus) for minus, other in found[:k])
    return result


def ranked(history, lists, weights=None, half_life=2.0, page_size=100):
    """history newest first, lists [(item, neighbour, similarity)] -> [(item, score)]: summed from the newest item on."""
    weight = defaultdict(float)
    for place, item in enumerate(history):
        weight[item] += (1.0 if weights is None else weights[place]) * 2.0 ** (-place / half_life)
    by_item = defaultdict(list)
    for item, other, similarity in lists:
        by_item[item].append((other, similarity))
    score = defaultdict(float)
    for item in weight:                 # in the order in which they came: the newest first
        for other, similarity in by_item[item]:
            if weight[item] * similarity > 0 and other not in weight:
                score[other] += weight[item] * similarity
    return sorted(score.items(), key=lambda r: (-r[1], r[0]))[:page_size]
