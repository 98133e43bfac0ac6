/*
 * refresh_neighbors.sql
 *
 * The neighbours of posts and products, for the feed. Once a day all of them
 * are recomputed by item_neighbors(); every minute what new choices say of items
 * that few have chosen yet, new posts above all, is merged in: for those the
 * sums are counted anew, and the others' lists take them in.
 *
 * Posts are chosen by smiling (until it is taken back), saving, sharing,
 * commenting and clicking; products by an up vote, a cart or an order.
 */
CREATE FUNCTION influence_internal.choices_query(program_id bigint, kind text, from_time timestamptz, to_time timestamptz,
	visitors uuid[] DEFAULT NULL, items bigint[] DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
AS $$
DECLARE
	-- of a source with columns visitor_id, item_id and at
	bounds text := format('x.at >= %L AND x.at <= %L', $3, $4)
		|| CASE WHEN $5 IS NULL THEN '' ELSE format(' AND x.visitor_id = ANY (%L::uuid[])', $5) END
		|| CASE WHEN $6 IS NULL THEN '' ELSE format(' AND x.item_id = ANY (%L::bigint[])', $6) END;
	choices text;
BEGIN
	IF $2 = 'post' THEN
		choices := format($query$
			SELECT x.visitor_id, x.item_id, x.at
			  FROM (SELECT e.visitor_id, e.post_id AS item_id, e.occurred_at AS at, e.kind FROM influence.engagement e) x
			  JOIN influence.post p ON p.post_id = x.item_id
			 WHERE p.program_id = %1$s AND x.kind IN ('save', 'share', 'comment', 'click') AND %2$s
			UNION ALL
			SELECT x.visitor_id, x.item_id, x.at
			  FROM (SELECT e.visitor_id, e.post_id AS item_id, e.occurred_at AS at, e.kind, e.event_ref FROM influence.engagement e) x
			  JOIN influence.post p ON p.post_id = x.item_id
			  LEFT JOIN (SELECT DISTINCT ON (x.visitor_id, x.item_id) x.visitor_id, x.item_id, x.at, x.event_ref
						   FROM (SELECT e.visitor_id, e.post_id AS item_id, e.occurred_at AS at, e.event_ref
								   FROM influence.engagement e WHERE e.kind = 'unsmile') x
						  WHERE %2$s
						  ORDER BY x.visitor_id, x.item_id, x.at DESC, x.event_ref COLLATE "C" DESC) u
				ON u.visitor_id = x.visitor_id AND u.item_id = x.item_id
			 WHERE p.program_id = %1$s AND x.kind = 'smile' AND %2$s
			   AND (u.at IS NULL OR x.at > u.at OR x.at = u.at AND x.event_ref COLLATE "C" > u.event_ref COLLATE "C")
			$query$, $1, bounds);
	ELSE
		choices := format($query$
			SELECT x.visitor_id, x.item_id, x.at
			  FROM (SELECT v.visitor_id, v.product_id AS item_id, v.voted_at AS at FROM influence.vote v WHERE v.vote = 1) x
			 WHERE %2$s
			UNION ALL
			SELECT x.visitor_id, x.item_id, x.at
			  FROM (SELECT t.visitor_id, t.product_id AS item_id, t.touched_at AS at FROM influence.touch t
					 WHERE t.kind = 'cart' AND t.program_id = %1$s AND t.product_id IS NOT NULL) x
			 WHERE %2$s
			UNION ALL
			SELECT x.visitor_id, x.item_id, x.at
			  FROM (SELECT l.visitor_id, l.product_id AS item_id, o.ordered_at AS at
					  FROM influence.order_line l
					  JOIN influence.orders o ON o.visitor_id = l.visitor_id AND o.program_id = l.program_id AND o.order_ref = l.order_ref
					 WHERE l.program_id = %1$s) x
			 WHERE %2$s
			$query$, $1, bounds);
	END IF;
	RETURN format('SELECT coalesce(a.person_id, c.visitor_id) AS user_id, c.item_id, c.at FROM (%s) c '
				  'LEFT JOIN influence.visitor_person a ON a.visitor_id = c.visitor_id', choices);
END
$$;
COMMENT ON FUNCTION influence_internal.choices_query(bigint, text, timestamptz, timestamptz, uuid[], bigint[]) IS
'The query of interactions (user_id = person, item_id, at) of a program''s posts or products between two moments, both included: of all, or of some visitors or items. A smile that was taken back is none. Votes hold in every program.';

CREATE FUNCTION influence_internal.rebuild_neighbors(program_id bigint, kind text, as_of timestamptz)
RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
-- how many rows functions bring is not known to the planner
SET jit = off
SET enable_nestloop = off
AS $$
#variable_conflict use_column
DECLARE
	s jsonb := influence_internal.setting_value('feed_neighbors');
	choices text := influence_internal.choices_query($1, $2, $3 - make_interval(days => (s ->> ($2 || '_days'))::int), $3);
	written bigint;
BEGIN
	WITH list AS MATERIALIZED (
		SELECT l.item_id, l.neighbor_ids, l.similarities, l.shoppers
		  FROM influence_internal.neighbor_lists(choices, (s ->> 'neighbors')::int, (s ->> 'shrink')::float8, (s ->> 'max_history')::int) l
	), gone AS (
		DELETE FROM influence.item_neighbor n
		 WHERE n.program_id = $1 AND n.kind = $2
		   AND NOT EXISTS (SELECT FROM list l WHERE l.item_id = n.item_id AND l.neighbor_ids IS NOT NULL)
		RETURNING 1
	), kept AS (
		INSERT INTO influence.item_neighbor AS n (program_id, kind, item_id, neighbor_ids, similarities)
		SELECT $1, $2, l.item_id, l.neighbor_ids, l.similarities FROM list l WHERE l.neighbor_ids IS NOT NULL
		ON CONFLICT ON CONSTRAINT item_neighbor_pkey DO UPDATE SET neighbor_ids = excluded.neighbor_ids, similarities = excluded.similarities
		 WHERE (n.neighbor_ids, n.similarities) IS DISTINCT FROM (excluded.neighbor_ids, excluded.similarities)
		RETURNING 1
	), left_alone AS (
		DELETE FROM influence.item_audience a
		 WHERE a.program_id = $1 AND a.kind = $2 AND NOT EXISTS (SELECT FROM list l WHERE l.item_id = a.item_id)
	), audience AS (
		INSERT INTO influence.item_audience AS a (program_id, kind, item_id, shoppers)
		SELECT $1, $2, l.item_id, l.shoppers FROM list l
		ON CONFLICT ON CONSTRAINT item_audience_pkey DO UPDATE SET shoppers = excluded.shoppers
		 WHERE a.shoppers <> excluded.shoppers
	)
	SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM kept) INTO written;
	RETURN written;
