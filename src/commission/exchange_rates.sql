/*
 * exchange_rates.sql
 *
 * Orders in another currency than the program's. The rate is the one that the
 * order states, else the latest of the table at the moment of the order; it is
 * frozen on each line, and what follows (credits, commissions, returns) is in
 * the program's currency.
 */
CREATE FUNCTION influence_internal.convert_minor(amount numeric, currency_from text, currency_to text, fx_rate numeric)
RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	-- exact: numeric products have no bound on their digits, and the power of ten is a literal; round() is half away from zero
	SELECT round($1 * $4 * ('{0.0001,0.001,0.01,0.1,1,10,100,1000,10000}'::numeric[])
				[5 + influence.minor_unit_digits($3) - influence.minor_unit_digits($2)])
$$;
COMMENT ON FUNCTION influence_internal.convert_minor(numeric, text, text, numeric) IS
'An amount in minor units of another currency: round(amount x rate x 10^(digits of the target - digits of the source)), exact before the one rounding, half away from zero; the rate is in major units.';

CREATE FUNCTION influence_internal.check_exchange_rate(argument text, rate numeric)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF rate IS NULL OR NOT (rate > 0 AND rate < 1e12) OR scale(rate) > 12 THEN
		PERFORM influence_internal.raise_invalid(format('%s is no exchange rate', argument), format('%s: %s.', argument, coalesce(rate::text, 'NULL')),
			'Give what one unit of the first currency is worth in the second (major units), above 0, with at most 12 decimals.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.check_exchange_rate(text, numeric) IS 'Raises IN002 unless a rate is above 0, below 10^12 and has at most 12 decimals.';

CREATE FUNCTION influence_internal.set_exchange_rate(currency_from text, currency_to text, rate numeric, source text,
	valid_from timestamptz DEFAULT now())
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	known record;
BEGIN
	PERFORM influence_internal.require_arguments('currency_from', $1, 'currency_to', $2, 'valid_from', $5::text);
	PERFORM influence.minor_unit_digits($1), influence.minor_unit_digits($2);
	PERFORM influence_internal.check_exchange_rate('rate', $3);
	PERFORM influence_internal.require_key('source', $4);
	PERFORM influence_internal.require_finite('valid_from', $5);
	IF $1 = $2 THEN
		PERFORM influence_internal.raise_invalid('an exchange rate needs two currencies', format('Both are %s.', $1),
			'An order in the program''s own currency needs no rate.');
	END IF;
	PERFORM influence_internal.lock_key(format('exchange rate %s %s', $1, $2));
	SELECT x.rate, x.source INTO known
	  FROM influence.exchange_rate x
	 WHERE x.currency_from = $1 AND x.currency_to = $2 AND x.valid_from = $5;
	IF FOUND THEN
		IF (known.rate, known.source) <> ($3, $4) THEN
			PERFORM influence_internal.raise_conflict('exchange rate', format('%s to %s from %s', $1, $2, $5));
		END IF;
		RETURN QUERY SELECT 'duplicate';
		RETURN;
	END IF;
	INSERT INTO influence.exchange_rate (currency_from, currency_to, rate, source, valid_from) VALUES ($1, $2, $3, $4, $5);
	RETURN QUERY SELECT 'recorded';
END
$$;
COMMENT ON FUNCTION influence_internal.set_exchange_rate(text, text, numeric, text, timestamptz) IS
'Says what one unit of a currency is worth in another from valid_from on (major units, at most 12 decimals), and who says so (source). Orders in currency_from under a program in currency_to are converted at the latest rate when they were placed, unless they state their own; orders recorded before keep theirs. Natural key: both currencies and valid_from. -> status recorded | duplicate. IN002 bad value, IN004 another rate from that moment on.';

CREATE FUNCTION influence_internal.order_exchange_rate(order_currency text, program_currency text, at timestamptz, stated numeric,
	stated_source text, OUT rate numeric, OUT source text)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF $4 IS NULL AND $5 IS NOT NULL THEN
		PERFORM influence_internal.raise_invalid('fx_source without fx_rate', format('fx_source: %s.', $5),
			'Give both in details, or neither: then the table exchange_rate holds.');
	ELSIF $4 IS NOT NULL THEN
		PERFORM influence_internal.check_exchange_rate('fx_rate', $4);
	END IF;
	IF $1 = $2 THEN
		IF $4 <> 1 THEN
			PERFORM influence_internal.raise_invalid('fx_rate for an order in the program''s own currency', format('fx_rate: %s.', $4),
				format('Give the order''s currency, if it is not %s.', $2));
		END IF;
		RETURN;
	ELSIF $4 IS NOT NULL THEN
		rate := $4;
		source := coalesce($5, 'order');
		RETURN;
	END IF;
	SELECT x.rate, x.source INTO rate, source
	  FROM influence.exchange_rate x
	 WHERE x.currency_from = $1 AND x.currency_to = $2 AND x.valid_from <= $3
	 ORDER BY x.valid_from DESC LIMIT 1;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_invalid(format('no exchange rate from %s to %s', $1, $2), format('The order was placed at %s.', $3),
			format('Run SELECT influence.set_exchange_rate(%L, %L, rate, source, valid_from), or give fx_rate in the order''s details.', $1, $2));
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.order_exchange_rate(text, text, timestamptz, numeric, text) IS
'The exchange rate of an order with its source: stated by it, else the latest of the table when it was placed; NULL in the program''s own currency. IN002 when there is none.';
