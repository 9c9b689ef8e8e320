-- The hand-over of old chunks to the lake. Rows before a table's watermark are read from the lake, the others from here.
CREATE TABLE watermarks (
    table_name text COLLATE "C" PRIMARY KEY,
    ts timestamptz NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT now()
);

-- One row a range of time that was handed over, with the figures that both sides agreed on.
CREATE TABLE hand_overs (
    table_name text COLLATE "C" NOT NULL,
    range_start timestamptz NOT NULL,
    range_end timestamptz NOT NULL CHECK (range_end > range_start),
    row_count bigint NOT NULL CHECK (row_count >= 0),
    first_ts timestamptz,
    last_ts timestamptz,
    sums jsonb NOT NULL,
    hash text NOT NULL,
    lake_table text NOT NULL,
    lake_version bigint NOT NULL,
    verified_at timestamptz NOT NULL DEFAULT now(),
    dropped_at timestamptz,
    PRIMARY KEY (table_name, range_start)
);

-- Rows that came after their range had been handed over wait here until they are merged into the lake.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['bars_1m', 'bars_5m', 'bars_15m', 'bars_30m', 'bars_1h', 'bars_4h', 'bars_1d', 'ticks']
    LOOP
        EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING CONSTRAINTS INCLUDING INDEXES)', 'late_' || name, name);
    END LOOP;
END
$$;
