"""Who takes part: the SQL of every contestant, by model.

All of them answer (creator_id, conversions, credit) per creator, over the orders of 90 days, with a window of 30 days,
and leave out what nobody earned. README.md says why these forms were chosen.
"""

from dataclasses import dataclass

MODELS = ["last_touch", "linear", "position_based", "time_decay"]

# For SQL: elapsed hours are cheaper than calendar days, and the same in UTC.
IN_WINDOW = ("t.visitor_id = o.visitor_id AND t.touched_at <= o.ordered_at"
             " AND t.touched_at > o.ordered_at - interval '720 hours'")
# 2^(-age / 7 days), but for a factor that is common to an order and cancels out
DECAY = "exp((date_part('epoch', t.touched_at) - 1767225600) * (0.6931471805599453 / 604800)::float8)"
ALONE = ("SET max_parallel_workers_per_gather = 0",)
BOTH_CORES = ("SET max_parallel_workers_per_gather = 1",)


@dataclass(frozen=True)
class Contestant:
    key: str
    group: str                  # a model, or floor, uuid, small_memory
    label: str
    sql: str
    engine: str = "sql"         # ours, sql, duckdb, floor
    model: str = ""             # whose totals it computes, where compared
    settings: tuple = ()
    slow: bool = False          # takes part in fewer rounds


def totals(model, touches="touches", orders="orders", where=""):
    return ("SELECT creator_id, conversions, credit FROM influence.attribute_totals("
            "'SELECT visitor_id AS visitor, touched_at, touch_id, creator_id FROM %s%s', "
            "'SELECT visitor_id AS visitor, ordered_at AS converted_at, order_id AS conversion_id, amount FROM %s%s', "
            "model => '%s', lookback => '30 days', half_life => '7 days')" % (touches, where, orders, where, model))


LATERAL = """
SELECT t.creator_id, count(*), sum(o.amount)
  FROM orders o
 CROSS JOIN LATERAL (SELECT t.creator_id FROM touches t WHERE """ + IN_WINDOW + """ ORDER BY t.touched_at DESC LIMIT 1) t
 GROUP BY 1"""

# The same probe as a scalar subquery, which PostgreSQL can run in parallel.
SUBQUERY = """
SELECT creator_id, count(*), sum(amount)
  FROM (SELECT o.amount, (SELECT t.creator_id FROM touches t WHERE """ + IN_WINDOW + """
                           ORDER BY t.touched_at DESC LIMIT 1) AS creator_id
          FROM orders o OFFSET 0) x
 WHERE creator_id IS NOT NULL
 GROUP BY 1"""

# Without an index: one sort, and the latest touch carried along as a number that grows with its time (microseconds
# since the epoch of the data, then 14 bits of creator).
RUNNING_WINDOW = """
SELECT last & 16383, count(*), sum(amount)
  FROM (SELECT amount, at, max(touch) OVER (PARTITION BY visitor_id ORDER BY at ROWS UNBOUNDED PRECEDING) AS last
          FROM (SELECT visitor_id, (date_part('epoch', touched_at - '2026-01-01 00:00+00') * 1e6)::bigint AS at,
                       (date_part('epoch', touched_at - '2026-01-01 00:00+00') * 1e6)::bigint << 14 | creator_id AS touch,
                       NULL::bigint AS amount
                  FROM touches
                UNION ALL
                SELECT visitor_id, (date_part('epoch', ordered_at - '2026-01-01 00:00+00') * 1e6)::bigint, NULL, amount
                  FROM orders) u) w
 WHERE amount IS NOT NULL AND last >> 14 > at - 2592000000000
 GROUP BY 1"""

# A window function over all pairs, found by probes of the index
PAIRS = {
    "linear": """
SELECT creator_id, sum(1::float8 / n), sum(amount::float8 / n)
  FROM (SELECT o.amount, t.creator_id, count(*) OVER (PARTITION BY o.order_id) AS n
          FROM orders o JOIN touches t ON """ + IN_WINDOW + """) p
 GROUP BY 1""",
}

