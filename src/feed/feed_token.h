/*
 * feed_token.h
 *	  Impression tokens as text: base64url of the bytes of feed_token_core.h and
 *	  their seal.
 */
#ifndef PG_INFLUENCE_FEED_TOKEN_H
#define PG_INFLUENCE_FEED_TOKEN_H

#include "feed_seal.h"
#include "feed_token_core.h"

/* The token as text, in the current memory context. */
extern text *feed_token_seal(const FeedToken *token, const uint8 key[FEED_TOKEN_KEY_BYTES]);

#endif							/* PG_INFLUENCE_FEED_TOKEN_H */
