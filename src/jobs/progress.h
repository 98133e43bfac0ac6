/*
 * progress.h
 *	  The progress of a job, in the slot that every backend has for commands.
 */
#ifndef PG_INFLUENCE_PROGRESS_H
#define PG_INFLUENCE_PROGRESS_H

#include "utils/backend_status.h"

/*
 * What tells our use of the slot from that of VACUUM, COPY, ...: no command of
 * the server has this number, and its views show none that they do not know.
 */
#define PROGRESS_COMMAND_INFLUENCE ((ProgressCommandType) 18766)

/* Names are kept in the slot itself, eight bytes to a parameter. */
#define PROGRESS_NAME_BYTES 40
#define PROGRESS_NAME_PARAMS (PROGRESS_NAME_BYTES / (int) sizeof(int64))

/* The parameters of the slot; those that a job does not know are -1. */
#define PROGRESS_PROGRAM 0
#define PROGRESS_DONE 1
#define PROGRESS_TOTAL 2
#define PROGRESS_JOB 3
#define PROGRESS_PHASE (PROGRESS_JOB + PROGRESS_NAME_PARAMS)
#define PROGRESS_PARAMS (PROGRESS_PHASE + PROGRESS_NAME_PARAMS)

#endif							/* PG_INFLUENCE_PROGRESS_H */
