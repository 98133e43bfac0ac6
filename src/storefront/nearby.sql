/*
 * nearby.sql
 *
 * Goods in the neighbourhood. The distance is that of the haversine formula
 * (Sinnott, Virtues of the Haversine, Sky and Telescope 68, 1984) on a sphere
 * of 6371.0088 km, the mean radius of the Earth (IUGG); a box around the place
 * finds the candidates by an index.
 */
CREATE FUNCTION influence_internal.require_place(latitude float8, longitude float8)
RETURNS void
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
	IF $1 IS NULL OR $2 IS NULL OR NOT ($1 BETWEEN -90 AND 90) OR NOT ($2 BETWEEN -180 AND 180) THEN
		PERFORM influence_internal.raise_invalid('there is no such place', format('Latitude: %s, longitude: %s.', coalesce($1::text, 'NULL'), coalesce($2::text, 'NULL')),
			'Give degrees: latitude from -90 to 90, longitude from -180 to 180.');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_place(float8, float8) IS 'Raises IN002 unless the degrees are those of a place.';

CREATE FUNCTION influence_internal.degrees_of(degrees float8)
RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- 1e-12 degrees are a tenth of a micrometre; PostgreSQL refuses what underflows
RETURN CASE WHEN abs(degrees) < 1e-12 THEN 0 ELSE degrees END;
COMMENT ON FUNCTION influence_internal.degrees_of(float8) IS 'Degrees, with what is too near to 0 to be computed with as 0.';

CREATE FUNCTION influence_internal.set_product_location(product_id bigint, location_ref text, latitude float8, longitude float8,
	available boolean DEFAULT true)
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.require_product($1);
	PERFORM influence_internal.require_key('location_ref', $2);
	PERFORM influence_internal.require_arguments('available', $5::text);
	PERFORM influence_internal.require_place($3, $4);
	latitude := influence_internal.degrees_of($3);
	longitude := influence_internal.degrees_of($4);
	INSERT INTO influence.product_location AS l (product_id, location_ref, latitude, longitude, available)
	VALUES ($1, $2, $3, $4, $5)
	ON CONFLICT ON CONSTRAINT product_location_pkey DO UPDATE
	   SET latitude = excluded.latitude, longitude = excluded.longitude, available = excluded.available, since = now()
	 WHERE (l.latitude, l.longitude, l.available) IS DISTINCT FROM (excluded.latitude, excluded.longitude, excluded.available);
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_product_location(bigint, text, float8, float8, boolean) IS
'Says where a product can be had (location_ref: the service''s key of the shop or the district; no home addresses: distances tell them), in degrees of WGS 84; available => false ends it. -> status recorded | duplicate (nothing changed). IN002, IN003.';

CREATE FUNCTION influence_internal.nearby_products(latitude float8, longitude float8, radius_km float8 DEFAULT 10, category_id bigint DEFAULT NULL,
	page_size int DEFAULT 50)
RETURNS TABLE (product_id bigint, location_ref text, sku text, title text, distance_km float8)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	radius_earth CONSTANT float8 := 6371.0088;
	angle float8;
	south float8;
	north float8;
	half_width float8;
	boxes box[];
BEGIN
	PERFORM influence_internal.require_place($1, $2);
	PERFORM influence_internal.require_page($5);
	IF $3 IS NULL OR NOT ($3 > 0 AND $3 <= 1000) THEN
		PERFORM influence_internal.raise_invalid('the radius is out of range', format('radius_km: %s.', coalesce($3::text, 'NULL')), 'Give more than 0 and at most 1000 km.');
	END IF;
	latitude := influence_internal.degrees_of($1);
	longitude := influence_internal.degrees_of($2);
	angle := greatest($3, 1e-9) / radius_earth;
	-- a little wider than exact, for the rounding
	south := $1 - degrees(angle) - 1e-9;
	north := $1 + degrees(angle) + 1e-9;
	IF south <= -90 OR north >= 90 THEN
		boxes := ARRAY[box(point(-180, south), point(180, north))];		-- a pole is inside
	ELSE
		-- where a meridian touches the circle
		half_width := degrees(asin(least(1, sin(angle) / cos(radians($1))))) + 1e-9;
		boxes := ARRAY[box(point($2 - half_width, south), point($2 + half_width, north)),
					   -- what lies across the antimeridian
					   box(point($2 - half_width + 360, south), point($2 + half_width + 360, north)),
					   box(point($2 - half_width - 360, south), point($2 + half_width - 360, north))];
	END IF;
	RETURN QUERY
	SELECT n.product_id, n.location_ref, p.sku, p.title, n.distance
	  FROM (SELECT DISTINCT l.product_id, l.location_ref,
				   2 * radius_earth * asin(least(1, sqrt(power(sin(radians(l.latitude - $1) / 2), 2)
					   + cos(radians($1)) * cos(radians(l.latitude)) * power(sin(radians(l.longitude - $2) / 2), 2)))) AS distance
			  FROM unnest(boxes) b(area)
			  JOIN influence.product_location l ON point(l.longitude, l.latitude) <@ b.area AND l.available) n
	  JOIN influence.product p ON p.product_id = n.product_id
	 WHERE n.distance <= $3
	   AND ($4 IS NULL OR EXISTS (SELECT FROM influence.category c WHERE c.category_id = p.category_id AND c.path @> ARRAY[$4]))
	 ORDER BY n.distance, n.product_id, n.location_ref COLLATE "C"
	 LIMIT $5;
END
$$;
COMMENT ON FUNCTION influence_internal.nearby_products(float8, float8, float8, bigint, int) IS
'Products that can be had within a radius of a place (degrees of WGS 84), in a category or below it (NULL = any), the nearest first: distance_km by the haversine formula on a sphere of 6371.0088 km, off by up to 0.6 % of what it is on the ellipsoid. IN002.';
