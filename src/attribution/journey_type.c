/*
 * journey_type.c
 *	  The type influence.journey: text and binary form, and the one way by which
 *	  events become a journey.
 *
 * Comparing and hashing need no code of ours: equal journeys have equal bytes,
 * so bytea's own functions serve (journey.sql).
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "../common/errors.h"
#include "journey.h"
#include "journey_parse_core.h"

PG_FUNCTION_INFO_V1(journey_in);
PG_FUNCTION_INFO_V1(journey_out);
PG_FUNCTION_INFO_V1(journey_recv);
PG_FUNCTION_INFO_V1(journey_send);

/* one event by its time; among equal ones the bytes decide */
typedef struct JourneyPlace
{
	int64		at;
	size_t		offset;
} JourneyPlace;

typedef struct JourneyBytes
{
	const uint8_t *events;
	size_t		size;
} JourneyBytes;

void
journey_too_large(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("a journey can't be larger than 1 GB"),
			 errhint("A journey is for one visitor: group by the visitor, or by shorter periods.")));
}

void
journey_corrupted(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("journey is not valid"),
			 errhint("Aggregate the rows again with influence.journey().")));
}

/* Building ------------------------------------------------------------------ */

static void
read_at(const JourneyBytes *bytes, size_t offset, JourneyEvent *event)
{
	JourneyReader reader;

	journey_events_read(bytes->events + offset, bytes->size - offset, &reader);
	if (journey_events_next(&reader, event) != JOURNEY_OK)
		journey_corrupted();
}

static int
compare_places(const void *a, const void *b, void *arg)
{
	const JourneyPlace *x = a;
	const JourneyPlace *y = b;
	JourneyEvent event_x;
	JourneyEvent event_y;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	read_at(arg, x->offset, &event_x);
	read_at(arg, y->offset, &event_y);
	return journey_event_compare(&event_x, &event_y);
}

