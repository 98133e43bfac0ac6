/*
 * attribution_decode.c
 *	  A row of the executor as a touch or a conversion.
 *
 * Visitors are known by a key of 64 bits, a bijection of the number, or of 128
 * bits of XXH3, both under a random seed per run, so that no one can craft two
 * that collide or crowd one partition; results never show the key.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

/* one hash per row: not worth a call into another library */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "../common/errors.h"
#include "../common/money_sql.h"
#include "attribution_decode.h"

/* A row of a query. */
typedef struct QueryRow
{
	const Datum *values;
	const bool *nulls;
} QueryRow;

static inline Datum
row_value(const ColumnSource *source, QueryRow from, bool *isnull)
{
	*isnull = from.nulls[source->attno - 1];
	return from.values[source->attno - 1];
}

/* 0 when NULL or not there; *present says which */
static inline int64
read_integer(const ColumnSource *source, QueryRow from, bool *present)
{
	Datum		value;
	bool		isnull;

	*present = false;
	if (source->attno == 0)
		return 0;
	value = row_value(source, from, &isnull);
	if (isnull)
		return 0;
	*present = true;
	return source->type == INT4OID ? (int64) DatumGetInt32(value) : DatumGetInt64(value);
}

void
attribution_uuid_key(uint64 seed, const unsigned char *uuid, AttributionInputRow *row)
{
	XXH128_hash_t hash = XXH3_128bits_withSeed(uuid, UUID_LEN, seed);

	row->visitor_high = hash.high64;
	row->visitor_low = hash.low64;
}

static inline void
read_visitor(const AttributionDecoder *decoder, Datum visitor, AttributionInputRow *row)
{
	XXH128_hash_t hash;
	struct varlena *text;

	switch (decoder->columns[INPUT_VISITOR].type)
	{
		case INT4OID:
			row->visitor_high = attribution_number_key(decoder->seed, DatumGetInt32(visitor));
			row->visitor_low = 0;
			return;
		case INT8OID:
			row->visitor_high = attribution_number_key(decoder->seed, DatumGetInt64(visitor));
			row->visitor_low = 0;
			return;
		case UUIDOID:
			attribution_uuid_key(decoder->seed, DatumGetUUIDP(visitor)->data, row);
			return;
		default:
			text = PG_DETOAST_DATUM_PACKED(visitor);
			hash = XXH3_128bits_withSeed(VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text),
										 decoder->seed);
			row->visitor_high = hash.high64;
			row->visitor_low = hash.low64;
			return;
	}
}

/*
 * Orders are compared within a visitor only. The hash of a text has no seed, so
 * that ties between two orders of one instant fall alike in every run.
 */
static void
read_order(const ColumnSource *source, QueryRow from, AttributionInputRow *row)
{
	XXH128_hash_t hash;
	XXH128_canonical_t canonical;
	struct varlena *text;
	Datum		value;
	bool		isnull;

	row->has_order = false;
	if (source->attno == 0)
		return;
	value = row_value(source, from, &isnull);
	if (isnull)
		return;

	row->has_order = true;
	row->order_high = 0;
	switch (source->type)
	{
		case INT4OID:
			row->order_low = attribution_order_key(DatumGetInt32(value));
			return;
		case INT8OID:
			row->order_low = attribution_order_key(DatumGetInt64(value));
			return;
		case UUIDOID:
			memcpy(&canonical, DatumGetUUIDP(value)->data, UUID_LEN);
			hash = XXH128_hashFromCanonical(&canonical);
			break;
		default:
			text = PG_DETOAST_DATUM_PACKED(value);
			hash = XXH3_128bits(VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text));
			break;
	}
	row->order_high = hash.high64;
	row->order_low = hash.low64;
}

AttributionKind
attribution_kind_from_name(const char *name, size_t len)
{
	static const char *const names[ATTRIBUTION_KINDS] = {
		[ATTRIBUTION_VIEW] = "view",
		[ATTRIBUTION_CLICK] = "click",
		[ATTRIBUTION_CART] = "cart",
		[ATTRIBUTION_COUPON] = "coupon"
	};
	int			kind;

	for (kind = 0; kind < ATTRIBUTION_KINDS; kind++)
	{
		if (strlen(names[kind]) == len && memcmp(names[kind], name, len) == 0)
			return kind;
	}

	ereport(ERROR,
			(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
			 errmsg("unknown kind of touch \"%s\"", pnstrdup(name, len)),
			 errhint("The kinds are view, click, cart and coupon.")));
	return ATTRIBUTION_CLICK;	/* keeps the compiler quiet */
}

bool
attribution_channel_is_direct(const char *name, size_t len)
{
	return len == strlen("direct") && memcmp(name, "direct", len) == 0;
}

/* A touch is a click unless it says otherwise. */
static AttributionKind
read_kind(const ColumnSource *source, QueryRow from)
{
	struct varlena *text;
	Datum		value;
	bool		isnull;

	if (source->attno == 0)
		return ATTRIBUTION_CLICK;
	value = row_value(source, from, &isnull);
	if (isnull)
		return ATTRIBUTION_CLICK;
	text = PG_DETOAST_DATUM_PACKED(value);
	return attribution_kind_from_name(VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text));
}

