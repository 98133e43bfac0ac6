/*
 * attribution_span_core.c
 *	  Totals of conversions over spans of touches, as differences.
 *
 * All models here give one weight to the first touch, one to each in the
 * middle, one to the last. So a split by largest remainder knows at most three
 * quotas and three remainders, and the left-over units go to the classes in the
 * order of their remainders: ties to the earlier touch, as in money_split().
 */
#include "attribution_span_core.h"

#define CLASSES 3

typedef unsigned __int128 uint128_span;

/* Touches in a row with the same weight. */
typedef struct SpanClass
{
	size_t		first;
	size_t		count;
	uint64_t	weight;
	uint64_t	quota;
	uint64_t	remainder;
} SpanClass;

typedef struct Span
{
	SpanClass	classes[CLASSES];
	int			nclasses;
	uint64_t	weight_sum;
} Span;

bool
attribution_span_model(AttributionModel model)
{
	switch (model)
	{
		case ATTRIBUTION_FIRST_TOUCH:
		case ATTRIBUTION_LAST_TOUCH:
		case ATTRIBUTION_LINEAR:
		case ATTRIBUTION_POSITION_BASED:
			return true;
		default:
			return false;
	}
}

static void
add_class(Span *span, size_t first, size_t count, uint64_t weight)
{
	SpanClass  *class;

	if (weight == 0 || count == 0)
		return;
	class = &span->classes[span->nclasses++];
	class->first = first;
	class->count = count;
	class->weight = weight;
	span->weight_sum += weight * count;
}

static void
make_span(Span *span, const AttributionRules *rules, size_t first, size_t n)
{
	const int64_t *weights = rules->position_weights;
	uint64_t	middle = n > 2 ? n - 2 : 1;

	span->nclasses = 0;
	span->weight_sum = 0;
	if (rules->model == ATTRIBUTION_FIRST_TOUCH || n == 1)
		add_class(span, first, 1, 1);
	else if (rules->model == ATTRIBUTION_LAST_TOUCH)
		add_class(span, first + n - 1, 1, 1);
	else if (rules->model == ATTRIBUTION_LINEAR)
		add_class(span, first, n, 1);
	else
	{
		add_class(span, first, 1, (uint64_t) weights[0] * middle);
		if (n > 2)
			add_class(span, first + 1, n - 2, (uint64_t) weights[1]);
		add_class(span, first + n - 1, 1, (uint64_t) weights[2] * middle);
	}
}

/* Quotas and remainders of a whole; returns the units left over. */
static uint64_t
divide(Span *span, uint64_t whole)
{
	uint64_t	left = whole;
	int			i;

	for (i = 0; i < span->nclasses; i++)
	{
		SpanClass  *class = &span->classes[i];
		uint128_span product = (uint128_span) whole * class->weight;

		if (product >> 64 == 0)
		{
			class->quota = (uint64_t) product / span->weight_sum;
			class->remainder = (uint64_t) product % span->weight_sum;
		}
		else
		{
			class->quota = (uint64_t) (product / span->weight_sum);
			class->remainder = (uint64_t) (product - (uint128_span) class->quota * span->weight_sum);
		}
		left -= class->quota * class->count;
	}
	return left;
}

/* The class with the largest remainder not yet served; the earlier of equals. */
static SpanClass *
next_class(Span *span)
{
	SpanClass  *best = NULL;
	int			i;

	for (i = 0; i < span->nclasses; i++)
	{
		SpanClass  *class = &span->classes[i];

		if (class->remainder > 0 && (best == NULL || class->remainder > best->remainder))
			best = class;
	}
	return best;
}

/* The touches that get one of the units left over begin at *first; returns how many. */
static size_t
take_units(Span *span, uint64_t *left, size_t *first)
{
	SpanClass  *class = next_class(span);
	size_t		units = *left < class->count ? (size_t) *left : class->count;

	*first = class->first;
	*left -= units;
	class->remainder = 0;
	return units;
}

static void
add_credit(AttributionSpanSum *sums, Span *span, uint64_t amount, int sign)
{
	uint64_t	left = divide(span, amount);
	size_t		first;
	int			i;

	for (i = 0; i < span->nclasses; i++)
	{
		const SpanClass *class = &span->classes[i];
		AttributionWideSum quota = (AttributionWideSum) class->quota * sign;

		sums[class->first].credit += quota;
		sums[class->first + class->count].credit -= quota;
	}
	while (left > 0)
	{
		size_t		units = take_units(span, &left, &first);

		sums[first].credit += sign;
		sums[first + units].credit -= sign;
	}
}

/* A conversion's one; returns how many touches it credits. */
static size_t
add_share(AttributionSpanSum *sums, Span *span)
{
	uint64_t	left = divide(span, (uint64_t) MONEY_RATE_SCALE);
	size_t		rows = 0;
	size_t		first;
	int			i;

	for (i = 0; i < span->nclasses; i++)
	{
		const SpanClass *class = &span->classes[i];
		AttributionSpanSum *begin = &sums[class->first];
		AttributionSpanSum *end = begin + class->count;

		begin->share += (int64_t) class->quota;
		end->share -= (int64_t) class->quota;
		begin->rows++;
		end->rows--;
		rows += class->count;
	}
	while (left > 0)
	{
		size_t		units = take_units(span, &left, &first);

		sums[first].share++;
		sums[first + units].share--;
	}
	return rows;
}

size_t
attribution_span_add(AttributionSpanSum *sums, const AttributionRules *rules,
					 size_t first, size_t end, int64_t amount)
{
	Span		span;

	make_span(&span, rules, first, end - first);
	if (amount != 0)
		add_credit(sums, &span, amount < 0 ? UINT64_C(0) - (uint64_t) amount : (uint64_t) amount,
				   amount < 0 ? -1 : 1);
	return add_share(sums, &span);
}