/* Where the events are, in the order of the journey. */
static JourneyPlace *
sort_events(JourneyBytes *bytes, const JourneyHeader *header)
{
	size_t		count = (size_t) (header->touches + header->conversions);
	JourneyPlace *places;
	JourneyReader reader;
	JourneyEvent event;
	size_t		conversions = 0;
	size_t		n = 0;

	/* an event has three bytes or more */
	if (header->touches > bytes->size / 3 || header->conversions > bytes->size / 3)
		journey_corrupted();
	places = MemoryContextAllocHuge(CurrentMemoryContext,
									Max(count, 1) * sizeof(*places));
	journey_events_read(bytes->events, bytes->size, &reader);
	for (;;)
	{
		size_t		offset = (size_t) (reader.next - bytes->events);
		JourneyStatus status = journey_events_next(&reader, &event);

		if (status == JOURNEY_END)
			break;
		if (status != JOURNEY_OK || n == count)
			journey_corrupted();
		if ((n & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		places[n].at = event.at;
		places[n].offset = offset;
		conversions += event.kind == JOURNEY_CONVERSION ? 1 : 0;
		n++;
	}
	if (n != count || conversions != header->conversions)
		journey_corrupted();
	qsort_interruptible(places, n, sizeof(*places), compare_places, bytes);
	return places;
}

struct varlena *
journey_build(const uint8_t *events, size_t size, const JourneyHeader *header)
{
	JourneyBytes bytes = {events, size};
	JourneyPlace *places = sort_events(&bytes, header);
	size_t		count = (size_t) (header->touches + header->conversions);
	uint8_t		start[JOURNEY_HEADER_BOUND];
	size_t		start_size = journey_header_write(header, start);
	struct varlena *journey;
	JourneyEvent event;
	uint8_t    *next;
	int64		previous_at = 0;
	size_t		total = start_size;
	size_t		i;

	for (i = 0; i < count; i++)
	{
		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		read_at(&bytes, places[i].offset, &event);
		total += journey_event_size(&event, previous_at);
		previous_at = event.at;
	}
	if (total > JOURNEY_MAX_SIZE)
		journey_too_large();

	journey = palloc(VARHDRSZ + total);
	SET_VARSIZE(journey, VARHDRSZ + total);
	next = (uint8_t *) VARDATA(journey);
	memcpy(next, start, start_size);
	next += start_size;
	previous_at = 0;
	for (i = 0; i < count; i++)
	{
		if ((i & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		read_at(&bytes, places[i].offset, &event);
		next += journey_event_write(&event, previous_at, next);
		previous_at = event.at;
	}
	Assert(next == (uint8_t *) VARDATA(journey) + total);
	pfree(places);
	return journey;
}

static int
compare_ids(const void *a, const void *b, void *arg)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return (x > y) - (x < y);
}

void
journey_set_excluded(JourneyEvent *event, int64 *ids, size_t count)
{
	uint8_t    *bytes;
	size_t		kept = 0;
	size_t		i;

	if (count == 0)
		return;
	qsort_interruptible(ids, count, sizeof(*ids), compare_ids, NULL);
	for (i = 0; i < count; i++)
	{
		if (kept == 0 || ids[i] != ids[kept - 1])
			ids[kept++] = ids[i];
	}
	bytes = MemoryContextAllocHuge(CurrentMemoryContext, kept * JOURNEY_VARINT_BOUND);
	event->excluded = bytes;
	event->excluded_count = kept;
	event->excluded_size = journey_ids_write((const int64_t *) ids, kept, bytes);
}

/* Reading ------------------------------------------------------------------- */

void
journey_read(struct varlena *journey, JourneyHeader *header, JourneyReader *reader)
{
	switch (journey_open((const uint8_t *) VARDATA_ANY(journey),
						 VARSIZE_ANY_EXHDR(journey), header, reader))
	{
		case JOURNEY_OK:
			return;
		case JOURNEY_OTHER_VERSION:
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("journey has version %d, not %d",
							*(const uint8_t *) VARDATA_ANY(journey), JOURNEY_VERSION),
					 errhint("Install the version of pg_influence that wrote it, or aggregate the rows again with influence.journey().")));
			break;
		default:
			journey_corrupted();
	}
}

bool
journey_read_next(JourneyReader *reader, JourneyEvent *event)
{
	JourneyStatus status = journey_next(reader, event);

	CHECK_FOR_INTERRUPTS();
	if (status != JOURNEY_OK && status != JOURNEY_END)
		journey_corrupted();
	return status == JOURNEY_OK;
}

/* Text ---------------------------------------------------------------------- */

static void
refuse_text(const JourneyParser *parser)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s", "journey"),
			 errdetail("At character %zu: %s", parser->position, parser->error),
			 errhint("A journey looks like journey1(2026-06-01T12:00:00Z click 1 creator=7; 2026-06-02T09:00:00Z conversion 5 amount=1000).")));
}

static void
add_event(StringInfo events, const JourneyEvent *event)
{
	size_t		size = journey_event_size(event, 0);

	if (size > JOURNEY_MAX_SIZE - events->len)
		journey_too_large();
	enlargeStringInfo(events, (int) size);
	events->len += (int) journey_event_write(event, 0, (uint8_t *) events->data + events->len);
}

Datum
journey_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	JourneyHeader header = {0, 0, 0};
	JourneyIds	ids = {NULL, 0, 0};
	JourneyParser parser;
	JourneyEvent event;
	StringInfoData events;

	initStringInfo(&events);
	journey_parse_start(&parser, text, strlen(text));
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		switch (journey_parse_next(&parser, &event, &ids))
		{
			case JOURNEY_PARSE_ERROR:
				refuse_text(&parser);
				break;
			case JOURNEY_PARSE_NEEDS_ROOM:
				if (ids.ids != NULL)
					pfree(ids.ids);
				ids.capacity = parser.ids_needed;
				ids.ids = MemoryContextAllocHuge(CurrentMemoryContext,
												 ids.capacity * sizeof(*ids.ids));
				break;
			case JOURNEY_PARSE_END:
				header.rejected = parser.rejected;
				PG_RETURN_POINTER(journey_build((const uint8_t *) events.data,
												(size_t) events.len, &header));
			case JOURNEY_PARSE_EVENT:
				journey_set_excluded(&event, (int64 *) ids.ids, ids.count);
				add_event(&events, &event);
				if (event.excluded_count > 0)
					pfree(unconstify(uint8_t *, event.excluded));
				if (event.kind == JOURNEY_CONVERSION)
					header.conversions++;
				else
					header.touches++;
				break;
		}
	}
}

