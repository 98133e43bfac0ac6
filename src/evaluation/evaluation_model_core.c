/*
 * evaluation_model_core.c
 *	  What a slice has learned: neighbours whose pairs count by their distance
 *	  and order in a history, popularity that decays, the best of each group.
 */
#include "evaluation_core.h"

#include <math.h>
#include <string.h>

#include "../common/radix_core.h"

#define WINDOW 500				/* items apart that two may be to count as a pair */
#define LEAST_WEIGHT 64			/* 2^-10: a pair that counts less does not */
#define NEAREST 100				/* neighbours that an item keeps */
#define GROUP_ITEMS 200			/* most popular items of a group that gain by it */
#define STEP 65536

/* neighbors_nearest() takes sums in units of 2^-COMMON_BITS; weights have 16 bits, too */
#define COMMON_BITS (2 * NEIGHBORS_WEIGHT_BITS)
#define WEIGHT_BITS 16

/* 2^16 times 2^(-(distance - 1) / half), halves to even; half 0: no decay */
static uint32_t
distance_weight(uint32_t distance, double half, double factor)
{
	return (uint32_t) rint(65536.0 * factor * (half > 0 ? exp2(-(double) (distance - 1) / half) : 1.0));
}

static void
transpose(EvaluationModel *model)
{
	const EvaluationData *data = model->data;
	const EvaluationHost *host = data->host;
	uint64_t   *norm = host->allocate(data->items * sizeof(uint64_t));
	uint32_t   *next = host->allocate(data->items * sizeof(uint32_t));
	uint32_t	user;
	uint32_t	i;

	model->earliest = INT64_MAX;
	model->latest = INT64_MIN;
	for (user = 0; user < data->users; user++)
	{
		uint32_t	begin = data->start[user];

		for (i = begin; i < begin + model->learned[user]; i++)
		{
			uint64_t	weight = data->weighted ? data->weight[i] : 1;

			model->start[data->item[i] + 1]++;
			norm[data->item[i]] += weight * weight;
			if (data->at[i] < model->earliest)
				model->earliest = data->at[i];
			if (data->at[i] > model->latest)
				model->latest = data->at[i];
		}
		if (user % STEP == 0)
			host->pause();
	}
	for (i = 0; i < data->items; i++)
	{
		model->start[i + 1] += model->start[i];
		next[i] = model->start[i];
	}
	model->user = host->allocate(model->start[data->items] * sizeof(uint32_t));
	model->place = host->allocate(model->start[data->items] * sizeof(uint32_t));
	for (user = 0; user < data->users; user++)
	{
		for (i = 0; i < model->learned[user]; i++)
		{
			uint32_t	slot = next[data->item[data->start[user] + i]]++;

			model->user[slot] = user;
			model->place[slot] = i;
		}
		if (user % STEP == 0)
			host->pause();
	}
	for (i = 0; i < data->items; i++)
		model->norm[i] = data->weighted ? (double) norm[i] * 0x1p-32 : (double) norm[i];
	host->release(norm);
	host->release(next);
}

void
evaluation_model_start(EvaluationModel *model, const EvaluationData *data, const uint32_t *learned)
{
	const EvaluationHost *host = data->host;
	size_t		items = data->items;
	int			g;

	memset(model, 0, sizeof(*model));
	model->data = data;
	model->learned = learned;
	model->start = host->allocate((items + 1) * sizeof(uint32_t));
	model->norm = host->allocate(items * sizeof(double));
	model->list_start = host->allocate((items + 1) * sizeof(size_t));
	model->popularity = host->allocate(items * sizeof(double));
	model->base = host->allocate(items * sizeof(double));
	model->order = host->allocate(items * sizeof(uint32_t));
	for (g = 0; g < 2; g++)
	{
		model->group_start[g] = host->allocate(((size_t) data->groups[g] + 1) * sizeof(uint32_t));
		model->group_item[g] = host->allocate(items * sizeof(uint32_t));
	}
	transpose(model);
}

void
evaluation_model_free(EvaluationModel *model)
{
	const EvaluationHost *host = model->data->host;
	int			g;

	host->release(model->start);
	host->release(model->user);
	host->release(model->place);
	host->release(model->norm);
	host->release(model->list_start);
	if (model->neighbor != NULL)
		host->release(model->neighbor);
	host->release(model->popularity);
	host->release(model->base);
	host->release(model->order);
	for (g = 0; g < 2; g++)
	{
		host->release(model->group_start[g]);
		host->release(model->group_item[g]);
	}
}

static inline uint64_t
pair_value(const uint32_t *weight, uint32_t one, uint32_t other, uint32_t by_distance)
{
	if (weight == NULL)
		return (uint64_t) by_distance << (COMMON_BITS - WEIGHT_BITS);
	return (uint64_t) ((unsigned __int128) ((uint64_t) weight[one] * weight[other]) * by_distance >> (3 * WEIGHT_BITS - COMMON_BITS));
}

