-- Commission kernels: rates, rounding, splits, clawbacks, currencies.
-- Expected numbers: design §6 and Python's fractions.
\set VERBOSITY default

-- what other programs answer
SELECT influence.commission_minor(5000, 0.0057) AS fee_29,
       influence.commission_minor(11500, 0.0070) AS fee_81,
       influence.commission_minor(500, 0.029) AS fee_15,
       influence.split_amount(15, '{.8,.08,.12}') AS three_shares,
       influence.split_amount(-5, '{7,3}') AS mirrored,
       influence.split_amount(9999, '{75,25}') AS quarters,
       influence.split_amount(22000, '{445455,9091,545455}') AS no_round_weights;
SELECT influence.format_minor(12345, 'KWD') AS thousandths, influence.format_minor(12345, 'JPY') AS none,
       influence.format_minor(12345, 'CLF') AS ten_thousandths, influence.format_minor(-1, 'CLF') AS smallest;

-- rounding: half away from zero, half to even, toward zero; f(-x) = -f(x)
SELECT amount,
       influence.commission_minor(amount, 0.5) AS half_up,
       influence.commission_minor(amount, 0.5, 'half_even') AS half_even,
       influence.commission_minor(amount, 0.5, 'down') AS down
FROM unnest('{-5,-3,-1,0,1,3,5}'::bigint[]) AS amount;

-- 4.5 % of 123.45 is 5.55525
SELECT influence.commission_minor(12345, 0.045),
       influence.commission_minor(12345, 0.045, rounding => 'down'),
       influence.commission_minor(-12345, 0.045);

-- nine decimals, trailing zeros, the ends of bigint
SELECT influence.commission_minor(1000000000, 0.000000001),
       influence.commission_minor(100, 0.25000000000000),
       influence.commission_minor(9223372036854775807, 1),
       influence.commission_minor('-9223372036854775808', 1),
       influence.commission_minor(9223372036854775807, 0.999999999),
       influence.commission_minor(1, 9200000000);

SELECT influence.commission_minor(NULL, 0.1) IS NULL AS no_amount,
       influence.commission_minor(1, NULL) IS NULL AS no_rate,
       influence.commission_minor(1, 0.1, NULL) IS NULL AS no_rounding;

SELECT influence.commission_minor(1, 'NaN');
\echo :LAST_ERROR_SQLSTATE
SELECT influence.commission_minor(1, 'Infinity');
SELECT influence.commission_minor(1, -0.01);
SELECT influence.commission_minor(1, 0.0000000001);
SELECT influence.commission_minor(1, 9200000000.1);
SELECT influence.commission_minor(1, 1e1000);
SELECT influence.commission_minor(1, 0.1, 'ceiling');
\echo :LAST_ERROR_SQLSTATE
SELECT influence.commission_minor(9223372036854775807, 1.000000001);
\echo :LAST_ERROR_SQLSTATE

-- splits
SELECT influence.split_amount(15, '{.8,.08,.12}'),
       influence.split_amount(-5, '{7,3}'),
       influence.split_amount(100, '{1,1,1}'),
       influence.split_amount(2, '{1,1,1,1}') AS ties_to_the_earlier,
       influence.split_amount(1, '{0,3,3}') AS zero_gets_nothing,
       influence.split_amount(0, '{1,2}');
SELECT influence.split_amount(1000003, '{1,2,3,4,5,6,7}');
SELECT influence.split_amount(9223372036854775807, '{3,3,3}'),
       influence.split_amount('-9223372036854775808', '{1,2}');

-- the scale of the weights does not matter, however fine or mixed
SELECT influence.split_amount(1000, '{1,2,4}') AS integers,
       influence.split_amount(1000, '{0.1,0.2,0.4}') AS tenths,
       influence.split_amount(1000, '{0.1000000,0.20,0.4}') AS mixed,
       influence.split_amount(1000, '{1e-300,2e-300,4e-300}') AS tiny;
SELECT influence.split_amount(NULL, '{1}') IS NULL AS no_amount,
       influence.split_amount(1, NULL) IS NULL AS no_weights;

