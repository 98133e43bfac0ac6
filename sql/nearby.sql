--
-- Goods in the neighbourhood. Distances were calculated with Python's math
-- module by the spherical law of cosines (another formula), radius 6371.0088 km.
--
\getenv tree PG_ABS_SRCDIR
\set fresh :tree '/test/lib/fresh.sql'
\i :fresh

SELECT status FROM influence.create_category('all');
SELECT status FROM influence.create_category('tools', 1);
SELECT status FROM influence.create_category('toys', 1);
SELECT recorded FROM influence.add_products('[{"sku": "saw", "title": "Saw", "category_id": 2}, {"sku": "doll", "title": "Doll", "category_id": 3}]');
-- Berlin, Potsdam, Hamburg; Fiji on both sides of the antimeridian; two stations at the poles
SELECT bool_and(s.status = 'recorded') FROM (VALUES (1, 'berlin', 52.52, 13.405), (2, 'potsdam', 52.3906, 13.0645), (1, 'hamburg', 53.5511, 9.9937), (1, 'taveuni', -16.85, 179.97), (2, 'cikobia', -15.73, -179.95), (1, 'amundsen', -90, 0), (2, 'barneo', 89.5, 120), (2, 'barneo2', 89.5, -60)) l(p, ref, lat, lon),
	influence.set_product_location(l.p, l.ref, l.lat, l.lon) s;
SELECT status FROM influence.set_product_location(1, 'berlin', 52.52, 13.405);
SELECT product_id, location_ref, sku, title, round(distance_km::numeric, 3) AS km FROM influence.nearby_products(52.52, 13.405, 30);
SELECT location_ref, round(distance_km::numeric, 3) AS km FROM influence.nearby_products(52.52, 13.405, 300);
SELECT location_ref, round(distance_km::numeric, 3) AS km FROM influence.nearby_products(52.52, 13.405, 300, page_size => 2);
SELECT location_ref FROM influence.nearby_products(52.52, 13.405, 300, 3);
SELECT location_ref FROM influence.nearby_products(52.52, 13.405, 300, 1);
SELECT location_ref, round(distance_km::numeric, 3) AS km FROM influence.nearby_products(-16, 179.99, 130);
SELECT location_ref, round(distance_km::numeric, 3) AS km FROM influence.nearby_products(-16, -180, 130);
SELECT location_ref, round(distance_km::numeric, 3) AS km FROM influence.nearby_products(89.9, 30, 200);
SELECT location_ref, round(distance_km::numeric, 3) AS km FROM influence.nearby_products(-89, 77, 120);
-- a border: Potsdam is at 27.191 km
SELECT (SELECT count(*) FROM influence.nearby_products(52.52, 13.405, 27.18)) AS inside, (SELECT count(*) FROM influence.nearby_products(52.52, 13.405, 27.2)) AS and_beyond;
-- gone, moved
SELECT status FROM influence.set_product_location(1, 'berlin', 52.52, 13.405, false);
SELECT status FROM influence.set_product_location(2, 'potsdam', 52.52, 13.405);
SELECT location_ref, round(distance_km::numeric, 3) AS km FROM influence.nearby_products(52.52, 13.405);
-- no place is missed that the formula finds without a box
CREATE FUNCTION pg_temp.missed() RETURNS TABLE (places bigint, found bigint, wrong bigint) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM setseed(0.4);
	PERFORM influence.set_product_location(2, 'r' || i, degrees(asin(2 * random() - 1)), 360 * random() - 180) FROM generate_series(1, 3000) i;
	CREATE TEMP TABLE here AS SELECT degrees(asin(2 * random() - 1)) AS lat, 360 * random() - 180 AS lon, 999 * random() + 1 AS km FROM generate_series(1, 100);
	RETURN QUERY
	WITH plain AS (
		SELECT h.lat, h.lon, l.location_ref FROM here h, influence.product_location l
		WHERE l.available AND 6371.0088 * acos(least(1, sin(radians(h.lat)) * sin(radians(l.latitude)) + cos(radians(h.lat)) * cos(radians(l.latitude)) * cos(radians(l.longitude - h.lon)))) <= h.km
	), ours AS (
		SELECT h.lat, h.lon, n.location_ref FROM here h, influence.nearby_products(h.lat, h.lon, h.km, page_size => 1000) n
	)
	SELECT (SELECT count(*) FROM influence.product_location), (SELECT count(*) FROM ours),
		(SELECT count(*) FROM plain FULL JOIN ours USING (lat, lon, location_ref) WHERE plain IS NULL OR ours IS NULL);
END $$;
SELECT places, found > 400 AS enough, wrong FROM pg_temp.missed();
SELECT * FROM pg_temp.not_refused('IN002', $$nearby_products(91, 0)$$, $$nearby_products(0, 181)$$, $$nearby_products('NaN', 0)$$, $$nearby_products(NULL, 0)$$, $$nearby_products(0, 'infinity')$$, $$nearby_products(0, 0, 0)$$, $$nearby_products(0, 0, -1)$$, $$nearby_products(0, 0, 'NaN')$$,
	$$nearby_products(0, 0, 'infinity')$$, $$nearby_products(0, 0, NULL)$$, $$nearby_products(0, 0, 1, NULL, 0)$$, $$set_product_location(1, 'x', 'NaN', 0)$$, $$set_product_location(1, 'x', 0, NULL)$$, $$set_product_location(1, '', 0, 0)$$, $$set_product_location(1, 'x', 0, 0, NULL)$$, $$set_product_location(1, 'x', -90.1, 0)$$);
SELECT * FROM pg_temp.not_refused('IN003', $$set_product_location(99, 'x', 0, 0)$$, $$set_product_location(NULL, 'x', 0, 0)$$);
