/*
 * csv_read.sql
 *
 * Lines of CSV files become records of fields without losing one. The lines are
 * in demo.source_line byte by byte (as LATIN1), so that no broken quote, byte or
 * field count can stop the load: what cannot be read is a record with a problem.
 */
CREATE TABLE demo.source_record (file text, line_no bigint, fields text[], problem text, PRIMARY KEY (file, line_no));
-- every record that is not loaded, or not loaded whole
CREATE TABLE demo.listed (file text NOT NULL, line_no bigint NOT NULL, class text NOT NULL, pence bigint, reason text NOT NULL,
	PRIMARY KEY (file, line_no));

CREATE FUNCTION demo.read_utf8(bytes text)
RETURNS text
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
	RETURN convert_from(convert_to(bytes, 'LATIN1'), 'UTF8');
EXCEPTION WHEN character_not_in_repertoire OR untranslatable_character THEN
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION demo.read_utf8(text) IS 'UTF-8 bytes that were read as LATIN1; NULL when they are none.';

CREATE FUNCTION demo.read_time(text)
RETURNS timestamp
LANGUAGE plpgsql STABLE
AS $$
BEGIN
	RETURN CASE WHEN $1 ~ '^[12]\d{3}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?$' THEN $1::timestamp END;
EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format THEN
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION demo.read_time(text) IS 'A moment written as YYYY-MM-DD HH:MM[:SS], NULL when it is none.';

CREATE FUNCTION demo.csv_fields(record text)
RETURNS text[]
LANGUAGE sql IMMUTABLE
AS $$
	SELECT CASE
		WHEN strpos(record, '"') = 0 THEN string_to_array(record, ',')
		WHEN record ~ '^(?:"(?:[^"]|"")*"|[^",]*)(?:,(?:"(?:[^"]|"")*"|[^",]*))*$' THEN (
			SELECT array_agg(CASE WHEN m.f[1] LIKE '"%' THEN replace(substr(m.f[1], 2, length(m.f[1]) - 2), '""', '"') ELSE m.f[1] END ORDER BY m.no)
			  FROM regexp_matches(record || ',', '("(?:[^"]|"")*"|[^",]*),', 'g') WITH ORDINALITY m(f, no)) END
$$;
COMMENT ON FUNCTION demo.csv_fields(text) IS 'The fields of a CSV record (RFC 4180), NULL when its quotes do not match.';

-- a record goes on to the next line while a quote is open
INSERT INTO demo.source_record (file, line_no, fields, problem)
SELECT r.file, r.line_no, u.fields,
	   CASE WHEN r.record ~ '[\u0001-\u0008\u000b\u000c\u000e-\u001f]' THEN 'control characters'
			WHEN u.text IS NULL THEN 'not UTF-8'
			WHEN r.quotes % 2 = 1 THEN format('a quote is opened and never closed (lines %s to %s)', r.line_no, r.last_line)
			WHEN u.fields IS NULL THEN 'quotes do not match' END
  FROM (SELECT l.file, min(l.line_no) AS line_no, max(l.line_no) AS last_line, sum(l.quotes) AS quotes,
			   regexp_replace(string_agg(l.text, E'\n' ORDER BY l.line_no), E'\r$', '') AS record
		  FROM (SELECT q.*, sum((q.before % 2 = 0)::int) OVER (PARTITION BY q.file ORDER BY q.line_no) AS record_no
				  FROM (SELECT t.*, coalesce(sum(t.quotes) OVER (PARTITION BY t.file ORDER BY t.line_no ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS before
						  FROM (SELECT s.file, s.seq - min(s.seq) OVER (PARTITION BY s.file) + 1 AS line_no,
									   -- a byte order mark is no part of the first name
									   regexp_replace(s.text, CASE WHEN s.seq = min(s.seq) OVER (PARTITION BY s.file) THEN '^\u00ef\u00bb\u00bf' ELSE '^(?!)' END, '') AS text,
									   length(s.text) - length(replace(s.text, '"', '')) AS quotes
								  FROM demo.source_line s) t) q) l
		 GROUP BY l.file, l.record_no) r
 CROSS JOIN LATERAL (SELECT demo.read_utf8(r.record) AS text) t
 CROSS JOIN LATERAL (SELECT t.text, demo.csv_fields(t.text) AS fields) u
 WHERE r.record <> '';

UPDATE demo.source_record r
   SET problem = format('%s fields, the header has %s', cardinality(r.fields), cardinality(h.fields))
  FROM demo.source_record h
 WHERE h.file = r.file AND h.line_no = 1 AND r.problem IS NULL AND cardinality(r.fields) <> cardinality(h.fields);
ANALYZE demo.source_record;

-- English names of countries as such files write them
CREATE TABLE demo.country (name text PRIMARY KEY, code text NOT NULL);
INSERT INTO demo.country VALUES
	('Albania', 'AL'), ('Algeria', 'DZ'), ('Argentina', 'AR'), ('Australia', 'AU'), ('Austria', 'AT'), ('Bahrain', 'BH'), ('Bangladesh', 'BD'),
	('Belgium', 'BE'), ('Brazil', 'BR'), ('Canada', 'CA'), ('Chile', 'CL'), ('China', 'CN'), ('Colombia', 'CO'), ('Cyprus', 'CY'),
	('Czech Republic', 'CZ'), ('Denmark', 'DK'), ('Ecuador', 'EC'), ('Egypt', 'EG'), ('EIRE', 'IE'), ('Ethiopia', 'ET'), ('Finland', 'FI'),
	('France', 'FR'), ('Germany', 'DE'), ('Greece', 'GR'), ('Hong Kong', 'HK'), ('Iceland', 'IS'), ('India', 'IN'), ('Indonesia', 'ID'),
	('Iran', 'IR'), ('Iraq', 'IQ'), ('Ireland', 'IE'), ('Israel', 'IL'), ('Italy', 'IT'), ('Japan', 'JP'), ('Jordan', 'JO'), ('Kazakhstan', 'KZ'),
	('Lebanon', 'LB'), ('Lithuania', 'LT'), ('Malaysia', 'MY'), ('Malta', 'MT'), ('Mexico', 'MX'), ('Morocco', 'MA'), ('Netherlands', 'NL'),
	('Nigeria', 'NG'), ('Norway', 'NO'), ('Pakistan', 'PK'), ('Peru', 'PE'), ('Philippines', 'PH'), ('Poland', 'PL'), ('Portugal', 'PT'),
	('Romania', 'RO'), ('RSA', 'ZA'), ('Russia', 'RU'), ('Saudi Arabia', 'SA'), ('Serbia', 'RS'), ('Singapore', 'SG'), ('Somalia', 'SO'),
	('South Africa', 'ZA'), ('South Korea', 'KR'), ('Spain', 'ES'), ('Sweden', 'SE'), ('Switzerland', 'CH'), ('Syria', 'SY'), ('Thailand', 'TH'),
	('Turkey', 'TR'), ('Ukraine', 'UA'), ('United Arab Emirates', 'AE'), ('United Kingdom', 'GB'), ('United States', 'US'), ('USA', 'US'),
	('Vietnam', 'VN'), ('Yemen', 'YE');
