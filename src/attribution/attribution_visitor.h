/*
 * attribution_visitor.h
 *	  One visitor: its order lines put in order, each credited by the core.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_VISITOR_H
#define PG_INFLUENCE_ATTRIBUTION_VISITOR_H

#include "attribution_core.h"
#include "attribution_policy.h"

/* One conversion being credited. Reused for the next: memory only grows. */
typedef struct AttributionWorkspace
{
	MemoryContext context;
	AttributionPath path;
	AttributionRoom room;
} AttributionWorkspace;

extern void attribution_workspace_init(AttributionWorkspace *workspace,
									   MemoryContext context);
extern void attribution_workspace_trim(AttributionWorkspace *workspace);

/* touches ascending; checks for interrupts; the result stays in workspace */
extern void attribution_credit(AttributionWorkspace *workspace,
							   const AttributionRules *rules,
							   const AttributionTouch *touches,
							   size_t ntouches,
							   const AttributionConversion *conversion);

/* into the order of a path; interruptible */
extern void attribution_sort_touches(AttributionTouch *touches, size_t n);

/* all lines of a visitor at once; context holds what it needs meanwhile */
extern void attribution_visitor_prepare(const AttributionPolicy *policy,
										MemoryContext context,
										AttributionConversion *lines, size_t n,
										bool have_carts);

#endif							/* PG_INFLUENCE_ATTRIBUTION_VISITOR_H */
