"""Markov attribution by definition: build the chain, remove a creator, solve again.

Written from the design's text alone. Rows are (path, conversions, value, nulls). Numbers are Fractions, so nothing is
rounded; with number=float the same elimination serves larger chains. For chains that are too large for it, propagate()
sends probability mass through the chain until almost nothing is on its way.
"""

from collections import defaultdict
from fractions import Fraction

START, CONVERSION, NULL = "start", "conversion", "null"


def collapsed(path):
    return [c for i, c in enumerate(path) if i == 0 or c != path[i - 1]]


def states_of(path, k):
    path = collapsed(path)
    if len(path) <= k:
        return [tuple(path)]
    return [tuple(path[i:i + k]) for i in range(len(path) - k + 1)]


class Chain:
    def __init__(self, rows, k, number=Fraction):
        self.number = number
        edges = defaultdict(lambda: defaultdict(int))
        self.value = defaultdict(int)  # of all conversions at the end of a state
        for path, conversions, value, nulls in rows:
            if not path or conversions + nulls == 0:
                continue
            states = states_of(path, k)
            for a, b in zip([START] + states, states):
                edges[a][b] += conversions + nulls
            if conversions:
                edges[states[-1]][CONVERSION] += conversions
                self.value[states[-1]] += value
            if nulls:
                edges[states[-1]][NULL] += nulls
        self.edges = edges
        self.states = [s for s in edges if s != START]
        self.creators = sorted({c for s in self.states for c in s})
        self.conversions = sum(e.get(CONVERSION, 0) for e in edges.values())
        self.all_value = sum(self.value.values())

    def chances(self, state):
        total = sum(self.edges[state].values())
        return {to: self.number(weight) / total for to, weight in self.edges[state].items()}

    def reward(self, state):
        """Mean value of a conversion in a state."""
        return self.number(self.value[state]) / self.edges[state][CONVERSION]

    def solve(self, removed):
        """(P(conversion), expected value) from the start, when states with the removed creator lead to null."""
        if not self.states:
            return self.number(0), self.number(0)
        kept = [s for s in self.states if removed is None or removed not in s]
        index = {s: i for i, s in enumerate(kept)}
        n = len(kept)
        zero = self.number(0)
        matrix = []
        for s in kept:  # v(s) - sum of P(s, t) v(t) = P(s, conversion), = P(s, conversion) * reward
            row = [zero] * (n + 2)
            row[index[s]] += 1
            for to, chance in self.chances(s).items():
                if to == CONVERSION:
                    row[n] += chance
                    row[n + 1] += chance * self.reward(s)
                elif to in index:
                    row[index[to]] -= chance
            matrix.append(row)
        for i in range(n):
            pivot_at = max(range(i, n), key=lambda r: abs(matrix[r][i]))
            matrix[i], matrix[pivot_at] = matrix[pivot_at], matrix[i]
            pivot = matrix[i]
            for r in range(i + 1, n):
                if matrix[r][i]:
                    factor = matrix[r][i] / pivot[i]
                    matrix[r] = matrix[r][:i + 1] + [a - factor * b for a, b in zip(matrix[r][i + 1:], pivot[i + 1:])]
        solved = [[zero] * n, [zero] * n]
        for i in reversed(range(n)):
            for k in (0, 1):
                known = sum((matrix[i][j] * solved[k][j] for j in range(i + 1, n) if matrix[i][j]), zero)
                solved[k][i] = (matrix[i][n + k] - known) / matrix[i][i]
        first = [(index[s], chance) for s, chance in self.chances(START).items() if s in index]
        return tuple(sum((chance * v[i] for i, chance in first), zero) for v in solved)

    def propagate(self, removed, until=1e-15):
        """The same, step by step in floats; what is still on its way in the end bounds the error."""
        outgoing = {s: list(self.chances(s).items()) for s in self.edges}
        here, converted, worth = {START: 1.0}, 0.0, 0.0
        while sum(here.values()) > until:
            there = defaultdict(float)
            for s, mass in here.items():
                for to, chance in outgoing[s]:
                    if to == CONVERSION:
                        converted += mass * chance
                        worth += mass * chance * self.reward(s)
                    elif to != NULL and (removed is None or removed not in to):
                        there[to] += mass * chance
            here = there
        return converted, worth


def credit(chain, solve=Chain.solve, only=None):
    """{creator: (removal effect, conversions, value removal effect, value)}; effects are None where undefined."""
    everything = solve(chain, None)
    effects = {}
    for c in chain.creators if only is None else only:
        left = solve(chain, c)
        effects[c] = [1 - l / e if e else None for l, e in zip(left, everything)]
    sums = [sum(e[k] for e in effects.values() if e[k] is not None) for k in (0, 1)]
    return {c: (e[0], e[0] / sums[0] * chain.conversions if e[0] is not None else 0,
                e[1], e[1] / sums[1] * chain.all_value if e[1] is not None else 0) for c, e in effects.items()}