Datum
journey_out(PG_FUNCTION_ARGS)
{
	JourneyHeader header;
	JourneyReader reader;
	JourneyEvent event;
	StringInfoData text;
	bool		first = true;

	journey_read(PG_GETARG_JOURNEY_PP(0), &header, &reader);
	initStringInfo(&text);
	appendStringInfoString(&text, JOURNEY_TEXT_START);
	if (header.rejected > 0)
	{
		appendStringInfo(&text, "rejected=" UINT64_FORMAT, header.rejected);
		first = false;
	}
	while (journey_read_next(&reader, &event))
	{
		size_t		bound = JOURNEY_TEXT_EVENT_BOUND + 4;

		/* what StringInfo can hold, with its closing parenthesis */
		if (event.excluded_count > (MaxAllocSize - bound) / JOURNEY_TEXT_ID_BOUND ||
			bound + event.excluded_count * JOURNEY_TEXT_ID_BOUND > MaxAllocSize - 2 - text.len)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("the text of a journey can't be larger than 1 GB"),
					 errhint("Read it with influence.journey_events(), or copy it in binary format.")));
		enlargeStringInfo(&text, (int) (bound + event.excluded_count * JOURNEY_TEXT_ID_BOUND));
		if (!first)
			appendStringInfoString(&text, "; ");
		text.len += (int) journey_text_write(&event, text.data + text.len);
		first = false;
	}
	appendStringInfoChar(&text, ')');
	PG_RETURN_CSTRING(text.data);
}

/* Binary -------------------------------------------------------------------- */

/* Is it what journey_build() would write? Whatever comes from outside must be. */
static bool
is_canonical(const uint8_t *bytes, size_t size)
{
	JourneyHeader header;
	JourneyReader reader;
	JourneyEvent events[2];
	uint64_t	counts[2] = {0, 0};
	uint64_t	n;

	if (journey_open(bytes, size, &header, &reader) != JOURNEY_OK)
		return false;
	for (n = 0;; n++)
	{
		JourneyEvent *event = &events[n & 1];
		JourneyStatus status = journey_next(&reader, event);

		if (status == JOURNEY_END)
			break;
		if (status != JOURNEY_OK ||
			(n > 0 && journey_event_compare(&events[(n - 1) & 1], event) > 0))
			return false;
		if ((n & 1023) == 1023)
			CHECK_FOR_INTERRUPTS();
		counts[event->kind == JOURNEY_CONVERSION]++;
	}
	return counts[0] == header.touches && counts[1] == header.conversions;
}

/* The binary form is the journey as it lies in memory. */
Datum
journey_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	size_t		size = (size_t) (message->len - message->cursor);
	const char *bytes = pq_getmsgbytes(message, (int) size);
	struct varlena *journey;

	if (size > 0 && *(const uint8_t *) bytes != JOURNEY_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("journey has version %d, not %d",
						*(const uint8_t *) bytes, JOURNEY_VERSION),
				 errhint("Send it as text, or with the same version of pg_influence on both sides.")));
	if (!is_canonical((const uint8_t *) bytes, size))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid binary representation of type %s", "journey"),
				 errhint("Send bytes that came from a journey in binary format, or send text.")));

	journey = palloc(VARHDRSZ + size);
	SET_VARSIZE(journey, VARHDRSZ + size);
	memcpy(VARDATA(journey), bytes, size);
	PG_RETURN_POINTER(journey);
}

Datum
journey_send(PG_FUNCTION_ARGS)
{
	struct varlena *journey = PG_GETARG_JOURNEY_PP(0);
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendbytes(&message, VARDATA_ANY(journey), (int) VARSIZE_ANY_EXHDR(journey));
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}
