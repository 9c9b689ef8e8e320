-- What a range took here, with its indexes and before any compression, and what its rows take in the lake.
ALTER TABLE hand_overs
    ADD COLUMN hot_bytes bigint NOT NULL DEFAULT 0 CHECK (hot_bytes >= 0),
    ADD COLUMN lake_bytes bigint NOT NULL DEFAULT 0 CHECK (lake_bytes >= 0);
