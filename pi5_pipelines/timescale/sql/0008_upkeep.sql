-- How far a table here has followed the lake's: from `since` on it holds what the lake held at `lake_version`.
-- `lake_files` is a hash of that version's files, which tells a restored or newly made lake from the one that was read.
CREATE TABLE followed (
    table_name text COLLATE "C" PRIMARY KEY,
    since timestamptz NOT NULL,
    lake_version bigint NOT NULL CHECK (lake_version >= 0),
    lake_files text NOT NULL,
    followed_at timestamptz NOT NULL DEFAULT now()
);

-- One row a day, from which it is told when the disk will be full. `free_bytes` is null where nobody can see that disk.
CREATE TABLE disk_history (
    day date PRIMARY KEY,
    database_bytes bigint NOT NULL,
    lake_bytes bigint NOT NULL,
    free_bytes bigint,
    same_disk boolean NOT NULL
);

GRANT SELECT ON followed, disk_history TO pi5_reader, pi5_writer;
GRANT INSERT, UPDATE ON followed, disk_history TO pi5_writer;
ALTER TABLE followed OWNER TO pi5_owner;
ALTER TABLE disk_history OWNER TO pi5_owner;

-- Who looks after the tables may see the server's settings and everybody's statistics. Only a superuser can give that.
DO $$
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RETURN;
    END IF;
    GRANT pg_monitor TO pi5_owner;
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_stat_statements') THEN
        CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA public;
    END IF;
END
$$;
