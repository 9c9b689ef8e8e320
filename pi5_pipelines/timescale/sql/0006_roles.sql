-- Who may do what. These roles cannot log in; users are members of one of them (`pi5 db user`).
-- Roles belong to the whole server: another database may have made them, perhaps at this very moment.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['pi5_owner', 'pi5_writer', 'pi5_reader'] LOOP
        BEGIN
            IF to_regrole(name) IS NULL THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', name);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        EXECUTE format('GRANT pi5_owner TO %I', current_user);
    END IF;
END
$$;

GRANT USAGE, CREATE ON SCHEMA public TO pi5_owner;
GRANT USAGE ON SCHEMA public TO pi5_writer, pi5_reader;

-- The owner may do everything to these tables; the writer adds and corrects rows, and cannot take any away; the reader reads.
DO $$
DECLARE
    name text;
    written text[] := ARRAY[
        'instruments', 'bars_1m', 'bars_5m', 'bars_15m', 'bars_30m', 'bars_1h', 'bars_4h', 'bars_1d', 'ticks',
        'late_bars_1m', 'late_bars_5m', 'late_bars_15m', 'late_bars_30m', 'late_bars_1h', 'late_bars_4h',
        'late_bars_1d', 'late_ticks', 'orders', 'trades', 'positions', 'account', 'events_offset'
    ];
    others text[] := ARRAY['schema_migrations', 'watermarks', 'hand_overs'];
    views text[] := ARRAY['market_data', 'ticks_readable', 'orders_readable', 'trades_readable', 'positions_readable'];
BEGIN
    FOREACH name IN ARRAY written || others || views LOOP
        EXECUTE format('GRANT SELECT ON %I TO pi5_reader, pi5_writer', name);
        EXECUTE format('ALTER TABLE %I OWNER TO pi5_owner', name);
    END LOOP;
    FOREACH name IN ARRAY written LOOP
        EXECUTE format('GRANT INSERT, UPDATE ON %I TO pi5_writer', name);
    END LOOP;
    ALTER FUNCTION refuse_changed_scale() OWNER TO pi5_owner;
END
$$;
