/*
 * attribution_totals.c
 *	  Credits added up per creator, without storing them.
 *
 * Each conversion's one, in billionths, is split like its money: so the totals
 * add up to the number of conversions, whatever the order of adding.
 *
 * A visitor's credits are added up touch by touch first, and creator by creator
 * when the visitor is done: a touch that earns from many orders is looked up
 * once.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "attribution_creators.h"
#include "attribution_decay_core.h"
#include "attribution_span_core.h"
#include "attribution_totals.h"

/* weights between two looks for interrupts */
#define DECAY_CHUNK 16384

/* how many touches ahead their creators' totals are fetched */
#define PREFETCH_TOUCHES 8

struct AttributionTotals
{
	const AttributionPolicy *policy;
	MemoryContext context;
	AttributionCreators *creators;
	AttributionWorkspace workspace;

	/* of the visitor at hand: sums per touch, or the differences of such; empty between visitors */
	AttributionSpanSum *sums;
	size_t		capacity;

	/* of one conversion */
	int64	   *parts;
	size_t		part_capacity;

	/* of time decay over spans; and where it is too much for that, one entry per touch */
	AttributionDecaySums *decay;
	int64	   *times;
	int64	   *weights;
	int64	   *decay_credits;
	MoneyRemainder *scratch;
	size_t		decay_capacity;
};

AttributionTotals *
attribution_totals_create(const AttributionPolicy *policy)
{
	AttributionTotals *totals = palloc0(sizeof(AttributionTotals));

	totals->policy = policy;
	totals->context = CurrentMemoryContext;
	totals->creators = attribution_creators_create(CurrentMemoryContext);
	attribution_workspace_init(&totals->workspace, CurrentMemoryContext);
	return totals;
}

static void
add_total(AttributionTotals *totals, const AttributionTouch *touch,
		  int64 conversions, int128 credit)
{
	bool		has_creator = touch != NULL && touch->has_creator;

	attribution_creators_add(totals->creators, has_creator, has_creator ? touch->creator_id : 0,
							 conversions, credit);
}

static void *
allocate(AttributionTotals *totals, void *old, size_t count, size_t size)
{
	if (old != NULL)
		pfree(old);
	return MemoryContextAllocHuge(totals->context, count * size);
}

/* Room for the sums of that many touches and one entry more. */
static void
make_sums(AttributionTotals *totals, size_t ntouches)
{
	size_t		count = ntouches + 1;
	size_t		capacity = Max(count, 2 * totals->capacity);

	if (totals->capacity >= count)
		return;
	totals->capacity = 0;
	totals->sums = allocate(totals, totals->sums, capacity, sizeof(AttributionSpanSum));
	memset(totals->sums, 0, capacity * sizeof(AttributionSpanSum));
	totals->capacity = capacity;
}

/* The totals of a touch's creator are asked for before they are needed. */
static inline void
prefetch_total(const AttributionTotals *totals, const AttributionVisitor *visitor, size_t i)
{
	if (i + PREFETCH_TOUCHES < visitor->ntouches)
		attribution_creators_prefetch(totals->creators, visitor->touches[i + PREFETCH_TOUCHES].creator_id);
}

/* What the visitor's touches earned goes to their creators, and the sums are empty again. */
static void
flush_sums(AttributionTotals *totals, const AttributionVisitor *visitor)
{
	AttributionSpanSum *sums = totals->sums;
	size_t		i;

	for (i = 0; i < visitor->ntouches; i++)
	{
		if ((i & 0xffff) == 0xffff)
			CHECK_FOR_INTERRUPTS();
		prefetch_total(totals, visitor, i);
		if (sums[i].rows != 0)
			add_total(totals, &visitor->touches[i], sums[i].share, sums[i].credit);
	}
	memset(sums, 0, visitor->ntouches * sizeof(AttributionSpanSum));
}

/* The same where they are differences. */
static void
flush_differences(AttributionTotals *totals, const AttributionVisitor *visitor)
{
	AttributionSpanSum *sums = totals->sums;
	AttributionWideSum credit = 0;
	int64		share = 0;
	int64		rows = 0;
	size_t		i;

	for (i = 0; i < visitor->ntouches; i++)
	{
		if ((i & 0xffff) == 0xffff)
			CHECK_FOR_INTERRUPTS();
		prefetch_total(totals, visitor, i);
		credit += sums[i].credit;
		share += sums[i].share;
		rows += sums[i].rows;
		if (rows != 0)
			add_total(totals, &visitor->touches[i], share, credit);
	}
	memset(sums, 0, (visitor->ntouches + 1) * sizeof(AttributionSpanSum));
}

/* An amount over weights, by largest remainder. */
static void
split(int64 amount, const int64 *weights, size_t n, int64 *parts, MoneyRemainder *scratch)
{
	MoneySplit	split;

	money_split_start(&split, amount, (const int64_t *) weights, n, (int64_t *) parts, scratch);
	while (money_split_step(&split))
		CHECK_FOR_INTERRUPTS();
	if (split.status != MONEY_OK)
		elog(ERROR, "attribution weights out of bounds");
}

