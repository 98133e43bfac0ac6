/*
 * journey_fuzz.c
 *	  The three journey cores: no bytes and no text harm their readers; what is
 *	  accepted has one form; an event survives bytes and text; and the order of
 *	  events is one, in which equal ones have equal bytes.
 */
#include "fuzz.h"

#include "../../src/attribution/journey_parse_core.h"
#include "../../src/attribution/journey_path_core.h"

#define MOST_IDS 6
#define MOST_EVENTS 6

static size_t
encode(const JourneyEvent *event, int64_t previous_at, uint8_t **bytes)
{
	size_t		size = journey_event_size(event, previous_at);

	MUST(size <= JOURNEY_EVENT_BOUND + event->excluded_size);
	*bytes = fuzz_alloc(size);
	MUST(journey_event_write(event, previous_at, *bytes) == size);
	return size;
}

static void
must_be_same(const JourneyEvent *a, const JourneyEvent *b)
{
	uint8_t    *bytes_a;
	uint8_t    *bytes_b;
	size_t		size = encode(a, 0, &bytes_a);

	MUST(encode(b, 0, &bytes_b) == size && memcmp(bytes_a, bytes_b, size) == 0);
	MUST(journey_event_compare(a, b) == 0);
	free(bytes_a);
	free(bytes_b);
}

/* An event as text is read as the same event. */
static void
check_text_of(const JourneyEvent *event)
{
	static const char start[] = JOURNEY_TEXT_START;
	size_t		bound = JOURNEY_TEXT_EVENT_BOUND + event->excluded_count * JOURNEY_TEXT_ID_BOUND;
	char	   *line = fuzz_alloc(bound);
	size_t		length = journey_text_write(event, line);
	char	   *text = fuzz_alloc(sizeof(start) + length);
	int64_t    *ids = fuzz_alloc(event->excluded_count * sizeof(*ids));
	uint8_t    *excluded = fuzz_alloc(event->excluded_count * JOURNEY_VARINT_BOUND);
	JourneyIds	room = {ids, 0, event->excluded_count};
	JourneyParser parser;
	JourneyEvent again;
	JourneyEvent nothing;

	MUST(length <= bound);
	memcpy(text, start, sizeof(start) - 1);
	memcpy(text + sizeof(start) - 1, line, length);
	text[sizeof(start) - 1 + length] = ')';
	journey_parse_start(&parser, text, sizeof(start) + length);
	MUST(journey_parse_next(&parser, &again, &room) == JOURNEY_PARSE_EVENT);
	MUST(room.count == event->excluded_count);
	again.excluded = excluded;
	again.excluded_count = room.count;
	again.excluded_size = journey_ids_write(ids, room.count, excluded);
	must_be_same(event, &again);
	MUST(journey_parse_next(&parser, &nothing, &room) == JOURNEY_PARSE_END);
	free(line);
	free(text);
	free(ids);
	free(excluded);
}

/* Any bytes: refused, or the only form of their events. */
static void
check_bytes(const uint8_t *bytes, size_t size)
{
	JourneyHeader header;
	JourneyReader reader;
	JourneyEvent event;
	JourneyStatus status;
	int64_t		previous_at = 0;
	uint8_t		start[JOURNEY_HEADER_BOUND];
	size_t		start_size;

	if (journey_open(bytes, size, &header, &reader) != JOURNEY_OK)
		return;
	start_size = journey_header_write(&header, start);
	MUST(start_size == (size_t) (reader.next - bytes) && memcmp(start, bytes, start_size) == 0);
	for (;;)
	{
		const uint8_t *from = reader.next;
		uint8_t    *again;
		size_t		length;

		status = journey_next(&reader, &event);
		if (status != JOURNEY_OK)
			break;
		MUST(event.at >= JOURNEY_FIRST_TIME && event.at < JOURNEY_END_TIME);
		length = encode(&event, previous_at, &again);
		MUST(length == (size_t) (reader.next - from) && memcmp(again, from, length) == 0);
		free(again);
		check_text_of(&event);
		previous_at = event.at;
	}
	MUST(status == JOURNEY_CORRUPT || reader.next == reader.end);
}

