/*
 * engagement_scores.c
 *	  score_creators(posts): every creator's engagement in one pass over a query.
 *
 * Does what GROUP BY with engagement_agg(), engagement_prior() and shrunk_rate()
 * does, by the same cores and so to the same bits, but keeps rows in arrays
 * instead of a state per creator: engagement_store.c.
 */
#include "postgres.h"

#include <math.h>

#include "common/pg_prng.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "../common/radix_core.h"
#include "../common/errors.h"
#include "../common/row_store.h"
#include "engagement_cells.h"
#include "engagement_core.h"
#include "engagement_prior_core.h"
#include "engagement_query.h"
#include "engagement_rates.h"
#include "engagement_store.h"

PG_FUNCTION_INFO_V1(engagement_score_creators);

#define STEP 16384
#define AHEAD 8

/* argument positions */
enum
{
	ARG_POSTS,
	ARG_CONFIDENCE,
	ARG_TRIM_SHARE
};

#define CREATOR_WORDS ((int) (sizeof(EngagementCreator) / sizeof(int64)))

/* columns of the result */
enum
{
	OUT_CREATOR,
	OUT_VERTICAL,
	OUT_TIER,
	OUT_POSTS,
	OUT_MEAN,
	OUT_MEDIAN,
	OUT_TRIMMED,
	OUT_SHRUNK,
	OUT_LOWER,
	OUT_UPPER,
	OUT_COLUMNS
};

typedef struct CreatorScore
{
	EngagementCreator sums;
	double		median;
	double		trimmed;
	int64		creator_id;
	uint32		cell;
} CreatorScore;

typedef struct Scoring
{
	EngagementCells cells;
	EngagementStore *store;
	double		trim_share;
	CreatorScore *scores;
	size_t		count;
	size_t		capacity;
	EngagementPrior *priors;	/* of the cells */
} Scoring;

#define ST_SORT sort_creators
#define ST_ELEMENT_TYPE EngagementCreator
#define ST_COMPARE(a, b) compare_creators(a, b)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DECLARE
#include "lib/sort_template.h"

/* As engagement_prior() sorts them, so that sums have the same bits: by their words. */
static inline int
compare_creators(const EngagementCreator *a, const EngagementCreator *b)
{
	const int64 *left = (const int64 *) a;
	const int64 *right = (const int64 *) b;
	int			word = 0;

	while (word < CREATOR_WORDS - 1 && left[word] == right[word])
		word++;
	return left[word] < right[word] ? -1 : left[word] > right[word];
}

#define ST_SORT sort_creators
#define ST_ELEMENT_TYPE EngagementCreator
#define ST_COMPARE(a, b) compare_creators(a, b)
#define ST_SCOPE static
#define ST_CHECK_FOR_INTERRUPTS
#define ST_DEFINE
#include "lib/sort_template.h"

static void
add_post(void *arg, const EngagementPost *post)
{
	Scoring    *scoring = arg;
	uint32		cell = engagement_cell_number(&scoring->cells, post->vertical, post->vertical_size,
											  post->tier, post->tier_size);

	engagement_store_add(scoring->store, post->creator_id, cell, post->rate, post->posts);
}

static void
add_group(void *arg, int64 creator_id, uint32 cell, const EngagementRow *rows, size_t n)
{
	Scoring    *scoring = arg;
	CreatorScore *score;

	if (scoring->count == scoring->capacity)
	{
		if (scoring->capacity > (size_t) 1 << 30)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("too many creators")));
		scoring->capacity *= 2;
		scoring->scores = repalloc_huge(scoring->scores, scoring->capacity * sizeof(CreatorScore));
	}
	score = &scoring->scores[scoring->count++];
	score->creator_id = creator_id;
	score->cell = cell;
	score->sums = engagement_creator(rows, n, engagement_count_posts(rows, n));
	score->median = engagement_median(rows, score->sums.posts);
	score->trimmed = engagement_trimmed(rows, n, score->sums.posts, scoring->trim_share);
}

static void
fit_prior(EngagementPrior *prior, EngagementCreator *creators, size_t n)
{
	EngagementFit fit;
	size_t		done;

	sort_creators(creators, n);
	engagement_fit_start(&fit);
	do
	{
		for (done = 0; done < n; done += STEP)
		{
			CHECK_FOR_INTERRUPTS();
			engagement_fit_piece(&fit, creators + done, Min(n - done, STEP));
		}
	}
	while (engagement_fit_next(&fit, prior));
}