END
$$;
COMMENT ON FUNCTION influence_internal.rebuild_neighbors(bigint, text, timestamptz) IS
'Recomputes the neighbours of all posts or products of a program from the choices of the last days before as_of (setting feed_neighbors), and returns how many rows of item_neighbor were written or deleted; what is the same already is not written.';

CREATE FUNCTION influence_internal.merge_neighbors(program_id bigint, kind text, items bigint[], as_of timestamptz,
	OUT merged bigint, OUT written bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
	s jsonb := influence_internal.setting_value('feed_neighbors');
	k int := (s ->> 'neighbors')::int;
	from_time timestamptz := $4 - make_interval(days => (s ->> ($2 || '_days'))::int);
	chosen bigint[];
	people uuid[];
	visitors uuid[];
BEGIN
	-- those that few chose, so that their sums can be counted anew; the rest waits for the daily run
	chosen := (SELECT array_agg(i.item_id ORDER BY i.item_id)
				 FROM (SELECT DISTINCT u.item_id FROM unnest($3) u(item_id)) i
				 LEFT JOIN influence.item_audience a ON a.program_id = $1 AND a.kind = $2 AND a.item_id = i.item_id
				WHERE a.shoppers IS NULL OR a.shoppers <= (s ->> 'merge_shoppers')::bigint);
	IF chosen IS NULL THEN
		merged := 0;
		written := 0;
		RETURN;
	END IF;
	EXECUTE format($query$
		WITH choice AS MATERIALIZED (
			SELECT DISTINCT c.item_id, c.user_id FROM (%s) c
		), few AS (
			-- also those that nobody chooses any more; one shopper more among many changes next to nothing, and many rows
			SELECT n.item_id, n.shoppers
			  FROM (SELECT i.item_id, count(c.item_id) AS shoppers,
						   coalesce((SELECT a.shoppers FROM influence.item_audience a
									  WHERE a.program_id = $4 AND a.kind = $5 AND a.item_id = i.item_id), 0) AS counted
					  FROM unnest($1) i(item_id) LEFT JOIN choice c ON c.item_id = i.item_id
					 GROUP BY i.item_id) n
			 WHERE n.shoppers <= $2 AND abs(n.shoppers - n.counted) >= n.shoppers * $6
		), taken AS (
			SELECT t.item_id
			  FROM (SELECT f.item_id, sum(f.shoppers) OVER (ORDER BY f.shoppers, f.item_id) AS total FROM few f) t
			 WHERE t.total <= $3
		)
		SELECT (SELECT array_agg(t.item_id ORDER BY t.item_id) FROM taken t),
			   (SELECT array_agg(DISTINCT c.user_id) FROM choice c JOIN taken t ON t.item_id = c.item_id)
		$query$, influence_internal.choices_query($1, $2, from_time, $4, NULL, chosen))
	  INTO chosen, people USING chosen, (s ->> 'merge_shoppers')::bigint, (s ->> 'merge_people')::bigint, $1, $2, (s ->> 'merge_change')::numeric;
	visitors := (SELECT coalesce(array_agg(DISTINCT v.visitor_id), '{}')
				   FROM unnest(people) p(person), unnest(influence_internal.person_visitors(p.person)) v(visitor_id));
	chosen := coalesce(chosen, '{}');

	-- every probe of a list is a subquery of its own: whatever the planner knows of the table, it is by the key; nobody
	-- else writes it meanwhile, so a row stays where it is
	EXECUTE format($query$
		WITH choice AS MATERIALIZED (
			SELECT h.user_id, h.item_id
			  FROM (SELECT c.user_id, c.item_id, row_number() OVER (PARTITION BY c.user_id ORDER BY max(c.at) DESC, c.item_id DESC) AS place
					  FROM (%s) c GROUP BY c.user_id, c.item_id) h
			 WHERE h.place <= $5
		), audience AS MATERIALIZED (
			SELECT n.item_id, n.merged,
				   CASE WHEN n.merged THEN n.shoppers
						ELSE greatest(n.shoppers, (SELECT a.shoppers FROM influence.item_audience a
													WHERE a.program_id = $1 AND a.kind = $2 AND a.item_id = n.item_id)) END AS shoppers
			  FROM (SELECT c.item_id, c.item_id = ANY ($3) AS merged, count(*) AS shoppers FROM choice c GROUP BY c.item_id) n
		), near AS MATERIALIZED (
			SELECT p.item_id, p.neighbor_id, b.merged AS both,
				   p.c * p.c / (sqrt(a.shoppers::float8 * b.shoppers::float8) * (p.c + $6)) AS similarity
			  FROM (SELECT x.item_id, y.item_id AS neighbor_id, count(*)::float8 AS c
					  FROM choice x JOIN choice y ON y.user_id = x.user_id AND y.item_id <> x.item_id
					 WHERE x.item_id = ANY ($3)
					 GROUP BY x.item_id, y.item_id) p
			  JOIN audience a ON a.item_id = p.item_id
			  JOIN audience b ON b.item_id = p.neighbor_id
		), reached AS MATERIALIZED (
			-- other items whose lists have one of these, or will
			SELECT DISTINCT r.neighbor_id AS item_id
			  FROM near r
			  LEFT JOIN LATERAL (SELECT n.neighbor_ids, n.similarities FROM influence.item_neighbor n
								  WHERE n.program_id = $1 AND n.kind = $2 AND n.item_id = r.neighbor_id OFFSET 0) l ON true
			 WHERE NOT r.both AND (l.neighbor_ids IS NULL OR cardinality(l.neighbor_ids) < $4
								   OR r.similarity >= l.similarities[cardinality(l.similarities)] OR r.item_id = ANY (l.neighbor_ids))
			UNION
			-- and those that nobody chose with it any more
			SELECT l.neighbor_id
			  FROM unnest($3) u(item_id)
			 CROSS JOIN LATERAL (SELECT unnest(n.neighbor_ids) AS neighbor_id FROM influence.item_neighbor n
								  WHERE n.program_id = $1 AND n.kind = $2 AND n.item_id = u.item_id OFFSET 0) l
			 WHERE l.neighbor_id <> ALL ($3)
		), list AS MATERIALIZED (
			SELECT m.item_id, array_agg(m.neighbor_id ORDER BY m.place) AS neighbor_ids, array_agg(m.similarity ORDER BY m.place) AS similarities
			  FROM (SELECT l.item_id, l.neighbor_id, l.similarity,
						   row_number() OVER (PARTITION BY l.item_id ORDER BY l.similarity DESC, l.neighbor_id) AS place
					  FROM (SELECT r.item_id, r.neighbor_id, r.similarity FROM near r
							UNION ALL
							SELECT r.neighbor_id, r.item_id, r.similarity FROM near r JOIN reached o ON o.item_id = r.neighbor_id
							UNION ALL
							SELECT o.item_id, k.neighbor_id, k.similarity
							  FROM reached o
							 CROSS JOIN LATERAL (SELECT unnest(n.neighbor_ids) AS neighbor_id, unnest(n.similarities) AS similarity
												   FROM influence.item_neighbor n
												  WHERE n.program_id = $1 AND n.kind = $2 AND n.item_id = o.item_id OFFSET 0) k
							 WHERE k.neighbor_id <> ALL ($3)) l) m
			 WHERE m.place <= $4
			 GROUP BY m.item_id
		), gone AS (
			DELETE FROM influence.item_neighbor n
			 WHERE n.ctid = ANY (ARRAY(
					SELECT k.ctid
					  FROM (SELECT o.item_id FROM reached o UNION SELECT unnest($3)) o
					 CROSS JOIN LATERAL (SELECT n.ctid FROM influence.item_neighbor n
										  WHERE n.program_id = $1 AND n.kind = $2 AND n.item_id = o.item_id OFFSET 0) k
					 WHERE NOT EXISTS (SELECT FROM list l WHERE l.item_id = o.item_id)))
			RETURNING 1
		), kept AS (
			INSERT INTO influence.item_neighbor AS n (program_id, kind, item_id, neighbor_ids, similarities)
			SELECT $1, $2, l.item_id, l.neighbor_ids, l.similarities FROM list l
			ON CONFLICT ON CONSTRAINT item_neighbor_pkey DO UPDATE SET neighbor_ids = excluded.neighbor_ids, similarities = excluded.similarities
			 WHERE (n.neighbor_ids, n.similarities) IS DISTINCT FROM (excluded.neighbor_ids, excluded.similarities)
			RETURNING 1
		), left_alone AS (
			DELETE FROM influence.item_audience a
			 WHERE a.ctid = ANY (ARRAY(
					SELECT k.ctid
					  FROM unnest($3) u(item_id)
					 CROSS JOIN LATERAL (SELECT a.ctid FROM influence.item_audience a
										  WHERE a.program_id = $1 AND a.kind = $2 AND a.item_id = u.item_id OFFSET 0) k
					 WHERE NOT EXISTS (SELECT FROM audience n WHERE n.item_id = u.item_id)))
		), counted AS (
			INSERT INTO influence.item_audience AS a (program_id, kind, item_id, shoppers)
			SELECT $1, $2, n.item_id, n.shoppers FROM audience n WHERE n.merged
			ON CONFLICT ON CONSTRAINT item_audience_pkey DO UPDATE SET shoppers = excluded.shoppers
			 WHERE a.shoppers <> excluded.shoppers
		)
		SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM kept)
		$query$, influence_internal.choices_query($1, $2, from_time, $4, visitors))
	  INTO written USING $1, $2, chosen, k, (s ->> 'max_history')::int, (s ->> 'shrink')::float8;
	merged := cardinality(chosen);