/* Any text: refused at a place in it, or events that survive. */
static void
check_text(const char *text, size_t length)
{
	int64_t    *ids = fuzz_alloc(0);
	JourneyIds	room = {ids, 0, 0};
	JourneyParser parser;
	JourneyEvent event;

	journey_parse_start(&parser, text, length);
	for (;;)
	{
		switch (journey_parse_next(&parser, &event, &room))
		{
			case JOURNEY_PARSE_NEEDS_ROOM:
				MUST(parser.ids_needed > room.capacity && parser.ids_needed <= length);
				free(ids);
				room.capacity = parser.ids_needed;
				room.ids = ids = fuzz_alloc(room.capacity * sizeof(*ids));
				continue;
			case JOURNEY_PARSE_ERROR:
				MUST(parser.position >= 1 && parser.position <= length + 1);
				MUST(parser.error != NULL);
				free(ids);
				return;
			case JOURNEY_PARSE_END:
				MUST(parser.rejected <= INT64_MAX);
				free(ids);
				return;
			case JOURNEY_PARSE_EVENT:
				MUST(event.at >= JOURNEY_FIRST_TIME && event.at < JOURNEY_END_TIME);
				MUST(event.weight >= 0);
				check_text_of(&event);
				break;
		}
	}
}

/* Words of the grammar with noise between them. */
static char *
build_text(FuzzInput *in, size_t *length)
{
	static const char *const words[] = {
		"journey1(", ")", ";", " ", "{", "}", ",", "-", ".", "=", "2026-06-01T12:00:00Z", "-0044-03-15T12:00:00.5Z",
		"294276-12-31T23:59:59.999999Z", " click ", " view ", " cart ", " coupon ", " conversion ", "creator=7", "channel=direct",
		"weight=0.5", "order=", "amount=", "product=", "category=", "excluded={", "9223372036854775807", "9223372036854775808",
		"rejected=2", "0", "1", "9"
	};
	char	   *text = fuzz_alloc(4096);
	size_t		used = 0;

	memcpy(text, words[0], strlen(words[0]));
	used = strlen(words[0]);
	while (in->left > 0 && used < 4000)
	{
		uint8_t		pick = take_u8(in);

		if (pick >= 250)
			text[used++] = (char) take_u8(in);
		else
		{
			const char *word = words[pick % (sizeof(words) / sizeof(words[0]))];

			memcpy(text + used, word, strlen(word));
			used += strlen(word);
		}
	}
	*length = used;
	return text;
}

typedef struct FuzzEvent
{
	JourneyEvent event;
	uint8_t		excluded[MOST_IDS * JOURNEY_VARINT_BOUND];
} FuzzEvent;

static int64_t
take_id(FuzzInput *in, bool *present)
{
	*present = take_u8(in) % 2 == 0;
	return *present ? take_i64(in) : 0;
}

/* few different values, so that events are often nearly equal */
static void
build_event(FuzzInput *in, FuzzEvent *built)
{
	JourneyEvent *event = &built->event;
	int64_t		ids[MOST_IDS];
	size_t		count = 0;
	size_t		most;

	memset(event, 0, sizeof(*event));
	event->kind = (uint8_t) take_below(in, JOURNEY_CONVERSION);
	event->at = take_i64(in);
	if (event->at < JOURNEY_FIRST_TIME || event->at >= JOURNEY_END_TIME)
		event->at = JOURNEY_FIRST_TIME;
	event->id = take_i64(in);
	event->product_id = take_id(in, &event->has_product);
	event->category_id = take_id(in, &event->has_category);
	if (event->kind != JOURNEY_CONVERSION)
	{
		event->creator_id = take_id(in, &event->has_creator);
		event->is_direct = take_u8(in) % 2 == 0;
		event->weight = take_u8(in) % 2 == 0 ? 0 : take_positive(in);
		return;
	}
	event->order_id = take_id(in, &event->has_order);
	event->amount = take_id(in, &event->has_amount);
	for (most = take_below(in, MOST_IDS); most > 0; most--)
	{
		int64_t		id = take_i64(in);

		if (count == 0 || id > ids[count - 1])
			ids[count++] = id;
	}
	event->excluded = built->excluded;
	event->excluded_count = count;
	event->excluded_size = journey_ids_write(ids, count, built->excluded);
	MUST(event->excluded_size <= count * JOURNEY_VARINT_BOUND);
}

