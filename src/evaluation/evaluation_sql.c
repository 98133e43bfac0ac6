/*
 * evaluation_sql.c
 *	  evaluate_ranking(): how well a ranker foretells what users choose next.
 */
#include "postgres.h"

#include <float.h>

#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"

#include "../common/errors.h"
#include "../feed/feed_features.h"
#include "evaluation_input.h"

PG_FUNCTION_INFO_V1(evaluation_evaluate_ranking);

enum
{
	ARG_INTERACTIONS,
	ARG_ITEMS,
	ARG_RANKER,
	ARG_PROTOCOL,
	ARG_K
};

enum
{
	OUT_USERS,
	OUT_NDCG,
	OUT_RECALL,
	OUT_HIT_RATE,
	OUT_COVERAGE,
	OUT_PARAMETERS,
	OUT_COLUMNS
};

static char *
text_argument(FunctionCallInfo fcinfo, int argument, const char *name)
{
	if (PG_ARGISNULL(argument))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("%s must not be NULL", name),
				 errhint("Leave the argument out for its default, if it has one.")));
	return text_to_cstring(PG_GETARG_TEXT_PP(argument));
}

static EvaluationProtocol
read_protocol(const char *name)
{
	if (strcmp(name, "leave_last_out") == 0)
		return EVALUATION_LEAVE_LAST_OUT;
	if (strcmp(name, "time") == 0)
		return EVALUATION_TIME;
	if (strcmp(name, "prequential") == 0)
		return EVALUATION_PREQUENTIAL;
	ereport(ERROR,
			(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
			 errmsg("unknown protocol \"%s\"", name),
			 errhint("Protocols are leave_last_out, time and prequential.")));
}

static void
raise_unknown_ranker(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_INFLUENCE_UNKNOWN_OBJECT),
			 errmsg("unknown ranker \"%s\"", name),
			 errdetail("It is neither a built-in ranker nor a profile of the feed."),
			 errhint("Built-in are popularity, decayed, neighbors and hybrid; profiles: SELECT profile FROM influence.feed_profile.")));
}

/* Where the program is installed, as it is where there are profiles. */
static double
read_half_life(const char *name)
{
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(name);
	bool		isnull;

	if (SPI_execute_with_args("SELECT (value OPERATOR(pg_catalog.#>>) '{}')::pg_catalog.float8 FROM influence.setting WHERE name OPERATOR(pg_catalog.=) $1 "
							  "ORDER BY version DESC LIMIT 1", 1, &type, &value, NULL, true, 1) != SPI_OK_SELECT ||
		SPI_processed == 0)
		elog(ERROR, "setting \"%s\" is not there", name);
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	/* what is no half-life lets the newest item count alone, as in the feed */
	return isnull || !(DatumGetFloat8(value) > 0) ? 0x1p-10 : Min(DatumGetFloat8(value), 1e6);
}

/* The weights of a profile's newest version, and the half-lives that the feed uses them with. */
static void
read_profile(const char *name, EvaluationProfile *profile)
{
	Oid			type = TEXTOID;
	Datum		value = CStringGetTextDatum(name);
	ArrayType  *array;
	const float8 *weights;
	bool		isnull;

	SPI_connect();
	if (SPI_execute("SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace "
					"WHERE n.nspname OPERATOR(pg_catalog.=) 'influence' AND c.relname OPERATOR(pg_catalog.=) 'feed_profile'", true, 1) != SPI_OK_SELECT ||
		SPI_processed == 0)
		raise_unknown_ranker(name);
	if (SPI_execute_with_args("SELECT weights FROM influence.feed_profile WHERE profile OPERATOR(pg_catalog.=) $1 "
							  "ORDER BY version DESC LIMIT 1", 1, &type, &value, NULL, true, 1) != SPI_OK_SELECT ||
		SPI_processed == 0)
		raise_unknown_ranker(name);
	array = DatumGetArrayTypeP(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	/* an old profile knows fewer features, and the first of them are all that is asked for */
	if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] <= FEED_AFFINITY || ARR_HASNULL(array))
		elog(ERROR, "profile \"%s\" does not have %d weights", name, FEED_FEATURES);
	/* ARR_DATA_PTR mixes signs, which -Wextra minds */
	weights = (const float8 *) ((const char *) array + ARR_OVERHEAD_NONULLS(1));
	profile->bias = weights[FEED_BIAS];
	profile->interest = weights[FEED_INTEREST];
	profile->quality = weights[FEED_QUALITY];
	profile->neighbor = weights[FEED_NEIGHBOR];
	profile->affinity = weights[FEED_AFFINITY];
	profile->neighbor_half = read_half_life("feed_neighbor_half");
	profile->history_half = read_half_life("feed_history_half");
	SPI_finish();
}

static EvaluationRanker
read_ranker(const char *name, EvaluationProfile *profile)
{
	if (strcmp(name, "popularity") == 0)
		return EVALUATION_POPULARITY;
	if (strcmp(name, "decayed") == 0)
		return EVALUATION_DECAYED;
	if (strcmp(name, "neighbors") == 0)
		return EVALUATION_NEIGHBORS;
	if (strcmp(name, "hybrid") == 0)
		return EVALUATION_HYBRID;
	read_profile(name, profile);
	return EVALUATION_BY_PROFILE;
}

