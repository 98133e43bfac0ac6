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
			   s.residence, s.entity, s.form, s.bills, r.authority, r.kind, r.rule_id, r.rate
		  FROM (SELECT DISTINCT x.residence, x.entity, x.form, x.bills FROM person x) s
		  JOIN influence.tax_rule r ON r.residence IN ('', s.residence) AND r.entity IN ('', s.entity) AND r.form IN ('', s.form)
				AND (r.kind = 'withholding' OR s.bills)
		 WHERE r.authority = ANY ($2) AND r.valid @> $1
		 ORDER BY s.residence, s.entity, s.form, s.bills, r.authority, r.kind,
				  r.residence <> '' DESC, r.entity <> '' DESC, r.form <> '' DESC
	)
	SELECT x.party_id, h.authority, h.kind, h.rule_id, h.rate, influence_internal.tax_year($1, a.time_zone, a.year_starts)
	  FROM choice h
	  JOIN influence.tax_authority a ON a.authority = h.authority
	  JOIN person x ON (x.residence, x.entity, x.form, x.bills) = (h.residence, h.entity, h.form, h.bills)
	 WHERE h.rate > 0;
END
$$;
COMMENT ON FUNCTION influence_internal.tax_terms(timestamptz, text[]) IS
'For every creator and each authority asked, the rule of each kind that holds at a moment, with its rate (a fraction of what is paid; rules of rate 0 are left out) and the tax year; vat only for parties with a VAT id and self-billing. The most specific rule holds: by residence before by entity before by form. A party without profile has residence and entity '''' and form ''none''; a form that has expired is ''none''.';
