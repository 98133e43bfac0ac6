/*
 * feed_token_core.h
 *	  The impression token: what a delivered row was, in bytes, so that the
 *	  service can tell that it was shown without the feed writing anything.
 *
 * Pure C without PostgreSQL.  The core writes and reads the bytes; the binding
 * (feed_token.h) adds their authentication code and the text around them.
 */
#ifndef PG_INFLUENCE_FEED_TOKEN_CORE_H
#define PG_INFLUENCE_FEED_TOKEN_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "feed_draw_core.h"
#include "feed_features.h"

#define FEED_TOKEN_SURFACE_BYTES 100
#define FEED_TOKEN_DEVICE_BYTES 100

/* where a candidate came from, in the order of the column sources */
typedef enum FeedSource
{
	FEED_FROM_FOLLOW,
	FEED_FROM_INTEREST,
	FEED_FROM_NEIGHBOR,
	FEED_FROM_TRENDING,
	FEED_FROM_POPULAR,
	FEED_FROM_EXPLORE,
	FEED_FROM_SPONSORED,
	FEED_FROM_INTENT,
	FEED_SOURCES				/* how many */
} FeedSource;

typedef enum FeedDisclosure
{
	FEED_DISCLOSE_NONE,
	FEED_DISCLOSE_AFFILIATE,
	FEED_DISCLOSE_GIFTED,
	FEED_DISCLOSE_PAID,
	FEED_DISCLOSURES			/* how many */
} FeedDisclosure;

typedef struct FeedToken
{
	uint8_t		viewer[FEED_VIEWER_BYTES];
	int64_t		program_id;
	int64_t		post_id;
	int64_t		creator_id;
	int64_t		moment_us;		/* the frozen instant of the session */
	uint32_t	rank;			/* in the session, from 1 */
	uint32_t	sources;		/* bits 1 << FeedSource, at least one */
	int64_t		topic_id;		/* of the source interest, else 0 */
	double		score;
	double		features[FEED_FEATURES];
	double		dampening;
	double		propensity;		/* the chance with which it was chosen, above 0 .. 1 */
	int64_t		profile_id;		/* feed_profile */
	int64_t		assignment_id;	/* feed_assignment, 0 = none */
	int64_t		campaign_id;	/* sponsored campaign, 0 = organic */
	uint8_t		disclosure;		/* FeedDisclosure */
	uint8_t		buying;			/* 1: intent buy */
	uint8_t		surface_length;
	uint8_t		device_length;
	char		surface[FEED_TOKEN_SURFACE_BYTES];
	char		device[FEED_TOKEN_DEVICE_BYTES];
} FeedToken;

#define FEED_TOKEN_MAX_BYTES (1 + FEED_VIEWER_BYTES + 8 * 10 + 2 * 5 + 8 + \
							  3 + 3 * 8 + FEED_FEATURES * 8 + \
							  3 + FEED_TOKEN_SURFACE_BYTES + FEED_TOKEN_DEVICE_BYTES)

/* Names as in the columns sources (without ": topic") and disclosure. */
extern const char *const feed_source_names[FEED_SOURCES];
extern const char *const feed_disclosure_names[FEED_DISCLOSURES];

/* Whether every field is within its range; encode expects it. */
extern bool feed_token_is_valid(const FeedToken *token);

/* Returns the number of bytes written. */
extern size_t feed_token_encode(const FeedToken *token, uint8_t bytes[FEED_TOKEN_MAX_BYTES]);

/* False for anything that encode does not write; the token is then undefined. */
extern bool feed_token_decode(const uint8_t *bytes, size_t size, FeedToken *token);

/*
 * XXH3-64 of viewer, moment, rank and post: the same row, shown however often it
 * is reported, is the same impression.
 */
extern int64_t feed_impression_id(const FeedToken *token);

#endif							/* PG_INFLUENCE_FEED_TOKEN_CORE_H */
