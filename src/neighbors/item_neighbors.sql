/*
 * item_neighbors.sql
 *	  Kernels: items that the same users chose, and what they say of a history.
 *	  They need no table.
 */

CREATE FUNCTION influence.item_neighbors(
	interactions text,
	k int DEFAULT 50,
	shrink float8 DEFAULT 10,
	max_history int DEFAULT 500)
RETURNS TABLE (item_id bigint, neighbor_id bigint, similarity float8)
AS 'MODULE_PATHNAME', 'neighbors_item_neighbors'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 100000;

COMMENT ON FUNCTION influence.item_neighbors(text, int, float8, int) IS
'For each item the k items nearest to it by the users who chose both: a shrunk cosine. Rows come by item_id, then the nearest first, of equally near ones the smaller neighbor_id.
interactions: a SELECT, run as the caller, with columns user_id (bigint, uuid or text), item_id (bigint), at (timestamptz, date or bigint: greater is later) and, if it likes, weight (0 to 524287, rounded to 2^-12; 1 without it). A row with a NULL in one of them, or weight 0, does not count. Of several rows of a user and item the latest counts (of equally late ones the greatest weight), of a user the newest max_history items (of equally late ones the greater item_id).
similarity = c * c / (sqrt(a * b) * (c + shrink)), above 0 and (but for rounding) at most 1: c is the sum over users of the product of both weights, a and b that of their squares; without weights, how many users chose both, the one, the other. It does not depend on the order of rows. (Sarwar, Karypis, Konstan, Riedl: Item-based collaborative filtering recommendation algorithms, 2001.)
Beyond work_mem * hash_mem_multiplier (at least 4 MB) interactions go to temporary files; about 60 bytes per item stay in memory, and the result is kept as that of any function.
Errors: IN002 for an argument or weight, IN008 for a query or its columns.';

CREATE FUNCTION influence_internal.neighbor_lists(interactions text, k int, shrink float8, max_history int)
RETURNS TABLE (item_id bigint, neighbor_ids bigint[], similarities float8[], shoppers bigint)
AS 'MODULE_PATHNAME', 'neighbors_neighbor_lists'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 100000;

COMMENT ON FUNCTION influence_internal.neighbor_lists(text, int, float8, int) IS
'item_neighbors() of a query without weights, a row for each item, and how many users chose it; neighbor_ids and similarities are NULL for an item without neighbours.';

CREATE FUNCTION influence.rank_items(
	history bigint[],
	neighbors text,
	at timestamptz[] DEFAULT NULL,
	weights float8[] DEFAULT NULL,
	half_life float8 DEFAULT 2,
	page_size int DEFAULT 100)
RETURNS TABLE (rank int, item_id bigint, score float8, because bigint)
AS 'MODULE_PATHNAME', 'neighbors_rank_items'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000 ROWS 100;

COMMENT ON FUNCTION influence.rank_items(bigint[], text, timestamptz[], float8[], float8, int) IS
'Items that suit a history, the best first: neighbours of what is in it, and not in it themselves. Of equal scores the smaller item_id comes first.
history: item ids, the newest first, or in any order with at (one time each; of equally late ones the greater item_id is newer). The newest has place 0. weights: of each element, 0 to 1e9; 1 without it.
neighbors: a SELECT, run as the caller, with columns item_id, neighbor_id (bigint) and similarity (float8), such as item_neighbors() gives; in it $1 is the items of the history (bigint[]): WHERE item_id = ANY ($1) lets an index find them. A row with a NULL, a similarity of 0 or less, or an item_id that is not in the history does not count.
score = sum over the items of the history, from the newest on, of weight * 2^(-place / half_life) * similarity; an item that is in the history several times has the sum of its weights at its newest place. because: the item of the history that contributes most.
Errors: IN002 for an argument, IN008 for the query or its columns.';
