/*
 * journey_parse_core.c
 *	  Journeys as text: reading.
 */
#include "journey_parse_core.h"

#include <string.h>

#define TIME_WANTED "Expected a time in UTC, for instance 2026-06-01T12:00:00Z."

static bool
fail(JourneyParser *parser, const char *error)
{
	parser->error = error;
	parser->position = (size_t) (parser->next - parser->text) + 1;
	return false;
}

static void
skip_blanks(JourneyParser *parser)
{
	while (parser->next < parser->end &&
		   (*parser->next == ' ' || (*parser->next >= '\t' && *parser->next <= '\r')))
		parser->next++;
}

static bool
accept(JourneyParser *parser, const char *word)
{
	size_t		length = strlen(word);

	if ((size_t) (parser->end - parser->next) < length ||
		memcmp(parser->next, word, length) != 0)
		return false;
	parser->next += length;
	return true;
}

static bool
at_digit(const JourneyParser *parser)
{
	return parser->next < parser->end && *parser->next >= '0' && *parser->next <= '9';
}

/* Between least and most digits. */
static bool
parse_digits(JourneyParser *parser, int least, int most, int64_t *value)
{
	int			n;

	*value = 0;
	for (n = 0; n < most && at_digit(parser); n++)
		*value = *value * 10 + (*parser->next++ - '0');
	return n >= least;
}

/* What is behind the point, in units of that many digits; nothing is zero. */
static bool
parse_fraction(JourneyParser *parser, int digits, int64_t *value)
{
	const char *start;
	int64_t		n;

	*value = 0;
	if (!accept(parser, "."))
		return true;
	start = parser->next;
	if (!parse_digits(parser, 1, digits, value))
		return false;
	for (n = parser->next - start; n < digits; n++)
		*value *= 10;
	return true;
}

static bool
parse_integer(JourneyParser *parser, int64_t *value)
{
	const char *start = parser->next;
	bool		negative = accept(parser, "-");
	uint64_t	limit = (uint64_t) INT64_MAX + (negative ? 1 : 0);
	uint64_t	sum = 0;

	if (!at_digit(parser))
	{
		parser->next = start;
		return fail(parser, "Expected an integer.");
	}
	for (; at_digit(parser); parser->next++)
	{
		uint64_t	digit = (uint64_t) (*parser->next - '0');

		if (sum > (limit - digit) / 10)
		{
			parser->next = start;
			return fail(parser, "The number is out of range for bigint.");
		}
		sum = sum * 10 + digit;
	}
	*value = (int64_t) (negative ? 0 - sum : sum);
	return true;
}

/* not negative, at most nine decimals, in billionths */
static bool
parse_weight(JourneyParser *parser, int64_t *weight)
{
	const char *start = parser->next;
	int64_t		whole;
	int64_t		fraction;

	if (!parse_digits(parser, 1, 10, &whole) ||
		!parse_fraction(parser, 9, &fraction) ||
		whole > INT64_MAX / JOURNEY_BILLION || at_digit(parser) ||
		(whole == INT64_MAX / JOURNEY_BILLION && fraction > INT64_MAX % JOURNEY_BILLION))
	{
		parser->next = start;
		return fail(parser, "Expected a weight from 0 to 9223372036.854775807 with at most nine decimals.");
	}
	*weight = whole * JOURNEY_BILLION + fraction;
	return true;
}

static bool
date_exists(JourneyDate date)
{
	JourneyDate same;

	if (date.month < 1 || date.month > 12 || date.day < 1 || date.day > 31)
		return false;
	same = journey_date_from_days(journey_days_from_date(date));
	return same.month == date.month;
}

