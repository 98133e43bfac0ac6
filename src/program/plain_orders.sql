/*
 * plain_orders.sql
 *
 * The short way of most orders. An order that nothing has happened to yet, in a
 * program whose settings ask nothing unusual, needs no look at what was booked
 * before and no explanation of its touches: record_order() finds out by one
 * statement that it is one, and a function in C reads what it needs and books it
 * by one more, with the results of credit_lines() and book_order(). All others,
 * and all that comes later, go through these.
 */
CREATE FUNCTION influence_internal.book_plain_order(program_id bigint, visitor_id uuid, order_ref text, lines jsonb, details jsonb,
	content_hash bytea, people uuid[], excluded_creator_ids bigint[], facts record,
	OUT line_count int, OUT amount bigint, OUT commission bigint, OUT creators int, OUT is_booked boolean, OUT is_whole boolean)
AS 'MODULE_PATHNAME', 'program_book_plain_order'
LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION influence_internal.book_plain_order(bigint, uuid, text, jsonb, jsonb, bytea, uuid[], bigint[], record) IS
'Stores a plain order in the currency of its program with its lines, credits it, and books its commissions and their entries in the ledger: what store_order(), credit_lines() and book_order() would do, whose rules it repeats for the plain case. lines: as has_plain_lines() likes them; people: person_visitors(); facts: what record_order() asked of the order first, in the order of plain_order.h. -> whether it did so (is_booked; nothing is written when something happened to the order already, the rate card asks more of it, or its lines need a closer look), whether all of it is credited to creators and earned (is_whole), and then how many lines it has, the sum of their bases, the commission and how many creators have it.';
