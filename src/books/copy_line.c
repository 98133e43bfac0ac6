/*
 * copy_line.c
 *	  copy_line(VARIADIC "any"): its arguments as a line that COPY would write
 *	  in text format, in UTF-8, without the newline.
 *
 * Digests of the ledger are made of such lines, so that COPY and sha256sum
 * give the same.  A closing makes one of every entry: the output functions
 * are looked up once for each call site.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(books_copy_line);

/* The output functions of the arguments, and the line as it grows. */
typedef struct LineWriter
{
	StringInfoData line;
	int			count;
	FmgrInfo	output[FLEXIBLE_ARRAY_MEMBER];
} LineWriter;

static LineWriter *
get_writer(FunctionCallInfo fcinfo)
{
	LineWriter *writer = fcinfo->flinfo->fn_extra;
	MemoryContext previous;

	if (writer != NULL)
		return writer;
	previous = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	writer = palloc(offsetof(LineWriter, output) + PG_NARGS() * sizeof(FmgrInfo));
	initStringInfo(&writer->line);
	writer->count = PG_NARGS();
	for (int i = 0; i < writer->count; i++)
	{
		Oid			type = get_fn_expr_argtype(fcinfo->flinfo, i);
		Oid			function;
		bool		varlena;

		if (!OidIsValid(type))
			elog(ERROR, "copy_line does not know the type of its argument %d", i + 1);
		getTypeOutputInfo(type, &function, &varlena);
		fmgr_info_cxt(function, &writer->output[i], fcinfo->flinfo->fn_mcxt);
	}
	MemoryContextSwitchTo(previous);
	fcinfo->flinfo->fn_extra = writer;
	return writer;
}

/* What has a meaning in COPY's text format, and what it writes after a backslash instead. */
static const char special[] = "\\\b\f\n\r\t\v";
static const char escaped[] = "\\bfnrtv";

static void
append_field(StringInfo line, const char *value)
{
	/* in UTF-8 and in every encoding of a server no byte of a longer character is one of those */
	size_t		plain = strcspn(value, special);

	appendBinaryStringInfo(line, value, plain);
	while (value[plain] != '\0')
	{
		appendStringInfoChar(line, '\\');
		appendStringInfoChar(line, escaped[strchr(special, value[plain]) - special]);
		value += plain + 1;
		plain = strcspn(value, special);
		appendBinaryStringInfo(line, value, plain);
	}
}

Datum
books_copy_line(PG_FUNCTION_ARGS)
{
	LineWriter *writer = get_writer(fcinfo);
	StringInfo	line = &writer->line;
	bool		convert = GetDatabaseEncoding() != PG_UTF8;
	bytea	   *result;

	resetStringInfo(line);
	for (int i = 0; i < writer->count; i++)
	{
		char	   *value;

		if (i > 0)
			appendStringInfoCharMacro(line, '\t');
		if (PG_ARGISNULL(i))
		{
			appendStringInfoString(line, "\\N");
			continue;
		}
		value = OutputFunctionCall(&writer->output[i], PG_GETARG_DATUM(i));
		append_field(line, convert ? pg_server_to_any(value, strlen(value), PG_UTF8) : value);
		pfree(value);
	}
	result = palloc(VARHDRSZ + line->len);
	SET_VARSIZE(result, VARHDRSZ + line->len);
	memcpy(VARDATA(result), line->data, line->len);
	PG_RETURN_BYTEA_P(result);
}
