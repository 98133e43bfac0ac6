/*
 * attribution_memory.h
 *	  Where the rows of a run lie: in this process, or shared with others.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_MEMORY_H
#define PG_INFLUENCE_ATTRIBUTION_MEMORY_H

#include "storage/dsm.h"
#include "storage/lwlock.h"
#include "storage/sharedfileset.h"
#include "utils/dsa.h"

/* a dsa_pointer where memory is shared, else an address */
typedef uint64 MemoryAddress;

/*
 * The part of a run's shared memory that says where the rest is. It begins with
 * what tells two builds apart: a worker loads the library that is installed by
 * then, its leader may have an older one.
 */
typedef struct AttributionMemoryHeader
{
	uint32		layout;			/* the caller's number for what is in it */
	uint32		size;			/* and its bytes */
	SharedFileSet fileset;
	LWLock		lock;			/* of the limit */
	size_t		limit;			/* of the area */
} AttributionMemoryHeader;

/* A process's view of it. */
typedef struct AttributionMemory
{
	MemoryContext context;		/* of what is this process's own */
	/* where it is shared, else NULL */
	dsm_segment *segment;
	AttributionMemoryHeader *header;
	dsa_area   *area;
} AttributionMemory;

/* private to this process */
extern void attribution_memory_init(AttributionMemory *memory, MemoryContext context);

/*
 * Memory shared with the workers to come, of about so many bytes: true. Or as
 * many as the machine's shared memory has room for, and *bytes says so; false
 * where that is less than half. The first header_size bytes of the segment begin
 * with the AttributionMemoryHeader and are the caller's otherwise.
 */
extern bool attribution_memory_share(AttributionMemory *memory, uint32 layout,
									 size_t header_size, size_t *bytes);
extern dsm_handle attribution_memory_handle(const AttributionMemory *memory);

/* in a worker; IN001 when the leader has another layout */
extern void attribution_memory_attach(AttributionMemory *memory, MemoryContext context,
									  dsm_handle handle, uint32 layout,
									  size_t header_size);

extern void attribution_memory_detach(AttributionMemory *memory);

/* like MemoryContextAllocHuge(); may go beyond the limit */
extern MemoryAddress attribution_memory_allocate(AttributionMemory *memory, size_t size);

/* the same, but 0 when shared memory is at its limit */
extern MemoryAddress attribution_memory_try_allocate(AttributionMemory *memory, size_t size);

/* all of what was allocated will be written soon */
extern void attribution_memory_populate(AttributionMemory *memory, MemoryAddress address,
										size_t size);

extern void attribution_memory_free(AttributionMemory *memory, MemoryAddress address);

static inline void *
attribution_memory_at(const AttributionMemory *memory, MemoryAddress address)
{
	if (memory->area == NULL)
		return (void *) (uintptr_t) address;
	return dsa_get_address(memory->area, address);
}

#endif							/* PG_INFLUENCE_ATTRIBUTION_MEMORY_H */
