#!/usr/bin/env python3
"""Money kernels against money_model.py: commission_minor, split_amount, clawback_minor, minor_unit_digits, format_minor.

Default run: 12,000 splits, 12,000 returns and 10,000 commissions. --self-test checks the model alone. The published
currency list is compared when PGI_DATA names the folder with money/iso4217_minor_units.csv.
"""

import csv
import os
import random
import sys

import money_model as model
from money_model import INT64_MAX, INT64_MIN, MoneyError, ROUNDINGS
from pg import Script, array, outcomes, quote, settings
from tap import Tap

SPLITS, RETURNS, COMMISSIONS, FORMATS = 12000, 12000, 10000, 2000
EDGES = [0, 0, 1, -1, 2, -2, 3, 99, 100, -100, INT64_MAX, -INT64_MAX, INT64_MIN, INT64_MAX - 1, 2**62, -(2**62), 2**32]
ERROR_SAFE = """
CREATE FUNCTION pg_temp.try_commission(amount bigint, rate numeric, rounding text) RETURNS text LANGUAGE plpgsql AS $f$
BEGIN
    RETURN influence.commission_minor(amount, rate, rounding);
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE;
END $f$;
CREATE FUNCTION pg_temp.try_split(amount bigint, weights numeric[]) RETURNS text LANGUAGE plpgsql AS $f$
BEGIN
    RETURN influence.split_amount(amount, weights);
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE;
END $f$;
CREATE FUNCTION pg_temp.try_clawback(c bigint, n bigint, b bigint, r bigint, rounding text) RETURNS text LANGUAGE plpgsql AS $f$
BEGIN
    RETURN influence.clawback_minor(c, n, b, r, rounding);
EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE;
END $f$;
"""


def outcome(function, *args):
    """What the call must answer, as text: the value or the SQLSTATE."""
    try:
        value = function(*args)
    except MoneyError as error:
        return str(error)
    return array(value) if isinstance(value, list) else str(value)


def random_amount(rng):
    if rng.random() < 0.2:
        return rng.choice(EDGES)
    return rng.randint(-1, 1) * rng.getrandbits(rng.randint(1, 63)) if rng.random() < 0.3 else rng.getrandbits(rng.randint(1, 63))


def decimal_text(units, decimals, rng=None):
    """units / 10^decimals as decimal text; with a generator sometimes without its trailing zeros."""
    digits = str(units).rjust(decimals + 1, "0")
    text = digits[:-decimals] + "." + digits[-decimals:] if decimals else digits
    if decimals and rng is not None and rng.random() < 0.5:
        text = text.rstrip("0").rstrip(".")
    return text


def random_rate(rng):
    roll = rng.random()
    if roll < 0.25:  # exact halves of small amounts
        return rng.choice(["0.5", "0.05", "0.005", "0.025", "0.125", "0.0625", "2.5", "0.000000005", "0.015", "0.35"])
    if roll < 0.3:
        return rng.choice(["0", "1", "0.000000001", "9200000000", "9199999999.999999999", "0.999999999", "2", "1.000000001"])
    if roll < 0.34:  # refused
        return rng.choice(["-0.000000001", "-1", "NaN", "Infinity", "-Infinity", "0.0000000001", "0.1234567891", "9200000000.000000001", "9223372036", "9300000000", "1e30", "1e-30"])
    if roll < 0.4:  # large ones overflow with all but small amounts
        return decimal_text(rng.getrandbits(rng.randint(31, 62)), 9)
    decimals = rng.randint(1, 9)
    return decimal_text(rng.randint(0, 10**decimals), decimals, rng)


