/*
 * taxes.sql
 *
 * Taxes of payouts. What a party states about itself (its profile) and what
 * authorities ask for (rules) are histories; which rule holds for a party is
 * worked out anew for each run, and what it says then is frozen on the payout.
 */
CREATE FUNCTION influence_internal.tax_year(at timestamptz, time_zone text, year_starts text)
RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT extract(year FROM at AT TIME ZONE time_zone)::int - (to_char(at AT TIME ZONE time_zone, 'MM-DD') COLLATE "C" < year_starts)::int
$$;
COMMENT ON FUNCTION influence_internal.tax_year(timestamptz, text, text) IS
'The tax year in which a moment falls, named by the calendar year in which it begins, at midnight of year_starts (MM-DD) in a time zone.';

CREATE FUNCTION influence_internal.tax_terms(as_of timestamptz, authorities text[])
RETURNS TABLE (party_id bigint, authority text, kind text, rule_id bigint, rate numeric, tax_year int)
LANGUAGE plpgsql STABLE
ROWS 10000
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF coalesce(cardinality($2), 0) = 0
	   OR NOT EXISTS (SELECT FROM influence.tax_rule r WHERE r.authority = ANY ($2) AND r.valid @> $1 AND r.rate > 0) THEN
		RETURN;
	END IF;
	RETURN QUERY
	WITH person AS MATERIALIZED (
		SELECT c.creator_id AS party_id, coalesce(p.residence, '') AS residence, coalesce(p.entity, '') AS entity, coalesce(p.form, 'none') AS form,
			   p.vat_id IS NOT NULL AND p.self_billing AS bills
		  FROM influence.creator c
		  LEFT JOIN (SELECT DISTINCT ON (t.party_id) t.party_id, t.residence, t.entity, t.vat_id, t.self_billing,
							CASE WHEN t.form = '' OR t.form_expires <= $1 THEN 'none' ELSE t.form END AS form
					   FROM influence.tax_profile t
					  WHERE t.valid_from <= $1
					  ORDER BY t.party_id, t.valid_from DESC) p ON p.party_id = c.creator_id
	), choice AS MATERIALIZED (
		-- a rule is chosen for each sort of person, of which there are few
		SELECT DISTINCT ON (s.residence, s.entity, s.form, s.bills, r.authority, r.kind)
			   s.residence, s.entity, s.form, s.bills, r.authority, r.kind, r.rule_id, r.rate,
			   influence_internal.tax_year($1, a.time_zone, a.year_starts) AS tax_year
		  FROM (SELECT DISTINCT x.residence, x.entity, x.form, x.bills FROM person x) s
		  JOIN influence.tax_rule r ON r.residence IN ('', s.residence) AND r.entity IN ('', s.entity) AND r.form IN ('', s.form)
				AND (r.kind = 'withholding' OR s.bills)
		  JOIN influence.tax_authority a ON a.authority = r.authority
		 WHERE r.authority = ANY ($2) AND r.valid @> $1
		 ORDER BY s.residence, s.entity, s.form, s.bills, r.authority, r.kind,
				  r.residence <> '' DESC, r.entity <> '' DESC, r.form <> '' DESC
	)
	SELECT x.party_id, h.authority, h.kind, h.rule_id, h.rate, h.tax_year
	  FROM choice h
	  JOIN person x ON (x.residence, x.entity, x.form, x.bills) = (h.residence, h.entity, h.form, h.bills)
	 WHERE h.rate > 0;
