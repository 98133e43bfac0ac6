/*
 * keyed_rows.h
 *	  Rows of a table of the program found by its primary key, and changed where
 *	  they are.
 *
 * For a job that alone changes the rows; what others may delete is locked before
 * it is changed. What is written is not seen by looking again before the next
 * keyed_rows_open(), as in one statement; so a row is written once. Tables that
 * are open at the same time are closed in reverse order.
 */
#ifndef PG_INFLUENCE_KEYED_ROWS_H
#define PG_INFLUENCE_KEYED_ROWS_H

#include "postgres_ext.h"

typedef struct KeyedColumn
{
	const char *name;
	Oid			type;
} KeyedColumn;

typedef struct KeyedRows KeyedRows;

/*
 * Opens a table in the schema influence. columns: those of the primary key, as it has them, then those that are only
 * read (read_count of them), then those that are written. Every other column keeps what it has; in a new row it gets its
 * default. In the current memory context, where it has to be closed; an error in between needs nothing.
 */
extern KeyedRows *keyed_rows_open(const char *table, const KeyedColumn *columns, int column_count, int key_count, int read_count);

/*
 * Goes to the first of the rows with these values in the first columns of the key (key_count of them: all), or says that there
 * is none. What the values point to is needed as long as the next is asked for.
 */
extern bool keyed_rows_find(KeyedRows *rows, const Datum *keys, int key_count);

/* To the next of them, in the order of the key. */
extern bool keyed_rows_next(KeyedRows *rows);

/* A column of the row that was found; what it points to is there until the next is looked for. */
extern Datum keyed_rows_value(KeyedRows *rows, int column, bool *is_null);

/*
 * Keeps others off the row that was found until the end of the transaction, or says that somebody has deleted it meanwhile. What
 * values point to is there no more.
 */
extern bool keyed_rows_lock(KeyedRows *rows);

/* Changes the row that was found: values and nulls are of the columns that are written. */
extern void keyed_rows_update(KeyedRows *rows, const Datum *values, const bool *nulls);

/* Deletes the row that was found. */
extern void keyed_rows_delete(KeyedRows *rows);

/* Adds a row: values and nulls are of all columns. */
extern void keyed_rows_insert(KeyedRows *rows, const Datum *values, const bool *nulls);

extern void keyed_rows_close(KeyedRows *rows);

#endif							/* PG_INFLUENCE_KEYED_ROWS_H */
