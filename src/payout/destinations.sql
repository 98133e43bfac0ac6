/*
 * destinations.sql
 *
 * Where parties are paid. The account itself is with whoever executes the
 * transfers; here is a salted hash of it, which tells whether two are the same,
 * and its last characters, which tell a person which one it is. A change cools
 * off before it is paid to, and an account that two strangers give holds both.
 */
CREATE FUNCTION influence_internal.normalise_destination(destination text)
RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	-- blanks, dashes, dots, and what nobody sees: none of them tells one account from another
	account text := upper(regexp_replace(influence_internal.nfkc(normalise_destination.destination),
		E'[\\s.\\u002d\\u00ad\\u00a0\\u2000-\\u2015\\u2028\\u2029\\u202f\\u205f\\u2060\\u2212\\u3000\\ufeff]', '', 'g') COLLATE "C");
BEGIN
	IF length(account) NOT BETWEEN 6 AND 200 OR account ~ E'[\\u0001-\\u001f\\u007f-\\u009f\\u202a-\\u202e\\u2066-\\u2069]' THEN
		-- says nothing of what was given: messages are logged
		PERFORM influence_internal.raise_invalid('the destination is not usable',
			format('Without blanks, dashes and dots it has %s characters.', length(account)),
			'Give the account as its owner knows it, for instance an IBAN: 6 to 200 characters that can be printed.');
	END IF;
	RETURN account;
END
$$;
COMMENT ON FUNCTION influence_internal.normalise_destination(text) IS
'An account in the form that is compared: NFKC, ASCII letters in upper case, without blanks, dashes, dots and invisible characters; IN002 unless 6 to 200 characters are left. The message does not repeat the account.';

CREATE FUNCTION influence_internal.are_related(party_a bigint, party_b bigint)
RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN EXISTS (SELECT FROM influence.creator c
					WHERE (c.creator_id = $1 AND c.agency_of @> ARRAY[$2]) OR (c.creator_id = $2 AND c.agency_of @> ARRAY[$1])
					   OR c.agency_of @> ARRAY[$1, $2]);
END
$$;
COMMENT ON FUNCTION influence_internal.are_related(bigint, bigint) IS
'Whether one party is the agency of the other, or both have an agency in common: they may be paid to one account.';

CREATE FUNCTION influence_internal.hold_for_destination(party_id bigint, other_id bigint, hash bytea, evidence jsonb, actor text)
RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	content bytea := influence_internal.content_hash(jsonb_build_array('destination', $1, encode($3, 'hex')));
	ref text;
	n int := 1;
BEGIN
	SELECT h.hold_ref INTO ref FROM influence.payout_hold h
	 WHERE h.party_id = $1 AND h.released_at IS NULL AND h.content_hash = content LIMIT 1;
	WHILE ref IS NULL LOOP
		INSERT INTO influence.payout_hold (hold_ref, party_id, kind, reason, evidence, opened_by, content_hash)
		VALUES (format('destination %s/%s', $1, $2) || CASE WHEN n > 1 THEN format('/%s', n) ELSE '' END, $1, 'fraud',
				format('gave the same payout destination as party %s', $2), $4, $5, content)
		ON CONFLICT DO NOTHING
		RETURNING hold_ref INTO ref;
		n := n + 1;
	END LOOP;
	RETURN ref;
END
$$;
COMMENT ON FUNCTION influence_internal.hold_for_destination(bigint, bigint, bytea, jsonb, text) IS
'Opens a fraud hold on a party that has an account in common with another one, unless one is open for this account; returns its hold_ref.';

CREATE FUNCTION influence_internal.set_payout_destination(creator_id bigint, method text, destination text, actor text,
	valid_from timestamptz DEFAULT now())