static bool
parse_time(JourneyParser *parser, int64_t *at)
{
	const char *start = parser->next;
	bool		negative = accept(parser, "-");
	int64_t		year;
	int64_t		month;
	int64_t		day;
	int64_t		hour;
	int64_t		minute;
	int64_t		second;
	int64_t		fraction;
	JourneyDate date;
	bool		good;

	good = parse_digits(parser, 4, 6, &year) && !(negative && year == 0) &&
		accept(parser, "-") && parse_digits(parser, 2, 2, &month) &&
		accept(parser, "-") && parse_digits(parser, 2, 2, &day) &&
		accept(parser, "T") && parse_digits(parser, 2, 2, &hour) && hour < 24 &&
		accept(parser, ":") && parse_digits(parser, 2, 2, &minute) && minute < 60 &&
		accept(parser, ":") && parse_digits(parser, 2, 2, &second) && second < 60 &&
		parse_fraction(parser, 6, &fraction) && accept(parser, "Z");
	if (good)
	{
		date.year = negative ? -year : year;
		date.month = (int) month;
		date.day = (int) day;

		/* far beyond both ends a product would overflow */
		good = date_exists(date) && date.year > -4800 && date.year < 294300;
	}
	if (good)
	{
		int64_t		seconds = (hour * 60 + minute) * 60 + second;
		int64_t		days = journey_days_from_date(date);

		good = days < JOURNEY_END_TIME / JOURNEY_DAY;
		if (good)
			*at = days * JOURNEY_DAY + seconds * JOURNEY_SECOND + fraction;
		good = good && *at >= JOURNEY_FIRST_TIME;
	}
	if (!good)
	{
		parser->next = start;
		return fail(parser, TIME_WANTED);
	}
	return true;
}

static bool
parse_kind(JourneyParser *parser, uint8_t *kind)
{
	const char *start = parser->next;

	while (parser->next < parser->end && *parser->next >= 'a' && *parser->next <= 'z')
		parser->next++;
	*kind = (uint8_t) journey_kind_from_name(start, (size_t) (parser->next - start));
	if (*kind == JOURNEY_KINDS)
	{
		parser->next = start;
		return fail(parser, "Expected one of view, click, cart, coupon and conversion.");
	}
	return true;
}

/* Behind "excluded=". Counts on when the room is used up. */
static bool
parse_excluded(JourneyParser *parser, JourneyIds *ids)
{
	if (!accept(parser, "{"))
		return fail(parser, "Expected ids in braces, for instance excluded={7,8}.");
	do
	{
		int64_t		id;

		if (!parse_integer(parser, &id))
			return false;
		if (ids->count < ids->capacity)
			ids->ids[ids->count] = id;
		ids->count++;
	} while (accept(parser, ","));
	if (!accept(parser, "}"))
		return fail(parser, "Expected a comma or a closing brace.");
	return true;
}

typedef enum Part
{
	PART_CREATOR,
	PART_CHANNEL,
	PART_WEIGHT,
	PART_ORDER,
	PART_AMOUNT,
	PART_PRODUCT,
	PART_CATEGORY,
	PART_EXCLUDED,
	PARTS
} Part;

static const char *const part_names[PARTS] = {
	[PART_CREATOR] = "creator=",
	[PART_CHANNEL] = "channel=",
	[PART_WEIGHT] = "weight=",
	[PART_ORDER] = "order=",
	[PART_AMOUNT] = "amount=",
	[PART_PRODUCT] = "product=",
	[PART_CATEGORY] = "category=",
	[PART_EXCLUDED] = "excluded="
};

#define TOUCH_PARTS (1 << PART_CREATOR | 1 << PART_CHANNEL | 1 << PART_WEIGHT | \
					 1 << PART_PRODUCT | 1 << PART_CATEGORY)
#define CONVERSION_PARTS (1 << PART_ORDER | 1 << PART_AMOUNT | 1 << PART_PRODUCT | \
						  1 << PART_CATEGORY | 1 << PART_EXCLUDED)

