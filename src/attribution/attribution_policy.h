/*
 * attribution_policy.h
 *	  An attribution policy as SQL arguments state it, checked, and the windows
 *	  it gives a conversion.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_POLICY_H
#define PG_INFLUENCE_ATTRIBUTION_POLICY_H

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "pgtime.h"
#include "utils/array.h"

#include "attribution_core.h"

/* the arguments of a policy, in the order in which functions take them */
enum
{
	POLICY_MODEL,
	POLICY_LOOKBACK,
	POLICY_VIEW_LOOKBACK,
	POLICY_CART_LOOKBACK,
	POLICY_HALF_LIFE,
	POLICY_POSITION_WEIGHTS,
	POLICY_REUSE,
	POLICY_SESSION_LIFETIME,
	POLICY_MATCH,
	POLICY_TIME_ZONE,
	POLICY_ARGUMENTS
};

#define POLICY_ARGUMENT_NAMES \
	"model", "lookback", "view_lookback", "cart_lookback", "half_life", \
	"position_weights", "reuse", "session_lifetime", "match", "time_zone"

/* What they say. */
typedef struct AttributionPolicyArguments
{
	const char *model;
	const Interval *lookback;
	const Interval *view_lookback;
	const Interval *cart_lookback;
	const Interval *half_life;
	ArrayType  *position_weights;
	const char *reuse;
	const Interval *session_lifetime;
	const char *match;
	const char *time_zone;
} AttributionPolicyArguments;

typedef struct AttributionLookback
{
	bool		calendar;		/* else elapsed_us is all there is to it */
	int64		elapsed_us;		/* includes the days unless calendar */
	int32		months;
	int32		days;
} AttributionLookback;

typedef struct AttributionPolicy
{
	AttributionRules rules;
	AttributionLookback lookback;	/* of clicks and coupons */
	AttributionLookback view_lookback;
	AttributionLookback cart_lookback;
	AttributionLookback session_lifetime;
	pg_tz	   *time_zone;
} AttributionPolicy;

/* raises IN002 for what cannot be meant */
extern void attribution_policy_build(AttributionPolicy *policy,
									 const AttributionPolicyArguments *arguments);

/* of the arguments of a call from first on, none of which is NULL */
extern void attribution_policy_read(AttributionPolicy *policy, FunctionCallInfo fcinfo, int first);

/* fills window_start and session_start of a conversion at a finite time */
extern void attribution_policy_windows(const AttributionPolicy *policy,
									   AttributionConversion *conversion);

/*
 * No window begins longer before its conversion than this; without kinds of touches
 * there are only clicks. PG_INT64_MAX: as long as time itself.
 */
extern int64 attribution_policy_reach(const AttributionPolicy *policy, bool has_kinds);

#endif							/* PG_INFLUENCE_ATTRIBUTION_POLICY_H */