def check_commissions(tap, seed, cases):
    rng = random.Random("commissions %d" % seed)
    rows = []
    for i in range(cases):
        rounding = rng.choice(ROUNDINGS)
        if rng.random() < 0.01:
            rounding = rng.choice(["", "up", "HALF_UP", "half_down", "half_even "])
        rows.append((i, random_amount(rng), random_rate(rng), rounding))
    script = Script().sql(ERROR_SAFE).sql("CREATE TEMP TABLE c (id int, amount bigint, rate numeric, rounding text)")
    script.copy("c", ["id", "amount", "rate", "rounding"], rows)
    script.query("got", "SELECT id, pg_temp.try_commission(amount, rate, rounding) FROM c")
    got = {int(i): text for i, text in script.run()["got"]}
    failures, errors = [], 0
    for i, amount, rate, rounding in rows:
        want = outcome(model.commission, amount, rate, rounding)
        errors += want.startswith("IN")
        if got.get(i) != want:
            failures.append("commission_minor(%d, %s, %s): got %s, model %s" % (amount, rate, quote(rounding), got.get(i), want))
    tap.group("commission_minor: three roundings, edges of bigint, %d refusals" % errors, cases, failures)


def random_weights(rng):
    roll = rng.random()
    n = rng.choice([1, 1, 2, 2, 3, 3, 4, 5, 7, 12, 40])
    if roll < 0.2:
        return [rng.choice(["1", "1", "0", "2"]) for _ in range(n)]
    if roll < 0.35:
        return ["1"] * n
    if roll < 0.75:
        decimals = rng.randint(0, 9)
        return [decimal_text(rng.randint(0, 10**rng.randint(0, 11)), decimals, rng) if rng.random() < 0.9 else "0" for _ in range(n)]
    if roll < 0.9:  # the sum comes close to 2^63-1 on the common scale
        cuts = sorted(rng.randint(0, INT64_MAX) for _ in range(n - 1))
        decimals = rng.choice([0, 0, 1, 9, 15, 18])
        units = [b - a for a, b in zip([0] + cuts, cuts + [INT64_MAX])]
        return [decimal_text(u, decimals) for u in units]
    return [rng.choice(["0", "0.1", "0.3333333333", "33.3", "1e6", "1e-6"]) for _ in range(n)]


def check_splits(tap, seed, cases):
    rng = random.Random("splits %d" % seed)
    rows = [(i, random_amount(rng), random_weights(rng)) for i in range(cases)]
    script = Script().sql(ERROR_SAFE).sql("CREATE TEMP TABLE s (id int, amount bigint, weights numeric[])")
    script.copy("s", ["id", "amount", "weights"], [(i, a, array(w)) for i, a, w in rows])
    script.query("got", "SELECT id, pg_temp.try_split(amount, weights) FROM s")
    script.query("laws", """
        SELECT id, got, mirror FROM (
            SELECT s.id, s.amount, influence.split_amount(amount, weights) AS got,
                   influence.split_amount(-amount, weights) AS mirror
            FROM s WHERE amount <> -9223372036854775808 AND 0 < ANY (weights)) q
        WHERE (SELECT sum(x) FROM unnest(got) x) <> amount
           OR EXISTS (SELECT FROM unnest(got, mirror) AS u(a, b) WHERE a <> -b)
           OR cardinality(got) <> cardinality(mirror)""")
    result = script.run()
    got = dict(result["got"])
    failures = []
    for i, amount, weights in rows:
        want = outcome(model.split, amount, weights)
        if got.get(str(i)) != want:
            failures.append("split_amount(%d, %s): got %s, model %s" % (amount, array(weights), got.get(str(i)), want))
    tap.group("split_amount: largest remainder, ties to the earlier", cases, failures)
    tap.group("split_amount: sums to the amount, f(-x) = -f(x)", cases, result["laws"])
    return cases


def random_sale(rng):
    commission = random_amount(rng)
    base = rng.choice([1, 2, 3, 7, 100, 9999, INT64_MAX, INT64_MAX - 1]) if rng.random() < 0.3 else rng.getrandbits(rng.randint(1, 63)) or 1
    return commission, base


