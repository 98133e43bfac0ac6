/*
 * feed_token.h
 *	  Sealing impression tokens: HMAC-SHA256 over the bytes of
 *	  feed_token_core.h, and base64url around both.
 */
#ifndef PG_INFLUENCE_FEED_TOKEN_H
#define PG_INFLUENCE_FEED_TOKEN_H

#include "postgres.h"

#include "feed_token_core.h"

#define FEED_TOKEN_KEY_BYTES 32

/* The key of a program's tokens, from program_secret.visitor_salt. */
extern void feed_token_key(const uint8 *salt, size_t size, uint8 key[FEED_TOKEN_KEY_BYTES]);

/* The token as text, in the current memory context. */
extern text *feed_token_seal(const FeedToken *token, const uint8 key[FEED_TOKEN_KEY_BYTES]);

#endif							/* PG_INFLUENCE_FEED_TOKEN_H */
