"""The rules of dbt-snowplow-fractribution (version 0.3.7, Apache-2.0), written from its documentation and its tables; exact, in fractions.

    sessions      one row per session: customer, start, channel. Channels are what is credited
    window        a session belongs to a conversion of its customer when the conversion's calendar day (UTC here) minus the
                  session's lies between 0 and path_lookback_days: a session later on the day of the conversion does,
                  and so does one at any time of the first day. A customer without conversion has a path to his last session
    path          the channels of these sessions by start; a conversion without any session disappears (inner join)
    transforms    applied in turn before attribution: see journey_path_model. The shipped example uses exposure alone
    summary       per transformed path: conversions, non-conversions, revenue
    models        weights of a path's channels; a channel that occurs twice gets both shares
                  first_touch, last_touch, linear as everywhere
                  position_based: 0.4 first, 0.4 last, 0.2 shared by those between; alone 1, of two 0.5 each
                  shapley: for each position of the path, the conversion rate of this path minus the rate of the path without
                  that position (0 for a path nobody had), not below 0; normalised to 1. All 0: the last gets 1
    report        per channel: weight x conversions, weight x revenue, summed over paths; revenue / spend
"""

from collections import namedtuple
from fractions import Fraction
from itertools import combinations
from math import factorial

import journey_path_model

Session = namedtuple("Session", "customer at channel id")
Conversion = namedtuple("Conversion", "id customer at amount")
Summary = namedtuple("Summary", "conversions non_conversions revenue")

MODELS = ("first_touch", "last_touch", "linear", "position_based", "shapley")
DIRECT = "Direct"


def in_calendar_window(session, customer, at, days):
    return session.customer == customer and 0 <= (at.date() - session.at.date()).days <= days


def window(sessions, customer, at, days):
    """The sessions of a conversion, by their start."""
    return sorted((s for s in sessions if in_calendar_window(s, customer, at, days)), key=lambda s: (s.at, s.id))


def channels_of(sessions):
    return tuple(s.channel for s in sessions)


def last_sessions(sessions, conversions):
    """Customers who never converted, with their last session's start."""
    converted = {c.customer for c in conversions}
    last = {}
    for s in sessions:
        if s.customer not in converted:
            last[s.customer] = max(s.at, last.get(s.customer, s.at))
    return last


def summary(to_conversion, to_non_conversion):
    """to_conversion: [(path, revenue)], to_non_conversion: [path], both transformed."""
    rows = {path: [0, 0, 0] for path in [p for p, _ in to_conversion] + list(to_non_conversion)}
    for path, revenue in to_conversion:
        rows[path][0] += 1
        rows[path][2] += revenue
    for path in to_non_conversion:
        rows[path][1] += 1
    return {path: Summary(*row) for path, row in rows.items()}


def rate(path, paths):
    row = paths.get(tuple(path))
    return Fraction(row.conversions, row.conversions + row.non_conversions) if row else Fraction(0)


def without(path, i):
    return path[:i] + path[i + 1:]


def position_weights(path, model, paths):
    n = len(path)
    if model == "first_touch":
        return [Fraction(int(i == 0)) for i in range(n)]
    if model == "last_touch":
        return [Fraction(int(i == n - 1)) for i in range(n)]
    if model == "linear":
        return [Fraction(1, n)] * n
    if model == "position_based":
        if n <= 2:
            return [Fraction(1, n)] * n
        return [Fraction(2, 5)] + [Fraction(1, 5 * (n - 2))] * (n - 2) + [Fraction(2, 5)]
    if n == 1:
        return [Fraction(1)]
    gains = [max(rate(path, paths) - rate(without(path, i), paths), 0) for i in range(n)]
    total = sum(gains)
    return [gain / total for gain in gains] if total else [Fraction(int(i == n - 1)) for i in range(n)]


def weights(path, model, paths=None):
    """Channel -> weight; the channels of a path that get nothing are in it with 0."""
    result = {}
    for channel, weight in zip(path, position_weights(path, model, paths)):
        result[channel] = result.get(channel, 0) + weight
    return result


def report(paths, model):
    """Channel -> (conversions, revenue), of a summary."""
    result = {}
    for path, row in paths.items():
        for channel, weight in weights(path, model, paths).items():
            conversions, revenue = result.get(channel, (0, 0))
            result[channel] = (conversions + weight * row.conversions, revenue + weight * row.revenue)
    return result


def shapley_value(players, worth):
    """The Shapley value, from its definition: the mean gain by a player's joining, over all orders of joining."""
    n = len(players)
    result = {}
    for player in players:
        others = [p for p in players if p != player]
        value = Fraction(0)
        for size in range(n):
            share = Fraction(factorial(size) * factorial(n - size - 1), factorial(n))
            for coalition in combinations(others, size):
                value += share * (worth(frozenset(coalition) | {player}) - worth(frozenset(coalition)))
        result[player] = value
    return result


def transform(path, name, argument=None):
    function = getattr(journey_path_model, name)
    return tuple(function(list(path)) if argument is None else function(list(path), argument))
