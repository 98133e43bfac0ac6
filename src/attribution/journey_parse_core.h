/*
 * journey_parse_core.h
 *	  Journeys as text: reading what journey_text_core.h describes, events and
 *	  their parts in any order, with blanks around both.
 */
#ifndef PG_INFLUENCE_JOURNEY_PARSE_CORE_H
#define PG_INFLUENCE_JOURNEY_PARSE_CORE_H

#include "journey_text_core.h"

typedef struct JourneyParser
{
	const char *text;
	const char *next;
	const char *end;
	bool		started;
	uint64_t	rejected;

	/* after JOURNEY_PARSE_NEEDS_ROOM */
	size_t		ids_needed;

	/* after JOURNEY_PARSE_ERROR: a sentence, and where; counts from 1 */
	const char *error;
	size_t		position;
} JourneyParser;

typedef enum JourneyParse
{
	JOURNEY_PARSE_EVENT,
	JOURNEY_PARSE_END,
	JOURNEY_PARSE_NEEDS_ROOM,	/* call again with room for ids_needed */
	JOURNEY_PARSE_ERROR
} JourneyParse;

/* Where the ids of excluded creators go, as they stand in the text. */
typedef struct JourneyIds
{
	int64_t    *ids;
	size_t		count;
	size_t		capacity;
} JourneyIds;

extern void journey_parse_start(JourneyParser *parser, const char *text,
								size_t length);

/* One event; its excluded creators are in ids and not yet in the event. */
extern JourneyParse journey_parse_next(JourneyParser *parser,
									   JourneyEvent *event, JourneyIds *ids);

#endif							/* PG_INFLUENCE_JOURNEY_PARSE_CORE_H */