static bool
parse_part(JourneyParser *parser, unsigned *seen, JourneyEvent *event, JourneyIds *ids)
{
	unsigned	allowed = event->kind == JOURNEY_CONVERSION ? CONVERSION_PARTS : TOUCH_PARTS;
	const char *start = parser->next;
	int			part = 0;

	while (part < PARTS && !accept(parser, part_names[part]))
		part++;
	if (part == PARTS || (allowed & 1U << part) == 0 || (*seen & 1U << part) != 0)
	{
		parser->next = start;
		if (part < PARTS && (*seen & 1U << part) != 0)
			return fail(parser, "An event says this twice.");
		return fail(parser, event->kind == JOURNEY_CONVERSION ?
					"Expected order=, amount=, product=, category=, excluded=, a semicolon or a closing parenthesis." :
					"Expected creator=, channel=direct, weight=, product=, category=, a semicolon or a closing parenthesis.");
	}
	*seen |= 1U << part;

	switch ((Part) part)
	{
		case PART_CREATOR:
			event->has_creator = true;
			return parse_integer(parser, &event->creator_id);
		case PART_CHANNEL:
			event->is_direct = accept(parser, "direct");
			return event->is_direct || fail(parser, "The only channel a journey knows is direct.");
		case PART_WEIGHT:
			return parse_weight(parser, &event->weight);
		case PART_ORDER:
			event->has_order = true;
			return parse_integer(parser, &event->order_id);
		case PART_AMOUNT:
			event->has_amount = true;
			return parse_integer(parser, &event->amount);
		case PART_PRODUCT:
			event->has_product = true;
			return parse_integer(parser, &event->product_id);
		case PART_CATEGORY:
			event->has_category = true;
			return parse_integer(parser, &event->category_id);
		default:
			return parse_excluded(parser, ids);
	}
}

/* Words of an event are apart by blanks; false at its end. */
static bool
next_word(JourneyParser *parser)
{
	const char *before = parser->next;

	skip_blanks(parser);
	return parser->next > before && parser->next < parser->end &&
		*parser->next != ';' && *parser->next != ')';
}

static bool
parse_event(JourneyParser *parser, JourneyEvent *event, JourneyIds *ids)
{
	unsigned	seen = 0;

	if (!parse_time(parser, &event->at))
		return false;
	if (!next_word(parser))
		return fail(parser, "Expected the kind of the event.");
	if (!parse_kind(parser, &event->kind))
		return false;
	if (!next_word(parser))
		return fail(parser, "Expected the id of the event.");
	if (!parse_integer(parser, &event->id))
		return false;
	while (next_word(parser))
	{
		if (!parse_part(parser, &seen, event, ids))
			return false;
	}
	return true;
}

/* Behind an item: a semicolon with another one behind it, or the end. */
static bool
parse_separator(JourneyParser *parser)
{
	skip_blanks(parser);
	if (accept(parser, ";"))
	{
		skip_blanks(parser);
		return true;
	}
	if (parser->next < parser->end && *parser->next == ')')
		return true;
	return fail(parser, "Expected a semicolon or a closing parenthesis.");
}

static bool
parse_start(JourneyParser *parser)
{
	int64_t		rejected = 0;

	skip_blanks(parser);
	if (!accept(parser, JOURNEY_TEXT_START))
		return fail(parser, "Expected \"" JOURNEY_TEXT_START "\".");
	skip_blanks(parser);
	if (accept(parser, "rejected="))
	{
		if (!parse_integer(parser, &rejected) || !parse_separator(parser))
			return false;
		if (rejected < 0)
			return fail(parser, "The number of rejected rows is negative.");
	}
	parser->rejected = (uint64_t) rejected;
	parser->started = true;
	return true;
}

void
journey_parse_start(JourneyParser *parser, const char *text, size_t length)
{
	memset(parser, 0, sizeof(*parser));
	parser->text = text;
	parser->next = text;
	parser->end = text + length;
}

JourneyParse
journey_parse_next(JourneyParser *parser, JourneyEvent *event, JourneyIds *ids)
{
	const char *start;

	memset(event, 0, sizeof(*event));
	ids->count = 0;
	if (!parser->started && !parse_start(parser))
		return JOURNEY_PARSE_ERROR;

	if (accept(parser, ")"))
	{
		skip_blanks(parser);
		if (parser->next == parser->end)
			return JOURNEY_PARSE_END;
		fail(parser, "Nothing may follow the closing parenthesis.");
		return JOURNEY_PARSE_ERROR;
	}

	start = parser->next;
	if (!parse_event(parser, event, ids) || !parse_separator(parser))
		return JOURNEY_PARSE_ERROR;
	if (ids->count > ids->capacity)
	{
		parser->ids_needed = ids->count;
		parser->next = start;
		return JOURNEY_PARSE_NEEDS_ROOM;
	}
	return JOURNEY_PARSE_EVENT;
}
