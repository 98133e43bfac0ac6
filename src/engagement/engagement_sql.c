/*
 * engagement_sql.c
 *	  SQL entry point of Wilson's lower bound.
 */
#include "postgres.h"

#include "fmgr.h"

#include "../common/errors.h"
#include "engagement_core.h"
#include "engagement_rates.h"

PG_FUNCTION_INFO_V1(engagement_wilson_lower_bound);

void
engagement_require_confidence(double confidence)
{
	/* written so that NaN fails */
	if (!(confidence > 0.0 && confidence < 1.0))
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("confidence must lie between 0 and 1, both excluded"),
				 errdetail("The value is %g.", confidence),
				 errhint("Give a fraction: 0.95 stands for 95 percent.")));
}

Datum
engagement_wilson_lower_bound(PG_FUNCTION_ARGS)
{
	int64		positives = PG_GETARG_INT64(0);
	int64		trials = PG_GETARG_INT64(1);
	float8		confidence = PG_GETARG_FLOAT8(2);

	if (positives < 0 || trials < 0 || positives > trials)
		ereport(ERROR,
				(errcode(ERRCODE_INFLUENCE_INVALID_ARGUMENT),
				 errmsg("positives must lie between 0 and trials"),
				 errdetail("There are %lld positives in %lld trials.",
						   (long long) positives, (long long) trials),
				 errhint("Count the positives among the trials.")));

	engagement_require_confidence(confidence);
	PG_RETURN_FLOAT8(engagement_wilson_lower(positives, trials, confidence));
}
