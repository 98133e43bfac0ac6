/*
 * attribution_weigh.h
 *	  The step of a path that weighs its touches. For the cores only.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_WEIGH_H
#define PG_INFLUENCE_ATTRIBUTION_WEIGH_H

#include "attribution_core.h"

/* cost of one step, in comparisons: well below a millisecond */
#define ATTRIBUTION_STEP_COST 16384

/* the class that earns: views count only where nothing stronger is eligible */
static inline const AttributionClass *
attribution_earning_class(const AttributionPath *path)
{
	return path->others.count > 0 ? &path->others : &path->views;
}

/* does the model choose one touch by its place alone? */
static inline bool
attribution_has_winner(const AttributionRules *rules)
{
	return rules->model == ATTRIBUTION_FIRST_TOUCH ||
		rules->model == ATTRIBUTION_LAST_TOUCH ||
		rules->model == ATTRIBUTION_LAST_NON_DIRECT;
}

/* does it look at creators rather than touches? */
static inline bool
attribution_has_players(const AttributionRules *rules)
{
	return rules->model == ATTRIBUTION_PARTICIPATION ||
		rules->model == ATTRIBUTION_SHAPLEY;
}

/* nobody earns the conversion */
static inline void
attribution_leave(AttributionPath *path, AttributionReason reason)
{
	path->reason = reason;
	path->room_needed = 1;
	path->slots_needed = false;
	path->phase = ATTRIBUTION_PHASE_UNATTRIBUTED;
}

/* the path as its model weighs it, touch by touch */
extern AttributionProgress attribution_step_weigh(AttributionPath *path,
												  AttributionRoom *room);

/* models of players: empty the slots, then find each creator's last touch */
extern AttributionProgress attribution_step_clear(AttributionPath *path,
												  AttributionRoom *room);
extern AttributionProgress attribution_step_creators(AttributionPath *path,
													 AttributionRoom *room);

#endif							/* PG_INFLUENCE_ATTRIBUTION_WEIGH_H */
