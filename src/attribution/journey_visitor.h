/*
 * journey_visitor.h
 *	  A journey unpacked for the core.
 */
#ifndef PG_INFLUENCE_JOURNEY_VISITOR_H
#define PG_INFLUENCE_JOURNEY_VISITOR_H

#include "attribution_visitor.h"
#include "journey.h"

typedef struct JourneyVisitor
{
	AttributionTouch *touches;	/* in the order of a path */
	size_t		ntouches;
	AttributionConversion *lines;	/* for attribution_visitor_prepare() */
	size_t		nlines;
	bool		have_carts;
} JourneyVisitor;

extern void journey_visitor_read(JourneyVisitor *visitor, struct varlena *journey);

#endif							/* PG_INFLUENCE_JOURNEY_VISITOR_H */