/* The way of all models: one conversion through the core. */
static int64
add_conversion(AttributionTotals *totals, const AttributionVisitor *visitor,
			   const AttributionConversion *line)
{
	const AttributionRules *rules = &totals->policy->rules;
	AttributionWorkspace *workspace = &totals->workspace;
	const AttributionRoom *room = &workspace->room;
	size_t		rows;
	size_t		i;

	attribution_credit(workspace, rules, visitor->touches, visitor->ntouches, line);
	rows = workspace->path.rows;
	if (room->touch[0] == ATTRIBUTION_NONE)
	{
		add_total(totals, NULL, MONEY_RATE_SCALE, room->credit[0]);
		return 1;
	}

	if (totals->part_capacity < rows)
	{
		totals->part_capacity = 0;
		totals->parts = allocate(totals, totals->parts, room->capacity, sizeof(int64));
		totals->part_capacity = room->capacity;
	}
	if (rules->model == ATTRIBUTION_PARTICIPATION)
	{
		for (i = 0; i < rows; i++)
			totals->parts[i] = MONEY_RATE_SCALE;
	}
	else
		split(MONEY_RATE_SCALE, (const int64 *) room->weight, rows, totals->parts, room->scratch);

	for (i = 0; i < rows; i++)
	{
		AttributionSpanSum *sum = &totals->sums[room->touch[i]];

		if ((i & 0xffff) == 0xffff)
			CHECK_FOR_INTERRUPTS();
		sum->credit += room->credit[i];
		sum->share += totals->parts[i];
		sum->rows++;
	}
	return (int64) rows;
}

/*
 * The eligible touches of a line, where they are all those in its window: the
 * windows of a visitor's lines move forward, so two cursors find them. But for
 * clock changes, which may move a start back by an hour or so.
 */
static void
find_span(const AttributionVisitor *visitor, const AttributionRules *rules,
		  const AttributionConversion *line, size_t *first, size_t *end)
{
	const AttributionTouch *touches = visitor->touches;
	int64		start = line->window_start[ATTRIBUTION_CLICK];

	if (rules->reuse == ATTRIBUTION_CONSUME)
		start = Max(start, line->path_start);
	while (*end < visitor->ntouches && touches[*end].touched_at <= line->converted_at)
		(*end)++;
	while (*first > 0 && touches[*first - 1].touched_at > start)
		(*first)--;
	while (*first < *end && touches[*first].touched_at <= start)
		(*first)++;
}

static int64
add_winner(AttributionTotals *totals, const AttributionTouch *touch,
		   const AttributionConversion *line)
{
	add_total(totals, touch, MONEY_RATE_SCALE, line->has_amount ? line->amount : 0);
	return 1;
}

/* The times of the touches, for the weights of time decay. */
static void
gather_times(AttributionTotals *totals, const AttributionVisitor *visitor)
{
	size_t		i;

	if (totals->decay_capacity < visitor->ntouches)
	{
		size_t		capacity = Max(visitor->ntouches, 2 * totals->decay_capacity);

		totals->decay_capacity = 0;
		totals->times = allocate(totals, totals->times, capacity, sizeof(int64));
		totals->weights = allocate(totals, totals->weights, capacity, sizeof(int64));
		totals->decay_credits = allocate(totals, totals->decay_credits, capacity, sizeof(int64));
		totals->parts = allocate(totals, totals->parts, capacity, sizeof(int64));
		totals->scratch = allocate(totals, totals->scratch, capacity, sizeof(MoneyRemainder));
		totals->decay_capacity = capacity;
		totals->part_capacity = capacity;
	}
	for (i = 0; i < visitor->ntouches; i++)
		totals->times[i] = visitor->touches[i].touched_at;
}

/* A conversion under time decay over the touches [first, end), of any number and amount. */
static int64
add_decay(AttributionTotals *totals, const AttributionConversion *line,
		  size_t first, size_t end)
{
	AttributionSpanSum *sums = totals->sums + first;
	size_t		n = end - first;
	int64		newest = totals->times[end - 1];
	int64		rows = 0;
	size_t		i;

	for (i = 0; i < n; i += DECAY_CHUNK)
	{
		if (i > 0)
			CHECK_FOR_INTERRUPTS();
		decay_weights(&totals->policy->rules.decay, newest, (int64_t *) &totals->times[first + i],
					  (int64_t *) &totals->weights[i], Min(n - i, DECAY_CHUNK));
	}
	split(line->has_amount ? line->amount : 0, totals->weights, n, totals->decay_credits,
		  totals->scratch);
	split(MONEY_RATE_SCALE, totals->weights, n, totals->parts, totals->scratch);

	for (i = 0; i < n; i++)
	{
		if ((i & 0xffff) == 0xffff)
			CHECK_FOR_INTERRUPTS();
		sums[i].credit += totals->decay_credits[i];
		sums[i].share += totals->parts[i];
		sums[i].rows += totals->weights[i] > 0;
		rows += totals->weights[i] > 0;
	}
	return rows;
}

