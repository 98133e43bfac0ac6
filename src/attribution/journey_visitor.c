/*
 * journey_visitor.c
 *	  A journey unpacked for the core.
 *
 * Touches come out in the order of a path, since a journey keeps them in it.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "journey_visitor.h"

static const int64 *
read_excluded(const JourneyEvent *event)
{
	int64_t    *ids = MemoryContextAllocHuge(CurrentMemoryContext,
											 event->excluded_count * sizeof(*ids));
	JourneyReader reader;
	size_t		n = 0;

	journey_ids_read(event, &reader);
	while (journey_ids_next(&reader, &ids[n]))
	{
		CHECK_FOR_INTERRUPTS();
		n++;
	}
	return (const int64 *) ids;
}

void
journey_visitor_read(JourneyVisitor *visitor, struct varlena *journey)
{
	JourneyHeader header;
	JourneyReader reader;
	JourneyEvent event;

	memset(visitor, 0, sizeof(*visitor));
	journey_read(journey, &header, &reader);
	visitor->touches = MemoryContextAllocHuge(CurrentMemoryContext,
											  Max(header.touches, 1) * sizeof(AttributionTouch));
	visitor->lines = MemoryContextAllocHuge(CurrentMemoryContext,
											Max(header.conversions, 1) * sizeof(AttributionConversion));
	while (journey_read_next(&reader, &event))
	{
		CHECK_FOR_INTERRUPTS();
		if (event.kind == JOURNEY_CONVERSION)
		{
			AttributionConversion *line = &visitor->lines[visitor->nlines];

			if (visitor->nlines++ == header.conversions)
				journey_corrupted();
			journey_line(&event, line);
			line->excluded_count = event.excluded_count;
			if (event.excluded_count > 0)
				line->excluded = read_excluded(&event);
		}
		else
		{
			if (visitor->ntouches == header.touches)
				journey_corrupted();
			journey_touch(&event, &visitor->touches[visitor->ntouches++]);
			visitor->have_carts |= event.kind == ATTRIBUTION_CART;
		}
	}
	if (visitor->ntouches != header.touches || visitor->nlines != header.conversions)
		journey_corrupted();
}
