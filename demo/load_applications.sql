/*
 * load_applications.sql
 *
 * Every creator applies; the decision is kept. Variable: round.
 */
SELECT count(*) AS creators FROM demo.creator \gset
CALL demo.call(:round, 'apply_creator', :creators, 500, $$
	SELECT c.n, 1 AS calls, c.submitted_at, x.*
	  FROM (SELECT c.*, p.program_id, date_trunc('minute', p.applied_at + demo.u('application ' || c.ref) * interval '7 days') AS submitted_at
			  FROM demo.creator c, demo.plan p WHERE c.n BETWEEN $1 AND $2 ORDER BY c.n) c,
		   LATERAL influence.apply_creator(c.program_id, c.creator_id, c.submitted_at) x $$,
	'UPDATE demo.creator c SET application = r.decision, decided_at = r.submitted_at FROM r WHERE r.n = c.n AND c.application IS NULL');
ANALYZE demo.creator;
