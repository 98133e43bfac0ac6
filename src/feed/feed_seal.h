/*
 * feed_seal.h
 *	  The seal of what the feed hands out and takes back: HMAC-SHA256 with a key
 *	  of the program, cut to 16 bytes.
 */
#ifndef PG_INFLUENCE_FEED_SEAL_H
#define PG_INFLUENCE_FEED_SEAL_H

#define FEED_TOKEN_KEY_BYTES 32
#define FEED_SEAL_BYTES 16

typedef struct FeedSealPart
{
	const void *bytes;
	size_t		size;
} FeedSealPart;

/* The key of a program, from program_secret.seal_secret. */
extern void feed_token_key(const uint8 *secret, size_t size, uint8 key[FEED_TOKEN_KEY_BYTES]);

/* The seal of some parts, as if they were written one after the other. */
extern void feed_seal(const uint8 key[FEED_TOKEN_KEY_BYTES], const FeedSealPart *parts, int count,
					  uint8 seal[FEED_SEAL_BYTES]);

extern bool feed_same_seal(const uint8 a[FEED_SEAL_BYTES], const uint8 b[FEED_SEAL_BYTES]);

#endif							/* PG_INFLUENCE_FEED_SEAL_H */