END
$$;
COMMENT ON FUNCTION influence_internal.tax_terms(timestamptz, text[]) IS
'For every creator and each authority asked, the rule of each kind that holds at a moment, with its rate (a fraction of what is paid; rules of rate 0 are left out) and the tax year; vat only for parties with a VAT id and self-billing. The most specific rule holds: by residence before by entity before by form. A party without profile has residence and entity '''' and form ''none''; a form that has expired is ''none''.';

CREATE FUNCTION influence_internal.tax_form(form text)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$ SELECT CASE f WHEN 'NONE' THEN 'none' ELSE f END FROM upper(btrim(form) COLLATE "C") f $$;
COMMENT ON FUNCTION influence_internal.tax_form(text) IS 'The name of a form as it is compared: trimmed, ASCII letters in upper case; ''none'' stays as it is.';

CREATE FUNCTION influence_internal.record_tax_profile(creator_id bigint, entity text, residence text, actor text, form text DEFAULT '',
	form_expires timestamptz DEFAULT NULL, vat_id text DEFAULT NULL, self_billing boolean DEFAULT false, valid_from timestamptz DEFAULT now())
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	held_form text := coalesce(nullif(influence_internal.tax_form($5), 'none'), '');
	vat text := upper(regexp_replace($7, '[[:space:].-]', '', 'g') COLLATE "C");
	last record;
BEGIN
	PERFORM influence_internal.require_creator($1);
	PERFORM influence_internal.require_arguments('entity', $2, 'residence', $3, 'actor', $4, 'form', $5, 'self_billing', $8::text, 'valid_from', $9::text);
	PERFORM influence_internal.require_key('actor', $4);
	PERFORM influence_internal.require_country('residence', $3);
	PERFORM influence_internal.require_finite('form_expires', $6);
	PERFORM influence_internal.require_event_time('valid_from', $9, '366 days');
	IF $2 NOT IN ('individual', 'company') THEN
		PERFORM influence_internal.raise_invalid(format('entity "%s" is not known', $2), NULL, 'Use individual or company.');
	ELSIF length(held_form) > 40 THEN
		PERFORM influence_internal.raise_invalid('the name of the form is too long', format('It has %s characters.', length(held_form)),
			'Give at most 40, for instance W-8BEN, or '''' for none.');
	ELSIF held_form = '' AND $6 IS NOT NULL THEN
		PERFORM influence_internal.raise_invalid('form_expires is given without a form', NULL, 'Name the form, for instance form => ''W-8BEN''.');
	ELSIF vat !~ '^[A-Z]{2}[A-Z0-9]{2,13}$' THEN
		PERFORM influence_internal.raise_invalid(format('VAT id "%s" has not the shape of one', $7), NULL,
			'Give the country''s two letters and 2 to 13 letters or digits, for instance DE123456789, or NULL for none.');
	END IF;
	PERFORM influence_internal.lock_key(format('tax profile of %s', $1));
	SELECT t.* INTO last FROM influence.tax_profile t
	 WHERE t.party_id = $1 AND t.valid_from <= $9 ORDER BY t.valid_from DESC LIMIT 1;
	status := 'duplicate';
	IF last.party_id IS NULL
	   OR (last.entity, last.residence, last.form, last.form_expires, last.vat_id, last.self_billing)
		  IS DISTINCT FROM ($2, $3, held_form, $6, vat, $8) THEN
		IF last.valid_from = $9 THEN
			PERFORM influence_internal.raise_conflict('tax profile', format('of party %s from %s', $1, $9));
		ELSIF EXISTS (SELECT FROM influence.tax_profile t WHERE t.party_id = $1 AND t.valid_from > $9) THEN
			PERFORM influence_internal.raise_refused('the tax profile would begin before another one',
				(SELECT format('One begins at %s.', max(t.valid_from)) FROM influence.tax_profile t WHERE t.party_id = $1),
				'Choose a later valid_from; history is never restated.');
		END IF;
		INSERT INTO influence.tax_profile (party_id, valid_from, entity, residence, form, form_expires, vat_id, self_billing, actor)
		VALUES ($1, $9, $2, $3, held_form, $6, vat, $8, $4);
		status := 'recorded';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.record_tax_profile(bigint, text, text, text, text, timestamptz, text, boolean, timestamptz) IS