/* Time decay over the spans of a visitor that is within the bounds of attribution_decay_core.h. */
static int64
add_decay_spans(AttributionTotals *totals, const AttributionVisitor *visitor)
{
	AttributionDecaySums *sums;
	int64		rows = 0;
	size_t		first = 0;
	size_t		end = 0;
	size_t		i;

	if (totals->decay == NULL)
		totals->decay = MemoryContextAlloc(totals->context, sizeof(AttributionDecaySums));
	sums = totals->decay;
	attribution_decay_start(sums, &totals->policy->rules.decay, visitor->touches, visitor->ntouches);
	for (i = 0; i < visitor->nlines; i++)
	{
		const AttributionConversion *line = &visitor->lines[i];

		CHECK_FOR_INTERRUPTS();
		find_span(visitor, &totals->policy->rules, line, &first, &end);
		if (first == end)
			rows += add_winner(totals, NULL, line);
		else
			rows += (int64) attribution_decay_add(sums, first, end, line->has_amount ? line->amount : 0);
	}
	for (i = 0; i < visitor->ntouches; i++)
	{
		prefetch_total(totals, visitor, i);
		if (sums->earned[i])
			add_total(totals, &visitor->touches[i], sums->share[i], sums->credit[i]);
	}
	return rows;
}

static bool
has_short_decay(const AttributionTotals *totals, const AttributionVisitor *visitor)
{
	size_t		i;

	if (totals->policy->rules.model != ATTRIBUTION_TIME_DECAY ||
		visitor->ntouches == 0 || visitor->ntouches > ATTRIBUTION_DECAY_TOUCHES)
		return false;
	for (i = 0; i < visitor->nlines; i++)
	{
		if (visitor->lines[i].amount <= -ATTRIBUTION_DECAY_AMOUNT ||
			visitor->lines[i].amount >= ATTRIBUTION_DECAY_AMOUNT)
			return false;
	}
	return true;
}

static void
add_span(AttributionTotals *totals, const AttributionVisitor *visitor,
		 const AttributionConversion *line, size_t first, size_t end, int64 *rows)
{
	const AttributionRules *rules = &totals->policy->rules;

	switch (rules->model)
	{
		case ATTRIBUTION_FIRST_TOUCH:
			*rows += add_winner(totals, &visitor->touches[first], line);
			break;
		case ATTRIBUTION_LAST_TOUCH:
			*rows += add_winner(totals, &visitor->touches[end - 1], line);
			break;
		case ATTRIBUTION_TIME_DECAY:
			*rows += add_decay(totals, line, first, end);
			break;
		default:
			*rows += (int64) attribution_span_add(totals->sums, rules, first, end,
												  line->has_amount ? line->amount : 0);
			break;
	}
}

static int64
add_spans(AttributionTotals *totals, const AttributionVisitor *visitor)
{
	const AttributionRules *rules = &totals->policy->rules;
	bool		one_wins = rules->model == ATTRIBUTION_FIRST_TOUCH ||
		rules->model == ATTRIBUTION_LAST_TOUCH;
	int64		rows = 0;
	size_t		first = 0;
	size_t		end = 0;
	size_t		i;

	if (!one_wins)
		make_sums(totals, visitor->ntouches);
	if (rules->model == ATTRIBUTION_TIME_DECAY)
		gather_times(totals, visitor);
	for (i = 0; i < visitor->nlines; i++)
	{
		const AttributionConversion *line = &visitor->lines[i];

		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		find_span(visitor, rules, line, &first, &end);
		if (first == end)
			rows += add_winner(totals, NULL, line);
		else
			add_span(totals, visitor, line, first, end, &rows);
	}
	if (one_wins)
		return rows;
	if (rules->model == ATTRIBUTION_TIME_DECAY)
		flush_sums(totals, visitor);
	else
		flush_differences(totals, visitor);
	return rows;
}

/* Are the eligible touches of every line those in a span of the path? */
static bool
has_spans(const AttributionTotals *totals, const AttributionVisitor *visitor)
{
	const AttributionRules *rules = &totals->policy->rules;
	size_t		i;

	if (visitor->has_views || visitor->has_carts ||
		rules->match != ATTRIBUTION_MATCH_ANY ||
		rules->reuse == ATTRIBUTION_SESSION ||
		!(attribution_span_model(rules->model) ||
		  rules->model == ATTRIBUTION_TIME_DECAY))
		return false;
	for (i = 0; i < visitor->nlines; i++)
	{
		if (visitor->lines[i].excluded_count > 0)
			return false;
	}
	return true;
}

int64
attribution_totals_add(void *arg, const AttributionVisitor *visitor)
{
	AttributionTotals *totals = arg;
	int64		rows = 0;
	size_t		i;

	if (has_spans(totals, visitor))
		return has_short_decay(totals, visitor) ? add_decay_spans(totals, visitor) :
			add_spans(totals, visitor);

	make_sums(totals, visitor->ntouches);
	for (i = 0; i < visitor->nlines; i++)
		rows += add_conversion(totals, visitor, &visitor->lines[i]);
	flush_sums(totals, visitor);
	attribution_workspace_trim(&totals->workspace);
	return rows;
}

AttributionCreators *
attribution_totals_creators(AttributionTotals *totals)
{
	return totals->creators;
}
