/*
 * evaluation.sql
 *	  Kernels: the quality of a ranking on past interactions. It needs no table.
 */

CREATE FUNCTION influence.evaluate_ranking(
	interactions text,
	items text DEFAULT NULL,
	ranker text DEFAULT 'hybrid',
	protocol text DEFAULT 'leave_last_out',
	k int DEFAULT 10,
	OUT users bigint,
	OUT ndcg float8,
	OUT recall float8,
	OUT hit_rate float8,
	OUT coverage float8,
	OUT parameters jsonb)
AS 'MODULE_PATHNAME', 'evaluation_evaluate_ranking'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 1000000;

COMMENT ON FUNCTION influence.evaluate_ranking(text, text, text, text, int) IS
'How well a ranker would have foretold what users chose next: every item is ranked, those that the user already had left out, and the places of the items chosen next are measured. Parameters that the ranker leaves open are chosen on earlier choices of the same data, never on those that are measured.
interactions: a SELECT, run as the caller, with columns user_id (bigint, uuid or text), item_id bigint and, if it likes, at (timestamptz, date or bigint) and weight (float8, not negative; counts relative to the greatest). The first choice of an item by a user counts; of equal times the item with the smaller id is first; where all times are equal or there are none, the order is drawn by a hash. Rows with a NULL user, item or weight or with weight 0 do not count.
items: a SELECT with columns item_id bigint and, if it likes, creator_id bigint (NULL or negative: none) and categories bigint[]; one row per item.
ranker: popularity, decayed (popularity with a half-life), neighbors (what item_neighbors() finds for a history), hybrid (the same by order and distance in histories, with creator, category and popularity), or the name of a profile of the feed: its newest version, of which bias, interest (by category), quality, neighbor and affinity apply to bare interactions.
protocol: leave_last_out (each user''s last item from all before it), time (what each user chose in the last fifth of the interactions from all before), prequential (each interaction of the last fifth from the user''s earlier ones, with neighbours and popularity learned anew at each tenth of that fifth). k: 1 to 1000.
Returns one row. users: rankings measured (in prequential: interactions); ndcg: mean NDCG@k; recall: mean share of the items to be foretold among the first 2k; hit_rate: share of rankings with one among the first k; coverage: share of all items that are in somebody''s first k; NULL where nothing was measured. parameters: what was chosen, on how many validation_tests (0: too few, the defaults hold).
Everything is held in memory: about 30 MB, 80 bytes per interaction (prequential: 170) and 2.5 kB per item (measured: 0.5 to 2 million interactions, 2,000 to 200,000 items). The result does not depend on the order of rows.
Errors: IN002 for an argument, a weight, an item given twice, or a protocol without times; IN003 for an unknown ranker; IN008 for a query or its columns; 54000 past 2^31 interactions.';