-- every split of every amount adds up, and mirrors
SELECT count(*) AS splits, bool_and(total = amount) AS adds_up, bool_and(mirrors) AS mirrors
FROM (SELECT amount,
             (SELECT sum(s) FROM unnest(influence.split_amount(amount, w)) AS s) AS total,
             (SELECT array_agg(-s ORDER BY i) FROM unnest(influence.split_amount(-amount, w)) WITH ORDINALITY AS u(s, i))
               = influence.split_amount(amount, w) AS mirrors
      FROM generate_series(-500, 500, 7) AS amount,
           (VALUES ('{1}'::numeric[]), ('{0.4,0.2,0.4}'), ('{1,0,1,0,1}'), ('{0.001,1000}'), ('{7,11,13,17}')) AS v(w)) AS x;

SELECT influence.split_amount(1, '{}');
SELECT influence.split_amount(1, '{0,0}');
SELECT influence.split_amount(1, '{1,-1}');
SELECT influence.split_amount(1, '{1,NaN}');
SELECT influence.split_amount(1, '{Infinity}');
SELECT influence.split_amount(1, '{1,NULL}');
SELECT influence.split_amount(1, '{{1,2},{3,4}}');
\echo :LAST_ERROR_SQLSTATE
SELECT influence.split_amount(1, '{9223372036854775807,1}');
SELECT influence.split_amount(1, '{1e30}');
SELECT influence.split_amount(1, '{1,1e-19}');
\echo :LAST_ERROR_SQLSTATE
SELECT influence.split_amount(1, array_fill(1::numeric, '{1000001}'));

-- clawbacks telescope: thirds of 100 are 33, 34, 33
SELECT k, influence.clawback_minor(100, 3, k, 1)
FROM generate_series(0, 2) AS k;
SELECT influence.clawback_minor(556, 12345, 0, 12345) AS whole,
       influence.clawback_minor(-556, 12345, 0, 5000) AS negative,
       influence.clawback_minor(7, 0, 0, 0) AS free_line,
       influence.clawback_minor(7, 10, 10, 0) AS nothing_more,
       influence.clawback_minor(5, 2, 0, 1, 'half_even') AS half_even,
       influence.clawback_minor(5, 2, 0, 1, 'down') AS down;
SELECT rounding, sum(influence.clawback_minor(997, 1009, k * 7, least(7, 1009 - k * 7), rounding)) AS total
FROM generate_series(0, 144) AS k, unnest('{half_up,half_even,down}'::text[]) WITH ORDINALITY AS r(rounding, i)
GROUP BY rounding, i ORDER BY i;
SELECT influence.clawback_minor(NULL, 1, 0, 1) IS NULL AS no_commission;

SELECT influence.clawback_minor(100, 1000, 700, 301);
\echo :LAST_ERROR_SQLSTATE
SELECT influence.clawback_minor(100, 1000, 1001, 0);
SELECT influence.clawback_minor(100, 9223372036854775807, 9223372036854775807, 9223372036854775807);
SELECT influence.clawback_minor(100, -1, 0, 0);
SELECT influence.clawback_minor(100, 1, 0, -1);
\echo :LAST_ERROR_SQLSTATE

-- currencies
SELECT influence.minor_unit_digits(c), string_agg(c, ' ' ORDER BY c)
FROM unnest('{EUR,USD,JPY,KRW,ISK,KWD,TND,CLF,UYW,XPF,ZZZ}'::text[]) AS c
GROUP BY 1 ORDER BY 1;
SELECT influence.format_minor(1234, 'EUR'), influence.format_minor(-5, 'USD'),
       influence.format_minor(12, 'JPY'), influence.format_minor(0, 'EUR'),
       influence.format_minor(-7, 'KWD'), influence.format_minor(12345, 'CLF'),
       influence.format_minor('-9223372036854775808', 'EUR');
SELECT influence.format_minor(1, 'eur');
\echo :LAST_ERROR_SQLSTATE
SELECT influence.minor_unit_digits('EURO');
SELECT influence.minor_unit_digits('');

-- the library says which version it is
SELECT influence.version() = extversion AS same_version
FROM pg_extension WHERE extname = 'pg_influence';
