/*
 * attribution_memory.h
 *	  Where the rows of a run lie: in this process, or shared with others.
 */
#ifndef PG_INFLUENCE_ATTRIBUTION_MEMORY_H
#define PG_INFLUENCE_ATTRIBUTION_MEMORY_H

#include "storage/dsm.h"
#include "storage/sharedfileset.h"
#include "utils/dsa.h"

/* a dsa_pointer where memory is shared, else an address */
typedef uint64 MemoryAddress;

/* the part of a run's shared memory that says where the rest is */
typedef struct AttributionMemoryHeader
{
	SharedFileSet fileset;
	slock_t		mutex;
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
 * where that is too little. The first header_size bytes of the segment begin
 * with the AttributionMemoryHeader and are the caller's otherwise.
 */
extern bool attribution_memory_share(AttributionMemory *memory, size_t header_size,
									 size_t *bytes);
extern dsm_handle attribution_memory_handle(const AttributionMemory *memory);

/* in a worker */
extern void attribution_memory_attach(AttributionMemory *memory, MemoryContext context,
									  dsm_handle handle, size_t header_size);
extern void attribution_memory_detach(AttributionMemory *memory);

/* like MemoryContextAllocHuge(); may go beyond the limit */
extern MemoryAddress attribution_memory_allocate(AttributionMemory *memory, size_t size);

/* the same, but 0 when shared memory is at its limit */
extern MemoryAddress attribution_memory_try_allocate(AttributionMemory *memory, size_t size);

extern void attribution_memory_free(AttributionMemory *memory, MemoryAddress address);

static inline void *
attribution_memory_at(const AttributionMemory *memory, MemoryAddress address)
{
	if (memory->area == NULL)
		return (void *) (uintptr_t) address;
	return dsa_get_address(memory->area, address);
}

#endif							/* PG_INFLUENCE_ATTRIBUTION_MEMORY_H */