'States what counts for a creator''s taxes from valid_from on, all of it anew: entity (individual, company), country of residence, the form on file (compared in upper case; '''' = none) and until when it counts (NULL = until replaced), the VAT id if registered (the shape is checked, nothing else: two letters and 2 to 13 letters or digits), and whether statements are invoices in the creator''s name (self_billing), without which no VAT is paid. Payouts that are reserved keep their taxes. Natural key: creator and profile while it is the current one. -> status recorded | duplicate. IN002 bad value, IN003 no such creator, IN004 another profile from the same moment, IN005 begins before another one.';

CREATE FUNCTION influence_internal.create_tax_authority(authority text, name text, country text, time_zone text, year_starts text DEFAULT '01-01')
RETURNS TABLE (status text, party_id bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known record;
BEGIN
	PERFORM influence_internal.require_key('name', $2);
	PERFORM influence_internal.require_arguments('authority', $1, 'country', $3, 'time_zone', $4, 'year_starts', $5);
	PERFORM influence_internal.require_country('country', $3);
	IF $1 !~ '^[A-Z][A-Z0-9_-]{0,39}$' THEN
		PERFORM influence_internal.raise_invalid('the key of the authority is not usable', format('authority: %s.', left($1, 60)),
			'Use upper-case letters, digits, _ and -, at most 40, for instance US-IRS.');
	ELSIF $5 !~ '^(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$' THEN
		PERFORM influence_internal.raise_invalid('year_starts is not a day on which each year can begin', format('year_starts: %s.', left($5, 60)),
			'Give MM-DD up to the 28th, for instance 01-01 or 04-06.');
	END IF;
	PERFORM influence_internal.require_time_zone($4);
	PERFORM influence_internal.lock_key(format('tax authority %s', $1));
	SELECT a.* INTO known FROM influence.tax_authority a WHERE a.authority = $1;
	IF FOUND THEN
		IF (known.name, known.country, known.time_zone, known.year_starts) <> ($2, $3, $4, $5) THEN
			PERFORM influence_internal.raise_conflict('tax authority', $1);
		END IF;
		RETURN QUERY SELECT 'duplicate', known.party_id;
		RETURN;
	END IF;
	INSERT INTO influence.party (kind) VALUES ('authority') RETURNING party_id INTO party_id;
	INSERT INTO influence.tax_authority (authority, party_id, name, country, time_zone, year_starts) VALUES ($1, party_id, $2, $3, $4, $5);
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.create_tax_authority(text, text, text, text, text) IS
'Creates an authority for which taxes are withheld or paid: its key (US-IRS), name, country, the IANA time zone in which its tax year begins, and on which day (MM-DD); a tax year is named by the calendar year in which it begins. A program names its authorities in its payout policy: {"tax_authorities": ["US-IRS"]}. Natural key: authority. -> status recorded | duplicate, party_id. IN002 bad value, IN004 other content.';

CREATE FUNCTION influence_internal.check_tax_rule(authority text, kind text, rate numeric, residence text, entity text, form text,
	valid_from timestamptz, valid_to timestamptz)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.require_arguments('authority', $1, 'kind', $2, 'rate', $3::text, 'residence', $4, 'entity', $5, 'form', $6);
	PERFORM influence_internal.stated_range($7, $8);
	IF NOT EXISTS (SELECT FROM influence.tax_authority a WHERE a.authority = $1) THEN
		PERFORM influence_internal.raise_unknown('tax authority', $1,
			'Create it with influence.create_tax_authority(authority, name, country, time_zone).');
	ELSIF $2 NOT IN ('withholding', 'vat') THEN
		PERFORM influence_internal.raise_invalid(format('tax kind "%s" is not known', $2), NULL,
			'Use withholding (taken off a payout) or vat (paid on top).');
	ELSIF NOT ($3 BETWEEN 0 AND 1) OR scale(trim_scale($3)) > 9 THEN
		PERFORM influence_internal.raise_invalid('the rate is no rate of a tax', format('rate: %s.', $3),
			'Give a fraction from 0 to 1 with at most nine decimals: 0.3 for 30 %.');
	ELSIF $4 !~ '^([A-Z]{2})?$' THEN
		PERFORM influence_internal.raise_invalid(format('residence "%s" is not a country code', $4), NULL,
			'Use two upper-case letters (ISO 3166-1), or '''' for any.');
	ELSIF $5 NOT IN ('', 'individual', 'company') THEN
		PERFORM influence_internal.raise_invalid(format('entity "%s" is not known', $5), NULL, 'Use individual, company, or '''' for any.');
	ELSIF length($6) > 40 THEN
		PERFORM influence_internal.raise_invalid('the name of the form is too long', format('It has %s characters.', length($6)),
			'Give at most 40; ''none'' = no form on file, '''' = any.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.check_tax_rule(text, text, numeric, text, text, text, timestamptz, timestamptz) IS
'Raises IN002 or IN003 unless an authority can have such a rule.';

CREATE FUNCTION influence_internal.set_tax_rule(authority text, kind text, rate numeric, residence text DEFAULT '', entity text DEFAULT '',
	form text DEFAULT '', valid_from timestamptz DEFAULT now(), valid_to timestamptz DEFAULT 'infinity')
RETURNS TABLE (status text, rule_id bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	wanted tstzrange;
	asked_form text := influence_internal.tax_form($6);
	last record;
	resumes boolean := false;
BEGIN
	PERFORM influence_internal.check_tax_rule($1, $2, $3, $4, $5, asked_form, $7, $8);
	wanted := tstzrange($7, nullif($8, 'infinity'));
	PERFORM influence_internal.lock_key(format('tax rules %s', $1));
	SELECT r.rule_id INTO rule_id FROM influence.tax_rule r
	 WHERE (r.authority, r.kind, r.residence, r.entity, r.form) = ($1, $2, $4, $5, asked_form) AND r.stated = wanted AND r.rate = $3;
	IF FOUND THEN
		status := 'duplicate';		-- the same call again, perhaps after later rules have cut its range
		RETURN NEXT;
		RETURN;
	END IF;
	SELECT r.*, lower(r.valid) AS since INTO last
	  FROM influence.tax_rule r
	 WHERE (r.authority, r.kind, r.residence, r.entity, r.form) = ($1, $2, $4, $5, asked_form) AND r.valid && wanted
	 ORDER BY lower(r.valid) LIMIT 1;
	-- an open rule ends where this one begins; one that only resumed may be replaced altogether
	IF upper_inf(last.valid) AND (last.since < $7 OR (last.since = $7 AND last.stated IS NULL)) THEN
		UPDATE influence.tax_rule r SET valid = tstzrange(lower(r.valid), $7) WHERE r.authority = $1 AND r.rule_id = last.rule_id;
		resumes := NOT upper_inf(wanted);
	END IF;
	BEGIN
		INSERT INTO influence.tax_rule (authority, kind, residence, entity, form, rate, valid, stated)
		VALUES ($1, $2, $4, $5, asked_form, trim_scale($3), wanted, wanted)
		RETURNING rule_id INTO rule_id;
		IF resumes THEN
			INSERT INTO influence.tax_rule (authority, kind, residence, entity, form, rate, valid)
			VALUES ($1, $2, $4, $5, asked_form, last.rate, tstzrange($8, NULL));
		END IF;
	EXCEPTION WHEN exclusion_violation THEN
		RAISE EXCEPTION USING ERRCODE = 'IN011',
			MESSAGE = 'the tax rule overlaps another one for the same keys',
			DETAIL = format('Rule %s holds in %s.', last.rule_id, last.valid),
			HINT = 'Let it begin later (where the other one ends), or end earlier.';
	END;
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_tax_rule(text, text, numeric, text, text, text, timestamptz, timestamptz) IS
'Says what an authority asks for: rate, a fraction from 0 to 1 with at most nine decimals, of what is paid, taken off it (withholding) or paid on top (vat, to parties with a VAT id and self-billing only). It is for a residence, an entity (individual, company) and a form (''none'' = no form on file, or an expired one); '''' = any. The most specific rule holds, residence before entity before form; rate 0 exempts. An open rule with the same keys ends where the new one begins, and goes on where the new one ends; payouts that are reserved keep their taxes, also where valid_from lies in the past. end_tax_rule() ends a rule. -> status recorded | duplicate (also of one that was ended since), rule_id. IN002 bad value, IN003 no such authority, IN011 overlaps.';

CREATE FUNCTION influence_internal.end_tax_rule(authority text, rule_id bigint, valid_to timestamptz DEFAULT now())
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known record;
	ended record;
	resumed record;
BEGIN
	PERFORM influence_internal.require_arguments('authority', $1);
	PERFORM influence_internal.require_arguments('rule_id', $2::text);
	PERFORM influence_internal.require_end('valid_to', $3);
	PERFORM influence_internal.lock_key(format('tax rules %s', $1));
	SELECT x.* INTO known FROM influence.tax_rule x WHERE x.authority = $1 AND x.rule_id = $2;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('tax rule', $2::text, 'See influence.tax_rule for those there are.');
	END IF;
	SELECT * INTO ended FROM influence_internal.end_validity(known.stated, known.valid, $3, format('tax rule %s', $2));
	UPDATE influence.tax_rule x SET valid = ended.rest
	 WHERE x.authority = $1 AND x.rule_id = $2 AND ended.status = 'recorded';
	IF ended.status = 'recorded' THEN
		-- what it had interrupted, the row made with it, goes on where it ends now
		SELECT x.rule_id, influence_internal.resumed_range(known.valid, ended.ends_at, x.valid,
			   EXISTS (SELECT FROM influence.tax_rule n
						WHERE (n.authority, n.kind, n.residence, n.entity, n.form) = (x.authority, x.kind, x.residence, x.entity, x.form)
						  AND lower(n.stated) = upper(known.valid))) AS valid
		  INTO resumed
		  FROM influence.tax_rule x
		 WHERE x.authority = $1 AND x.stated IS NULL
		   AND x.rule_id = (SELECT min(n.rule_id) FROM influence.tax_rule n
							 WHERE (n.authority, n.kind, n.residence, n.entity, n.form) = (known.authority, known.kind, known.residence, known.entity, known.form)
							   AND n.rule_id > known.rule_id);
		UPDATE influence.tax_rule x SET valid = resumed.valid
		 WHERE x.authority = $1 AND x.rule_id = resumed.rule_id AND resumed.valid IS NOT NULL;
	END IF;
	RETURN QUERY SELECT ended.status;
END
$$;
COMMENT ON FUNCTION influence_internal.end_tax_rule(text, bigint, timestamptz) IS
'Ends a rule of set_tax_rule(): from valid_to on the next most specific one holds, or none; a valid_to before its beginning undoes it. What a rule with an end had interrupted goes on from the new end (it has a row and a rule_id of its own, by which it is ended). Payouts that are reserved keep their taxes. -> status recorded | duplicate (it ends then). IN002, IN003 no such authority or rule, IN005 it ends earlier already.';
