-- Two programs for the bench of the hot creator, which differ in nothing but whose posts will be clicked.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS pg_influence;
SELECT count(*) FROM influence.install() \g /dev/null
SELECT influence.create_program(n, 'EUR', 'UTC', '{}', '{"hold": "30 days"}') FROM unnest('{Even,Hot}'::text[]) n \g /dev/null
SELECT influence.create_category('all') \g /dev/null
SELECT influence.add_product('product ' || i, 'Product ' || i, 1, 1000 + i, 'EUR', 1000, valid_from => '2020-01-01') FROM generate_series(1, 100) i \g /dev/null
SELECT influence.set_admission_rule(p, 'channels', '>=', 0, valid_from => '2020-01-01') FROM generate_series(1, 2) p \g /dev/null
SELECT influence.set_commission_rate(p, 0.05, valid_from => '2020-01-01') FROM generate_series(1, 2) p \g /dev/null
SELECT influence.register_creator('creator ' || i, 'Creator ' || i) FROM generate_series(1, 1000) i \g /dev/null
SELECT influence.apply_creator(p, i, '2020-01-02') FROM generate_series(1, 2) p, generate_series(1, 1000) i \g /dev/null
SELECT influence.set_commission_budget(p, 1000000, valid_from => date_trunc('month', now())) FROM generate_series(1, 2) p \g /dev/null
SELECT influence.set_tier_table(p, 'revenue', 'graduated', '{0,100000}', '{0.05,0.06}', valid_from => '2020-01-01') FROM generate_series(1, 2) p \g /dev/null
