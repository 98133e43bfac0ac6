/*
 * journey_test.c
 *	  Journeys: numbers of bytes by hand, times against a published calendar,
 *	  text both ways, and what must be refused.
 */
#include "../../src/attribution/journey_parse_core.h"
#include "../../src/attribution/journey_path_core.h"
#include "tap.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* the event that a text between the parentheses says; its text again */
static const char *
rewrite(const char *text)
{
	static char result[1024];
	static int64_t ids[16];
	static uint8_t excluded[16 * JOURNEY_VARINT_BOUND];
	JourneyIds	room = {ids, 0, 0};
	JourneyParser parser;
	JourneyEvent event;
	JourneyParse status;
	size_t		used = 0;

	journey_parse_start(&parser, text, strlen(text));
	for (;;)
	{
		status = journey_parse_next(&parser, &event, &room);
		if (status == JOURNEY_PARSE_NEEDS_ROOM)
		{
			if (parser.ids_needed > COUNT(ids))
				return "too many ids";
			room.capacity = parser.ids_needed;
			continue;
		}
		if (status != JOURNEY_PARSE_EVENT)
			break;
		event.excluded = excluded;
		event.excluded_count = room.count;
		event.excluded_size = journey_ids_write(ids, room.count, excluded);
		if (used > 0)
			result[used++] = '|';
		used += journey_text_write(&event, result + used);
	}
	if (status == JOURNEY_PARSE_ERROR)
		snprintf(result, sizeof(result), "%zu: %s", parser.position, parser.error);
	else
		result[used] = '\0';
	return result;
}

static void
test_text(void)
{
	static const char *const same[] = {
		"2026-06-01T12:00:00Z click 1",
		"2026-06-01T12:00:00Z view -9223372036854775808 creator=9223372036854775807",
		"2026-06-01T12:00:00.000001Z cart 0 product=-1 category=0",
		"1999-12-31T23:59:59.999999Z coupon 5 creator=-7 channel=direct weight=0.000000001 product=1 category=2",
		"2000-02-29T00:00:00Z click 1 weight=9223372036.854775807",
		"-4713-11-24T00:00:00Z click 1",
		"0000-01-01T00:00:00Z click 1",
		"294276-12-31T23:59:59.999999Z click 1",
		"2024-12-31T00:00:00.5Z conversion 3 order=4 amount=-5 product=6 category=7 excluded={-8,9,9223372036854775807}",
		"2024-12-31T00:00:00Z conversion 3 excluded={-9223372036854775808,9223372036854775807}"
	};
	static const struct
	{
		const char *text;
		const char *want;
	}			others[] = {
		{"journey1()", ""},
		{"  journey1 ()", "3: Expected \"journey1(\"."},
		{"journey2()", "1: Expected \"journey1(\"."},
		{"journey1(", "10: Expected a time in UTC, for instance 2026-06-01T12:00:00Z."},
		{"journey1() x", "12: Nothing may follow the closing parenthesis."},
		{" journey1(rejected=2;\t2026-06-01T12:00:00.50Z\tclick  01 product=2 creator=1 ; 2026-06-01T12:00:00Z view 2) ",
		"2026-06-01T12:00:00.5Z click 1 creator=1 product=2|2026-06-01T12:00:00Z view 2"},
		{"journey1(rejected=-1)", "21: The number of rejected rows is negative."},
		{"journey1(rejected=1 2026-06-01T12:00:00Z view 2)", "21: Expected a semicolon or a closing parenthesis."},
		{"journey1(2026-06-01T12:00:00Z touch 1)", "31: Expected one of view, click, cart, coupon and conversion."},
		{"journey1(2026-06-01T12:00:00Z click)", "36: Expected the id of the event."},
		{"journey1(2026-06-01T12:00:00Z)", "30: Expected the kind of the event."},
		{"journey1(2026-06-01T12:00:00Z click x)", "37: Expected an integer."},
		{"journey1(2026-06-01T12:00:00Z click 9223372036854775808)", "37: The number is out of range for bigint."},
		{"journey1(2026-06-01T12:00:00Z click -9223372036854775809)", "37: The number is out of range for bigint."},
		{"journey1(2026-06-01T12:00:00Z click 1 amount=5)",
		"39: Expected creator=, channel=direct, weight=, product=, category=, a semicolon or a closing parenthesis."},
		{"journey1(2026-06-01T12:00:00Z conversion 1 creator=5)",
		"44: Expected order=, amount=, product=, category=, excluded=, a semicolon or a closing parenthesis."},
		{"journey1(2026-06-01T12:00:00Z click 1 creator=5 creator=5)", "49: An event says this twice."},
		{"journey1(2026-06-01T12:00:00Z click 1 channel=email)", "47: The only channel a journey knows is direct."},
		{"journey1(2026-06-01T12:00:00Z click 1 weight=1e9)", "47: Expected a semicolon or a closing parenthesis."},
		{"journey1(2026-06-01T12:00:00Z conversion 1 excluded={})", "54: Expected an integer."},
		{"journey1(2026-06-01T12:00:00Z conversion 1 excluded={1,2)", "57: Expected a comma or a closing brace."}
	};
	static const char *const weights[] = {"-1", "1.0000000001", "9223372036.854775808", "9223372037", "10000000000", ".5", "1.", "NaN"};
	static const char *const times[] = {
		"2026-02-29T00:00:00Z", "2026-00-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-04-31T00:00:00Z",
		"1900-02-29T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "2026-01-01 00:00:00Z",
		"2026-01-01T00:00:00", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567Z", "26-01-01T00:00:00Z", "-0000-01-01T00:00:00Z",
		"-4713-11-23T23:59:59.999999Z", "294277-01-01T00:00:00Z", "999999-01-01T00:00:00Z", "-9999-01-01T00:00:00Z", "infinity"
	};
	size_t		i;
	char		text[256];

	for (i = 0; i < COUNT(same); i++)
	{
		snprintf(text, sizeof(text), "journey1(%s)", same[i]);
		is_str(rewrite(text), same[i], same[i]);
	}
	for (i = 0; i < COUNT(others); i++)
		is_str(rewrite(others[i].text), others[i].want, others[i].text);
	for (i = 0; i < COUNT(weights); i++)
	{
		snprintf(text, sizeof(text), "journey1(2026-06-01T12:00:00Z click 1 weight=%s)", weights[i]);
		is_str(rewrite(text), "46: Expected a weight from 0 to 9223372036.854775807 with at most nine decimals.", text);
	}
	for (i = 0; i < COUNT(times); i++)
	{
		snprintf(text, sizeof(text), "journey1(%s click 1)", times[i]);
		is_str(rewrite(text), "10: Expected a time in UTC, for instance 2026-06-01T12:00:00Z.", text);
	}
}

