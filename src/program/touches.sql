/*
 * touches.sql
 *
 * Touches: what attribution lives on. A batch is one JSON array; each touch is
 * recorded once, whatever the number of retries.
 */
CREATE FUNCTION influence_internal.event_time(visitor_id uuid, event_ref text, content jsonb, proposed timestamptz, server_sets boolean)
RETURNS timestamptz
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	hash bytea;
	known record;
BEGIN
	IF NOT server_sets THEN
		RETURN proposed;
	END IF;
	hash := influence_internal.content_hash(content);
	INSERT INTO influence.event_key (visitor_id, event_ref, content_hash, occurred_at, expires)
	VALUES (event_time.visitor_id, event_time.event_ref, hash, proposed, proposed + interval '7 days')
	ON CONFLICT DO NOTHING;
	IF FOUND THEN
		RETURN proposed;
	END IF;
	SELECT k.content_hash, k.occurred_at INTO known
	  FROM influence.event_key k
	 WHERE k.visitor_id = event_time.visitor_id AND k.event_ref = event_time.event_ref;
	IF known.content_hash <> hash THEN
		PERFORM influence_internal.raise_conflict('event', event_time.event_ref);
	END IF;
	RETURN known.occurred_at;
END
$$;
COMMENT ON FUNCTION influence_internal.event_time(uuid, text, jsonb, timestamptz, boolean) IS
'The time of an event: the proposed one, or, where the server sets it, the one given to the first call with this key (kept for seven days). IN004 when the content differs.';

CREATE FUNCTION influence_internal.record_touches(program_id bigint, touches jsonb)
RETURNS TABLE (status text, recorded int, duplicates int)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	item jsonb;
	outcome text;
BEGIN
	PERFORM influence_internal.program_facts($1);
	PERFORM influence_internal.require_array(touches, 'touches');
	recorded := 0;
	duplicates := 0;
	FOR item IN SELECT e FROM jsonb_array_elements(touches) e LOOP
		outcome := influence_internal.store_touch($1, item);
		recorded := recorded + (outcome = 'recorded')::int;
		duplicates := duplicates + (outcome = 'duplicate')::int;
	END LOOP;
	status := CASE WHEN recorded = 0 AND duplicates > 0 THEN 'duplicate' ELSE 'recorded' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.record_touches(bigint, jsonb) IS
'Records a JSON array of touches of a program, all or nothing: objects with visitor_id, touch_ref, kind (view, click, cart, coupon) and the columns of the table touch; touched_at missing = now, remembered for retries. price, currency and stock of a touched product, and the campaign of its post, are looked up unless given; cta: call, contact, message, buy or visit; embed: the host of the page that our content was embedded in. Natural key: visitor_id and touch_ref. -> status recorded | duplicate, how many of each. IN002, IN003, IN004.';

CREATE FUNCTION influence_internal.record_touch(program_id bigint, visitor_id uuid, touch_ref text, kind text DEFAULT 'click',
	creator_id bigint DEFAULT NULL, touched_at timestamptz DEFAULT NULL, product_id bigint DEFAULT NULL,
	post_id bigint DEFAULT NULL, details jsonb DEFAULT '{}')
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.program_facts($1);
	IF details ?| ARRAY['visitor_id', 'touch_ref', 'kind', 'creator_id', 'touched_at', 'product_id', 'post_id'] THEN
		PERFORM influence_internal.raise_invalid('details repeat an argument', details::text, 'Give it as the argument only.');
	END IF;
	status := influence_internal.store_touch($1, jsonb_strip_nulls(jsonb_build_object('visitor_id', $2, 'touch_ref', $3,
		'kind', $4, 'creator_id', $5, 'touched_at', $6, 'product_id', $7, 'post_id', $8)) || coalesce(details, '{}'));
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.record_touch(bigint, uuid, text, text, bigint, timestamptz, bigint, bigint, jsonb) IS
'Records one touch of a visitor with a creator''s content, or with another channel (creator_id NULL, details {"channel": "direct"}); details takes the other columns of the table touch. touched_at NULL = now, remembered for retries. Natural key: visitor_id and touch_ref. -> status recorded | duplicate. IN002, IN003, IN004.';

CREATE FUNCTION influence_internal.store_touch(program_id bigint, item jsonb)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	t record;
	known jsonb;
	fresh jsonb;
	looked_up text[] := ARRAY['price', 'currency', 'stock', 'category_id'];
