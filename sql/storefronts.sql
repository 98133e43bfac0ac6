--
-- Pages under vanity names: opening, renaming with redirects, names that look
-- like others, branding, agencies.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT pg_temp.new_program('Shop', 'USD', 'UTC', '{}', '{}');
SELECT pg_temp.new_creator(c) FROM unnest('{anna,bert,cleo}'::text[]) c;
SELECT status FROM influence.register_creator('agency', 'Agency', kind => 'agency', agency_of => ARRAY[pg_temp.creator('anna')]);
SELECT status FROM influence.register_creator('rival', 'Rival', kind => 'agency', agency_of => ARRAY[pg_temp.creator('bert')]);

SELECT * FROM influence.create_storefront(1, 'anna', 'Anna', 'bio', 'https://x.example/a.png');
SELECT * FROM influence.create_storefront(1, 'ANNA', 'Anna', 'bio', 'https://x.example/a.png');
SELECT * FROM influence.create_storefront(2, 'bert', 'Bert', agent_id => pg_temp.creator('rival'));
SELECT creator_id, current_slug, redirect, creator_status, title, bio, logo, banner, colours FROM influence.resolve_slug(' Anna ');
SELECT count(*) FROM influence.resolve_slug('nobody');
SELECT count(*) FROM influence.resolve_slug(NULL);

-- A renamed page is found under all its names, and nobody else gets one of them.
SELECT * FROM influence.rename_storefront(1, 'Anna.Garten', pg_temp.creator('agency'));
SELECT * FROM influence.rename_storefront(1, 'anna.garten');
SELECT s AS asked, r.creator_id, r.current_slug, r.redirect FROM unnest('{anna,anna.garten,bert}'::text[]) s, influence.resolve_slug(s) r ORDER BY 1;
SELECT * FROM pg_temp.not_refused('IN005', $$rename_storefront(2, 'anna')$$, $$rename_storefront(2, 'ANNA.garten')$$, $$create_storefront(3, 'anna', 'Cleo')$$);
SELECT * FROM influence.rename_storefront(1, 'anna');
SELECT s AS asked, r.current_slug, r.redirect FROM unnest('{anna,anna.garten}'::text[]) s, influence.resolve_slug(s) r ORDER BY 1;
-- a retry of the opening answers with the name of today
SELECT * FROM influence.rename_storefront(2, 'bert2');
SELECT * FROM influence.create_storefront(2, 'bert', 'Bert');

-- Names that are mistaken for others: rn and m, 1 and l, 0 and o, also in reserved words.
SELECT status FROM influence.create_storefront(3, 'cool-room', 'Cleo');
SELECT * FROM pg_temp.not_refused('IN005', $$rename_storefront(2, 'coo1-room')$$, $$rename_storefront(2, 'c00l-room')$$, $$rename_storefront(2, 'cool-roorn')$$,
	$$create_storefront(4, 'adrnin', 'Agency')$$, $$rename_storefront(2, 'l0gin')$$, $$rename_storefront(2, 'he1p')$$);
SELECT status FROM influence.rename_storefront(3, 'coco');
-- a Cyrillic word of letters that look like coco
SELECT * FROM pg_temp.not_refused('IN005', $$rename_storefront(2, U&'\0441\043E\0441\043E')$$);
-- one foreign letter among Latin ones
SELECT * FROM pg_temp.not_refused('IN002', $$rename_storefront(2, U&'c\03BFc\03BF')$$, $$rename_storefront(2, U&'b\0435rt')$$, $$rename_storefront(2, U&'\03B1nna')$$);
-- whole words of one script, and Chinese or Japanese with Latin letters, are names
SELECT status FROM influence.rename_storefront(2, U&'\0441\0430\0434\043E\0432\043E\0434');
SELECT status FROM influence.rename_storefront(2, U&'\8336\9053-tea');
SELECT status FROM influence.rename_storefront(2, U&'\30AB\30D5\30A7\8336');
SELECT status, stored_slug = U&'b\00E9rtrand' AS accent_kept FROM influence.rename_storefront(2, U&'Be\0301rtrand');
-- one's own names may look alike
SELECT status FROM influence.rename_storefront(3, 'c0co');

-- Branding: NULL leaves as it is, '' takes away.
SELECT status FROM influence.update_storefront(1, colours => '{"primary": "#FF8800", "text": "#000000"}', banner => 'https://x.example/b.png');
SELECT status FROM influence.update_storefront(1, colours => '{"text": "#000000", "primary": "#ff8800"}');
SELECT status FROM influence.update_storefront(1, title => 'Anna!', logo => '', agent_id => pg_temp.creator('agency'));
SELECT title, bio, logo, banner, colours FROM influence.resolve_slug('anna');
SELECT status FROM influence.update_storefront(1, colours => '{}');
SELECT status FROM influence.update_storefront(1);
SELECT change_no, slug, title, logo, banner, colours, agent_id FROM influence.storefront_change WHERE creator_id = 1 ORDER BY 1;
SELECT * FROM pg_temp.not_refused('IN002', $$update_storefront(1, title => '')$$, $$update_storefront(1, title => repeat('x', 201))$$, $$update_storefront(1, bio => repeat('x', 5001))$$,
	$$update_storefront(1, logo => 'javascript:alert(1)')$$, $$update_storefront(1, banner => 'data:text/html,x')$$, $$update_storefront(1, logo => ' JAVASCRIPT:alert(1)')$$,
	$$update_storefront(1, logo => 'a.png" onerror="x')$$, $$update_storefront(1, colours => '[]')$$, $$update_storefront(1, colours => '{"primary": "red"}')$$, $$update_storefront(1, colours => '{"primary": null}')$$,
	$$update_storefront(1, colours => '{"primary": "#fff;}"}')$$, $$update_storefront(1, colours => '{"border": "#ffffff"}')$$, $$update_storefront(1, bio => E'a\x07')$$,
	$$update_storefront(1, title => U&'a\202Eb')$$, $$update_storefront(1, title => U&'a\200Bb')$$, $$rename_storefront(1, NULL)$$, $$rename_storefront(1, 'a')$$, $$rename_storefront(1, 'a b c')$$);
SELECT * FROM pg_temp.not_refused('IN003', $$update_storefront(99)$$, $$update_storefront(NULL)$$, $$rename_storefront(99, 'abc')$$, $$update_storefront(pg_temp.creator('rival'), 'x')$$, $$rename_storefront(pg_temp.creator('rival'), 'rival')$$,
	$$update_storefront(1, agent_id => 99)$$);
SELECT * FROM pg_temp.not_refused('IN005', $$update_storefront(1, bio => 'x', agent_id => pg_temp.creator('rival'))$$, $$update_storefront(1, bio => 'x', agent_id => pg_temp.creator('bert'))$$);
-- an agency that is suspended does not act; a page says what its creator is
SELECT status FROM influence.set_creator_status(pg_temp.creator('agency'), 'suspended', 'r', 'ops');
SELECT * FROM pg_temp.not_refused('IN005', $$update_storefront(1, bio => 'x', agent_id => pg_temp.creator('agency'))$$);
-- what an agency opened is open, whatever becomes of the agency
SELECT status FROM influence.set_creator_status(pg_temp.creator('rival'), 'suspended', 'r', 'ops');
SELECT * FROM influence.create_storefront(2, 'bert', 'Bert', agent_id => pg_temp.creator('rival'));
SELECT status FROM influence.set_creator_status(1, 'banned', 'r', 'ops');
SELECT creator_id, creator_status FROM influence.resolve_slug('anna.garten');
