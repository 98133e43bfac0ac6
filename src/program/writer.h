/*
 * writer.h
 *	  What writers in C ask first, as those in PL/pgSQL do by lock_person().
 */
#ifndef PG_INFLUENCE_WRITER_H
#define PG_INFLUENCE_WRITER_H

#include "storage/lock.h"
#include "utils/uuid.h"

/* Locks a visitor as a person, which an alias is not: the caller has to ask afterwards. */
extern void writer_lock_visitor(const pg_uuid_t *visitor, LOCKTAG *tag);

/* Locks whoever the visitor is, as lock_person() does. The caller is connected to SPI. */
extern void writer_lock_person(const pg_uuid_t *visitor, LOCKTAG *tag);

/* Gives up either lock before the end of the transaction. */
extern void writer_unlock(const LOCKTAG *tag);

#endif							/* PG_INFLUENCE_WRITER_H */