/* What an item has in common with those around it in a history. */
static void
add_pairs(const EvaluationData *data, NeighborsSums *sums, uint32_t user, uint32_t learned, uint32_t place,
		  const uint32_t *ahead, uint32_t nahead, const uint32_t *behind, uint32_t nbehind)
{
	const uint32_t *item = data->item + data->start[user];
	const uint32_t *weight = data->weighted ? data->weight + data->start[user] : NULL;
	uint32_t	after = learned - 1 - place;
	uint32_t	distance;

	for (distance = 1; distance <= after && distance <= nahead; distance++)
	{
		uint32_t	other = place + distance;

		neighbors_sums_add(sums, item[other], pair_value(weight, place, other, ahead[distance]));
	}
	for (distance = 1; distance <= place && distance <= nbehind; distance++)
	{
		uint32_t	other = place - distance;

		neighbors_sums_add(sums, item[other], pair_value(weight, place, other, behind[distance]));
	}
}

/* Weights by distance up to the last that counts. */
static uint32_t
fill_weights(uint32_t *weights, double half, double factor)
{
	uint32_t	distance = 1;

	for (; distance <= WINDOW; distance++)
	{
		weights[distance] = distance_weight(distance, half, factor);
		if (weights[distance] < LEAST_WEIGHT)
			break;
	}
	return distance - 1;
}

static void
reserve_neighbors(EvaluationModel *model, size_t used, uint32_t more)
{
	const EvaluationHost *host = model->data->host;
	NeighborsScore *larger;

	if (used + more <= model->capacity)
		return;
	model->capacity = 2 * (used + more) + 1024;
	larger = host->allocate(model->capacity * sizeof(NeighborsScore));
	if (model->neighbor != NULL)
	{
		memcpy(larger, model->neighbor, used * sizeof(NeighborsScore));
		host->release(model->neighbor);
	}
	model->neighbor = larger;
}

/* The nearest neighbours of each item, and how near the nearest is on average. */
static void
make_lists(EvaluationModel *model)
{
	const EvaluationData *data = model->data;
	const EvaluationHost *host = data->host;
	const EvaluationParameters *parameters = &model->parameters;
	uint64_t   *sum = host->allocate(data->items * sizeof(uint64_t));
	uint32_t   *touched = host->allocate(data->items * sizeof(uint32_t));
	uint32_t	ahead[WINDOW + 2];
	uint32_t	behind[WINDOW + 2];
	uint32_t	nahead = fill_weights(ahead, parameters->pair_half, 1);
	uint32_t	nbehind = fill_weights(behind, parameters->pair_half, parameters->backward);
	NeighborsSums sums;
	double		nearest_sum = 0;
	uint32_t	nearest_count = 0;
	size_t		used = 0;
	uint32_t	work = 0;
	uint32_t	item;
	uint32_t	i;

	neighbors_sums_init(&sums, sum, touched, data->items);
	for (item = 0; item < data->items; item++)
	{
		uint32_t	count;

		sums.item = item;
		for (i = model->start[item]; i < model->start[item + 1]; i++)
		{
			uint32_t	user = model->user[i];

			add_pairs(data, &sums, user, model->learned[user], model->place[i], ahead, nahead, behind, nbehind);
			work += 2 * WINDOW;
			if (work > 64 * STEP)
			{
				host->pause();
				work = 0;
			}
		}
		reserve_neighbors(model, used, NEAREST);
		count = neighbors_nearest(&sums, model->norm, true, NEAREST, parameters->shrink, model->neighbor + used);
		model->list_start[item] = used;
		if (count > 0)
		{
			nearest_sum += model->neighbor[used].value;
			nearest_count++;
		}
		used += count;
		if (item % 1024 == 0)
			host->pause();
	}
	model->list_start[data->items] = used;
	model->lists.items = data->items;
	model->lists.start = model->list_start;
	model->lists.neighbor = model->neighbor;
	model->scale = nearest_count > 0 ? nearest_sum / nearest_count : 1;
	host->release(sum);
	host->release(touched);
}

/* What of an event is left at the latest one, in units of 2^-16. */
static uint32_t
left_over(const EvaluationModel *model, int64_t at)
{
	double		span = (double) model->latest - (double) model->earliest;
	double		decay = model->parameters.decay;

	if (decay == 0 || span == 0)
		return 65536;
	return (uint32_t) rint(65536.0 * exp2(-((double) model->latest - (double) at) / (span * decay)));
}