/* Day numbers that PostgreSQL's documentation and calendars state. */
static void
test_dates(void)
{
	static const struct
	{
		JourneyDate date;
		int64_t		days;
	}			known[] = {
		{{2000, 1, 1}, 0},
		{{2000, 3, 1}, 60},
		{{1970, 1, 1}, -10957},
		{{-4713, 11, 24}, -2451545},	/* Julian day 0 */
		{{1858, 11, 17}, -51544},		/* modified Julian day 0 */
		{{2100, 3, 1}, 36584}
	};
	int64_t		days;
	bool		good = true;
	size_t		i;

	for (i = 0; i < COUNT(known); i++)
		is_i64(journey_days_from_date(known[i].date), known[i].days, "day number");
	for (days = -2451545; days < 800000; days++)
	{
		JourneyDate date = journey_date_from_days(days);
		JourneyDate next = journey_date_from_days(days + 1);

		good = good && journey_days_from_date(date) == days &&
			(next.day == date.day + 1 || (next.day == 1 && date.day >= 28));
	}
	ok(good, "each day has its date, and the next one follows");
}

static void
test_bytes(void)
{
	/* 1970-01-01T00:00:00Z is -946684800 s; zigzag and seven bits a byte by hand */
	static const uint8_t second[] = {0x01 | 0x20, 0x80, 0x89, 0x7a, 3, 14};
	static const uint8_t conversion[] = {0x04 | 0x40 | 0x80, 0, 1, 0x80, 0x02, 2, 1, 2};
	static const int64_t ids[] = {-1, 1};
	uint8_t		bytes[128];
	uint8_t		excluded[32];
	JourneyEvent event;
	JourneyEvent again;
	JourneyReader reader;
	size_t		size;
	size_t		i;
	bool		good = true;

	memset(&event, 0, sizeof(event));
	event.kind = ATTRIBUTION_CLICK;
	event.at = 1000000;			/* a second: zigzag 2000000 = 0x1e8480 */
	event.id = -2;
	event.has_creator = true;
	event.creator_id = 7;
	size = journey_event_write(&event, 0, bytes);
	is_u64(size, sizeof(second), "six bytes for a click");
	is_u64(journey_event_size(&event, 0), size, "as foretold");
	is_mem(bytes, second, sizeof(second), "head, time, id, creator");

	memset(&event, 0, sizeof(event));
	event.kind = JOURNEY_CONVERSION;
	event.at = 5;
	event.id = -1;
	event.has_amount = true;
	event.amount = 128;
	event.excluded = excluded;
	event.excluded_count = 2;
	event.excluded_size = journey_ids_write(ids, 2, excluded);
	size = journey_event_write(&event, 5, bytes);
	is_u64(size, sizeof(conversion), "eight bytes for a conversion");
	is_mem(bytes, conversion, sizeof(conversion), "head, time, id, amount, excluded");

	/* cut anywhere it is refused, and so is a longer form of a number */
	for (i = 1; i < size; i++)
	{
		journey_events_read(bytes, i, &reader);
		good = good && journey_events_next(&reader, &again) == JOURNEY_CORRUPT;
	}
	ok(good, "a cut event is refused");
	journey_events_read((const uint8_t *) "\x01\x80\x00\x00", 4, &reader);
	is_i64(journey_events_next(&reader, &again), JOURNEY_CORRUPT, "a padded number is refused");
	journey_events_read((const uint8_t *) "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\x00", 12, &reader);
	is_i64(journey_events_next(&reader, &again), JOURNEY_CORRUPT, "65 bits are refused");
	journey_events_read((const uint8_t *) "\x05\x00\x00", 3, &reader);
	is_i64(journey_events_next(&reader, &again), JOURNEY_CORRUPT, "kind 5 is refused");
	journey_events_read((const uint8_t *) "\x81\x00\x00\x00", 4, &reader);
	is_i64(journey_events_next(&reader, &again), JOURNEY_CORRUPT, "a weight of 0 that is written is refused");
	journey_events_read((const uint8_t *) "\x84\x00\x00\x00", 4, &reader);
	is_i64(journey_events_next(&reader, &again), JOURNEY_CORRUPT, "an empty list that is written is refused");
	journey_events_read((const uint8_t *) "\x84\x00\x00\x02\x02\x00", 6, &reader);
	is_i64(journey_events_next(&reader, &again), JOURNEY_CORRUPT, "an id twice is refused");
	journey_events_read((const uint8_t *) "", 0, &reader);
	is_i64(journey_events_next(&reader, &again), JOURNEY_END, "nothing is the end");
}

