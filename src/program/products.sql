/*
 * products.sql
 *
 * The catalogue: categories, topics, products with price, stock and category
 * histories. Histories are rows "valid from": the latest at a moment holds.
 */
CREATE FUNCTION influence_internal.create_category(name text, parent_id bigint DEFAULT NULL)
RETURNS TABLE (status text, category_id bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	parent_path bigint[] := '{}';
BEGIN
	PERFORM influence_internal.require_key('name', create_category.name);
	IF create_category.parent_id IS NOT NULL THEN
		SELECT c.path INTO parent_path FROM influence.category c WHERE c.category_id = create_category.parent_id;
		IF NOT FOUND THEN
			PERFORM influence_internal.raise_unknown('category', create_category.parent_id::text,
				'Create the parent first with influence.create_category(name).');
		END IF;
	END IF;
	PERFORM influence_internal.lock_key('categories');
	SELECT c.category_id INTO category_id
	  FROM influence.category c
	 WHERE c.name = create_category.name AND c.parent_id IS NOT DISTINCT FROM create_category.parent_id;
	status := 'duplicate';
	IF NOT FOUND THEN
		category_id := nextval(pg_get_serial_sequence('influence.category', 'category_id'));
		INSERT INTO influence.category (category_id, parent_id, name, path)
		VALUES (category_id, create_category.parent_id, create_category.name, parent_path || category_id);
		status := 'recorded';
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.create_category(text, bigint) IS
'Creates a category under a parent (NULL = a root). Natural key: parent and name. -> status recorded | duplicate, category_id. IN003 no such parent.';

CREATE FUNCTION influence_internal.create_topic(name text)
RETURNS TABLE (status text, topic_id bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.require_key('name', create_topic.name);
	INSERT INTO influence.topic (name) VALUES (create_topic.name)
	ON CONFLICT DO NOTHING
	RETURNING topic_id INTO topic_id;
	status := CASE WHEN FOUND THEN 'recorded' ELSE 'duplicate' END;
	IF topic_id IS NULL THEN
		SELECT t.topic_id INTO topic_id FROM influence.topic t WHERE t.name = create_topic.name;
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.create_topic(text) IS
'Creates a topic that shoppers can be interested in. Natural key: name. -> status recorded | duplicate, topic_id.';

CREATE FUNCTION influence_internal.add_product(sku text, title text, category_id bigint, price bigint DEFAULT NULL,
	currency text DEFAULT NULL, stock bigint DEFAULT NULL, brand text DEFAULT NULL, seller text DEFAULT NULL,
	image text DEFAULT NULL, valid_from timestamptz DEFAULT now())
RETURNS TABLE (status text, product_id bigint)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	hash bytea;
	known record;
	category_path bigint[];
BEGIN
	PERFORM influence_internal.require_key('sku', add_product.sku);
	PERFORM influence_internal.require_arguments('title', add_product.title);
	PERFORM influence_internal.require_begin('valid_from', add_product.valid_from);
	SELECT c.path INTO category_path FROM influence.category c WHERE c.category_id = add_product.category_id;
	IF NOT FOUND THEN
		PERFORM influence_internal.raise_unknown('category', add_product.category_id::text,
			'Create it first with influence.create_category(name).');
	END IF;
	hash := influence_internal.content_hash(jsonb_build_array(add_product.title, add_product.category_id, add_product.price,
		add_product.currency, add_product.stock, add_product.brand, add_product.seller, add_product.image));
	INSERT INTO influence.product (sku, title, brand, seller, category_id, image, content_hash)
	VALUES (add_product.sku, add_product.title, add_product.brand, add_product.seller, add_product.category_id,
			add_product.image, hash)
	ON CONFLICT DO NOTHING
	RETURNING product_id INTO product_id;
	IF product_id IS NULL THEN
		SELECT p.product_id, p.content_hash INTO known FROM influence.product p WHERE p.sku = add_product.sku;
		IF known.content_hash <> hash THEN
			PERFORM influence_internal.raise_conflict('product', add_product.sku);
		END IF;
		RETURN QUERY SELECT 'duplicate', known.product_id;
		RETURN;
	END IF;
	INSERT INTO influence.product_category (product_id, valid_from, category_id, path)
	VALUES (product_id, '-infinity', add_product.category_id, category_path);
	IF add_product.price IS NOT NULL THEN
		PERFORM influence_internal.set_price(product_id, add_product.price, add_product.currency, add_product.valid_from);
	END IF;
	IF add_product.stock IS NOT NULL THEN
		PERFORM influence_internal.set_stock(product_id, add_product.stock, add_product.valid_from);
	END IF;
	status := 'recorded';
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.add_product(text, text, bigint, bigint, text, bigint, text, text, text, timestamptz) IS
'Adds a product with its first price (minor units of currency) and stock from valid_from on. Natural key: sku. -> status recorded | duplicate, product_id. IN002 bad value, IN003 no such category, IN004 same sku with other content. A product without stock is not shown in feeds.';

CREATE FUNCTION influence_internal.add_products(products jsonb)
RETURNS TABLE (status text, recorded int, duplicates int, product_ids bigint[])
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	item jsonb;
	added record;
BEGIN
	PERFORM influence_internal.require_array(products, 'products');
	recorded := 0;
	duplicates := 0;
	product_ids := '{}';
	FOR item IN SELECT e FROM jsonb_array_elements(products) e LOOP
		PERFORM influence_internal.check_keys(item, ARRAY['sku', 'title', 'category_id', 'price', 'currency', 'stock', 'brand',
			'seller', 'image', 'valid_from'], 'a product');
		SELECT * INTO added
		  FROM influence_internal.add_product(item ->> 'sku', item ->> 'title', (item ->> 'category_id')::bigint,
				(item ->> 'price')::bigint, item ->> 'currency', (item ->> 'stock')::bigint, item ->> 'brand',
				item ->> 'seller', item ->> 'image', coalesce((item ->> 'valid_from')::timestamptz, now()));
		product_ids := product_ids || added.product_id;
		recorded := recorded + (added.status = 'recorded')::int;
		duplicates := duplicates + (added.status = 'duplicate')::int;
	END LOOP;
	status := CASE WHEN recorded = 0 AND duplicates > 0 THEN 'duplicate' ELSE 'recorded' END;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.add_products(jsonb) IS
'add_product for a JSON array of objects with its argument names as keys, all or nothing. -> status, how many were recorded and how many were known, product_ids in input order.';

CREATE FUNCTION influence_internal.require_product(product_id bigint)
RETURNS void
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF NOT EXISTS (SELECT FROM influence.product p WHERE p.product_id = require_product.product_id) THEN
		PERFORM influence_internal.raise_unknown('product', require_product.product_id::text,
			'Add it with influence.add_product(sku, title, category_id).');
	END IF;
END
$$;
COMMENT ON FUNCTION influence_internal.require_product(bigint) IS 'Raises IN003 unless the product exists.';

CREATE FUNCTION influence_internal.set_price(product_id bigint, price bigint, currency text, valid_from timestamptz DEFAULT now())
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.require_arguments('currency', set_price.currency);
	PERFORM influence_internal.require_begin('valid_from', set_price.valid_from);
	PERFORM influence.minor_unit_digits(set_price.currency);
	PERFORM influence_internal.require_product(set_price.product_id);
	IF set_price.price IS NULL OR set_price.price < 0 THEN
		PERFORM influence_internal.raise_invalid('a price is 0 or more', format('Price: %s.', set_price.price),
			'Give minor units, for instance 1999 for 19.99 USD.');
	END IF;
	INSERT INTO influence.product_price AS h (product_id, currency, valid_from, price)
	VALUES (set_price.product_id, set_price.currency, set_price.valid_from, set_price.price)
	ON CONFLICT DO NOTHING;
	status := 'recorded';
	IF NOT FOUND THEN
		status := 'duplicate';
		IF NOT EXISTS (SELECT FROM influence.product_price h
						WHERE h.product_id = set_price.product_id AND h.currency = set_price.currency
						  AND h.valid_from = set_price.valid_from AND h.price = set_price.price) THEN
			PERFORM influence_internal.raise_conflict('price', format('%s at %s', set_price.product_id, set_price.valid_from));
		END IF;
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_price(bigint, bigint, text, timestamptz) IS
'Adds a price (minor units of currency) from valid_from on. Natural key: product, currency, valid_from. -> status recorded | duplicate. IN002, IN003, IN004.';

CREATE FUNCTION influence_internal.set_stock(product_id bigint, quantity bigint, valid_from timestamptz DEFAULT now())
RETURNS TABLE (status text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	PERFORM influence_internal.require_begin('valid_from', set_stock.valid_from);
	PERFORM influence_internal.require_product(set_stock.product_id);
	IF set_stock.quantity IS NULL OR set_stock.quantity < 0 THEN
		PERFORM influence_internal.raise_invalid('a stock is 0 or more', format('Quantity: %s.', set_stock.quantity),
			'Give the pieces at hand; 0 takes the product out of feeds.');
	END IF;
	INSERT INTO influence.product_stock (product_id, valid_from, quantity)
	VALUES (set_stock.product_id, set_stock.valid_from, set_stock.quantity)
	ON CONFLICT DO NOTHING;
	status := 'recorded';
	IF NOT FOUND THEN
		status := 'duplicate';
		IF NOT EXISTS (SELECT FROM influence.product_stock h
						WHERE h.product_id = set_stock.product_id AND h.valid_from = set_stock.valid_from
						  AND h.quantity = set_stock.quantity) THEN
			PERFORM influence_internal.raise_conflict('stock', format('%s at %s', set_stock.product_id, set_stock.valid_from));
		END IF;
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION influence_internal.set_stock(bigint, bigint, timestamptz) IS
'States the stock of a product (pieces) from valid_from on; 0 takes it out of feeds. Natural key: product, valid_from. -> status recorded | duplicate. IN002, IN003, IN004.';

CREATE FUNCTION influence_internal.stock_at(product_id bigint, at timestamptz)
RETURNS bigint
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	RETURN (SELECT h.quantity FROM influence.product_stock h
			 WHERE h.product_id = stock_at.product_id AND h.valid_from <= at
			 ORDER BY h.valid_from DESC LIMIT 1);
END
$$;
COMMENT ON FUNCTION influence_internal.stock_at(bigint, timestamptz) IS 'Pieces in stock at a moment, NULL when never stated.';