static void
add_number(StringInfo json, const char *name, double value)
{
	appendStringInfo(json, "%s\"%s\": %s", json->len > 1 ? ", " : "", name, float8out_internal(value));
}

/* Those that the ranker has; a half-life that is none is null. */
static Datum
parameters_json(const EvaluationData *data, EvaluationRanker ranker, const EvaluationParameters *parameters, uint32 tests)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	if (ranker == EVALUATION_NEIGHBORS || ranker == EVALUATION_HYBRID || ranker == EVALUATION_BY_PROFILE)
	{
		add_number(&json, "history_half", parameters->history_half);
		add_number(&json, "shrink", parameters->shrink);
	}
	if (ranker == EVALUATION_BY_PROFILE)
		add_number(&json, "group_half", parameters->group_half);
	if (ranker == EVALUATION_HYBRID)
	{
		if (parameters->pair_half > 0)
			add_number(&json, "pair_half", parameters->pair_half);
		else
			appendStringInfoString(&json, ", \"pair_half\": null");
		add_number(&json, "backward", parameters->backward);
		if (data->groups[0] > 0)
			add_number(&json, "creator", parameters->creator);
		if (data->groups[1] > 0)
			add_number(&json, "category", parameters->category);
		add_number(&json, "popularity", parameters->popularity);
	}
	if (ranker == EVALUATION_DECAYED || ranker == EVALUATION_HYBRID || ranker == EVALUATION_BY_PROFILE)
		add_number(&json, "decay", parameters->decay);
	if (ranker != EVALUATION_POPULARITY && ranker != EVALUATION_BY_PROFILE)
		add_number(&json, "validation_tests", tests);
	appendStringInfoChar(&json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

static float8
mean(EvaluationSum sum, uint64 tests)
{
	return (float8) sum * 0x1p-60 / (float8) tests;
}

static void
require_times(const EvaluationData *data, EvaluationProtocol protocol, const char *name)
{
	if (protocol == EVALUATION_LEAVE_LAST_OUT || !data->timeless || data->users == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
			 errmsg("protocol \"%s\" needs times", name),
			 errdetail("All interactions have the same time, or none."),
			 errhint("Return a column at, or take the protocol leave_last_out.")));
}

Datum
evaluation_evaluate_ranking(PG_FUNCTION_ARGS)
{
	char	   *interactions = text_argument(fcinfo, ARG_INTERACTIONS, "interactions");
	char	   *items = PG_ARGISNULL(ARG_ITEMS) ? NULL : text_argument(fcinfo, ARG_ITEMS, "items");
	char	   *ranker_name = text_argument(fcinfo, ARG_RANKER, "ranker");
	char	   *protocol_name = text_argument(fcinfo, ARG_PROTOCOL, "protocol");
	int			k = PG_ARGISNULL(ARG_K) ? 0 : PG_GETARG_INT32(ARG_K);
	EvaluationProtocol protocol = read_protocol(protocol_name);
	EvaluationProfile profile = {0};
	EvaluationRanker ranker = read_ranker(ranker_name, &profile);
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "evaluate_ranking", ALLOCSET_DEFAULT_SIZES);
	EvaluationParameters parameters;
	EvaluationResult result;
	EvaluationSplit split;
	EvaluationData data;
	Datum		values[OUT_COLUMNS];
	bool		nulls[OUT_COLUMNS] = {false};
	TupleDesc	desc;
	uint32		tests;

	if (k < 1 || k > EVALUATION_MAX_K)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("k must lie between 1 and %d", EVALUATION_MAX_K),
				 errdetail(PG_ARGISNULL(ARG_K) ? "It is NULL." : "It is %d.", k),
				 errhint("k is how long the list is that users get to see.")));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "evaluate_ranking must return a row");

	MemoryContextSwitchTo(context);
	evaluation_input_read(&data, interactions, items);
	require_times(&data, protocol, protocol_name);
	evaluation_split(&data, protocol, true, &split);
	tests = evaluation_choose(&data, ranker, &profile, &split, k, &parameters);
	evaluation_split(&data, protocol, false, &split);
	evaluation_measure(&data, ranker, &parameters, &profile, &split, k, &result);
	MemoryContextSwitchTo(caller);

	values[OUT_USERS] = Int64GetDatum((int64) result.tests);
	nulls[OUT_NDCG] = nulls[OUT_RECALL] = nulls[OUT_HIT_RATE] = nulls[OUT_COVERAGE] = result.tests == 0;
	if (result.tests > 0)
	{
		values[OUT_NDCG] = Float8GetDatum(mean(result.ndcg, result.tests));
		values[OUT_RECALL] = Float8GetDatum(mean(result.recall, result.tests));
		values[OUT_HIT_RATE] = Float8GetDatum(mean(result.hits, result.tests));
		values[OUT_COVERAGE] = Float8GetDatum((float8) result.covered / (float8) data.items);
	}
	values[OUT_PARAMETERS] = parameters_json(&data, ranker, &parameters, tests);
	MemoryContextDelete(context);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