static int
compare_events(const void *a, const void *b)
{
	return journey_event_compare(&((const FuzzEvent *) a)->event, &((const FuzzEvent *) b)->event);
}

static void
check_events(FuzzInput *in)
{
	static FuzzEvent events[MOST_EVENTS];
	size_t		n = 1 + take_below(in, MOST_EVENTS - 1);
	JourneyHeader header = {take_below(in, INT64_MAX), 0, 0};
	uint8_t    *bytes = fuzz_alloc(JOURNEY_HEADER_BOUND + n * (JOURNEY_EVENT_BOUND + sizeof(events[0].excluded)));
	int64_t		previous_at = 0;
	size_t		size;
	size_t		i;
	size_t		j;

	for (i = 0; i < n; i++)
		build_event(in, &events[i]);
	for (i = 0; i < n; i++)
	{
		for (j = 0; j < n; j++)
		{
			uint8_t    *a;
			uint8_t    *b;
			size_t		size_a = encode(&events[i].event, 0, &a);
			size_t		size_b = encode(&events[j].event, 0, &b);
			bool		same = size_a == size_b && memcmp(a, b, size_a) == 0;
			int			order = compare_events(&events[i], &events[j]);

			MUST((order == 0) == same);
			MUST(order == -compare_events(&events[j], &events[i]));
			free(a);
			free(b);
		}
		check_text_of(&events[i].event);
	}

	/* excluded ids move with their event */
	for (i = 1; i < n; i++)
	{
		for (j = i; j > 0 && compare_events(&events[j - 1], &events[j]) > 0; j--)
		{
			FuzzEvent	swap = events[j];

			events[j] = events[j - 1];
			events[j - 1] = swap;
			events[j].event.excluded = events[j].excluded;
			events[j - 1].event.excluded = events[j - 1].excluded;
		}
	}
	for (i = 0; i < n; i++)
	{
		for (j = i; j < n; j++)
			MUST(compare_events(&events[i], &events[j]) <= 0);
		if (events[i].event.kind == JOURNEY_CONVERSION)
			header.conversions++;
		else
			header.touches++;
	}
	size = journey_header_write(&header, bytes);
	for (i = 0; i < n; i++)
	{
		size += journey_event_write(&events[i].event, previous_at, bytes + size);
		previous_at = events[i].event.at;
	}
	{
		JourneyReader reader;
		JourneyHeader again;
		JourneyEvent event;

		MUST(journey_open(bytes, size, &again, &reader) == JOURNEY_OK);
		MUST(again.rejected == header.rejected && again.touches == header.touches &&
			 again.conversions == header.conversions);
		for (i = 0; i < n; i++)
		{
			MUST(journey_next(&reader, &event) == JOURNEY_OK);
			must_be_same(&events[i].event, &event);
		}
		MUST(journey_next(&reader, &event) == JOURNEY_END);
	}
	free(bytes);
}

/* A copy of the exact size, so that one byte too far is seen. */
static void
check_copy(FuzzInput *in, bool as_text)
{
	size_t		size = in->left;
	uint8_t    *copy = fuzz_alloc(size);

	take_bytes(in, copy, size);
	if (as_text)
		check_text((const char *) copy, size);
	else
		check_bytes(copy, size);
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput	in = {data, size};

	switch (take_u8(&in) % 4)
	{
		case 0:
			check_copy(&in, false);
			break;
		case 1:
			check_copy(&in, true);
			break;
		case 2:
			{
				size_t		length;
				char	   *text = build_text(&in, &length);
				char	   *copy = fuzz_alloc(length);

				memcpy(copy, text, length);
				check_text(copy, length);
				free(text);
				free(copy);
				break;
			}
		default:
			check_events(&in);
	}
	return 0;
}
