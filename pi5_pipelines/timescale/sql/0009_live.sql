-- What the live engine did: the fold of its journal, written by the engine itself (live_engine/projection): ADR 30.
-- The tables of 0004 that were meant for it fit no journal: they wanted scaled integers, symbols that `instruments`
-- knows, and no order that fills beyond its quantity. Nothing of ours wrote them; one that holds rows stays.
DO $$
DECLARE
    name text;
    used boolean;
BEGIN
    FOREACH name IN ARRAY ARRAY['orders', 'trades', 'positions', 'account', 'events_offset'] LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO used;
        IF NOT used THEN
            EXECUTE format('DROP VIEW IF EXISTS %I', name || '_readable');
            EXECUTE format('DROP TABLE %I', name);
        END IF;
    END LOOP;
END
$$;

-- `journal` is a journal's epoch, its random name; `seq` its number of the event that made a row what it is.
-- How far each journal has been projected, moved in the transaction that writes what was read. `first_seq` is where
-- its rows begin, `rules` the version of the fold, `event_*` the last event as the journal stamped it: an older copy of
-- a journal has another one, or none, in its place.
CREATE TABLE live_offsets (
    journal uuid PRIMARY KEY,
    seq bigint NOT NULL CHECK (seq >= 0),
    first_seq bigint NOT NULL,
    rules int NOT NULL,
    event_seq bigint NOT NULL DEFAULT 0,
    event_wall_ns bigint NOT NULL DEFAULT 0,
    event_mono_ns bigint NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Orders as they stand. `filled` is an order's own, `cumulative` that of its chain of replacements up to it. `folded` is
-- the whole of it, from which the projection goes on.
CREATE TABLE live_orders (
    journal uuid NOT NULL,
    client_order_id text COLLATE "C" NOT NULL,
    venue text NOT NULL,
    venue_order_id text COLLATE "C" NOT NULL,
    strategy text COLLATE "C" NOT NULL,
    actor text NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    currency text NOT NULL,
    side text NOT NULL,
    order_type text NOT NULL,
    time_in_force text NOT NULL,
    reduce_only boolean NOT NULL,
    parent text COLLATE "C" NOT NULL,
    order_group text COLLATE "C" NOT NULL,
    replaces text COLLATE "C" NOT NULL,
    replaced_by text COLLATE "C" NOT NULL,
    quantity numeric NOT NULL,
    limit_price numeric,
    stop_price numeric,
    trail numeric,
    decision_price numeric,
    status text NOT NULL,
    is_open boolean NOT NULL,
    filled numeric NOT NULL,
    cumulative numeric NOT NULL,
    leaves numeric NOT NULL,
    average_price numeric,
    reason text NOT NULL,
    late boolean NOT NULL,
    disputed boolean NOT NULL,
    placed_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    seq bigint NOT NULL,
    folded jsonb NOT NULL,
    PRIMARY KEY (journal, client_order_id)
);
CREATE INDEX live_orders_by_status ON live_orders (status, changed_at);
CREATE INDEX live_orders_by_symbol ON live_orders (symbol, placed_at);
CREATE INDEX live_orders_by_seq ON live_orders (journal, seq);
CREATE INDEX live_orders_by_replaces ON live_orders (journal, replaces) WHERE replaces <> '';

-- Our fills, each once. One whose order is not known yet has no symbol and counts nowhere until it is.
CREATE TABLE live_trades (
    journal uuid NOT NULL,
    client_order_id text COLLATE "C" NOT NULL,
    fill_id text COLLATE "C" NOT NULL,
    symbol text COLLATE "C",
    side text,
    strategy text COLLATE "C",
    quantity numeric NOT NULL,
    price numeric NOT NULL,
    fee numeric NOT NULL,
    fee_currency text NOT NULL,
    liquidity text NOT NULL,
    late boolean NOT NULL,
    traded_at timestamptz NOT NULL,
    traded_ns bigint NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (journal, client_order_id, fill_id)
);
CREATE INDEX live_trades_by_symbol ON live_trades (symbol, traded_at);
CREATE INDEX live_trades_by_seq ON live_trades (journal, seq);

CREATE TABLE live_positions (
    journal uuid NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    currency text NOT NULL,
    quantity numeric NOT NULL,
    cost numeric NOT NULL,
    realised numeric NOT NULL,
    fees numeric NOT NULL,
    average_price numeric,
    changed_at timestamptz NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (journal, symbol)
);

CREATE TABLE live_account (
    journal uuid NOT NULL,
    seq bigint NOT NULL,
    marked_at timestamptz NOT NULL,
    day text NOT NULL,
    cash numeric NOT NULL,
    equity numeric NOT NULL,
    PRIMARY KEY (journal, seq)
);
CREATE INDEX live_account_by_time ON live_account (marked_at);

-- Bars as strategies saw them, `ts` their start; with `strategy` one only warmed that strategy up.
CREATE TABLE live_bars (
    journal uuid NOT NULL,
    seq bigint NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    timeframe text COLLATE "C" NOT NULL,
    ts timestamptz NOT NULL,
    open numeric NOT NULL,
    high numeric NOT NULL,
    low numeric NOT NULL,
    close numeric NOT NULL,
    volume numeric NOT NULL,
    strategy text COLLATE "C" NOT NULL,
    PRIMARY KEY (journal, seq, ts)
);
SELECT create_hypertable(
    'public.live_bars', 'ts', chunk_time_interval => INTERVAL '28 days', create_default_indexes => false
);
CREATE INDEX live_bars_by_symbol ON live_bars (symbol, timeframe, ts);

-- Trades of the market that came after their bar was closed.
CREATE TABLE live_late_ticks (
    journal uuid NOT NULL,
    seq bigint NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    ts timestamptz NOT NULL,
    price numeric NOT NULL,
    size numeric NOT NULL,
    PRIMARY KEY (journal, seq)
);

-- Forget a journal here: what is left of it is then projected anew, from its first event.
CREATE FUNCTION live_forget(epoch uuid) RETURNS void LANGUAGE sql AS $$
    DELETE FROM live_orders WHERE journal = epoch;
    DELETE FROM live_trades WHERE journal = epoch;
    DELETE FROM live_positions WHERE journal = epoch;
    DELETE FROM live_account WHERE journal = epoch;
    DELETE FROM live_bars WHERE journal = epoch;
    DELETE FROM live_late_ticks WHERE journal = epoch;
    DELETE FROM live_offsets WHERE journal = epoch;
$$;

-- The engine's own role, which writes these tables and sees nothing else.
DO $$
DECLARE
    name text;
BEGIN
    BEGIN
        IF to_regrole('pi5_engine') IS NULL THEN
            CREATE ROLE pi5_engine NOLOGIN;
        END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;
    END;
    GRANT USAGE ON SCHEMA public TO pi5_engine;
    FOREACH name IN ARRAY ARRAY[
        'live_offsets', 'live_orders', 'live_trades', 'live_positions', 'live_account', 'live_bars', 'live_late_ticks'
    ] LOOP
        EXECUTE format('GRANT SELECT ON %I TO pi5_reader, pi5_writer', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO pi5_engine', name);
        EXECUTE format('ALTER TABLE %I OWNER TO pi5_owner', name);
    END LOOP;
    ALTER FUNCTION live_forget(uuid) OWNER TO pi5_owner;
END
$$;