/* A prior for each cell. */
static void
fit_priors(Scoring *scoring)
{
	uint32		ncells = scoring->cells.count;
	size_t	   *next = MemoryContextAllocExtended(CurrentMemoryContext, (ncells + 1) * sizeof(size_t),
												  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	EngagementCreator *creators = MemoryContextAllocHuge(CurrentMemoryContext,
														 Max(scoring->count, 1) * sizeof(EngagementCreator));
	size_t		from = 0;
	size_t		i;

	scoring->priors = MemoryContextAllocHuge(CurrentMemoryContext, Max(ncells, 1) * sizeof(EngagementPrior));
	for (i = 0; i < scoring->count; i++)
		next[scoring->scores[i].cell + 1]++;
	for (i = 1; i <= ncells; i++)
		next[i] += next[i - 1];
	for (i = 0; i < scoring->count; i++)
		creators[next[scoring->scores[i].cell]++] = scoring->scores[i].sums;
	/* a cell's place to write is now where the next cell begins */
	for (i = 0; i < ncells; i++)
	{
		fit_prior(&scoring->priors[i], creators + from, next[i] - from);
		from = next[i];
	}
	pfree(next);
	pfree(creators);
}

static RadixEntry *
sorted_by(RadixSort *sort, RadixEntry *entries, RadixEntry *scratch, size_t n)
{
	radix_start(sort, entries, scratch, n);
	while (!radix_step(sort))
		CHECK_FOR_INTERRUPTS();
	return sort->entries;
}

/* The scores by creator, vertical and tier. */
static RadixEntry *
order_scores(const Scoring *scoring)
{
	size_t		size = Max(scoring->count, 1) * sizeof(RadixEntry);
	RadixEntry *entries = MemoryContextAllocHuge(CurrentMemoryContext, size);
	RadixEntry *scratch = MemoryContextAllocHuge(CurrentMemoryContext, size);
	RadixSort	sort;
	size_t		i;

	for (i = 0; i < scoring->count; i++)
		entries[i].row = (uint32) i;
	if (scoring->cells.count > 1)
	{
		uint32	   *ranks = engagement_cell_ranks(&scoring->cells);

		for (i = 0; i < scoring->count; i++)
			entries[i].key = ranks[scoring->scores[i].cell];
		entries = sorted_by(&sort, entries, scratch, scoring->count);
		scratch = sort.scratch;
		pfree(ranks);
	}
	for (i = 0; i < scoring->count; i++)
		entries[i].key = (uint64) scoring->scores[entries[i].row].creator_id ^ (UINT64CONST(1) << 63);
	return sorted_by(&sort, entries, scratch, scoring->count);
}

static void
set_double(Datum *values, bool *nulls, int column, double value)
{
	nulls[column] = isnan(value);
	values[column] = Float8GetDatum(value);
}

static void
emit_scores(const Scoring *scoring, ReturnSetInfo *result, double z)
{
	const RadixEntry *order = order_scores(scoring);
	Datum		values[OUT_COLUMNS];
	bool		nulls[OUT_COLUMNS] = {0};
	size_t		i;

	for (i = 0; i < scoring->count; i++)
	{
		const CreatorScore *score = &scoring->scores[order[i].row];
		const EngagementCell *cell = &scoring->cells.cells[score->cell];
		const EngagementPrior *prior = &scoring->priors[score->cell];
		double		posts = (double) score->sums.posts;
		double		shrunk = engagement_shrink(posts, score->sums.mean, prior);
		double		margin = engagement_shrink_margin(posts, score->sums.mean, prior, z);

		if (i % STEP == 0)
			CHECK_FOR_INTERRUPTS();
		/* scores lie in the order of partitions: fetch those that will come */
		if (i + AHEAD < scoring->count)
			__builtin_prefetch(&scoring->scores[order[i + AHEAD].row]);
		values[OUT_CREATOR] = Int64GetDatum(score->creator_id);
		values[OUT_VERTICAL] = PointerGetDatum(cell->vertical);
		values[OUT_TIER] = PointerGetDatum(cell->tier);
		values[OUT_POSTS] = Int64GetDatum(score->sums.posts);
		set_double(values, nulls, OUT_MEAN, score->sums.mean);
		set_double(values, nulls, OUT_MEDIAN, score->median);
		set_double(values, nulls, OUT_TRIMMED, score->trimmed);
		set_double(values, nulls, OUT_SHRUNK, shrunk);
		set_double(values, nulls, OUT_LOWER, isnan(margin) ? NAN : Max(shrunk - margin, 0.0));
		set_double(values, nulls, OUT_UPPER, shrunk + margin);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
}

Datum
engagement_score_creators(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	Scoring		scoring = {0};
	EngagementQuery *query;
	double		confidence;
	uint64		seed = pg_prng_uint64(&pg_global_prng_state);

	if (PG_ARGISNULL(ARG_POSTS) || PG_ARGISNULL(ARG_CONFIDENCE) || PG_ARGISNULL(ARG_TRIM_SHARE))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("arguments of score_creators() must not be NULL"),
				 errhint("Give the text of a query; leave out confidence and trim_share for the usual ones.")));
	confidence = PG_GETARG_FLOAT8(ARG_CONFIDENCE);
	engagement_require_confidence(confidence);
	scoring.trim_share = PG_GETARG_FLOAT8(ARG_TRIM_SHARE);
	engagement_require_trim(scoring.trim_share);

	InitMaterializedSRF(fcinfo, 0);
	engagement_cells_init(&scoring.cells, caller, seed);
	scoring.capacity = 1024;
	scoring.scores = palloc(scoring.capacity * sizeof(CreatorScore));

	SPI_connect();
	query = engagement_query_prepare(text_to_cstring(PG_GETARG_TEXT_PP(ARG_POSTS)));
	scoring.store = engagement_store_create(caller, seed, engagement_query_has_posts(query),
											Max(get_hash_memory_limit(), ROW_STORE_LEAST_MEMORY));
	engagement_query_run(query, add_post, &scoring);
	SPI_finish();

	engagement_store_drain(scoring.store, add_group, &scoring);
	fit_priors(&scoring);
	emit_scores(&scoring, (ReturnSetInfo *) fcinfo->resultinfo, engagement_normal_z(confidence));
	return (Datum) 0;
}