static void
test_header(void)
{
	static const struct
	{
		const char *bytes;
		size_t		size;
		JourneyStatus want;
		const char *name;
	}			headers[] = {
		{"", 0, JOURNEY_CORRUPT, "no byte"},
		{"\x01\x00\x00\x00", 4, JOURNEY_OK, "an empty journey"},
		{"\x01\x00\x00", 3, JOURNEY_CORRUPT, "a cut header"},
		{"\x02\x00\x00\x00", 4, JOURNEY_OTHER_VERSION, "version 2"},
		{"\x01\x00\x01\x00\x01\x00\x00", 7, JOURNEY_OK, "one touch"},
		{"\x01\x00\x01\x01\x01\x00\x00", 7, JOURNEY_CORRUPT, "more events than bytes allow"},
		{"\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01", 13, JOURNEY_CORRUPT, "2^64 - 1 touches"},
		{"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00", 13, JOURNEY_CORRUPT, "2^64 - 1 rejected rows"}
	};
	JourneyHeader header;
	JourneyReader reader;
	size_t		i;

	for (i = 0; i < COUNT(headers); i++)
		is_i64(journey_open((const uint8_t *) headers[i].bytes, headers[i].size, &header, &reader),
			   headers[i].want, headers[i].name);
}

/* Each event differs from the one before it in one thing, and comes after it. */
static void
test_order(void)
{
	static const uint8_t one[] = {2};
	static const uint8_t one_two[] = {2, 1};
	static const uint8_t two[] = {4};
	static const JourneyEvent events[] = {
		{.at = -1,.kind = JOURNEY_CONVERSION,.id = 9},
		{.kind = ATTRIBUTION_VIEW,.id = 9},
		{.kind = ATTRIBUTION_CLICK,.id = 9},
		{.kind = ATTRIBUTION_CART,.id = 9},
		{.kind = ATTRIBUTION_COUPON,.id = -9},
		{.kind = ATTRIBUTION_COUPON,.id = 1,.has_creator = true,.creator_id = -1},
		{.kind = ATTRIBUTION_COUPON,.id = 1,.has_creator = true,.creator_id = 5},
		{.kind = ATTRIBUTION_COUPON,.id = 1,.has_product = true,.product_id = 5},
		{.kind = ATTRIBUTION_COUPON,.id = 1,.has_category = true,.category_id = 5},
		{.kind = ATTRIBUTION_COUPON,.id = 1},
		{.kind = ATTRIBUTION_COUPON,.id = 1,.weight = 2},
		{.kind = ATTRIBUTION_COUPON,.id = 1,.is_direct = true},
		{.kind = JOURNEY_CONVERSION,.id = 1,.has_product = true,.product_id = 5},
		{.kind = JOURNEY_CONVERSION,.id = 1,.has_order = true,.order_id = 5},
		{.kind = JOURNEY_CONVERSION,.id = 1,.has_order = true,.order_id = 6},
		{.kind = JOURNEY_CONVERSION,.id = 1,.has_amount = true,.amount = -6},
		{.kind = JOURNEY_CONVERSION,.id = 1},
		{.kind = JOURNEY_CONVERSION,.id = 1,.excluded = one,.excluded_count = 1,.excluded_size = 1},
		{.kind = JOURNEY_CONVERSION,.id = 1,.excluded = one_two,.excluded_count = 2,.excluded_size = 2},
		{.kind = JOURNEY_CONVERSION,.id = 1,.excluded = two,.excluded_count = 1,.excluded_size = 1},
		{.at = 1,.kind = ATTRIBUTION_VIEW}
	};
	bool		good = true;
	size_t		i;
	size_t		j;

	for (i = 0; i < COUNT(events); i++)
	{
		for (j = 0; j < COUNT(events); j++)
		{
			int			got = journey_event_compare(&events[i], &events[j]);
			AttributionTouch a;
			AttributionTouch b;

			if (got != (i > j) - (i < j))
			{
				diag("%zu and %zu compare as %d", i, j, got);
				good = false;
			}
			journey_touch(&events[i], &a);
			journey_touch(&events[j], &b);
			if (events[i].kind != JOURNEY_CONVERSION && events[j].kind != JOURNEY_CONVERSION)
				good = good && attribution_touch_compare(&a, &b) == got;
		}
	}
	ok(good, "the order is complete, and that of a path");
}

