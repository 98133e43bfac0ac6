/*
 * flat_state.h
 *	  The frame of every aggregate state: a bytea that says what it is.
 *
 * States are plain bytea, never "internal": so they travel between parallel
 * workers and Citus nodes and can be stored.  Whatever comes back is not
 * trusted: magic, version and length are checked before anything else is read,
 * and bytes are moved with memcpy, because a short varlena header leaves the
 * payload on any address.  The byte order is the machine's; on another one the
 * magic reads differently and the state is refused.
 *
 * The first half is pure C for the cores; the second is for the bindings.
 */
#ifndef PG_INFLUENCE_FLAT_STATE_H
#define PG_INFLUENCE_FLAT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct FlatHeader
{
	uint32_t	magic;			/* which aggregate */
	uint32_t	version;		/* of the layout behind the header */
	uint64_t	length;			/* of the whole payload, header included */
} FlatHeader;

static inline FlatHeader
flat_header(uint32_t magic, uint32_t version, size_t length)
{
	FlatHeader	header = {magic, version, (uint64_t) length};

	return header;
}

/* Is this the payload of a state of that aggregate, version and length? */
static inline bool
flat_header_matches(const uint8_t *payload, size_t size,
					uint32_t magic, uint32_t version)
{
	FlatHeader	header;

	if (size < sizeof(FlatHeader))
		return false;
	memcpy(&header, payload, sizeof(FlatHeader));
	return header.magic == magic &&
		header.version == version &&
		header.length == (uint64_t) size;
}

#ifdef POSTGRES_H

#include "fmgr.h"

#define FLAT_STATE_DATA(state) ((uint8_t *) VARDATA_ANY(state))
#define FLAT_STATE_SIZE(state) ((size_t) VARSIZE_ANY_EXHDR(state))

/* Transition and combine functions may only be called by an aggregate. */
static inline void
flat_state_require_aggregate(FunctionCallInfo fcinfo)
{
	if (!AggCheckCallContext(fcinfo, NULL))
		elog(ERROR, "aggregate function called in non-aggregate context");
}

/*
 * A zeroed state with a payload of that size.  It lies in the current context:
 * the executor copies a new transition value where it belongs, and keeps one
 * that was changed in place.
 */
static inline bytea *
flat_state_make(size_t size)
{
	bytea	   *state = (bytea *) palloc0(VARHDRSZ + size);

	SET_VARSIZE(state, VARHDRSZ + size);
	return state;
}

/* A state was cut, forged, or written by another version. */
static inline void
flat_state_corrupted(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("aggregate state is not valid"),
			 errhint("States are only readable by the version and on the "
					 "processor type that wrote them; aggregate the rows again.")));
}

#endif							/* POSTGRES_H */

#endif							/* PG_INFLUENCE_FLAT_STATE_H */