END
$$;
COMMENT ON FUNCTION influence_internal.merge_neighbors(bigint, text, bigint[], timestamptz) IS
'Counts anew which items the shoppers of these chose besides, where an item has at most merge_shoppers of them, which is merge_change (a share) more or less than counted last (and all together merge_people: those with the fewest first; setting feed_neighbors): their own lists, and their places in the lists of the others. How many shoppers the others have is what the last daily run counted. -> merged items, written or deleted rows of item_neighbor.';

CREATE FUNCTION influence_internal.refresh_neighbors(complete boolean DEFAULT true, as_of timestamptz DEFAULT now())
RETURNS TABLE (status text, items bigint, waiting bigint, written bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	mark record;
	fresh record;
	part record;
	touched bigint := 0;
BEGIN
	PERFORM influence_internal.require_arguments('complete', $1::text, 'as_of', $2::text);
	PERFORM influence_internal.require_finite('as_of', $2);
	PERFORM influence_internal.require_past($2);
	SELECT * INTO mark FROM influence_internal.open_watermark('feed_neighbors');
	items := 0;
	written := 0;
	-- who has seen nothing yet would merge everything
	IF $1 OR pg_snapshot_xmax(mark.last_seen) = '1'::xid8 THEN
		FOR fresh IN SELECT g.program_id, k.kind FROM influence.program g CROSS JOIN unnest('{post,product}'::text[]) k(kind) ORDER BY 1, 2 LOOP
			PERFORM influence_internal.progress_phase(format('%ss of program %s', fresh.kind, fresh.program_id));
			written := written + influence_internal.rebuild_neighbors(fresh.program_id, fresh.kind, $2);
		END LOOP;
		items := (SELECT count(*) FROM influence.item_audience a);
		touched := items;
		IF written > 0 THEN
			ANALYZE influence.item_neighbor, influence.item_audience;
		END IF;
	ELSE
		FOR fresh IN
			SELECT f.program_id, f.kind, array_agg(DISTINCT f.item_id) AS items
			  FROM (SELECT p.program_id, 'post' AS kind, e.post_id AS item_id
					  FROM influence.engagement e JOIN influence.post p ON p.post_id = e.post_id
					 WHERE influence_internal.is_fresh(e.xact, mark.last_seen, mark.upper)
					   AND e.kind IN ('smile', 'unsmile', 'save', 'share', 'comment', 'click')
					UNION ALL
					SELECT t.program_id, 'product', t.product_id
					  FROM influence.touch t
					 WHERE influence_internal.is_fresh(t.xact, mark.last_seen, mark.upper) AND t.kind = 'cart' AND t.product_id IS NOT NULL
					UNION ALL
					SELECT l.program_id, 'product', l.product_id
					  FROM influence.order_line l
					 WHERE influence_internal.is_fresh(l.xact, mark.last_seen, mark.upper)
					UNION ALL
					SELECT g.program_id, 'product', e.product_id
					  FROM influence.engagement e CROSS JOIN influence.program g
					 WHERE influence_internal.is_fresh(e.xact, mark.last_seen, mark.upper) AND e.kind = 'vote' AND e.product_id IS NOT NULL) f
			 GROUP BY f.program_id, f.kind
			 ORDER BY f.program_id, f.kind
		LOOP
			SELECT * INTO part FROM influence_internal.merge_neighbors(fresh.program_id, fresh.kind, fresh.items, $2);
			items := items + part.merged;
			written := written + part.written;
			touched := touched + cardinality(fresh.items);
		END LOOP;
	END IF;
	PERFORM influence_internal.close_watermark('feed_neighbors', mark.current);
	waiting := touched - items;
	status := CASE WHEN written > 0 THEN 'recorded' ELSE 'duplicate' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.refresh_neighbors(boolean, timestamptz) IS
'Keeps item_neighbor: with complete (the daily job all_neighbors, and the first run) all posts and products of all programs are recomputed from the choices of the last days (setting feed_neighbors: post_days, product_days, neighbors of an item, shrink, max_history); without it (the job feed_neighbors, each call) what was chosen since the last run is merged in, where few have chosen it (merge_shoppers, merge_change, merge_people). -> status recorded | duplicate (nothing changed), items recomputed, waiting = new choices'' items that wait for the complete run, written rows of item_neighbor. One run at a time. IN002, IN005 as_of in the future.';
