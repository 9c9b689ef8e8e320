-- Trades of the market, one row each; side 1: a buyer took, -1: a seller took, 0: not told.
CREATE TABLE ticks (
    symbol text COLLATE "C" NOT NULL,
    ts timestamptz NOT NULL,
    trade_id bigint NOT NULL,
    price bigint NOT NULL,
    size bigint NOT NULL,
    side smallint NOT NULL CHECK (side BETWEEN -1 AND 1),
    PRIMARY KEY (symbol, ts, trade_id)
);

SELECT create_hypertable(
    'public.ticks', 'ts', chunk_time_interval => INTERVAL '1 day', create_default_indexes => false
);

CREATE VIEW ticks_readable AS
SELECT t.symbol, t.ts, t.trade_id, t.price * i.price_unit AS price, t.size * i.size_unit AS size, t.side
FROM ticks AS t LEFT JOIN instruments AS i ON i.symbol = t.symbol;