# The path of an order as an array from one probe of the index: no sort of the pairs, and both cores can share the orders
ARRAYS = {
    "linear": """
SELECT creator_id, sum(share), sum(credit)
  FROM (SELECT 1::float8 / cardinality(path) AS share, o.amount::float8 / cardinality(path) AS credit,
               unnest(path) AS creator_id
          FROM orders o
         CROSS JOIN LATERAL (SELECT array_agg(t.creator_id) AS path FROM touches t WHERE """ + IN_WINDOW + """ OFFSET 0) t) p
 GROUP BY 1""",
    "position_based": """
SELECT creator_id, sum(share), sum(amount * share)
  FROM (SELECT amount, creator_id,
               CASE WHEN n = 1 THEN 1 WHEN n = 2 THEN 0.5 WHEN i IN (1, n) THEN 0.4 ELSE 0.2::float8 / (n - 2) END AS share
          FROM (SELECT o.amount, cardinality(path) AS n, unnest(path) AS creator_id, generate_subscripts(path, 1) AS i
                  FROM orders o
                 CROSS JOIN LATERAL (SELECT array_agg(creator_id) AS path
                                       FROM (SELECT t.creator_id FROM touches t WHERE """ + IN_WINDOW + """
                                              ORDER BY t.touched_at) t OFFSET 0) t) q) p
 GROUP BY 1""",
    "time_decay": """
SELECT creator_id, sum(weight / total), sum(amount * (weight / total))
  FROM (SELECT o.amount, unnest(path) AS creator_id, unnest(weights) AS weight, total
          FROM orders o
         CROSS JOIN LATERAL (SELECT array_agg(creator_id) AS path, array_agg(weight) AS weights, sum(weight) AS total
                               FROM (SELECT t.creator_id, """ + DECAY + """ AS weight
                                       FROM touches t WHERE """ + IN_WINDOW + """) t OFFSET 0) t) p
 GROUP BY 1""",
}

DUCK_WINDOW = ("t.visitor_id = o.visitor_id AND t.touched_at <= o.ordered_at"
               " AND t.touched_at > o.ordered_at - INTERVAL 30 DAY")
DUCKDB = {
    "last_touch": """
SELECT t.creator_id, count(*), sum(o.amount)
  FROM orders o ASOF JOIN touches t ON o.visitor_id = t.visitor_id AND o.ordered_at >= t.touched_at
 WHERE t.touched_at > o.ordered_at - INTERVAL 30 DAY
 GROUP BY 1""",
    "linear": """
WITH n AS (SELECT o.order_id, count(*) AS n FROM orders o JOIN touches t ON """ + DUCK_WINDOW + """ GROUP BY 1)
SELECT t.creator_id, sum(1::DOUBLE / n), sum(o.amount::DOUBLE / n)
  FROM orders o JOIN n USING (order_id) JOIN touches t ON """ + DUCK_WINDOW + """
 GROUP BY 1""",
    "position_based": """
WITH n AS (SELECT o.order_id, count(*) AS n, min(t.touched_at) AS oldest, max(t.touched_at) AS newest
             FROM orders o JOIN touches t ON """ + DUCK_WINDOW + """ GROUP BY 1)
SELECT creator_id, sum(share), sum(amount * share)
  FROM (SELECT t.creator_id, o.amount,
               CASE WHEN n = 1 THEN 1 WHEN n = 2 THEN 0.5 WHEN t.touched_at IN (oldest, newest) THEN 0.4
                    ELSE 0.2::DOUBLE / (n - 2) END AS share
          FROM orders o JOIN n USING (order_id) JOIN touches t ON """ + DUCK_WINDOW + """) p
 GROUP BY 1""",
    # the weights of all touches once, since only their ratios matter
    "time_decay": """
WITH t AS (SELECT visitor_id, touched_at, creator_id,
                  exp((epoch_us(touched_at) - 1767225600000000) * (0.6931471805599453 / 604800000000)) AS weight
             FROM touches),
     n AS (SELECT o.order_id, sum(t.weight) AS total FROM orders o JOIN t ON """ + DUCK_WINDOW + """ GROUP BY 1)
SELECT t.creator_id, sum(t.weight / total), sum(o.amount * (t.weight / total))
  FROM orders o JOIN n USING (order_id) JOIN t ON """ + DUCK_WINDOW + """
 GROUP BY 1""",
}

PAIR_COUNTS = "SELECT t.creator_id, count(*) FROM orders o JOIN touches t ON " + DUCK_WINDOW + " GROUP BY 1"

