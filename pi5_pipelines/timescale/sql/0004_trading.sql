-- What the live engine did: the fold of its journal. `seq` is the journal's number of the event that made the row so.
CREATE TABLE orders (
    client_order_id text COLLATE "C" PRIMARY KEY,
    venue_order_id text COLLATE "C",
    account text COLLATE "C" NOT NULL,
    strategy text COLLATE "C" NOT NULL DEFAULT '',
    symbol text COLLATE "C" NOT NULL REFERENCES instruments,
    side text NOT NULL CHECK (side IN ('buy', 'sell')),
    type text NOT NULL CHECK (type IN ('market', 'limit', 'stop', 'stop_limit', 'trailing_stop')),
    time_in_force text NOT NULL,
    quantity bigint NOT NULL CHECK (quantity > 0),
    limit_price bigint,
    stop_price bigint,
    status text NOT NULL,
    filled_quantity bigint NOT NULL DEFAULT 0 CHECK (filled_quantity BETWEEN 0 AND quantity),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    seq bigint NOT NULL
);
CREATE INDEX orders_by_status ON orders (status, updated_at);
CREATE INDEX orders_by_symbol ON orders (symbol, created_at);

-- Our fills.
CREATE TABLE trades (
    trade_id text COLLATE "C" PRIMARY KEY,
    client_order_id text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    symbol text COLLATE "C" NOT NULL REFERENCES instruments,
    ts timestamptz NOT NULL,
    side text NOT NULL CHECK (side IN ('buy', 'sell')),
    quantity bigint NOT NULL CHECK (quantity > 0),
    price bigint NOT NULL,
    fee numeric NOT NULL DEFAULT 0,
    fee_currency text NOT NULL DEFAULT '',
    liquidity text NOT NULL DEFAULT '' CHECK (liquidity IN ('', 'maker', 'taker')),
    seq bigint NOT NULL
);
CREATE INDEX trades_by_symbol ON trades (symbol, ts);
CREATE INDEX trades_by_order ON trades (client_order_id);

CREATE TABLE positions (
    account text COLLATE "C" NOT NULL,
    symbol text COLLATE "C" NOT NULL REFERENCES instruments,
    quantity bigint NOT NULL,
    average_price numeric NOT NULL,
    realized numeric NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (account, symbol)
);

CREATE TABLE account (
    account text COLLATE "C" NOT NULL,
    currency text NOT NULL,
    ts timestamptz NOT NULL,
    cash numeric NOT NULL,
    equity numeric NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (account, currency, ts)
);

-- How far each consumer has read a journal; moved in the transaction that writes what was read.
CREATE TABLE events_offset (
    consumer text COLLATE "C" NOT NULL,
    journal text COLLATE "C" NOT NULL,
    seq bigint NOT NULL CHECK (seq >= 0),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, journal)
);

CREATE VIEW orders_readable AS
SELECT o.client_order_id, o.venue_order_id, o.account, o.strategy, o.symbol, o.side, o.type, o.time_in_force,
       o.quantity * i.size_unit AS quantity, o.limit_price * i.price_unit AS limit_price,
       o.stop_price * i.price_unit AS stop_price, o.status, o.filled_quantity * i.size_unit AS filled_quantity,
       o.created_at, o.updated_at, o.seq
FROM orders AS o JOIN instruments AS i ON i.symbol = o.symbol;

CREATE VIEW trades_readable AS
SELECT t.trade_id, t.client_order_id, t.account, t.symbol, t.ts, t.side, t.quantity * i.size_unit AS quantity,
       t.price * i.price_unit AS price, t.fee, t.fee_currency, t.liquidity, t.seq
FROM trades AS t JOIN instruments AS i ON i.symbol = t.symbol;

CREATE VIEW positions_readable AS
SELECT p.account, p.symbol, p.quantity * i.size_unit AS quantity, p.average_price, p.realized, p.updated_at, p.seq
FROM positions AS p JOIN instruments AS i ON i.symbol = p.symbol;
