-- The ledger of the lake (pi5_pipelines/ledger) as far as people query it now: ADR 32. Rows and the place that they lead
-- to are one transaction. `journal` is a journal's epoch, `seq` its event that made a row what it is; strategy '' is by
-- hand. Beside the live_... tables, which the engine writes itself, these have strategies and days, and are proven by the
-- ledger's double entry.
CREATE TABLE ledger_offsets (
    journal uuid PRIMARY KEY,
    seq bigint NOT NULL CHECK (seq >= 0),
    wall_ns bigint NOT NULL, -- the engine's clock at that event; 0 where only the lake's end is known
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Orders as they stand: the last of the lake's rows of each. What no order is known of yet has no symbol.
CREATE TABLE ledger_orders (
    journal uuid NOT NULL,
    client_order_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    ts timestamptz NOT NULL,
    event text NOT NULL,
    chain text COLLATE "C" NOT NULL,
    strategy text COLLATE "C",
    actor text,
    symbol text COLLATE "C",
    side text,
    order_type text,
    quantity numeric,
    status text,
    filled numeric,
    average_price numeric,
    reason text,
    PRIMARY KEY (journal, client_order_id)
);
CREATE INDEX ledger_orders_by_seq ON ledger_orders (journal, seq);

CREATE TABLE ledger_fills (
    journal uuid NOT NULL,
    client_order_id text COLLATE "C" NOT NULL,
    fill_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    ts timestamptz NOT NULL,
    strategy text COLLATE "C" NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    side text NOT NULL,
    currency text NOT NULL,
    quantity numeric NOT NULL,
    price numeric NOT NULL,
    fee numeric NOT NULL,
    fee_currency text NOT NULL,
    liquidity text NOT NULL,
    late boolean NOT NULL,
    PRIMARY KEY (journal, client_order_id, fill_id)
);
CREATE INDEX ledger_fills_by_seq ON ledger_fills (journal, seq);

CREATE TABLE ledger_positions (
    journal uuid NOT NULL,
    strategy text COLLATE "C" NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    currency text NOT NULL,
    seq bigint NOT NULL,
    ts timestamptz NOT NULL,
    quantity numeric NOT NULL,
    cost numeric NOT NULL,
    realised numeric NOT NULL,
    fees numeric NOT NULL,
    PRIMARY KEY (journal, strategy, symbol)
);

CREATE TABLE ledger_cash (
    journal uuid NOT NULL,
    strategy text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    ts timestamptz NOT NULL,
    amount numeric NOT NULL,
    PRIMARY KEY (journal, strategy, currency)
);

-- Realised profit and loss by UTC day; `net` is after fees.
CREATE TABLE ledger_daily (
    journal uuid NOT NULL,
    day date NOT NULL,
    strategy text COLLATE "C" NOT NULL,
    symbol text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    fills bigint NOT NULL,
    bought numeric NOT NULL,
    sold numeric NOT NULL,
    realised numeric NOT NULL,
    fees numeric NOT NULL,
    net numeric NOT NULL,
    PRIMARY KEY (journal, day, strategy, symbol, currency)
);

-- Forget a journal here: it is then brought anew, whole, from the lake.
CREATE FUNCTION ledger_forget(epoch uuid) RETURNS void LANGUAGE sql AS $$
    DELETE FROM ledger_orders WHERE journal = epoch;
    DELETE FROM ledger_fills WHERE journal = epoch;
    DELETE FROM ledger_positions WHERE journal = epoch;
    DELETE FROM ledger_cash WHERE journal = epoch;
    DELETE FROM ledger_daily WHERE journal = epoch;
    DELETE FROM ledger_offsets WHERE journal = epoch;
$$;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'ledger_offsets', 'ledger_orders', 'ledger_fills', 'ledger_positions', 'ledger_cash', 'ledger_daily'
    ] LOOP
        EXECUTE format('GRANT SELECT ON %I TO pi5_reader', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO pi5_writer', name);
        EXECUTE format('ALTER TABLE %I OWNER TO pi5_owner', name);
    END LOOP;
    ALTER FUNCTION ledger_forget(uuid) OWNER TO pi5_owner;
END
$$;