RETURNS TABLE (status text, destination_id bigint, label text, cooling_off_until timestamptz, hold_ref text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	account text;
	wanted bytea;
	last record;
	others bigint[];
	evidence jsonb;
	party bigint;
	held text;
BEGIN
	PERFORM influence_internal.require_creator($1);
	PERFORM influence_internal.require_arguments('method', $2, 'destination', $3, 'actor', $4, 'valid_from', $5::text);
	PERFORM influence_internal.require_key('actor', $4);
	PERFORM influence_internal.require_event_time('valid_from', $5, '366 days');
	IF $2 !~ '^[a-z][a-z0-9_]{0,39}$' THEN
		PERFORM influence_internal.raise_invalid('the method is not usable', NULL, 'Use lower-case letters, digits and _, for instance sepa.');
	END IF;
	account := influence_internal.normalise_destination($3);
	SELECT sha256(s.destination_salt || convert_to(account, 'UTF8')) INTO STRICT wanted FROM influence.payout_secret s;
	label := '...' || right(account, 4);
	PERFORM influence_internal.lock_key(format('destination of %s', $1));
	-- two strangers who give the same account at the same time have to see each other
	PERFORM influence_internal.lock_key(format('destination %s', encode(wanted, 'hex')));
	SELECT d.* INTO last FROM influence.payout_destination d
	 WHERE d.party_id = $1 AND d.valid_from <= $5 ORDER BY d.valid_from DESC LIMIT 1;
	IF (last.hash, last.method) = (wanted, $2) THEN
		status := 'duplicate';
		destination_id := last.destination_id;
		cooling_off_until := last.cooling_off_until;
		hold_ref := (SELECT min(h.hold_ref) FROM influence.payout_hold h
					  WHERE h.party_id = $1 AND h.released_at IS NULL
						AND h.content_hash = influence_internal.content_hash(jsonb_build_array('destination', $1, encode(wanted, 'hex'))));
		RETURN NEXT;
		RETURN;
	ELSIF last.valid_from = $5 THEN
		PERFORM influence_internal.raise_conflict('payout destination', format('of party %s from %s', $1, $5));
	ELSIF EXISTS (SELECT FROM influence.payout_destination d WHERE d.party_id = $1 AND d.valid_from > $5) THEN
		PERFORM influence_internal.raise_refused('the destination would begin before another one',
			(SELECT format('One begins at %s.', max(d.valid_from)) FROM influence.payout_destination d WHERE d.party_id = $1),
			'Choose a later valid_from; history is never restated.');
	END IF;
	-- another method for the same account changes nothing about who gets the money
	cooling_off_until := CASE WHEN last.hash = wanted THEN last.cooling_off_until
							  WHEN last.hash IS NOT NULL
							  THEN $5 + coalesce((influence_internal.setting_value('destination_cooling_off') #>> '{}')::interval, interval '72 hours')
							  END;
	INSERT INTO influence.payout_destination (party_id, valid_from, method, hash, label, cooling_off_until, actor)
	VALUES ($1, $5, $2, wanted, label, cooling_off_until, $4)
	RETURNING destination_id INTO destination_id;
	SELECT array_agg(o.party_id ORDER BY o.party_id) INTO others
	  FROM (SELECT DISTINCT d.party_id FROM influence.payout_destination d
			 WHERE d.hash = wanted AND last.hash IS DISTINCT FROM wanted AND d.party_id <> $1
			   AND NOT influence_internal.are_related($1, d.party_id)) o;
	IF others IS NOT NULL THEN
		evidence := jsonb_build_object('destination_label', label, 'parties',
			(SELECT jsonb_agg(x ORDER BY x) FROM unnest(others[1:100] || $1) x));
		-- by party: two changes that hold the same parties for two accounts do not wait for each other
		FOR party IN SELECT o FROM unnest(others || $1) o ORDER BY o LOOP
			held := influence_internal.hold_for_destination(party, CASE party WHEN $1 THEN others[1] ELSE $1 END, wanted, evidence, $4);
			IF party = $1 THEN
				hold_ref := held;
			END IF;
		END LOOP;
	END IF;
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_payout_destination(bigint, text, text, text, timestamptz) IS
'Says where a creator is paid from valid_from on. destination (an IBAN, an address of a wallet, ...) is compared in upper case without blanks, dashes and dots; it is not stored, only its salted sha256 and a label, "..." and its last four characters: pass it as a parameter, so that no log of statements shows it. method is your word for the way (sepa, paypal). The first destination is paid at once; after a change nothing is reserved before cooling_off_until, valid_from + setting destination_cooling_off (72 hours). An account that another party has, or had, opens a fraud hold on both ("destination <held party>/<other party>"), unless one is the agency of the other or they have one in common (creator.agency_of); hold_ref is that of the creator. Natural key: creator and account while it is the current one. -> status recorded | duplicate, destination_id, label, cooling_off_until, hold_ref. IN002 bad value, IN003 no such creator, IN004 another destination from the same moment, IN005 begins before another one.';

CREATE FUNCTION influence_internal.check_destinations()
RETURNS TABLE (check_name text, program bigint, subject text, expected text, found text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH suspect AS MATERIALIZED (
		SELECT d.party_id, d.hash, min(d.label) AS label
		  FROM (SELECT x.hash FROM influence.payout_destination x GROUP BY x.hash HAVING min(x.party_id) < max(x.party_id)) s
		  JOIN influence.payout_destination d ON d.hash = s.hash
		 WHERE NOT EXISTS (SELECT FROM influence.payout_hold h
							WHERE h.party_id = d.party_id
							  AND h.content_hash = influence_internal.content_hash(jsonb_build_array('destination', d.party_id, encode(d.hash, 'hex'))))
		 GROUP BY d.party_id, d.hash
	)
	SELECT 'strangers with one account are held', NULL::bigint, format('party %s', a.party_id), 'a hold, open or released',
		   format('none, account %s is one of party %s', a.label, min(b.party_id))
	  FROM suspect a
	  JOIN influence.payout_destination b ON b.hash = a.hash AND b.party_id <> a.party_id
	 WHERE NOT influence_internal.are_related(a.party_id, b.party_id)
	 GROUP BY a.party_id, a.hash, a.label;
END
$$;
COMMENT ON FUNCTION influence_internal.check_destinations() IS
'The part of check_books() about destinations: parties that have, or had, an account in common and no agency are, or were, held.';
