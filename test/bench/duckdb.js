/*
 * duckdb.js
 *	  DuckDB behind a pipe: a JSON object with "sql" per line comes in, one with
 *	  "ms" and "rows", or "error", goes out.
 *
 * The database lives in memory, two threads work on it, and what does not fit
 * spills into the directory given as the argument. A query's time is that from
 * the call to the last row, without printing.
 */
"use strict";

const readline = require("readline");
const { DuckDBInstance, version } = require("@duckdb/node-api");

async function main() {
	const instance = await DuckDBInstance.create(":memory:", {
		threads: "2",
		temp_directory: process.argv[2],
	});
	const connection = await instance.connect();

	process.stdout.write(JSON.stringify({ version: version() }) + "\n");
	for await (const line of readline.createInterface({ input: process.stdin })) {
		let answer;

		try {
			const start = process.hrtime.bigint();
			const reader = await connection.runAndReadAll(JSON.parse(line).sql);

			answer = { ms: Number(process.hrtime.bigint() - start) / 1e6, rows: reader.getRowsJson() };
		} catch (error) {
			answer = { error: String(error.message) };
		}
		process.stdout.write(JSON.stringify(answer) + "\n");
	}
}

main();