# Integer weights of the i-th of n touches, oldest first, as attribution-rules.md defines them
WEIGHTS = {
    "last_touch": "(i = n)::BIGINT",
    "linear": "1::BIGINT",
    "position_based": "(CASE WHEN n <= 2 THEN 1 WHEN i IN (1, n) THEN 2 * (n - 2) ELSE 1 END)::BIGINT",
    "time_decay": "round_even(2147483648 * pow(2.0, (epoch_us(touched_at) - epoch_us(newest)) / 604800000000.0::DOUBLE), 0)::BIGINT",
}


def exact(model, slice_of):
    """Largest remainder of amounts and of billionths of conversions, ties to the earlier touch, by DuckDB."""
    return """
WITH p AS (SELECT o.order_id, o.amount, t.creator_id, t.touched_at, count(*) OVER path AS n, max(t.touched_at) OVER path AS newest,
                  row_number() OVER (PARTITION BY o.order_id ORDER BY t.touched_at) AS i
             FROM orders o JOIN touches t ON %s
            WHERE o.visitor_id %% %d = 0 AND t.visitor_id %% %d = 0
           WINDOW path AS (PARTITION BY o.order_id)),
     w AS (SELECT *, %s AS w FROM p),
     s AS (SELECT *, (sum(w) OVER (PARTITION BY order_id))::BIGINT AS total FROM w),
     f AS (SELECT *, amount * w // total AS credit, amount * w %% total AS credit_left,
                  1000000000 * w // total AS share, 1000000000 * w %% total AS share_left FROM s),
     r AS (SELECT *, amount - sum(credit) OVER (PARTITION BY order_id) AS credits_left,
                  1000000000 - sum(share) OVER (PARTITION BY order_id) AS shares_left,
                  row_number() OVER (PARTITION BY order_id ORDER BY credit_left DESC, i) AS credit_rank,
                  row_number() OVER (PARTITION BY order_id ORDER BY share_left DESC, i) AS share_rank FROM f)
SELECT creator_id, sum(share + (share_rank <= shares_left)::BIGINT), sum(credit + (credit_rank <= credits_left)::BIGINT)
  FROM r
 WHERE w > 0
 GROUP BY 1""" % (DUCK_WINDOW, slice_of, slice_of, WEIGHTS[model])


FLOOR = ("SELECT count(*), sum(visitor_id) FROM touches UNION ALL SELECT count(*), sum(visitor_id) FROM orders")
SMALL_MEMORY = ("SET work_mem = '64MB'",)


def ours(key, group, label, model, settings=(), **tables):
    return Contestant(key, group, label, totals(model, **tables), "ours", model, settings)


def contestants():
    """In the order of a round."""
    found = [
        Contestant("floor", "floor", "scan of both tables, one process", FLOOR, "floor", settings=ALONE),
        ours("ours_last_touch", "last_touch", "attribute_totals", "last_touch"),
        Contestant("lateral", "last_touch", "SQL: LATERAL, covering index", LATERAL, model="last_touch", settings=BOTH_CORES),
        Contestant("subquery", "last_touch", "SQL: scalar subquery, covering index, 2 processes", SUBQUERY, model="last_touch",
                   settings=BOTH_CORES),
        Contestant("running_window", "last_touch", "SQL: UNION ALL, running window", RUNNING_WINDOW, model="last_touch",
                   settings=ALONE),
    ]
    for model in MODELS:
        if model != "last_touch":
            found.append(ours("ours_" + model, model, "attribute_totals", model))
        if model in PAIRS:
            found.append(Contestant("pairs_" + model, model, "SQL: window function over pairs", PAIRS[model], model=model,
                                    settings=BOTH_CORES, slow=True))
        if model in ARRAYS:
            found.append(Contestant("arrays_" + model, model, "SQL: a path's array per order, 2 processes", ARRAYS[model],
                                    model=model, settings=BOTH_CORES, slow=True))
        found.append(Contestant("duckdb_" + model, model,
                                "DuckDB: ASOF join" if model == "last_touch" else "DuckDB: range join", DUCKDB[model],
                                "duckdb", model))
    for model in "last_touch", "linear":
        found.append(ours("uuid_" + model, "uuid", "attribute_totals, %s, uuid visitors" % model, model,
                          touches="touches_uuid", orders="orders_uuid"))
    for model in "last_touch", "linear":
        found.append(ours("small_" + model, "small_memory", "attribute_totals, %s, work_mem 64 MB" % model, model,
                          settings=SMALL_MEMORY))
    return found
