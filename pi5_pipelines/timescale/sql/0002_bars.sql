-- Bars: one hypertable a timeframe, named as the lake's tables are. A chunk holds at least some 1,000 rows a symbol,
-- which is what one compressed batch holds: ADR 20.
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT * FROM (VALUES
        ('1m', 7), ('5m', 28), ('15m', 84), ('30m', 168), ('1h', 364), ('4h', 1456), ('1d', 1456)
    ) AS t (timeframe, chunk_days)
    LOOP
        EXECUTE format('
            CREATE TABLE %I (
                symbol text COLLATE "C" NOT NULL,
                ts timestamptz NOT NULL,
                open bigint NOT NULL,
                high bigint NOT NULL,
                low bigint NOT NULL,
                close bigint NOT NULL,
                volume bigint NOT NULL,
                PRIMARY KEY (symbol, ts)
            )', 'bars_' || one.timeframe);
        PERFORM create_hypertable(
            format('public.%I', 'bars_' || one.timeframe)::regclass, 'ts',
            chunk_time_interval => make_interval(days => one.chunk_days),
            create_default_indexes => false
        );
    END LOOP;
END
$$;

-- Bars of every timeframe in real prices. A condition on timeframe leaves one table to be read.
DO $$
DECLARE
    parts text;
BEGIN
    SELECT string_agg(format('
        SELECT b.symbol, b.ts, %L::text AS timeframe,
               b.open * i.price_unit AS open, b.high * i.price_unit AS high, b.low * i.price_unit AS low,
               b.close * i.price_unit AS close, b.volume * i.size_unit AS volume
        FROM %I AS b LEFT JOIN instruments AS i ON i.symbol = b.symbol', timeframe, 'bars_' || timeframe), ' UNION ALL ')
    INTO parts
    FROM unnest(ARRAY['1m', '5m', '15m', '30m', '1h', '4h', '1d']) AS timeframe;
    EXECUTE 'CREATE VIEW market_data AS ' || parts;
END
$$;
