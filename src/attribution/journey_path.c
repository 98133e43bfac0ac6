/*
 * journey_path.c
 *	  journey_path() and journey_paths(): the creators of a journey in order, as
 *	  data-driven models want them.
 *
 * The path of a conversion is what its amount is split over: the core finds it
 * under the linear model, which credits each eligible touch.
 */
#include "postgres.h"

#include "catalog/pg_type_d.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "../common/errors.h"
#include "attribution_rows.h"
#include "journey_path_core.h"
#include "journey_visitor.h"

PG_FUNCTION_INFO_V1(journey_path);
PG_FUNCTION_INFO_V1(journey_paths);

/* argument positions; journey_path() has the first three */
enum
{
	ARG_JOURNEY,
	ARG_TRANSFORM,
	ARG_LAST_K,
	ARG_LOOKBACK,
	ARG_VIEW_LOOKBACK,
	ARG_CART_LOOKBACK,
	ARG_REUSE,
	ARG_SESSION_LIFETIME,
	ARG_MATCH,
	ARG_TIME_ZONE,
	ARG_COUNT
};

static const char *const argument_names[ARG_COUNT] = {
	"journey", "transform", "last_k", "lookback", "view_lookback",
	"cart_lookback", "reuse", "session_lifetime", "match", "time_zone"
};

/* columns of journey_paths() */
enum
{
	PATH_CONVERSION_ID,
	PATH_PATH,
	PATH_CONVERSIONS,
	PATH_VALUE,
	PATH_NULLS,
	PATH_COLUMNS
};

typedef enum JourneyTransform
{
	TRANSFORM_UNIQUE,			/* every step */
	TRANSFORM_EXPOSURE,			/* runs become one step */
	TRANSFORM_FIRST				/* of each creator the first step */
} JourneyTransform;

/* What is asked for, and the steps at hand. */
typedef struct PathBuilder
{
	JourneyTransform transform;
	size_t		last_k;			/* 0: all */
	JourneyStep *steps;
	size_t		count;
} PathBuilder;

static JourneyTransform
read_transform(FunctionCallInfo fcinfo)
{
	char	   *name = ATTRIBUTION_ARG_STRING(ARG_TRANSFORM);

	if (strcmp(name, "exposure") == 0)
		return TRANSFORM_EXPOSURE;
	if (strcmp(name, "first") == 0)
		return TRANSFORM_FIRST;
	if (strcmp(name, "unique") == 0)
		return TRANSFORM_UNIQUE;
	ereport(ERROR,
			(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
			 errmsg("unknown transform \"%s\"", name),
			 errhint("It can be: \"exposure\" (equal neighbours become one), \"first\" (each creator once), \"unique\" (every touch).")));
	return TRANSFORM_UNIQUE;	/* keeps the compiler quiet */
}

/* Checks the arguments from transform on; the journey may be NULL. */
static void
read_arguments(FunctionCallInfo fcinfo, int count, PathBuilder *builder)
{
	NullableDatum journey = fcinfo->args[ARG_JOURNEY];
	NullableDatum last_k = fcinfo->args[ARG_LAST_K];

	fcinfo->args[ARG_JOURNEY].isnull = false;
	fcinfo->args[ARG_LAST_K].isnull = false;
	attribution_check_no_nulls(fcinfo, argument_names, count, ARG_TRANSFORM);
	fcinfo->args[ARG_JOURNEY] = journey;
	fcinfo->args[ARG_LAST_K] = last_k;

	memset(builder, 0, sizeof(*builder));
	builder->transform = read_transform(fcinfo);
	if (!last_k.isnull)
	{
		int32		k = DatumGetInt32(last_k.value);

		if (k < 1)
			ereport(ERROR,
					(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
					 errmsg("last_k must be at least 1, not %d", k),
					 errhint("NULL, or leaving it out, asks for the whole path.")));
		builder->last_k = (size_t) k;
	}
}

static void
make_steps(PathBuilder *builder, size_t most)
{
	builder->steps = MemoryContextAllocHuge(CurrentMemoryContext,
											Max(most, 1) * sizeof(*builder->steps));
}

static void
add_step(PathBuilder *builder, const AttributionTouch *touch)
{
	JourneyStep *step = &builder->steps[builder->count];

	step->creator_id = touch->has_creator ? touch->creator_id : 0;
	step->has_creator = touch->has_creator;
	step->place = builder->count++;
}

