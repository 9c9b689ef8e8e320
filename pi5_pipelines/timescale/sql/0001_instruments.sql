-- How a symbol is quoted. Prices and sizes are stored as integers: price x 10^price_scale, size x 10^size_scale.
CREATE TABLE instruments (
    symbol text COLLATE "C" PRIMARY KEY CHECK (symbol <> ''),
    tick_size numeric NOT NULL CHECK (tick_size > 0),
    price_scale smallint NOT NULL CHECK (price_scale BETWEEN 0 AND 12),
    size_scale smallint NOT NULL CHECK (size_scale BETWEEN 0 AND 12),
    lot numeric NOT NULL CHECK (lot > 0),
    currency text NOT NULL,
    calendar text NOT NULL,
    venue text NOT NULL,
    -- What one step of the stored integers is worth; the views multiply by it, which is exact and keeps the decimals.
    price_unit numeric GENERATED ALWAYS AS (round(power(10::numeric, -price_scale), price_scale)) STORED,
    size_unit numeric GENERATED ALWAYS AS (round(power(10::numeric, -size_scale), size_scale)) STORED
);

-- A changed scale would silently change every price that is stored already.
CREATE FUNCTION refuse_changed_scale() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the scales of % are % and %; stored rows rely on them', OLD.symbol, OLD.price_scale, OLD.size_scale
        USING ERRCODE = 'check_violation';
END
$$;

CREATE TRIGGER scales_stay BEFORE UPDATE ON instruments FOR EACH ROW
    WHEN (OLD.price_scale <> NEW.price_scale OR OLD.size_scale <> NEW.size_scale)
    EXECUTE FUNCTION refuse_changed_scale();