static bool
read_direct(const ColumnSource *source, QueryRow from)
{
	struct varlena *text;
	Datum		value;
	bool		isnull;

	if (source->attno == 0)
		return false;
	value = row_value(source, from, &isnull);
	if (isnull)
		return false;
	text = PG_DETOAST_DATUM_PACKED(value);
	return attribution_channel_is_direct(VARDATA_ANY(text), VARSIZE_ANY_EXHDR(text));
}

/* The weight in billionths; NULL weighs nothing. */
static int64
read_weight(const AttributionDecoder *decoder, QueryRow from)
{
	const ColumnSource *source = &decoder->columns[INPUT_WEIGHT];
	Datum		value;
	int64		number;
	bool		isnull;
	bool		present;

	if (!decoder->wants_weights)
		return 0;
	if (source->type == NUMERICOID)
	{
		value = row_value(source, from, &isnull);
		return isnull ? 0 : money_weight_from_numeric(DatumGetNumeric(value));
	}

	number = read_integer(source, from, &present);
	if (number >= 0 && number <= PG_INT64_MAX / MONEY_RATE_SCALE)
		return number * MONEY_RATE_SCALE;
	return money_weight_from_numeric(int64_to_numeric(number));
}

/* The excluded creators as a plain bigint[]; NULL elements exclude nobody. */
static ArrayType *
read_excluded(const ColumnSource *source, QueryRow from)
{
	Datum		value;
	Datum	   *elements;
	bool	   *nulls;
	bool		isnull;
	bool		wide = source->type == INT8ARRAYOID;
	int			count;
	int			kept = 0;
	int			i;

	if (source->attno == 0)
		return NULL;
	value = row_value(source, from, &isnull);
	if (isnull)
		return NULL;

	deconstruct_array(DatumGetArrayTypeP(value), wide ? INT8OID : INT4OID,
					  wide ? sizeof(int64) : sizeof(int32),
					  wide ? FLOAT8PASSBYVAL : true,
					  wide ? TYPALIGN_DOUBLE : TYPALIGN_INT,
					  &elements, &nulls, &count);
	for (i = 0; i < count; i++)
	{
		if (!nulls[i])
			elements[kept++] = wide ? elements[i]
				: Int64GetDatum((int64) DatumGetInt32(elements[i]));
	}
	if (kept == 0)
		return NULL;
	return construct_array(elements, kept, INT8OID, sizeof(int64),
						   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

void
attribution_decoder_set(AttributionDecoder *decoder, const ColumnSource *columns)
{
	int			i;

	memcpy(decoder->columns, columns, sizeof(decoder->columns));
	decoder->natts = 0;
	for (i = 0; i < INPUT_COLUMNS; i++)
		decoder->natts = Max(decoder->natts, columns[i].attno);
}

void
attribution_decoder_map(AttributionDecoder *decoder, const InputSpec *spec, TupleDesc desc)
{
	ColumnSource columns[INPUT_COLUMNS];

	attribution_map_columns(spec, desc, columns);
	attribution_decoder_set(decoder, columns);
}

void
attribution_decoder_check(const AttributionDecoder *decoder, TupleDesc desc)
{
	const InputSpec *spec = decoder->is_touch ? &attribution_touches_spec :
		&attribution_conversions_spec;
	int			i;

	for (i = 0; i < INPUT_COLUMNS; i++)
	{
		const ColumnSource *source = &decoder->columns[i];

		if (source->attno != 0)
			attribution_check_column(spec, i, source->type,
									 attribution_column_type(desc, source->attno));
	}
}

bool
attribution_decode(const AttributionDecoder *decoder, const Datum *values, const bool *nulls,
				   AttributionInputRow *row)
{
	const ColumnSource *columns = decoder->columns;
	QueryRow	from = {values, nulls};
	Datum		visitor;
	bool		isnull;
	bool		has_id;

	visitor = row_value(&columns[INPUT_VISITOR], from, &isnull);
	if (isnull)
		return false;
	row->at = DatumGetTimestampTz(row_value(&columns[INPUT_AT], from, &isnull));
	if (isnull || TIMESTAMP_NOT_FINITE(row->at))
		return false;
	row->id = read_integer(&columns[INPUT_ID], from, &has_id);
	if (!has_id)
		return false;

	read_visitor(decoder, visitor, row);
	row->product_id = read_integer(&columns[INPUT_PRODUCT], from, &row->has_product);
	row->category_id = read_integer(&columns[INPUT_CATEGORY], from, &row->has_category);
	if (decoder->is_touch)
	{
		row->creator_id = read_integer(&columns[INPUT_CREATOR], from, &row->has_creator);
		row->kind = read_kind(&columns[INPUT_KIND], from);
		row->is_direct = read_direct(&columns[INPUT_CHANNEL], from);
		row->weight = read_weight(decoder, from);
	}
	else
	{
		row->amount = read_integer(&columns[INPUT_AMOUNT], from, &row->has_amount);
		read_order(&columns[INPUT_ORDER], from, row);
		row->excluded = read_excluded(&columns[INPUT_EXCLUDED], from);
	}
	return true;
}
