/*
 * attribution_memory.c
 *	  Where the rows of a run lie: in this process, or shared with others.
 *
 * Shared memory is one segment, whose beginning is the caller's, with an area
 * in the rest of it that grows by further segments; temporary files that all
 * can open hang on the same segment. All of it belongs to the resource owner
 * at the time: after an error, nothing is left.
 */
#include "postgres.h"

#include <sys/mman.h>
#include <sys/statvfs.h>

#include "storage/dsm_impl.h"
#include "utils/memutils.h"

#include "../common/errors.h"
#include "attribution_memory.h"

/* the area begins with so much, in the segment itself */
#define FIRST_AREA_BYTES ((size_t) 256 * 1024)

/* what an allocation may cost beside its own bytes */
#define AREA_OVERHEAD ((size_t) 1024 * 1024)

/* how often the limit moves for one allocation, while others take what it gave */
#define LIMIT_ROUNDS 16

/* where Linux keeps POSIX shared memory; a container may have little of it */
#define SHM_DIRECTORY "/dev/shm"

void
attribution_memory_init(AttributionMemory *memory, MemoryContext context)
{
	memset(memory, 0, sizeof(*memory));
	memory->context = context;
}

/* Half of what is free at most: others want some too. */
static size_t
room_for(size_t bytes)
{
	struct statvfs fs;
	uint64		available;

	if (dynamic_shared_memory_type != DSM_IMPL_POSIX || statvfs(SHM_DIRECTORY, &fs) != 0)
		return bytes;
	available = (uint64) fs.f_bavail * fs.f_frsize;
	return Min(bytes, available / 2);
}

bool
attribution_memory_share(AttributionMemory *memory, uint32 layout, size_t header_size,
						 size_t *bytes)
{
	size_t		place = MAXALIGN(header_size);
	size_t		room = room_for(*bytes);
	AttributionMemoryHeader *header;
	MemoryContext caller;

	if (room < *bytes / 2)
		return false;
	memory->segment = dsm_create(place + FIRST_AREA_BYTES, DSM_CREATE_NULL_IF_MAXSEGMENTS);
	if (memory->segment == NULL)
		return false;

	*bytes = room;
	header = dsm_segment_address(memory->segment);
	memset(header, 0, header_size);
	header->layout = layout;
	header->size = (uint32) header_size;
	LWLockInitialize(&header->lock, LWTRANCHE_PARALLEL_QUERY_DSA);
	header->limit = room + AREA_OVERHEAD;
	SharedFileSetInit(&header->fileset, memory->segment);
	memory->header = header;
	caller = MemoryContextSwitchTo(memory->context);
	memory->area = dsa_create_in_place((char *) header + place, FIRST_AREA_BYTES,
									   LWTRANCHE_PARALLEL_QUERY_DSA, memory->segment);
	MemoryContextSwitchTo(caller);
	dsa_set_size_limit(memory->area, header->limit);
	return true;
}

dsm_handle
attribution_memory_handle(const AttributionMemory *memory)
{
	return dsm_segment_handle(memory->segment);
}

void
attribution_memory_attach(AttributionMemory *memory, MemoryContext context,
						  dsm_handle handle, uint32 layout, size_t header_size)
{
	MemoryContext caller;

	attribution_memory_init(memory, context);
	memory->segment = dsm_attach(handle);
	if (memory->segment == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("could not map dynamic shared memory segment")));
	memory->header = dsm_segment_address(memory->segment);
	if (memory->header->layout != layout || memory->header->size != header_size)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_NOT_INSTALLED),
				 errmsg("this session and its parallel workers have loaded different versions of pg_influence"),
				 errdetail("The library was replaced after the session had loaded it."),
				 errhint("Reconnect; until then, SET max_parallel_workers_per_gather = 0.")));
	SharedFileSetAttach(&memory->header->fileset, memory->segment);
	caller = MemoryContextSwitchTo(context);
	memory->area = dsa_attach_in_place((char *) memory->header + MAXALIGN(header_size),
									   memory->segment);
	MemoryContextSwitchTo(caller);
}

void
attribution_memory_detach(AttributionMemory *memory)
{
	if (memory->segment == NULL)
		return;
	dsa_detach(memory->area);
	dsm_detach(memory->segment);
	attribution_memory_init(memory, memory->context);
}

MemoryAddress
attribution_memory_try_allocate(AttributionMemory *memory, size_t size)
{
	if (memory->area == NULL)
		return (MemoryAddress) (uintptr_t) MemoryContextAllocHuge(memory->context, size);
	return dsa_allocate_extended(memory->area, size, DSA_ALLOC_HUGE | DSA_ALLOC_NO_OOM);
}

MemoryAddress
attribution_memory_allocate(AttributionMemory *memory, size_t size)
{
	MemoryAddress address = attribution_memory_try_allocate(memory, size);
	int			round;

	/*
	 * The limit is for rows: for this it moves. Other processes' rows may take
	 * what it gave before we do.
	 */
	for (round = 0; address == 0 && round < LIMIT_ROUNDS; round++)
	{
		LWLockAcquire(&memory->header->lock, LW_EXCLUSIVE);
		memory->header->limit += size + size / 256 + AREA_OVERHEAD;
		dsa_set_size_limit(memory->area, memory->header->limit);
		address = attribution_memory_try_allocate(memory, size);
		LWLockRelease(&memory->header->lock);
	}
	/* no room for another reason, which this says */
	if (address == 0)
		address = dsa_allocate_extended(memory->area, size, DSA_ALLOC_HUGE);
	return address;
}

/*
 * Writes to fresh pages fault one by one, which costs more than filling them; here
 * they are mapped at once, where the kernel can. It is only a hint.
 */
void
attribution_memory_populate(AttributionMemory *memory, MemoryAddress address, size_t size)
{
#ifdef MADV_POPULATE_WRITE
	static const uintptr_t page = 4096;
	uintptr_t	from;
	uintptr_t	to;

	if (memory->area == NULL)
		return;
	from = ((uintptr_t) attribution_memory_at(memory, address) + page - 1) / page * page;
	to = ((uintptr_t) attribution_memory_at(memory, address) + size) / page * page;
	if (from < to)
		(void) madvise((void *) from, to - from, MADV_POPULATE_WRITE);
#endif
}

void
attribution_memory_free(AttributionMemory *memory, MemoryAddress address)
{
	if (memory->area == NULL)
		pfree((void *) (uintptr_t) address);
	else
		dsa_free(memory->area, address);
}
