/*
 * journey_text_core.c
 *	  Journeys as text: dates, and writing.
 *
 * Days and dates: the Gregorian calendar counted in eras of 400 years that
 * begin on the first of March, so that the leap day is the last of its year
 * (H. Hinnant, "chrono-compatible low-level date algorithms").
 */
#include "journey_text_core.h"

#include <string.h>

/* from 0000-03-01 to 2000-01-01 */
#define EPOCH_DAYS 730425
#define ERA_DAYS 146097

/* Dates ---------------------------------------------------------------------- */

static int64_t
floor_divide(int64_t a, int64_t b)
{
	return a / b - (a % b < 0 ? 1 : 0);
}

int64_t
journey_days_from_date(JourneyDate date)
{
	int64_t		year = date.month > 2 ? date.year : date.year - 1;
	int64_t		era = floor_divide(year, 400);
	int64_t		year_of_era = year - era * 400;
	int64_t		month = (date.month + 9) % 12;
	int64_t		day_of_year = (153 * month + 2) / 5 + date.day - 1;

	return era * ERA_DAYS + year_of_era * 365 + year_of_era / 4 -
		year_of_era / 100 + day_of_year - EPOCH_DAYS;
}

JourneyDate
journey_date_from_days(int64_t days)
{
	int64_t		era = floor_divide(days + EPOCH_DAYS, ERA_DAYS);
	int64_t		day_of_era = days + EPOCH_DAYS - era * ERA_DAYS;
	int64_t		year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
							   day_of_era / (ERA_DAYS - 1)) / 365;
	int64_t		day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 -
											year_of_era / 100);
	int64_t		month = (5 * day_of_year + 2) / 153;
	JourneyDate date;

	date.day = (int) (day_of_year - (153 * month + 2) / 5 + 1);
	date.month = (int) (month < 10 ? month + 3 : month - 9);
	date.year = year_of_era + era * 400 + (date.month <= 2 ? 1 : 0);
	return date;
}

/* Writing ---------------------------------------------------------------------- */

static char *
put_text(char *into, const char *text)
{
	size_t		length = strlen(text);

	memcpy(into, text, length);
	return into + length;
}

/* at least that many digits */
static char *
put_digits(char *into, uint64_t value, int least)
{
	char		digits[20];
	int			n = 0;

	do
	{
		digits[n++] = (char) ('0' + value % 10);
		value /= 10;
	} while (value > 0 || n < least);
	while (n > 0)
		*into++ = digits[--n];
	return into;
}

static char *
put_signed(char *into, int64_t value, int least)
{
	if (value < 0)
		*into++ = '-';
	return put_digits(into, value < 0 ? 0 - (uint64_t) value : (uint64_t) value, least);
}

/* a fraction of so many digits, without zeros at its end */
static char *
put_fraction(char *into, uint64_t value, int digits)
{
	if (value == 0)
		return into;
	for (; value % 10 == 0; value /= 10)
		digits--;
	*into++ = '.';
	return put_digits(into, value, digits);
}

static char *
put_time(char *into, int64_t at)
{
	int64_t		days = floor_divide(at, JOURNEY_DAY);
	int64_t		rest = at - days * JOURNEY_DAY;
	int64_t		seconds = rest / JOURNEY_SECOND;
	JourneyDate date = journey_date_from_days(days);

	into = put_signed(into, date.year, 4);
	*into++ = '-';
	into = put_digits(into, (uint64_t) date.month, 2);
	*into++ = '-';
	into = put_digits(into, (uint64_t) date.day, 2);
	*into++ = 'T';
	into = put_digits(into, (uint64_t) (seconds / 3600), 2);
	*into++ = ':';
	into = put_digits(into, (uint64_t) (seconds / 60 % 60), 2);
	*into++ = ':';
	into = put_digits(into, (uint64_t) (seconds % 60), 2);
	into = put_fraction(into, (uint64_t) (rest % JOURNEY_SECOND), 6);
	*into++ = 'Z';
	return into;
}

static char *
put_number(char *into, bool present, const char *name, int64_t value)
{
	return present ? put_signed(put_text(into, name), value, 1) : into;
}

size_t
journey_text_write(const JourneyEvent *event, char *into)
{
	char	   *next = put_time(into, event->at);
	JourneyReader reader;
	int64_t		id;

	*next++ = ' ';
	next = put_text(next, journey_kind_name(event->kind));
	*next++ = ' ';
	next = put_signed(next, event->id, 1);
	next = put_number(next, event->has_creator, " creator=", event->creator_id);
	if (event->is_direct)
		next = put_text(next, " channel=direct");
	if (event->weight > 0)
	{
		next = put_digits(put_text(next, " weight="), (uint64_t) (event->weight / JOURNEY_BILLION), 1);
		next = put_fraction(next, (uint64_t) (event->weight % JOURNEY_BILLION), 9);
	}
	next = put_number(next, event->has_order, " order=", event->order_id);
	next = put_number(next, event->has_amount, " amount=", event->amount);
	next = put_number(next, event->has_product, " product=", event->product_id);
	next = put_number(next, event->has_category, " category=", event->category_id);
	if (event->excluded_count > 0)
	{
		next = put_text(next, " excluded={");
		journey_ids_read(event, &reader);
		while (journey_ids_next(&reader, &id))
		{
			next = put_signed(next, id, 1);
			*next++ = ',';
		}
		next[-1] = '}';
	}
	return (size_t) (next - into);
}