static int
compare_creator(const void *a, const void *b, void *arg)
{
	return journey_step_compare_creator(a, b);
}

static int
compare_place(const void *a, const void *b, void *arg)
{
	return journey_step_compare_place(a, b);
}

/* The steps transformed, as an array; none are left. */
static Datum
take_path(PathBuilder *builder)
{
	JourneyStep *steps = builder->steps;
	size_t		count = builder->count;
	Datum	   *values;
	bool	   *nulls;
	int			dims[1];
	int			bounds[1] = {1};
	ArrayType  *path;
	size_t		i;

	builder->count = 0;
	if (builder->transform == TRANSFORM_EXPOSURE)
		count = journey_path_collapse(steps, count);
	else if (builder->transform == TRANSFORM_FIRST)
	{
		qsort_interruptible(steps, count, sizeof(*steps), compare_creator, NULL);
		count = journey_path_collapse(steps, count);
		qsort_interruptible(steps, count, sizeof(*steps), compare_place, NULL);
	}
	if (builder->last_k > 0 && count > builder->last_k)
	{
		steps += count - builder->last_k;
		count = builder->last_k;
	}

	if (count == 0)
		return PointerGetDatum(construct_empty_array(INT8OID));
	if (count > MaxAllocSize / sizeof(int64))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a path of %zu steps does not fit into an array", count),
				 errhint("Give last_k, or the transform \"first\".")));
	values = MemoryContextAllocHuge(CurrentMemoryContext, count * sizeof(*values));
	nulls = palloc(count * sizeof(*nulls));
	for (i = 0; i < count; i++)
	{
		values[i] = Int64GetDatum(steps[i].creator_id);
		nulls[i] = !steps[i].has_creator;
	}
	dims[0] = (int) count;
	path = construct_md_array(values, nulls, 1, dims, bounds, INT8OID,
							  sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
	pfree(values);
	pfree(nulls);
	return PointerGetDatum(path);
}

/* journey_path(journey, transform text, last_k int) -> bigint[] */
Datum
journey_path(PG_FUNCTION_ARGS)
{
	PathBuilder builder;
	JourneyVisitor visitor;
	size_t		i;

	read_arguments(fcinfo, ARG_LAST_K + 1, &builder);
	if (PG_ARGISNULL(ARG_JOURNEY))
		PG_RETURN_NULL();

	journey_visitor_read(&visitor, PG_GETARG_JOURNEY_PP(ARG_JOURNEY));
	make_steps(&builder, visitor.ntouches);
	for (i = 0; i < visitor.ntouches; i++)
		add_step(&builder, &visitor.touches[i]);
	PG_RETURN_DATUM(take_path(&builder));
}

/* A policy of the linear model; what only other models ask for has no say. */
static void
read_policy(FunctionCallInfo fcinfo, AttributionPolicy *policy)
{
	Datum		ones[3];
	AttributionPolicyArguments arguments;
	Interval	half_life = {0, 1, 0};
	int			i;

	for (i = 0; i < 3; i++)
		ones[i] = NumericGetDatum(int64_to_numeric(1));
	arguments.model = "linear";
	arguments.lookback = PG_GETARG_INTERVAL_P(ARG_LOOKBACK);
	arguments.view_lookback = PG_GETARG_INTERVAL_P(ARG_VIEW_LOOKBACK);
	arguments.cart_lookback = PG_GETARG_INTERVAL_P(ARG_CART_LOOKBACK);
	arguments.half_life = &half_life;
	arguments.position_weights = construct_array(ones, 3, NUMERICOID, -1, false,
												 TYPALIGN_INT);
	arguments.reuse = ATTRIBUTION_ARG_STRING(ARG_REUSE);
	arguments.session_lifetime = PG_GETARG_INTERVAL_P(ARG_SESSION_LIFETIME);
	arguments.match = ATTRIBUTION_ARG_STRING(ARG_MATCH);
	arguments.time_zone = ATTRIBUTION_ARG_STRING(ARG_TIME_ZONE);
	attribution_policy_build(policy, &arguments);
}