BEGIN
	PERFORM influence_internal.check_keys(item, ARRAY['visitor_id', 'touched_at', 'touch_ref', 'kind', 'creator_id', 'channel', 'link',
		'sub_id', 'campaign_id', 'coupon', 'post_id', 'list_id', 'position', 'impression_id', 'product_id', 'category_id', 'price',
		'currency', 'stock', 'landing_page', 'referrer', 'surface', 'device', 'app_version', 'country', 'language', 'in_app', 'cta', 'embed', 'boosted',
		'consent', 'viewable_ms', 'session_id', 'experiment', 'variant', 'bot_verdict', 'bot_rules_version'], 'a touch');
	PERFORM influence.minor_unit_digits(item ->> 'currency');
	SELECT r.* INTO t FROM jsonb_populate_record(NULL::influence.touch, item) r;
	t.program_id := $1;
	t.kind := coalesce(t.kind, 'click');
	PERFORM influence_internal.require_arguments('visitor_id', t.visitor_id::text);
	PERFORM influence_internal.require_key('touch_ref', t.touch_ref);
	PERFORM influence_internal.require_event_time('touched_at', t.touched_at);
	PERFORM influence_internal.require_kept('touch', 'touched_at', t.touched_at);
	IF t.kind NOT IN ('view', 'click', 'cart', 'coupon') THEN
		PERFORM influence_internal.raise_invalid(format('touch kind "%s" is not known', t.kind), NULL, 'Use view, click, cart or coupon.');
	ELSIF t.cta NOT IN ('call', 'contact', 'message', 'buy', 'visit') THEN
		PERFORM influence_internal.raise_invalid(format('cta "%s" is not known', t.cta), NULL, 'Use call, contact, message, buy or visit.');
	END IF;
	t.embed := lower(t.embed COLLATE "C");
	IF t.embed !~ '^[^/:@[:space:]]{1,253}$' THEN
		PERFORM influence_internal.raise_invalid(format('embed "%s" is not a host', t.embed), NULL,
			'Give the host of the embedding page alone, for instance blog.example.com.');
	END IF;
	IF t.creator_id IS NOT NULL THEN
		PERFORM influence_internal.require_creator(t.creator_id);
	ELSIF t.list_id IS NOT NULL THEN
		IF NOT EXISTS (SELECT FROM influence.list l WHERE l.list_id = t.list_id) THEN
			PERFORM influence_internal.raise_unknown('list', t.list_id::text, 'Open it with influence.create_list(...), or name the creator_id.');
		END IF;
		-- what is bought from an idea list is its owner's doing
		t.creator_id := influence_internal.list_creator(t.list_id);
	END IF;
	IF t.campaign_id IS NOT NULL THEN
		PERFORM influence_internal.require_campaign(t.campaign_id, $1);
	ELSE
		looked_up := looked_up || 'campaign_id'::text;
		IF t.post_id IS NOT NULL THEN
			t.campaign_id := (SELECT p.campaign_id FROM influence.post p WHERE p.post_id = t.post_id AND p.program_id = $1);
		END IF;
	END IF;
	t.touched_at := influence_internal.event_time(t.visitor_id, 'touch/' || t.touch_ref, item || jsonb_build_object('program_id', $1),
												  coalesce(t.touched_at, now()), t.touched_at IS NULL);
	IF t.product_id IS NOT NULL THEN
		PERFORM influence_internal.require_product(t.product_id);
		t.category_id := coalesce(t.category_id, (SELECT h.category_id FROM influence.product_category h
			WHERE h.product_id = t.product_id AND h.valid_from <= t.touched_at ORDER BY h.valid_from DESC LIMIT 1));
		t.currency := coalesce(t.currency::text, (SELECT f.currency FROM influence_internal.program_facts($1) f));
		t.price := coalesce(t.price, (SELECT h.price FROM influence.product_price h
			WHERE h.product_id = t.product_id AND h.currency = t.currency AND h.valid_from <= t.touched_at
			ORDER BY h.valid_from DESC LIMIT 1));
		t.stock := coalesce(t.stock, influence_internal.stock_at(t.product_id, t.touched_at));
	END IF;
	IF EXISTS (SELECT FROM influence.touch x
				WHERE x.visitor_id = t.visitor_id AND x.touch_ref = t.touch_ref AND x.touched_at <> t.touched_at) THEN
		PERFORM influence_internal.raise_conflict('touch', t.touch_ref);
	END IF;
	t.received_at := now();
	t.xact := pg_current_xact_id();
	INSERT INTO influence.touch SELECT r.* FROM jsonb_populate_record(NULL::influence.touch, to_jsonb(t)) r ON CONFLICT DO NOTHING;
	IF FOUND THEN
		RETURN 'recorded';
	END IF;
	-- looked-up facts may have changed since: a retry repeats what the caller stated
	SELECT to_jsonb(x) - ARRAY['received_at', 'xact'] INTO known
	  FROM influence.touch x
	 WHERE x.visitor_id = t.visitor_id AND x.touched_at = t.touched_at AND x.touch_ref = t.touch_ref;
	fresh := to_jsonb(t) - ARRAY['received_at', 'xact'];
	IF item ->> 'creator_id' IS NULL THEN
		looked_up := looked_up || 'creator_id'::text;
	END IF;
	IF known - looked_up <> fresh - looked_up THEN
		PERFORM influence_internal.raise_conflict('touch', t.touch_ref);
	END IF;
	RETURN 'duplicate';
END
$$;
COMMENT ON FUNCTION influence_internal.store_touch(bigint, jsonb) IS 'Stores one touch given as JSON: recorded | duplicate; IN002, IN003, IN004.';
