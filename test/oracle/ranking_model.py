"""evaluate_ranking() by its documentation (src/evaluation/README.md), in plain Python.

Nothing is clever here: histories are lists, sums are dicts of integers, and a rank is counted over all items. Floats are
combined in the documented order, so that equal scores are equal here, too.
"""

import math
import struct

MASK = 2**64 - 1
WINDOW, NEAREST, GROUP_ITEMS, HISTORY, MOST_VALIDATION, LEAST_TESTS = 500, 100, 200, 200, 4000, 30
NAMES = ("history_half", "pair_half", "backward", "shrink", "creator", "category", "popularity", "decay")
GRID = {  # values, the first one, by which rankers
    "history_half": ((0.5, 1, 2, 4, 8, 64), 1, ("neighbors", "hybrid")),
    "pair_half": ((2, 5, 12, 0), 1, ("hybrid",)),
    "backward": ((0.25, 0.5, 0.75, 1), 1, ("hybrid",)),
    "shrink": ((1, 3, 10, 30, 100), 2, ("neighbors", "hybrid")),
    "creator": ((0, 0.03, 0.1, 0.2, 0.4, 1), 0, ("hybrid",)),
    "category": ((0, 0.03, 0.1, 0.2, 0.4, 1), 0, ("hybrid",)),
    "popularity": ((0, 0.03, 0.1, 0.3, 1, 3), 0, ("hybrid",)),
    "decay": ((0.00390625, 0.015625, 0.0625, 0.25, 0), 2, ("decayed", "hybrid")),
}


def mix(word):
    word = (word + 0x9E3779B97F4A7C15) & MASK
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & MASK
    return word ^ (word >> 31)


def single(number):
    return struct.unpack("f", struct.pack("f", number))[0]


class Data:
    """rows: (user, item, at, weight or None); items: {item: (creator or None, categories)}."""

    def __init__(self, rows, items=None):
        self.weighted = any(row[3] is not None for row in rows)
        times = {row[2] for row in rows}
        self.timeless = len(times) <= 1
        greatest = max((single(row[3]) for row in rows), default=0) if self.weighted else 1
        first = {}
        for user, item, at, weight in rows:
            units = max(round(single(weight) / greatest * 65536.0), 1) if self.weighted else 1
            key = (at, -units)
            if (user, item) not in first or key < first[user, item]:
                first[user, item] = key
        chosen = {}
        for (user, item), (at, units) in first.items():
            chosen.setdefault(user, []).append((at, item, -units))
        self.items = sorted({item for _, item in first})
        number = {item: i for i, item in enumerate(self.items)}
        self.histories, self.signatures = [], []
        for user in sorted(chosen):
            signature = sum(mix(item & MASK) for _, item, _ in chosen[user]) & MASK
            if self.timeless:
                chosen[user].sort(key=lambda event: (mix(signature ^ (event[1] & MASK)) >> 1, event[1]))
            else:
                chosen[user].sort()
            self.histories.append([(number[item], at, units) for at, item, units in chosen[user]])
            self.signatures.append(signature)
        self.times = sorted(event[1] for history in self.histories for event in history)
        self.groups = [[None] * len(self.items), [None] * len(self.items)]
        self.has = [False, False]
        if items:
            self.read_items(items, number)

    def read_items(self, items, number):
        known = {number[item]: given for item, given in items.items() if item in number}
        count = {}
        for _, categories in known.values():
            for category in set(categories):
                count[category] = count.get(category, 0) + 1
        for item, (creator, categories) in known.items():
            if creator is not None and creator >= 0:
                self.groups[0][item], self.has[0] = creator, True
            if categories:
                self.groups[1][item], self.has[1] = min(set(categories), key=lambda c: (count[c], c)), True

    def quantile(self, share):
        i = int(share * len(self.times))
        if i >= len(self.times):
            return 2**63 - 1
        while i < len(self.times) - 1 and self.times[i] == self.times[0]:
            i += 1
        return self.times[i]

    def before(self, user, at):
        return sum(1 for event in self.histories[user] if event[1] < at)

    def slice_of(self, start, until, each):
        begin, end, last = self.quantile(start), self.quantile(until), until >= 1
        if begin >= end and not last:
            return None
        learned, tests = [], []
        for user, history in enumerate(self.histories):
            known = self.before(user, begin)
            stop = len(history) if last else self.before(user, end)
            learned.append(known)
            if each:
                tests.extend((user, i, i + 1) for i in range(known, stop))
            elif stop > known:
                tests.append((user, known, stop))
        return learned, tests

    def split(self, protocol, validation):
        """[(how much of each history is learned, [(user, known, until)])]"""
        if protocol == "leave_last_out":
            back = 2 if validation else 1
            learned = [n if n <= 1 else max(n - back, 0) for n in map(len, self.histories)]
            tests = [(u, len(h) - back, len(h) - back + 1) for u, h in enumerate(self.histories) if len(h) > back]
            slices = [(learned, tests)]
        else:
            start, until = (0.8 * 0.8, 0.8) if validation else (0.8, 1)
            if protocol == "time":
                slices = [self.slice_of(start, until, False)]
            else:
                n = 2 if validation else 10
                slices = [self.slice_of(start + (until - start) * s / n,
                                        until if s == n - 1 else start + (until - start) * (s + 1) / n, True) for s in range(n)]
            slices = [s for s in slices if s]
        total = sum(len(tests) for _, tests in slices)
        if validation and total > MOST_VALIDATION:
            limit = int(MOST_VALIDATION / total * 4294967296.0)
            slices = [(learned, [t for t in tests if mix((self.signatures[t[0]] + t[1]) & MASK) >> 32 < limit])
                      for learned, tests in slices]
        return slices


