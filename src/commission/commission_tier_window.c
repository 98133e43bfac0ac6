/*
 * commission_tier_window.c
 *	  Window function tiered_commission_step(amount, thresholds, rates, mode):
 *	  what a row adds to the commission of the rows before it.
 *
 * The running sum and its commission lie in the partition's memory, so a row
 * costs the same wherever it stands, and the frame is not looked at.
 */
#include "postgres.h"

#include "fmgr.h"
#include "nodes/nodes.h"
#include "windowapi.h"

#include "commission_tier_sql.h"

PG_FUNCTION_INFO_V1(commission_tiered_step);

/* What a partition of the window function has come to. */
typedef struct StepPartition
{
	CommissionTierRun run;
	uint64		serial;			/* of its tiers; 0: none yet */
} StepPartition;

Datum
commission_tiered_step(PG_FUNCTION_ARGS)
{
	WindowObject winobj = PG_WINDOW_OBJECT();
	StepPartition *partition;
	const CommissionTiers *tiers;
	Datum		arguments[3];
	bool		nulls[3];
	bool		skipped;
	int64		amount;
	uint64		serial;
	int64_t		marginal = 0;
	int			i;

	if (!WindowObjectIsValid(winobj))
		elog(ERROR, "window function called in non-window context");

	/* the executor need not keep the rows before this one */
	WinSetMarkPosition(winobj, WinGetCurrentPosition(winobj));

	amount = DatumGetInt64(WinGetFuncArgCurrent(winobj, 0, &skipped));
	if (skipped)
		PG_RETURN_NULL();
	for (i = 0; i < 3; i++)
		arguments[i] = WinGetFuncArgCurrent(winobj, 1 + i, &nulls[i]);
	tiers = commission_tiers_from_arguments(fcinfo->flinfo, arguments, nulls, &serial);

	partition = (StepPartition *) WinGetPartitionLocalMemory(winobj, sizeof(StepPartition));
	if (partition->serial == 0)
		partition->serial = serial;
	else if (partition->serial != serial)
		commission_tiers_refuse_others("partition", "PARTITION BY");
	commission_tiers_status(commission_tiers_step(tiers, &partition->run, amount, &marginal));
	PG_RETURN_INT64(marginal);
}
