/*
 * plain_order.h
 *	  A plain order on its way into the tables: what record_order() hands from
 *	  its lines to its credits and on to its earnings.
 */
#ifndef PG_INFLUENCE_PLAIN_ORDER_H
#define PG_INFLUENCE_PLAIN_ORDER_H

#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/uuid.h"

#include "../attribution/attribution_person.h"
#include "../common/table_writer.h"

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
	FACT_CONTENT_HASH,
	FACT_CURRENCY,
	FACT_TIME_ZONE,
	FACT_SCOPE,
	FACT_IS_ALIAS,
	FACT_HAS_ALIAS,
	FACT_IS_CREATOR,
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

/* A row of credit_touches(). */
typedef struct CreditRow
{
	Datum		values[CREDIT_COLUMNS];
	bool		nulls[CREDIT_COLUMNS];
} CreditRow;

typedef struct PlainOrder
{
	int64		program_id;
	pg_uuid_t  *visitor_id;
	Datum		order_ref;
	Datum		ordered_at;
	Datum		details;
	Datum		people;			/* the visitors of the person */
	Datum		excluded;		/* creators who may not earn by it */
	Datum		country;
	bool		has_country;
	Datum		facts[FACT_COUNT];
	bool		fact_nulls[FACT_COUNT];
	PlainLine  *lines;
	int			line_count;
	int64		amount;			/* of all lines */
	CreditRow  *credits;
	int			credit_count;
	int			credit_room;
	PlainShare *shares;			/* by line and creator */
	int			share_count;
	int			creator_count;	/* of the shares */
	int64		commission;
	bool		is_whole;		/* all of it is credited to creators and earned */
} PlainOrder;

/* A percentage that may fit some line and creator. */
typedef struct CardRate
{
	Datum		rate_id;
	Datum		version;
	Datum		rate;
	int64		creator_id;
	int64		product_id;
	int64		category_id;
	bool		has_country;
	CustomerKind customer_kind;
	int32		priority;
} CardRate;

/* How a creator stands at the moment of the order: by the latest decision about it, and its latest status. */
typedef struct CardCreator
{
	int64		creator_id;
	bool		is_admitted;
	TimestampTz decided_at;
	TimestampTz recorded_at;
	TimestampTz since;
	text	   *status;			/* NULL while it never changed */
} CardCreator;

/* What of the rate card may fit, and the creators of the shares in their order. */
typedef struct PlainCard
{
	CardRate   *rates;
	int			rate_count;
	CardCreator *creators;
	int			creator_count;
} PlainCard;

/* Runs a statement in the active snapshot, or in one of its own, as what writes has to. */
extern uint64 plain_order_run(PlainStatement *statement, Datum *values, const char *nulls, bool own_snapshot);

/* Column of row i of the last statement's result, counted from 1; it stays until that is freed or SPI is finished. */
extern Datum plain_order_value(uint64 i, int column, bool *isnull);

/* An array of bigint. */
extern ArrayType *plain_order_array(Datum *values, bool *nulls, int count);

/* Whether the order is a plain one after all: then it is booked, else nothing is written. Its lines are read. */
extern bool plain_order_book(PlainOrder *order);

/* Reads the lines; false when the long way has to look at them. Without paths. */
extern bool plain_order_read_lines(PlainOrder *order, Datum lines);

/* Adds the products and category paths that the program has; false when one is unknown, or the order is not a plain one. */
extern bool plain_order_look_up(PlainOrder *order);

/* Adds a row of credit_touches(). */
extern void plain_order_add_credit(PlainOrder *order, const Datum *values, const bool *nulls);

/* Reads what the shares may earn, and counts their creators. */
extern void plain_order_read_card(PlainOrder *order, PlainCard *card);

/* Why a creator of the shares earns nothing; NULL: it may. */
extern text *plain_order_bar(const PlainCard *card, int64 creator_id);

/* Fills what the shares earn. */
extern void plain_order_choose_rates(PlainOrder *order);

/* Locks what an order is written into; NULL where something about these tables is unusual. */
extern TableWriter *plain_order_lock_tables(void);

/* Writes the order with all that is in it. */
extern void plain_order_store(const PlainOrder *order, TableWriter *writer);

#endif							/* PG_INFLUENCE_PLAIN_ORDER_H */