class Model:
    def __init__(self, data, learned, ranker, parameters, profile=None):
        self.data, self.ranker, self.p, self.profile = data, ranker, parameters, profile
        self.histories = [history[:n] for history, n in zip(data.histories, learned)]
        if ranker in ("popularity", "decayed"):
            self.lists, self.scale = {}, 1
        else:
            self.make_lists()
        self.make_popularity()

    def distance_weights(self, factor):
        weights = [0]
        for distance in range(1, WINDOW + 1):
            decay = math.exp2(-(distance - 1) / self.p["pair_half"]) if self.p["pair_half"] else 1.0
            weight = round(65536.0 * factor * decay)
            if weight < 64:
                break
            weights.append(weight)
        return weights

    def make_lists(self):
        ahead, behind = self.distance_weights(1), self.distance_weights(self.p["backward"])
        sums, norm = {}, [0] * len(self.data.items)
        for history in self.histories:
            for i, (item, _, weight) in enumerate(history):
                norm[item] += weight * weight
                row = sums.setdefault(item, {})
                for weights, step in ((ahead, 1), (behind, -1)):
                    for distance in range(1, len(weights)):
                        other = i + step * distance
                        if not 0 <= other < len(history):
                            break
                        there, _, other_weight = history[other]
                        if self.data.weighted:
                            value = weight * other_weight * weights[distance] >> 24
                        else:
                            value = weights[distance] << 8
                        if value:
                            row[there] = row.get(there, 0) + value
        norm = [n * 2.0**-32 if self.data.weighted else float(n) for n in norm]
        self.lists, nearest = {}, []
        for item in range(len(self.data.items)):
            row = []
            for other, common in sums.get(item, {}).items():
                common *= 2.0**-24
                row.append((-(common * common / (math.sqrt(norm[item] * norm[other]) * (common + self.p["shrink"]))), other))
            self.lists[item] = [(other, -value) for value, other in sorted(row)[:NEAREST]]
            if row:
                nearest.append(self.lists[item][0][1])
        total = 0.0
        for value in nearest:
            total += value
        self.scale = total / len(nearest) if nearest else 1

    def make_popularity(self):
        events = [event for history in self.histories for event in history]
        sums = [0] * len(self.data.items)
        if events:
            latest, earliest = max(e[1] for e in events), min(e[1] for e in events)
            span = float(latest) - float(earliest)
        for item, at, weight in events:
            left = 65536
            if self.p["decay"] and span:
                left = round(65536.0 * math.exp2(-(float(latest) - float(at)) / (span * self.p["decay"])))
            sums[item] += left * weight
        unit = 2.0**-32 if self.data.weighted else 2.0**-16
        self.popularity = [float(s) * unit for s in sums]
        if self.profile:
            self.base = [self.profile["bias"] + self.profile["quality"] * (min(max(math.log2(p), -40), 40) if p > 0 else -40)
                         for p in self.popularity]
        elif self.ranker in ("popularity", "decayed"):
            self.base = self.popularity
        else:
            most = max(self.popularity, default=0)
            unit = self.p["popularity"] * self.scale / math.log2(1 + most) if most > 0 else 0
            self.base = [unit * math.log2(1 + p) for p in self.popularity]
        self.order = sorted(range(len(sums)), key=lambda i: (-self.base[i], -self.popularity[i], i))
        self.members = [{}, {}]
        for item in sorted(range(len(sums)), key=lambda i: (-self.popularity[i], i)):
            for g in (0, 1):
                group = self.data.groups[g][item]
                if group is not None and len(self.members[g].setdefault(group, [])) < GROUP_ITEMS:
                    self.members[g][group].append(item)

    def scores(self, history):
        """{item: score} of what the history says something about."""
        sums, groups, whole = {}, ({}, {}), 0.0
        if self.ranker in ("popularity", "decayed"):
            return {}
        for age, (item, _, units) in enumerate(reversed(history)):
            if age >= HISTORY:
                break
            parts = units * (1.0 / 65536.0) if self.data.weighted else 1.0
            weight = math.exp2(-age / self.p["history_half"])
            if weight >= 2.0**-10:
                whole += weight * parts
                for other, similarity in self.lists[item]:
                    sums[other] = sums.get(other, 0.0) + weight * parts * similarity
            taste = math.exp2(-age / (self.p.get("group_half") or self.p["history_half"]))
            if taste >= 2.0**-10:
                for g in (0, 1):
                    group = self.data.groups[g][item]
                    if group is not None:
                        groups[g][group] = groups[g].get(group, 0.0) + taste * parts
        if self.profile:
            result = {item: self.profile["neighbor"] * math.log2(1 + 100 * value) for item, value in sums.items()}
        else:
            result = {item: value / whole for item, value in sums.items()}
        for g in (0, 1):
            factor = self.profile[("affinity", "interest")[g]] if self.profile else self.p[("creator", "category")[g]]
            for group, weight in groups[g].items() if factor else ():
                gain = factor * math.log2(1 + weight) if self.profile else factor * self.scale * (weight / whole)
                for item in self.members[g][group]:
                    result[item] = result.get(item, 0.0) + gain
        return {item: value + self.base[item] for item, value in result.items()}

    def ranks(self, test, k):
        """Ranks of the targets, and the first k, of all items that were not seen."""
        user, known, until = test
        history = self.data.histories[user]
        seen = {event[0] for event in history[:known]}
        scores = self.scores(history[:known])

        def key(item):
            return (-scores.get(item, self.base[item]), -self.popularity[item], item)

        better = sorted(key(item) for item in scores if item not in seen)
        targets = [event[0] for event in history[known:until]]
        wanted = sorted(key(target) for target in targets)
        rest = (key(item) for item in self.order if item not in seen and item not in scores)
        merged, i = [], 0
        for other in rest:  # the rest is in order: merge until the last target and k are passed
            while i < len(better) and better[i] < other:
                merged.append(better[i])
                i += 1
            merged.append(other)
            if len(merged) >= k and merged[-1] > wanted[-1]:
                break
        else:
            merged.extend(better[i:])
        where = {entry[2]: rank for rank, entry in enumerate(merged)}
        return [where[target] for target in targets], [entry[2] for entry in merged[:k]]


