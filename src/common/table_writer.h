/*
 * table_writer.h
 *	  Rows straight into tables of the program, as an INSERT would put them there.
 */
#ifndef PG_INFLUENCE_TABLE_WRITER_H
#define PG_INFLUENCE_TABLE_WRITER_H

#include "nodes/execnodes.h"
#include "utils/relcache.h"

typedef struct WriterColumn
{
	const char *name;
	Oid			type;			/* of any length; character(3) if it is character */
} WriterColumn;

/* A table, and what is kept of it in the session. */
typedef struct WriterTable
{
	const char *name;			/* in the schema influence */
	const WriterColumn *columns;	/* that its rows are given with; every other column gets its default */
	int			column_count;

	/* the rest is table_writer.c's */
	MemoryContext context;		/* of what follows; NULL: nothing is kept yet */
	Oid			relid;
	bool		is_stale;		/* the table may have changed since */
	bool		in_use;			/* of a writer that is not closed */
	bool		is_plain;		/* rows can be put into it */
	bool		is_lasting;		/* what is kept depends on nothing but the table */
	int		   *places;			/* where the columns stand in a row */
	int			default_count;
	int		   *default_places;
	ExprState **defaults;
	ExprState **checks;			/* as ExecConstraints() would make them for each statement */
} WriterTable;

typedef struct TableWriter TableWriter;

/*
 * Locks tables for rows to be put into them, in their order; NULL where one is not as install() made it, so that only an INSERT
 * knows what to do: then they are locked, and nothing else. An open writer is closed before the memory context of the call ends.
 */
extern TableWriter *table_writer_open(WriterTable *const *tables, int count);

/* Begins what is to the tables, and to their triggers, one statement. */
extern void table_writer_begin(TableWriter *writer);

/* Puts a row into a table, counted from 0. */
extern void table_writer_put(TableWriter *writer, int table, const Datum *values, const bool *nulls);

/* Ends the statement, if it was begun: foreign keys are checked. */
extern void table_writer_close(TableWriter *writer);

#endif							/* PG_INFLUENCE_TABLE_WRITER_H */
