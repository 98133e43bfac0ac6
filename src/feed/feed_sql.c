/*
 * feed_sql.c
 *	  SQL entry points of the feed's small cores: score, shares of an experiment,
 *	  seen filter.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

#include "../common/errors.h"
#include "feed_draw_core.h"
#include "feed_score_core.h"
#include "seen_core.h"

PG_FUNCTION_INFO_V1(feed_score_sql);
PG_FUNCTION_INFO_V1(feed_share_sql);
PG_FUNCTION_INFO_V1(feed_seen_add);
PG_FUNCTION_INFO_V1(feed_seen_test);

/* Reads an array of one number per feature. */
static void
read_features(ArrayType *array, const char *what, double numbers[FEED_FEATURES])
{
	Datum	   *values;
	int			count = 0;
	int			i;

	if (!array_contains_nulls(array))
		deconstruct_array(array, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
						  &values, NULL, &count);
	if (count != FEED_FEATURES)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("%s of a feed score must be %d numbers", what, FEED_FEATURES),
				 errhint("Give one for each row of influence.feed_features(), in their order.")));
	for (i = 0; i < FEED_FEATURES; i++)
		numbers[i] = DatumGetFloat8(values[i]);
}

Datum
feed_score_sql(PG_FUNCTION_ARGS)
{
	double		weights[FEED_FEATURES];
	double		features[FEED_FEATURES];

	read_features(PG_GETARG_ARRAYTYPE_P(0), "weights", weights);
	read_features(PG_GETARG_ARRAYTYPE_P(1), "features", features);
	PG_RETURN_FLOAT8(feed_score(weights, features, PG_GETARG_FLOAT8(2)));
}

Datum
feed_share_sql(PG_FUNCTION_ARGS)
{
	text	   *experiment = PG_GETARG_TEXT_PP(1);

	PG_RETURN_INT32((int32) feed_share(PG_GETARG_UUID_P(0)->data, VARDATA_ANY(experiment),
									   VARSIZE_ANY_EXHDR(experiment)));
}

static void
check_bits(const bytea *bits)
{
	if (VARSIZE_ANY_EXHDR(bits) != SEEN_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("bits of a seen filter must be %d bytes", SEEN_BYTES),
				 errdetail("There are %d.", (int) VARSIZE_ANY_EXHDR(bits)),
				 errhint("Pass NULL to begin a filter.")));
}

/* seen_add(before bytea, generation bigint, post_ids bigint[]) -> bits, added */
Datum
feed_seen_add(PG_FUNCTION_ARGS)
{
	bytea	   *result = (bytea *) palloc0(VARHDRSZ + SEEN_BYTES);
	uint8	   *bits = (uint8 *) VARDATA(result);
	ArrayType  *posts;
	Datum	   *ids;
	bool	   *isnull;
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {false, false};
	int32		added = 0;
	int			count;
	int			i;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	SET_VARSIZE(result, VARHDRSZ + SEEN_BYTES);
	if (!PG_ARGISNULL(0))
	{
		bytea	   *before = PG_GETARG_BYTEA_PP(0);

		check_bits(before);
		memcpy(bits, VARDATA_ANY(before), SEEN_BYTES);
	}
	posts = PG_GETARG_ARRAYTYPE_P(2);
	deconstruct_array(posts, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &ids, &isnull, &count);
	for (i = 0; i < count; i++)
		if (!isnull[i])
			added += seen_add(bits, PG_GETARG_INT64(1), DatumGetInt64(ids[i]));

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	desc = BlessTupleDesc(desc);
	values[0] = PointerGetDatum(result);
	values[1] = Int32GetDatum(added);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

Datum
feed_seen_test(PG_FUNCTION_ARGS)
{
	bytea	   *bits = PG_GETARG_BYTEA_PP(0);

	check_bits(bits);
	PG_RETURN_BOOL(seen_test((const uint8 *) VARDATA_ANY(bits), PG_GETARG_INT64(1), PG_GETARG_INT64(2)));
}