def gain(rank):
    return 1 / math.log2(rank + 2.0)


def measure(models, slices, k):
    n = ndcg = recall = hits = 0
    covered = set()
    for model, (_, tests) in zip(models, slices):
        for test in tests:
            ranks, best = model.ranks(test, k)
            covered.update(best)
            total = sum((gain(rank) for rank in ranks if rank < k), 0.0)
            ideal = sum((gain(i) for i in range(min(k, len(ranks)))), 0.0)
            n += 1
            ndcg += int(total / ideal * 2.0**60)
            recall += int(sum(rank < 2 * k for rank in ranks) / len(ranks) * 2.0**60)
            hits += any(rank < k for rank in ranks)
    return n, ndcg, recall, hits, covered


def choose(data, ranker, protocol, k, profile=None):
    parameters = {"history_half": 1, "pair_half": 0, "backward": 1, "shrink": 10, "creator": 0, "category": 0, "popularity": 0, "decay": 0}
    open_ones = [name for name in NAMES if ranker in GRID[name][2]]
    for name in open_ones:
        parameters[name] = GRID[name][0][GRID[name][1]]
    if ranker not in ("popularity", "decayed", "neighbors", "hybrid"):
        return dict(parameters, history_half=profile["neighbor_half"], group_half=profile["history_half"], decay=0.0625), 0
    slices = data.split(protocol, True)
    tests = sum(len(t) for _, t in slices)
    if tests < LEAST_TESTS or ranker == "popularity":
        return parameters, 0

    def attempt(values):
        models = [Model(data, learned, ranker, values) for learned, _ in slices]
        return measure(models, slices, k)[1]

    best = attempt(parameters)
    for _ in range(2):
        changed = False
        for name in open_ones:
            if name == "creator" and not data.has[0] or name == "category" and not data.has[1]:
                continue
            values = GRID[name][0]
            old = at = values.index(parameters[name])
            for direction in (1, -1):
                while at == old or direction == (1 if at > old else -1):
                    if not 0 <= at + direction < len(values):
                        break
                    result = attempt(dict(parameters, **{name: values[at + direction]}))
                    if result <= best:
                        break
                    best, at = result, at + direction
            parameters[name] = values[at]
            changed |= at != old
        if not changed:
            break
    return parameters, tests


def evaluate(data, ranker, protocol, k, profile=None, parameters=None):
    """users, ndcg, recall, hit_rate, coverage, parameters, validation tests; given parameters are not chosen again."""
    if parameters is None:
        parameters, tests = choose(data, ranker, protocol, k, profile)
    else:
        tests = None
    slices = [s for s in data.split(protocol, False) if s[1]]
    models = [Model(data, learned, ranker, parameters, profile) for learned, _ in slices]
    n, ndcg, recall, hits, covered = measure(models, slices, k)
    if n == 0:
        return 0, None, None, None, None, parameters, tests
    return n, ndcg * 2.0**-60 / n, recall * 2.0**-60 / n, hits / n, len(covered) / len(data.items), parameters, tests
