"""Model of scores: size tiers, the cells of priors and baselines, shrunk rates of channels, percentiles.

Written from what creator_metrics(), refresh_scores() and their tables document; the statistics are credibility_model's.
"""

from fractions import Fraction
from math import floor

import credibility_model as credibility

TIERS = [(1000000, "mega"), (500000, "macro"), (50000, "mid"), (10000, "micro"), (0, "nano")]
CELL_MINIMUM = 10


def tier_of(followers):
    return None if followers is None else next(tier for least, tier in TIERS if followers >= least)


def cells_of(platform, vertical, tier):
    """From the narrowest to the widest; without a vertical or a tier there is nothing narrow."""
    leaf = [(platform, vertical, tier)] if vertical and tier else []
    return leaf + ([(platform, "", tier)] if tier else []) + [(platform, "", "")]


class Channel:
    def __init__(self, key, platform, vertical, followers, observations):
        self.key, self.platform, self.vertical, self.followers = key, platform, vertical, followers
        self.observations = [(credibility.to_200_bits(rate), posts) for rate, posts in observations]
        self.tier = tier_of(followers)
        self.posts, self.rate = sum(w for _, w in observations), credibility.mean(self.observations)
        self.cells = cells_of(platform, vertical, self.tier)


def shrink(channel, priors, minimum=CELL_MINIMUM):
    """Gives a channel the prior of its narrowest usable cell, and its shrunk rate; the platform's cell is always usable."""
    channel.prior = channel.cell = channel.shrunk = None
    for cell in channel.cells:
        prior = priors.get(cell)
        if prior is not None and (cell == channel.cells[-1] or prior[4] >= minimum and prior[1] is not None):
            channel.prior, channel.cell = prior, cell
            break
    if channel.prior is not None and channel.posts:
        channel.shrunk = credibility.to_200_bits(credibility.shrunk_rate(channel.posts, channel.rate, channel.prior))


def fit(channels, minimum=CELL_MINIMUM):
    """Shrinks every channel, and returns the priors by cell."""
    members = {}
    for channel in channels:
        for cell in channel.cells:
            members.setdefault(cell, []).append(channel)
    priors = {cell: credibility.prior([c.observations for c in those], credibility.to_200_bits)[0] for cell, those in members.items()}
    for channel in channels:
        shrink(channel, priors, minimum)
    return priors


def quantiles(values):
    """percentile_cont of 0, 0.01, ... 1."""
    values = sorted(values)
    points = []
    for step in range(101):
        place = Fraction(step, 100) * (len(values) - 1)
        low = floor(place)
        high = min(low + 1, len(values) - 1)
        points.append(values[low] + (values[high] - values[low]) * (place - low))
    return points


def percentile(points, value):
    """The place among 101 quantiles, 0 to 100: linear between two, the middle of a run of equal ones, 0 below the least, 100 above the greatest."""
    if value < points[0]:
        return Fraction(0)
    if value > points[-1]:
        return Fraction(100)
    equal = [step for step, point in enumerate(points) if point == value]
    if equal:
        return Fraction(equal[0] + equal[-1], 2)
    below = max(step for step, point in enumerate(points) if point < value)
    return below + Fraction(value - points[below]) / Fraction(points[below + 1] - points[below])


def baselines(channels, minimum=CELL_MINIMUM):
    """{cell: quantiles of the shrunk rates}, where there are enough of them."""
    members = {}
    for channel in channels:
        if channel.shrunk is not None:
            for cell in channel.cells:
                members.setdefault(cell, []).append(channel.shrunk)
    widest = {channel.cells[-1] for channel in channels}
    return {cell: quantiles(values) for cell, values in members.items() if cell in widest or len(values) >= minimum}


def place(channel, points):
    cell = next((cell for cell in channel.cells if cell in points), None)
    return None if channel.shrunk is None or cell is None else percentile(points[cell], channel.shrunk)


def percentiles(channels, minimum=CELL_MINIMUM):
    """{channel's key: percentile of its shrunk rate} in the narrowest cell with enough channels."""
    points = baselines(channels, minimum)
    return {channel.key: place(channel, points) for channel in channels if channel.shrunk is not None}
