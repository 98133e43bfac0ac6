/*
 * attribution_person.h
 *	  The touches of a person in the program, as credit_touches() needs them.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_PERSON_H
#define PG_INFLUENCE_ATTRIBUTION_PERSON_H

#include "datatype/timestamp.h"
#include "fmgr.h"
#include "utils/uuid.h"

#include "attribution_policy.h"

/* argument positions of credit_touches() */
enum
{
	PERSON_PEOPLE,
	PERSON_SCOPE,
	PERSON_CONVERTED_AT,
	PERSON_LINE_IDS,
	PERSON_AMOUNTS,
	PERSON_LINE_PRODUCT_IDS,
	PERSON_LINE_CATEGORY_IDS,
	PERSON_EXCLUDED,
	PERSON_CART_STARTS,
	PERSON_MAX_TOUCH_DELAY,
	PERSON_VIEW_MIN_MS,
	PERSON_POLICY,
	PERSON_REQUIRED = PERSON_POLICY + POLICY_ARGUMENTS,
	PERSON_PATH_START = PERSON_REQUIRED,
	PERSON_COUPON,
	PERSON_COUPON_OWNER,
	PERSON_CART_SESSION,
	PERSON_COUNT
};

/* columns of its result */
enum
{
	CREDIT_LINE_NO,
	CREDIT_TOUCH_REF,
	CREDIT_TOUCH_VISITOR_ID,
	CREDIT_CREATOR_ID,
	CREDIT_WEIGHT,
	CREDIT_CREDIT,
	CREDIT_REASON,
	CREDIT_TOUCHED_AT,
	CREDIT_TOUCH_POSITION,
	CREDIT_PATH_LENGTH,
	CREDIT_SNAPSHOT,
	CREDIT_COLUMNS
};

/* Takes a row of the result; what its values point at stays for as long as the caller's memory context. */
typedef void (*PersonCreditSink) (void *target, Datum *values, bool *nulls);

/* A touch as it is shown: what the core needs of it is in an AttributionTouch. */
typedef struct PersonTouch
{
	TimestampTz touched_at;
	pg_uuid_t	visitor_id;
	text	   *ref;
	text	   *channel;		/* or NULL */
	AttributionKind kind;
	int64		creator_id;
	int64		product_id;
	int64		category_id;
	int64		post_id;
	int64		campaign_id;
	int64		program_id;
	TimestampTz received_at;
	bool		has_creator;
	bool		has_product;
	bool		has_category;
	bool		has_post;
	bool		has_campaign;
	bool		is_late;
	bool		is_repeated;	/* an earlier one has its touch_ref */
	size_t		rival;			/* the last one before it of somebody else, or ATTRIBUTION_NONE */
} PersonTouch;

typedef struct Person
{
	FunctionCallInfo fcinfo;	/* the arguments */
	MemoryContext context;		/* outlives SPI */
	AttributionPolicy policy;
	text	   *empty;			/* touch_ref of no touch */
	PersonTouch *shown;			/* in the order of (touched_at, touch_ref, visitor_id) */
	AttributionTouch *touches;	/* in the order of a path; touch_id counts shown from 1 */
	size_t		count;
	size_t		coupon;			/* which of shown is the order's coupon, or ATTRIBUTION_NONE */
} Person;

static inline Datum
attribution_person_argument(const Person *person, int argno)
{
	return person->fcinfo->args[argno].value;
}

/*
 * Reads and numbers the touches by the arguments and the policy: fills shown,
 * touches, count and coupon.
 */
extern void attribution_person_read(Person *person);

/* credit_touches() for C: the arguments are those of the call, the rows go to the sink. */
extern void attribution_credit_person(FunctionCallInfo fcinfo, PersonCreditSink sink, void *target);

#endif							/* PG_INFLUENCE_ATTRIBUTION_PERSON_H */
