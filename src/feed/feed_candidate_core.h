/*
 * feed_candidate_core.h
 *	  Candidates of a page by score, the best first and as many of them as somebody
 *	  asks for.
 *
 * Pure C without PostgreSQL.
 */
#ifndef PG_INFLUENCE_FEED_CANDIDATE_CORE_H
#define PG_INFLUENCE_FEED_CANDIDATE_CORE_H

#include <stdint.h>

typedef struct FeedCandidate
{
	double		score;			/* for their order only; ties go by post_id */
	int64_t		post_id;
	int64_t		creator_id;
	int64_t		category_id;	/* 0 = none, which is no category in common */
	int64_t		media_key;		/* equal keys are the same media */
	uint32_t	row;			/* the caller's */
} FeedCandidate;

/* For qsort: score descending, then post_id descending. */
extern int	feed_candidate_compare(const void *a, const void *b);

/*
 * Puts the best "upto" candidates in front, in their order; the first *ordered
 * are so already, and more than were asked for may be afterwards.  A page looks
 * at a few dozen of a thousand and a half.
 */
extern void feed_candidates_order(FeedCandidate *candidates, uint32_t count, uint32_t *ordered, uint32_t upto);

#endif							/* PG_INFLUENCE_FEED_CANDIDATE_CORE_H */