def check_clawbacks(tap, seed, cases):
    """Sales with random partial returns until all is returned: each step against the model, the sum against the commission."""
    rng = random.Random("clawbacks %d" % seed)
    rows, commissions = [], {}
    sale = 0
    while len(rows) < cases:
        commission, base = random_sale(rng)
        rounding = rng.choice(ROUNDINGS)
        cuts = sorted(rng.randint(0, base) for _ in range(rng.choice([0, 1, 2, 3, 5, 9])))
        if rng.random() < 0.2:
            cuts = sorted(rng.choice([0, 1, base - 1, base, base // 2, base // 3]) for _ in range(4))
        before = 0
        for cut in cuts + [base]:
            rows.append((len(rows), sale, commission, base, before, cut - before, rounding))
            before = cut
        commissions[sale] = (commission, base, rounding)
        sale += 1
    script = Script().sql(ERROR_SAFE)
    script.sql("CREATE TEMP TABLE k (id int, sale int, c bigint, n bigint, b bigint, r bigint, rounding text)")
    script.copy("k", ["id", "sale", "c", "n", "b", "r", "rounding"], rows)
    script.query("got", "SELECT id, pg_temp.try_clawback(c, n, b, r, rounding) FROM k")
    got = {int(i): text for i, text in script.run()["got"]}
    failures, sums = [], {}
    for i, sale, commission, base, before, now, rounding in rows:
        want = outcome(model.clawback, commission, base, before, now, rounding)
        if got.get(i) != want:
            failures.append("clawback_minor(%d, %d, %d, %d, '%s'): got %s, model %s" % (commission, base, before, now, rounding, got.get(i), want))
        if not (got.get(i) or "IN").startswith("IN"):
            sums[sale] = sums.get(sale, 0) + int(got[i])
    tap.group("clawback_minor: difference of rounded shares", len(rows), failures)
    tap.group("clawback_minor: telescopes to the commission at full return", len(commissions),
              ["sale %r: clawed back %r in all" % (commissions[s], sums.get(s)) for s in commissions if sums.get(s) != commissions[s][0]])

    refused = []
    for _ in range(1000):
        commission, base = random_sale(rng)
        before = rng.randint(0, base)
        now = rng.choice([base - before + 1, INT64_MAX, base - before + rng.getrandbits(20) + 1])
        if now <= INT64_MAX and before + now > base:
            refused.append((commission, base, before, now))
    for bad in [(10, -1, 0, 0), (10, 5, -1, 1), (10, 5, 1, -1), (10, 5, 5, -5), (10, INT64_MIN, 0, 0), (10, 5, INT64_MIN, 0)]:
        refused.append(bad)
    script = Script().sql(ERROR_SAFE).sql("CREATE TEMP TABLE k (id int, c bigint, n bigint, b bigint, r bigint)")
    script.copy("k", ["id", "c", "n", "b", "r"], [(i,) + row for i, row in enumerate(refused)])
    script.query("got", "SELECT id, pg_temp.try_clawback(c, n, b, r, 'half_up') FROM k")
    got = {int(i): text for i, text in script.run()["got"]}
    tap.group("clawback_minor: over-returns are IN007, negative arguments IN002", len(refused),
              ["clawback_minor%r: got %s, model %s" % (row, got.get(i), outcome(model.clawback, *row))
               for i, row in enumerate(refused) if got.get(i) != outcome(model.clawback, *row)])
    return len(rows)


def check_statements(tap, name, cases):
    """Pairs of an expression and the text it must give: a value, None for NULL, or an SQLSTATE."""
    got = outcomes([expression for expression, _ in cases])
    tap.group(name, len(cases), ["%s: got %s, want %s" % (expression, answer, want)
                                 for (expression, want), answer in zip(cases, got) if answer != want])


def check_published(tap):
    f = "influence."
    check_statements(tap, "published vectors, named arguments and defaults", [
        (f + "commission_minor(5000, 0.0057)", "29"), (f + "commission_minor(11500, 0.0070)", "81"),
        (f + "commission_minor(500, 0.029)", "15"), (f + "commission_minor(amount => -500, rate => 0.029)", "-15"),
        (f + "commission_minor(500, 0.029, rounding => 'half_even')", "14"),
        (f + "commission_minor(NULL, 0.029)", None), (f + "commission_minor(1, NULL)", None), (f + "commission_minor(1, 0.1, NULL)", None),
        (f + "commission_minor(-9223372036854775808, 1)", str(INT64_MIN)),
        (f + "commission_minor(9223372036854775807, 1)", str(INT64_MAX)),
        (f + "commission_minor(9223372036854775807, 1.000000001)", "IN006"),
        (f + "commission_minor(-9223372036854775808, 1.000000001)", "IN006"),
        (f + "split_amount(15, '{.8,.08,.12}')", "{12,1,2}"), (f + "split_amount(9999, '{75,25}')", "{7499,2500}"),
        (f + "split_amount(22000, '{445455,9091,545455}')", "{9800,200,12000}"), (f + "split_amount(-5, '{7,3}')", "{-4,-1}"),
        (f + "split_amount(amount => 0, weights => '{7,3,0}')", "{0,0,0}"),
        (f + "split_amount(NULL, '{1}')", None), (f + "split_amount(1, NULL)", None),
        (f + "clawback_minor(commission => 100, base => 3, returned_before => 1, returned_now => 1)", "34"),
        (f + "clawback_minor(100, 0, 0, 0)", "0"),
        (f + "clawback_minor(9223372036854775807, 9223372036854775807, 0, 9223372036854775807)", str(INT64_MAX)),
        (f + "clawback_minor(-9223372036854775808, 2, 0, 2, 'down')", str(INT64_MIN)),
        (f + "minor_unit_digits('KWD')", "3"), (f + "minor_unit_digits('JPY')", "0"), (f + "minor_unit_digits('CLF')", "4"),
        (f + "minor_unit_digits(NULL)", None),
    ])
    check_statements(tap, "split_amount refuses bad weights with IN002", [
        (f + "split_amount(5, %s)" % quote(w), "IN002") for w in
        ["{}", "{0}", "{0,0.00}", "{1,-1}", "{-1}", "{-0.000000001,1}", "{NaN}", "{1,NaN}", "{Infinity}", "{1,-Infinity}", "{NULL}", "{1,NULL}", "{{1,2},{3,4}}", "{{1}}"]])
    check_statements(tap, "split_amount: the weights' common scale has to fit in 2^63-1", [
        (f + "split_amount(3, '{9223372036854775806,1}')", "{3,0}"), (f + "split_amount(3, '{9223372036854775807,1}')", "IN002"),
        (f + "split_amount(3, '{9223372036854775807}')", "{3}"), (f + "split_amount(3, '{9223372036854775808}')", "IN002"),
        (f + "split_amount(3, '{922337203685477580.7}')", "{3}"), (f + "split_amount(3, '{922337203685477580.8}')", "IN002"),
        (f + "split_amount(3, '{0.000000000000000001,9}')", "{0,3}"), (f + "split_amount(3, '{0.000000000000000001,10}')", "IN002"),
        (f + "split_amount(3, '{1e-18,2e-18}')", "{1,2}"), (f + "split_amount(3, '{1e30}')", "IN002"),
        (f + "split_amount(3, '{4611686018427387904,4611686018427387904}')", "IN002"),
    ])


def check_minor_units(tap):
    """Known codes, then every code of the published list, then codes that are none."""
    got_by_code = {}

    def ask(codes):
        script = Script().sql("CREATE TEMP TABLE m (code text)").copy("m", ["code"], [(c,) for c in codes])
        script.query("got", "SELECT code, influence.minor_unit_digits(code) FROM m")
        got_by_code.update({code: int(digits) for code, digits in script.run()["got"]})

    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    codes = [a + b + c for a in letters for b in letters for c in letters]
    ask(codes)
    tap.group("minor_unit_digits: ISO 4217 for every three letters", len(codes),
              ["%s: got %s, model %d" % (c, got_by_code.get(c), model.minor_unit_digits(c)) for c in codes if got_by_code.get(c) != model.minor_unit_digits(c)])
    check_statements(tap, "minor_unit_digits and format_minor refuse what is no code with IN002",
                     [("influence.minor_unit_digits(%s)" % quote(c), "IN002") for c in ["", "usd", "US", "USDX", "US1", "U D", " USD", "USD ", "Usd", "\u00c4BC", "\u20ac"]]
                     + [("influence.format_minor(1, %s)" % quote(c), "IN002") for c in ["", "usd", "EURO"]])

    folder = os.environ.get("PGI_DATA")
    path = os.path.join(folder or "", "money", "iso4217_minor_units.csv")
    if not folder or not os.path.exists(path):
        tap.note("PGI_DATA IS NOT SET OR HAS NO money/iso4217_minor_units.csv: the published list is not compared")
        return tap.skip("minor_unit_digits: the published list", "no PGI_DATA")
    # Where the two libraries of the list do not say what ISO 4217 says.
    explained = {c: "ISO 4217 says 2, RubyMoney counts the smallest coin" for c in ("HUF", "MGA", "MRU")}
    explained.update({c: "ISO 4217: N.A., no minor unit: metals, funds, units of account and test codes"
                      for c in "XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX".split()})
    explained["BYR"] = "withdrawn from ISO 4217 in 2016"
    failures, seen, differing = [], 0, set()
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            for column in ("minor_unit_moneyphp", "minor_unit_rubymoney"):
                if row[column]:
                    seen += 1
                    if float(row[column]) != got_by_code.get(row["code"]):
                        differing.add(row["code"])
                        if row["code"] not in explained:
                            failures.append("%s: got %s, %s says %s" % (row["code"], got_by_code.get(row["code"]), column, row[column]))
    for code in sorted(differing & set(explained)):
        tap.note("%s has %s here: %s" % (code, got_by_code[code], explained[code]))
    tap.group("minor_unit_digits: the published list, differences explained by ISO 4217 only", seen, failures)


def check_formats(tap, seed, cases):
    rng = random.Random("formats %d" % seed)
    codes = ["EUR", "USD", "GBP", "HUF"] + list(model.MINOR_UNITS)
    rows = [(i, rng.choice(EDGES + [5, -5, 9, 10, 999, -999, 1000]) if rng.random() < 0.5 else random_amount(rng), rng.choice(codes)) for i in range(cases)]
    script = Script().sql("CREATE TEMP TABLE f (id int, amount bigint, currency text)").copy("f", ["id", "amount", "currency"], rows)
    script.query("got", "SELECT id, influence.format_minor(amount, currency) FROM f")
    got = {int(i): text for i, text in script.run()["got"]}
    tap.group("format_minor", cases, ["format_minor(%d, %s): got %s, model %s" % (a, c, got.get(i), model.format_minor(a, c))
                                      for i, a, c in rows if got.get(i) != model.format_minor(a, c)])


def main():
    tap = Tap()
    model.self_test(tap)
    if "--self-test" in sys.argv:
        tap.done()
    rounds, seed = settings()
    tap.note("seeds %d to %d" % (seed, seed + rounds - 1))
    check_published(tap)
    check_minor_units(tap)
    random_cases = 0
    for s in range(seed, seed + rounds):
        check_commissions(tap, s, COMMISSIONS)
        random_cases += check_splits(tap, s, SPLITS)
        random_cases += check_clawbacks(tap, s, RETURNS)
        check_formats(tap, s, FORMATS)
    tap.note("%d random splits and clawbacks" % random_cases)
    tap.done()


if __name__ == "__main__":
    main()