/* Letters are creators, a blank is none. */
static const char *
transform(const char *path, bool first)
{
	static char result[64];
	JourneyStep steps[64];
	size_t		n = strlen(path);
	size_t		i;

	for (i = 0; i < n; i++)
	{
		steps[i].has_creator = path[i] != ' ';
		steps[i].creator_id = path[i] == ' ' ? 0 : path[i];
		steps[i].place = i;
	}
	if (first)
		qsort(steps, n, sizeof(*steps), journey_step_compare_creator);
	n = journey_path_collapse(steps, n);
	if (first)
		qsort(steps, n, sizeof(*steps), journey_step_compare_place);
	for (i = 0; i < n; i++)
		result[i] = steps[i].has_creator ? (char) steps[i].creator_id : ' ';
	result[n] = '\0';
	return result;
}

/* The examples of fractribution and of dbt-snowplow-fractribution. */
static void
test_transforms(void)
{
	static const char *const cases[][3] = {
		{"DABBCDCC", "DABCDC", "DABC"},
		{"EVDD", "EVD", "EVD"},
		{"DD", "D", "D"},
		{"aaaDaDD", "aDaD", "aD"},
		{"D", "D", "D"},
		{"", "", ""},
		{"A  A B", "A A B", "A B"},
		{"   ", " ", " "}
	};
	size_t		i;

	for (i = 0; i < COUNT(cases); i++)
	{
		is_str(transform(cases[i][0], false), cases[i][1], "exposure");
		is_str(transform(cases[i][0], true), cases[i][2], "first");
	}
}

int
main(void)
{
	test_text();
	test_dates();
	test_bytes();
	test_header();
	test_order();
	test_transforms();
	return done_testing();
}
