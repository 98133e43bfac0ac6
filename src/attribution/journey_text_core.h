/*
 * journey_text_core.h
 *	  Journeys as text: dates, and writing.
 *
 *		journey1(rejected=1; 2026-06-01T12:00:00Z click 1 creator=7 product=100;
 *				 2026-06-02T09:30:00.5Z conversion 5 amount=1000 excluded={7,8})
 *
 * Pure C without PostgreSQL.  Each event is time, kind and id, then what it has
 * of creator, channel=direct, weight, order, amount, product, category and
 * excluded.  Times are UTC by the Gregorian calendar, years before 1 as in
 * ISO 8601: 0000 is 1 BC, -0001 is 2 BC.  No setting changes what is written or
 * read.
 */
#ifndef PG_INFLUENCE_JOURNEY_TEXT_CORE_H
#define PG_INFLUENCE_JOURNEY_TEXT_CORE_H

#include "journey_core.h"

#define JOURNEY_TEXT_START "journey1("

#define JOURNEY_BILLION INT64_C(1000000000)
#define JOURNEY_SECOND INT64_C(1000000)
#define JOURNEY_DAY (86400 * JOURNEY_SECOND)

typedef struct JourneyDate
{
	int64_t		year;			/* 0 is 1 BC */
	int			month;
	int			day;
} JourneyDate;

/* days from 2000-01-01; a day beyond its month's end is one of the next */
extern int64_t journey_days_from_date(JourneyDate date);
extern JourneyDate journey_date_from_days(int64_t days);

/* characters of an event, and of an excluded creator */
#define JOURNEY_TEXT_EVENT_BOUND 256
#define JOURNEY_TEXT_ID_BOUND 21

/* Without a zero byte at the end; the bound is the two above together. */
extern size_t journey_text_write(const JourneyEvent *event, char *into);

#endif							/* PG_INFLUENCE_JOURNEY_TEXT_CORE_H */
