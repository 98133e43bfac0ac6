/*
 * evaluation_core.h
 *	  How well a ranker would have foretold what users chose next: data, splits,
 *	  models, ranks of the true items, and the choice of parameters.
 *
 * Pure C without PostgreSQL.  The host gives memory (of which it owns all: an
 * allocation that fails does not come back) and is called every so often, so
 * that it can stop the work by a jump.  Every number is a sum of integers or is
 * made in a fixed order from such sums; results don't depend on the order of
 * rows.  README.md has the formulas.
 */
#ifndef PG_INFLUENCE_EVALUATION_CORE_H
#define PG_INFLUENCE_EVALUATION_CORE_H

#include "../neighbors/neighbors_core.h"

typedef struct EvaluationHost
{
	void	   *(*allocate) (size_t bytes);	/* filled with zeros */
	void		(*release) (void *memory);	/* not NULL */
	void		(*pause) (void);	/* may not return */
} EvaluationHost;

#define EVALUATION_NONE UINT32_MAX	/* no creator, no category */

/* A user's items in the order of their choice, an item once: its first choice. */
typedef struct EvaluationData
{
	const EvaluationHost *host;
	uint32_t	users;
	uint32_t	items;			/* numbered in the order of their ids */
	bool		weighted;
	bool		timeless;		/* all events are equally late: the order is drawn */
	uint32_t   *start;			/* users + 1 */
	uint32_t   *item;
	uint32_t   *weight;			/* NULL when not weighted */
	int64_t    *at;
	uint64_t   *signature;		/* of each user: the sum of its items' hashes */
	int64_t    *ordered_at;		/* all at, ascending */
	uint32_t   *group[2];		/* of each item: creator, and rarest category; or EVALUATION_NONE */
	uint32_t	groups[2];
} EvaluationData;

/* events is overwritten; item_ids ascending. data->host, users, items, weighted are set. */
extern void evaluation_data_build(EvaluationData *data, NeighborsEvent *events, size_t n, const int64_t *item_ids);

extern uint64_t evaluation_mix(uint64_t word);

/* What is learned: of each user the first items; and what is asked. */
typedef struct EvaluationTest
{
	uint32_t	user;
	uint32_t	known;			/* the user's first items, which are its history */
	uint32_t	until;			/* the items from known on are to be foretold */
} EvaluationTest;

typedef struct EvaluationSlice
{
	uint32_t   *learned;		/* of each user */
	EvaluationTest *tests;
	uint32_t	ntests;
} EvaluationSlice;

#define EVALUATION_MAX_SLICES 10

typedef struct EvaluationSplit
{
	int			nslices;
	EvaluationSlice slices[EVALUATION_MAX_SLICES];
} EvaluationSplit;

typedef enum EvaluationProtocol
{
	EVALUATION_LEAVE_LAST_OUT,
	EVALUATION_TIME,
	EVALUATION_PREQUENTIAL
} EvaluationProtocol;

/* The tests, or those on which parameters are chosen. */
extern void evaluation_split(const EvaluationData *data, EvaluationProtocol protocol, bool validation,
							 EvaluationSplit *split);

/* Parameters of a ranker; README.md says what each does. */
typedef struct EvaluationParameters
{
	double		history_half;	/* items; the recency of a history */
	double		group_half;		/* the same for creators and categories; 0: as for the rest */
	double		pair_half;		/* items between two of a history; 0: no decay */
	double		backward;		/* what a pair counts against its order */
	double		shrink;
	double		decay;			/* half-life of popularity as a part of the span of time; 0: none */
	double		creator;		/* in units of the scale of neighbours */
	double		category;
	double		popularity;
} EvaluationParameters;

typedef enum EvaluationForm
{
	EVALUATION_BASE,			/* popularity alone */
	EVALUATION_LINEAR,			/* neighbours, groups and popularity, weighted */
	EVALUATION_PROFILE			/* log2 of each, by the weights of a profile */
} EvaluationForm;

/* A profile's weights that mean something without a program. */
typedef struct EvaluationProfile
{
	double		bias;
	double		interest;
	double		quality;
	double		neighbor;
	double		affinity;
	/* and the half-lives of the history that the feed has set */
	double		neighbor_half;
	double		history_half;
} EvaluationProfile;

/* What a slice has learned. */
typedef struct EvaluationModel
{
	const EvaluationData *data;
	const uint32_t *learned;
	uint32_t   *start;			/* of each item: who chose it */
	uint32_t   *user;
	uint32_t   *place;			/* and as which of its items */
	double	   *norm;			/* of each item: the sum of its squared weights */
	int64_t		earliest;		/* of what is learned; latest < earliest: nothing is */
	int64_t		latest;
	NeighborsLists lists;
	size_t	   *list_start;
	NeighborsScore *neighbor;
	size_t		capacity;
	double		scale;			/* mean similarity of an item's nearest neighbour */
	double	   *popularity;		/* of each item: decayed */
	double	   *base;			/* and what it adds to the score */
	uint32_t   *order;			/* items, the best base first */
	uint32_t   *group_start[2];
	uint32_t   *group_item[2];	/* each group's most popular items */
	EvaluationForm form;
	EvaluationParameters parameters;
	EvaluationProfile profile;
} EvaluationModel;

extern void evaluation_model_start(EvaluationModel *model, const EvaluationData *data, const uint32_t *learned);
extern void evaluation_model_learn(EvaluationModel *model, EvaluationForm form,
								   const EvaluationParameters *parameters, const EvaluationProfile *profile,
								   bool lists_too);
extern void evaluation_model_free(EvaluationModel *model);

/* a before b in a list of the best: by score, then popularity, then number */
static inline bool
evaluation_before(double score_a, double popularity_a, uint32_t a, double score_b, double popularity_b, uint32_t b)
{
	if (score_a != score_b)
		return score_a > score_b;
	if (popularity_a != popularity_b)
		return popularity_a > popularity_b;
	return a < b;
}

/* A sum of fractions in units of 2^-60. */
typedef unsigned __int128 EvaluationSum;

typedef struct EvaluationResult
{
	uint64_t	tests;
	EvaluationSum ndcg;
	EvaluationSum recall;
	EvaluationSum hits;
	uint64_t	covered;		/* items that are in a list of the best; counted when asked for */
} EvaluationResult;

#define EVALUATION_MAX_K 1000

/* covered: a flag per item, or NULL */
extern void evaluation_rank(const EvaluationModel *model, const EvaluationSlice *slice, int k,
							bool *covered, EvaluationResult *result);

/* Which parameters a ranker leaves open. */
typedef enum EvaluationRanker
{
	EVALUATION_POPULARITY,
	EVALUATION_DECAYED,
	EVALUATION_NEIGHBORS,
	EVALUATION_HYBRID,
	EVALUATION_BY_PROFILE
} EvaluationRanker;

/* The parameters that do best on the split, and how many tests that was. */
extern uint32_t evaluation_choose(const EvaluationData *data, EvaluationRanker ranker,
								  const EvaluationProfile *profile, const EvaluationSplit *split, int k,
								  EvaluationParameters *parameters);
extern void evaluation_measure(const EvaluationData *data, EvaluationRanker ranker,
							   const EvaluationParameters *parameters, const EvaluationProfile *profile,
							   const EvaluationSplit *split, int k, EvaluationResult *result);

#endif							/* PG_INFLUENCE_EVALUATION_CORE_H */
