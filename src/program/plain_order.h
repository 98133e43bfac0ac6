/*
 * plain_order.h
 *	  A plain order on its way into the tables: what book_plain_order() hands
 *	  from its lines to its credits and on to its earnings.
 */
#ifndef PG_INFLUENCE_PLAIN_ORDER_H
#define PG_INFLUENCE_PLAIN_ORDER_H

#include "access/tupdesc.h"
#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/uuid.h"

#define PLAIN_STATEMENT_ARGS 15

/* lines, and rows of credits: the long way keeps more of them in no array, which ends at 1 GB */
#define PLAIN_MAX_ROWS 100000

/* A statement and its plan, made by the first call of the session. */
typedef struct PlainStatement
{
	const char *text;
	int			nargs;
	Oid			types[PLAIN_STATEMENT_ARGS];
	SPIPlanPtr	plan;
} PlainStatement;

/* what record_order() asks first, in its order */
enum
{
	FACT_ORDERED_AT,
	FACT_CURRENCY,
	FACT_TIME_ZONE,
	FACT_SCOPE,
	FACT_HAS_ALIAS,
	FACT_IS_CREATOR,
	FACT_IS_KNOWN,
	FACT_IS_PLAIN,
	FACT_COMMISSION_POLICY_VERSION,
	FACT_BASE_LESS,
	FACT_PAYOUT_POLICY_VERSION,
	FACT_ROUNDING,
	FACT_AVAILABLE_AT,
	FACT_HAS_TIERS,
	FACT_ATTRIBUTION_POLICY_VERSION,
	FACT_MODEL,
	FACT_LOOKBACK,
	FACT_VIEW_LOOKBACK,
	FACT_CART_LOOKBACK,
	FACT_HALF_LIFE,
	FACT_POSITION_WEIGHTS,
	FACT_REUSE,
	FACT_SESSION_LIFETIME,
	FACT_MATCH,
	FACT_MAX_TOUCH_DELAY,
	FACT_VIEW_MIN_MS,
	FACT_COUNT
};

/* columns of a line: as stored, then what only its amount and product are made of */
enum
{
	LINE_LINE_NO,
	LINE_PRODUCT_ID,
	LINE_CATEGORY_PATH,
	LINE_QUANTITY,
	LINE_LIST_PRICE,
	LINE_PAID_PRICE,
	LINE_DISCOUNT_SELLER,
	LINE_DISCOUNT_PLATFORM,
	LINE_TAX,
	LINE_SHIPPING,
	LINE_POINTS,
	LINE_GIFT_CARD,
	LINE_SELLER,
	LINE_COST,
	LINE_NEW_CUSTOMER,
	LINE_MEMBERSHIP,
	LINE_RENEWAL_NO,
	LINE_AMOUNT,
	LINE_STORED,
	LINE_SKU = LINE_STORED,
	LINE_STATED_AMOUNT,
	LINE_COLUMNS
};

/* columns of an earning */
enum
{
	EARNING_LINE_NO,
	EARNING_CREATOR_ID,
	EARNING_BASE,
	EARNING_RATE_ID,
	EARNING_RATE_VERSION,
	EARNING_RATE,
	EARNING_AMOUNT,
	EARNING_CUSTOMER_KIND,
	EARNING_TIER_ID,
	EARNING_HOLD_REASON,
	EARNING_ENTRY_ID,
	EARNING_COLUMNS
};

typedef enum CustomerKind
{
	CUSTOMER_UNKNOWN,
	CUSTOMER_NEW,
	CUSTOMER_RETURNING
} CustomerKind;

typedef struct PlainLine
{
	Datum		values[LINE_COLUMNS];
	bool		nulls[LINE_COLUMNS];
	int64	   *path;			/* the category and those above it, the deepest last */
	int			depth;
	CustomerKind customer_kind;
	Datum		tier_id;		/* once asked for */
	bool		tier_asked;
	bool		has_tier;
} PlainLine;

/* What one creator gets of one line, and what comes of it. */
typedef struct PlainShare
{
	PlainLine  *line;
	int64		creator_id;
	int64		base;
	Datum		values[EARNING_COLUMNS];
	bool		nulls[EARNING_COLUMNS];
} PlainShare;

/* Rows of one kind, as the statement takes them. */
typedef struct RecordList
{
	TupleDesc	descriptor;
	Datum	   *items;
	int			count;
	int			room;
} RecordList;

typedef struct PlainOrder
{
	int64		program_id;
	pg_uuid_t  *visitor_id;
	Datum		order_ref;
	Datum		details;
	Datum		content_hash;
	Datum		country;
	bool		has_country;
	Datum		facts[FACT_COUNT];
	bool		fact_nulls[FACT_COUNT];
	PlainLine  *lines;
	int			line_count;
	int64		amount;			/* of all lines */
	RecordList	credits;
	PlainShare *shares;			/* by line and creator */
	int			share_count;
	int			creator_count;	/* of the shares */
} PlainOrder;

/* Runs a statement: in the active snapshot, or, if it writes, in one of its own. */
extern uint64 plain_order_run(PlainStatement *statement, Datum *values, const char *nulls, bool writes);

/* Column of row i of the last statement's result, counted from 1; it stays until that is freed or SPI is finished. */
extern Datum plain_order_value(uint64 i, int column, bool *isnull);

/* An array of bigint. */
extern ArrayType *plain_order_array(Datum *values, bool *nulls, int count);

/* Reads the lines; false when the long way has to look at them. Without paths. */
extern bool plain_order_read_lines(PlainOrder *order, Datum lines);

/* Adds the products and category paths that the program has; false when one is unknown. */
extern bool plain_order_find_products(PlainOrder *order);

/* Adds a row of credit_touches(). */
extern void plain_order_add_credit(PlainOrder *order, Datum *values, bool *nulls);

/* Fills what the shares earn. */
extern void plain_order_choose_rates(PlainOrder *order);

/* Writes the order with all that is in it. */
extern void plain_order_store(const PlainOrder *order);

#endif							/* PG_INFLUENCE_PLAIN_ORDER_H */