static void
add_path_row(ReturnSetInfo *result, PathBuilder *builder,
			 const AttributionConversion *line)
{
	Datum		values[PATH_COLUMNS];
	bool		nulls[PATH_COLUMNS];
	Datum		path = take_path(builder);

	memset(nulls, false, sizeof(nulls));
	nulls[PATH_CONVERSION_ID] = line == NULL;
	values[PATH_CONVERSION_ID] = Int64GetDatum(line == NULL ? 0 : line->conversion_id);
	values[PATH_PATH] = path;
	values[PATH_CONVERSIONS] = Int64GetDatum(line == NULL ? 0 : 1);
	values[PATH_VALUE] = Int64GetDatum(line != NULL && line->has_amount ? line->amount : 0);
	values[PATH_NULLS] = Int64GetDatum(line == NULL ? 1 : 0);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	pfree(DatumGetPointer(path));
}

static void
add_converted(ReturnSetInfo *result, PathBuilder *builder,
			  const AttributionPolicy *policy, AttributionWorkspace *workspace,
			  const JourneyVisitor *visitor, const AttributionConversion *line)
{
	size_t		i;

	attribution_credit(workspace, &policy->rules, visitor->touches,
					   visitor->ntouches, line);
	for (i = 0; i < workspace->path.rows; i++)
	{
		if (workspace->room.touch[i] != ATTRIBUTION_NONE)
			add_step(builder, &visitor->touches[workspace->room.touch[i]]);
	}
	add_path_row(result, builder, line);
}

/*
 * What came after the last order and led to none: a path that ends in nothing.
 * Windows are counted back from its last touch of a kind that counts; views
 * count only where nothing else does, as everywhere.
 */
static void
add_unconverted(ReturnSetInfo *result, PathBuilder *builder,
				const AttributionPolicy *policy, const JourneyVisitor *visitor)
{
	const AttributionTouch *touches = visitor->touches;
	AttributionConversion end;
	int64		after = PG_INT64_MIN;
	size_t		last = visitor->ntouches;
	size_t		first;
	bool		others = false;
	size_t		i;

	/* lines go by time */
	if (visitor->nlines > 0)
		after = visitor->lines[visitor->nlines - 1].converted_at;
	memset(&end, 0, sizeof(end));
	for (; last > 0 && touches[last - 1].touched_at > after; last--)
	{
		CHECK_FOR_INTERRUPTS();
		end.converted_at = touches[last - 1].touched_at;
		attribution_policy_windows(policy, &end);
		if (end.window_start[touches[last - 1].kind] < end.converted_at)
			break;
	}
	if (last == 0 || touches[last - 1].touched_at <= after)
		return;

	for (first = last; first > 0 && touches[first - 1].touched_at > after; first--)
	{
		const AttributionTouch *touch = &touches[first - 1];

		if (touch->kind != ATTRIBUTION_VIEW &&
			touch->touched_at > end.window_start[touch->kind])
			others = true;
	}
	for (i = first; i < last; i++)
	{
		const AttributionTouch *touch = &touches[i];

		if (touch->touched_at > end.window_start[touch->kind] &&
			(touch->kind == ATTRIBUTION_VIEW) != others)
			add_step(builder, touch);
	}
	add_path_row(result, builder, NULL);
}

/*
 * journey_paths(journey, transform text, ...) -> conversion_id, path,
 * conversions, value, nulls
 */
Datum
journey_paths(PG_FUNCTION_ARGS)
{
	PathBuilder builder;
	AttributionPolicy policy;
	AttributionWorkspace workspace;
	JourneyVisitor visitor;
	ReturnSetInfo *result;
	size_t		i;

	read_arguments(fcinfo, ARG_COUNT, &builder);
	read_policy(fcinfo, &policy);
	InitMaterializedSRF(fcinfo, 0);
	result = (ReturnSetInfo *) fcinfo->resultinfo;
	if (PG_ARGISNULL(ARG_JOURNEY))
		return (Datum) 0;

	journey_visitor_read(&visitor, PG_GETARG_JOURNEY_PP(ARG_JOURNEY));
	attribution_visitor_prepare(&policy, CurrentMemoryContext, visitor.lines,
								visitor.nlines, visitor.have_carts);
	attribution_workspace_init(&workspace, CurrentMemoryContext);
	make_steps(&builder, visitor.ntouches);
	for (i = 0; i < visitor.nlines; i++)
		add_converted(result, &builder, &policy, &workspace, &visitor, &visitor.lines[i]);
	add_unconverted(result, &builder, &policy, &visitor);
	return (Datum) 0;
}
