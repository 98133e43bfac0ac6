"""What journey_path answers: the creators of a journey in order, transformed. The definitions, and a reference for tests.

A path is the sequence of creator ids of a journey's touches, oldest first, in the order of a path: (touched_at,
view < click < cart < coupon, touch_id, ...). A touch without a creator (direct, search, another network) is an element
too, None (NULL in SQL). Two elements are the same when IS NOT DISTINCT FROM says so: None is the same as None and differs
from every creator.

The transforms bear the names of Google's fractribution (path_transform) and of dbt-snowplow-fractribution
(snowplow__path_transforms, with the suffix _path). For (D, A, B, B, C, D, C, C):

    unique      every element: (D, A, B, B, C, D, C, C). The identity, whatever the name suggests: it is fractribution's
    exposure    a run of equal neighbours becomes one element: (D, A, B, C, D, C)
    first       of each creator the first occurrence only: (D, A, B, C)
    last_k      the last k elements; a path of k or fewer stays whole. k = 3: (D, C, C)

journey_path applies the transform first and last_k to what it leaves: exposure with k = 3 gives (C, D, C). So k counts
elements of the answer. (Fractribution's path_lookback_steps counted touches before the transform; to count those, take
`unique` with k.)

No transform sorts, invents an element or depends on anything but the path. Of an empty path each gives the empty path, of
a path of one element that path. unique, exposure and first are idempotent; first(exposure(p)) = first(p).

k is None (the whole path) or at least 1; anything else is an invalid argument (SQLSTATE IN002), as is another name.
Fractribution writes 0 for "the whole path"; here 0 is refused, because elsewhere in the project a lookback of zero reaches nothing.

Two more transforms of fractribution are here because its example can be checked with them; journey_path need not have
them:

    remove_if_not_all(x)            every x is removed, unless the path consists of x only: then it stays whole
    remove_if_last_and_not_all(x)   the x at the end are removed, with the same exception
"""

TRANSFORMS = ("exposure", "first", "unique")


class InvalidArgument(ValueError):
    """SQLSTATE IN002."""


def unique(path):
    return list(path)


def exposure(path):
    return [element for i, element in enumerate(path) if i == 0 or element != path[i - 1]]


def first(path):
    return [element for i, element in enumerate(path) if element not in path[:i]]


def last_k(path, k):
    if k is None:
        return list(path)
    if k < 1:
        raise InvalidArgument("last_k must be at least 1")
    return list(path[-k:])


def remove_if_not_all(path, target):
    return [element for element in path if element != target] or list(path)


def remove_if_last_and_not_all(path, target):
    end = len(path)
    while end > 0 and path[end - 1] == target:
        end -= 1
    return list(path[:end] if end else path)


def journey_path(path, transform="exposure", k=None):
    if transform not in TRANSFORMS:
        raise InvalidArgument("unknown transform: %s" % transform)
    return last_k({"exposure": exposure, "first": first, "unique": unique}[transform](path), k)


def published_cases():
    """(transform, its argument, path, answer) as fractribution's documentation and the unit tests of
    dbt-snowplow-fractribution state them; letters stand for creators."""
    cases = [("unique", None, "DABBCDCC", "DABBCDCC"), ("exposure", None, "DABBCDCC", "DABCDC"), ("first", None, "DABBCDCC", "DABC"),
             ("remove_if_not_all", "A", "ABAA", "B"), ("remove_if_last_and_not_all", "A", "ABAA", "AB")]
    # path, last 1, last 2, unique, exposure, first, remove_if_not_all(D), remove_if_last_and_not_all(D)
    for row in (("EVDD", "D", "DD", "EVDD", "EVD", "EVD", "EV", "EV"),
                ("DD", "D", "DD", "DD", "D", "D", "DD", "DD"),
                ("aaaDaDD", "D", "DD", "aaaDaDD", "aDaD", "aD", "aaaa", "aaaDa"),
                ("D", "D", "D", "D", "D", "D", "D", "D"),
                ("EVD", "D", "VD", "EVD", "EVD", "EVD", "EV", "EV")):
        columns = (("last_k", 1), ("last_k", 2), ("unique", None), ("exposure", None), ("first", None),
                   ("remove_if_not_all", "D"), ("remove_if_last_and_not_all", "D"))
        cases += [(name, argument, row[0], answer) for (name, argument), answer in zip(columns, row[1:])]
    return cases


def published_failures():
    """The published cases that this model answers differently: none."""
    failures = []
    for name, argument, path, answer in published_cases():
        got = globals()[name](list(path)) if argument is None else globals()[name](list(path), argument)
        if got != list(answer):
            failures.append("%s(%s, %s) = %s, published %s" % (name, path, argument, "".join(got), answer))
    return failures


def self_test():
    """Cases without the model's own wording: None, k after the transform, the algebra."""
    failures = published_failures()
    checks = [(journey_path([7, None, None, 7, 8], "exposure"), [7, None, 7, 8]), (journey_path([None, 7, None], "first"), [None, 7]),
              (journey_path(list("DABBCDCC"), "exposure", 3), list("CDC")), (journey_path(list("DABBCDCC"), "unique", 3), list("DCC")),
              (journey_path([], "first", 2), []), (journey_path([1, 2], "unique", 9), [1, 2]), (journey_path([1, 1, 2]), [1, 2])]
    failures += ["got %s, expected %s" % pair for pair in checks if pair[0] != pair[1]]
    for path in ([1, 2, 1, 1, None, None, 2], [None], [], [3, 3, 3]):
        for transform in TRANSFORMS:
            once = journey_path(path, transform)
            if journey_path(once, transform) != once or first(exposure(path)) != first(path):
                failures.append("%s is not idempotent on %s" % (transform, path))
    for bad in (("exposure", 0), ("exposure", -1), ("frequency", None)):
        try:
            failures.append("%s was not refused: %s" % (bad, journey_path([1], *bad)))
        except InvalidArgument:
            pass
    return failures


if __name__ == "__main__":
    for failure in self_test():
        print(failure)
    raise SystemExit(1 if self_test() else 0)