static void
make_popularity(EvaluationModel *model)
{
	const EvaluationData *data = model->data;
	double		unit = data->weighted ? 1.0 / 4294967296.0 : 1.0 / 65536.0;
	uint32_t	item;
	uint32_t	i;

	for (item = 0; item < data->items; item++)
	{
		unsigned __int128 sum = 0;

		for (i = model->start[item]; i < model->start[item + 1]; i++)
		{
			uint32_t	event = data->start[model->user[i]] + model->place[i];

			sum += (uint64_t) left_over(model, data->at[event]) * (data->weighted ? data->weight[event] : 1);
		}
		model->popularity[item] = (double) sum * unit;
		if (item % 1024 == 0)
			data->host->pause();
	}
}

/* A double's bits so that a greater one has a smaller key; 0 and -0 are equal. */
static uint64_t
descending_key(double value)
{
	uint64_t	bits;

	value += 0.0;
	memcpy(&bits, &value, sizeof(bits));
	return (bits >> 63) ? bits : ~(bits | (UINT64_C(1) << 63));
}

/* Sorts the items by a value, the greatest first; equal ones keep their order. */
static void
sort_items(EvaluationModel *model, const double *value, RadixEntry *entries, RadixEntry *scratch)
{
	uint32_t	items = model->data->items;
	RadixSort	sort;
	uint32_t	i;

	for (i = 0; i < items; i++)
	{
		entries[i].key = descending_key(value[model->order[i]]);
		entries[i].row = model->order[i];
	}
	radix_start(&sort, entries, scratch, items);
	while (!radix_step(&sort))
		model->data->host->pause();
	for (i = 0; i < items; i++)
		model->order[i] = sort.entries[i].row;
}

/* What popularity alone adds to an item's score. */
static void
make_base(EvaluationModel *model)
{
	const EvaluationParameters *parameters = &model->parameters;
	uint32_t	items = model->data->items;
	double		most = 0;
	double		unit;
	uint32_t	i;

	for (i = 0; i < items; i++)
	{
		if (model->popularity[i] > most)
			most = model->popularity[i];
	}
	unit = most > 0 ? parameters->popularity * model->scale / log2(1 + most) : 0;
	for (i = 0; i < items; i++)
	{
		double		popularity = model->popularity[i];

		switch (model->form)
		{
			case EVALUATION_BASE:
				model->base[i] = popularity;
				break;
			case EVALUATION_LINEAR:
				model->base[i] = unit * log2(1 + popularity);
				break;
			case EVALUATION_PROFILE:
				{
					double		quality = popularity > 0 ? log2(popularity) : -40;

					quality = quality < -40 ? -40 : quality > 40 ? 40 : quality;
					model->base[i] = model->profile.bias + model->profile.quality * quality;
				}
				break;
		}
	}
}

/* The most popular items of each group. */
static void
fill_groups(EvaluationModel *model, int g)
{
	const EvaluationData *data = model->data;
	uint32_t	groups = data->groups[g];
	uint32_t   *start = model->group_start[g];
	uint32_t   *next = data->host->allocate(groups * sizeof(uint32_t));
	uint32_t	i;

	memset(start, 0, ((size_t) groups + 1) * sizeof(uint32_t));
	for (i = 0; i < data->items; i++)
	{
		uint32_t	group = data->group[g][i];

		if (group != EVALUATION_NONE && start[group + 1] < GROUP_ITEMS)
			start[group + 1]++;
	}
	for (i = 0; i < groups; i++)
	{
		start[i + 1] += start[i];
		next[i] = start[i];
	}
	for (i = 0; i < data->items; i++)
	{
		uint32_t	item = model->order[i];
		uint32_t	group = data->group[g][item];

		if (group != EVALUATION_NONE && next[group] < start[group + 1])
			model->group_item[g][next[group]++] = item;
	}
	data->host->release(next);
}

static void
order_items(EvaluationModel *model)
{
	const EvaluationHost *host = model->data->host;
	uint32_t	items = model->data->items;
	RadixEntry *entries = host->allocate(items * sizeof(RadixEntry));
	RadixEntry *scratch = host->allocate(items * sizeof(RadixEntry));
	uint32_t	i;
	int			g;

	for (i = 0; i < items; i++)
		model->order[i] = i;
	sort_items(model, model->popularity, entries, scratch);
	for (g = 0; g < 2; g++)
		fill_groups(model, g);
	sort_items(model, model->base, entries, scratch);
	host->release(entries);
	host->release(scratch);
}

void
evaluation_model_learn(EvaluationModel *model, EvaluationForm form, const EvaluationParameters *parameters,
					   const EvaluationProfile *profile, bool lists_too)
{
	model->form = form;
	model->parameters = *parameters;
	if (profile != NULL)
		model->profile = *profile;
	if (form != EVALUATION_BASE && lists_too)
		make_lists(model);
	else if (form == EVALUATION_BASE)
	{
		memset(model->list_start, 0, ((size_t) model->data->items + 1) * sizeof(size_t));
		model->lists.items = model->data->items;
		model->lists.start = model->list_start;
		model->scale = 1;
	}
	make_popularity(model);
	make_base(model);
	order_items(model);
}
