"""The lake: Delta tables read at any version, and changed by whole, flushed, idempotent commits."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

import polars as pl
from deltalake import (
    ColumnProperties,
    CommitProperties,
    DeltaTable,
    PostCommitHookProperties,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import DeltaError

from pi5_pipelines.errors import LakeDamagedError, LakeError, UnknownNameError
from pi5_pipelines.lake import damage, durability
from pi5_pipelines.lake.order import rises
from pi5_pipelines.lake.schema import PERIOD, TableSchema, schema_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

ZSTD_LEVEL = 9
ROWS_PER_GROUP = 1_000_000
ROWS_PER_COMMIT = 2_000_000
NOTE = "pi5."  # prefix of our own keys in a commit's metadata


@dataclass(frozen=True, slots=True)
class TableInfo:
    """A table at its current version: rows, bytes and number of its data files."""

    name: str
    version: int
    rows: int
    bytes: int
    files: int


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """One version of a table, and what was noted with its commit."""

    version: int
    committed_at_utc: datetime
    operation: str
    note: dict[str, str]


@dataclass(frozen=True, slots=True)
class UpsertReport:
    """What an upsert did; `by_symbol` has symbol, inserted, restated, unchanged; no change means no new version."""

    table: str
    version: int | None
    inserted: int
    restated: int
    unchanged: int
    by_symbol: pl.DataFrame
    restatements: pl.DataFrame


class Lake:
    """All tables under one folder; one writer a table at a time, any number of readers."""

    def __init__(self, root: Path, *, lock_timeout_s: float = 60.0) -> None:
        self.root = root
        self.lock_timeout_s = lock_timeout_s

    def names(self) -> list[str]:
        """The tables there are, in alphabetical order."""
        if not self.root.exists():
            return []
        return sorted(path.name for path in self.root.iterdir() if (path / durability.LOG).is_dir())

    def tables(self) -> list[TableInfo]:
        """Every table at its current version."""
        return [self._info(name) for name in self.names() if self.version(name) is not None]

    def version(self, table: str) -> int | None:
        """A table's current version; None when nothing was ever written."""
        schema_of(table)
        folder = self.root / table
        if not (folder / durability.LOG).is_dir():
            return None
        if durability.needs_recovery(self.root, table):
            with self.writing(table):
                pass
        present = durability.versions(folder)
        return present[-1] if present else None

    def read(
        self,
        table: str,
        *,
        version: int | None = None,
        symbols: Sequence[str] | None = None,
        start: date | None = None,
        end: date | None = None,
    ) -> pl.DataFrame:
        """Rows sorted by key, of some symbols and days (both ends included); a table never written is empty.

        Raises UnknownNameError for an unknown table or version, LakeDamagedError when files are gone.
        """
        schema = schema_of(table)
        if self.version(table) is None and version is None:
            return pl.DataFrame(schema=dict(schema.columns))
        files = [path for path, _period in self.files(table, version)]
        if not files:
            return pl.DataFrame(schema=dict(schema.columns))
        scan = pl.scan_parquet(files, hive_partitioning=False)
        if symbols is not None:
            scan = scan.filter(pl.col("symbol").is_in(list(symbols)))
        if start is not None:
            scan = scan.filter(pl.col("ts") >= _moment(start, time.min))
        if end is not None:
            scan = scan.filter(pl.col("ts") <= _moment(end, time.max))
        return damage.collect(scan.select(schema.columns.keys()), table).sort(schema.key)

    def files(self, table: str, version: int | None = None) -> list[tuple[Path, str]]:
        """The data files of a version with their partition ("" when the table has none)."""
        actions = pl.DataFrame(self.open(table, version).get_add_actions(flatten=True))
        periods = (
            actions[f"partition.{PERIOD}"].to_list()
            if f"partition.{PERIOD}" in actions.columns
            else [""] * actions.height
        )
        return sorted((self.root / table / path, period) for path, period in zip(actions["path"], periods, strict=True))

    def open(self, table: str, version: int | None = None) -> DeltaTable:
        """The Delta table itself, at a version; raises UnknownNameError."""
        current = self.version(table)
        if current is None:
            raise UnknownNameError(f"no such table yet: {table!r}", where=str(self.root), hint="run `pi5 ingest` first")
        if version is not None and not 0 <= version <= current:
            raise UnknownNameError(
                f"no version {version}", where=f"lake table {table}", hint=f"there are versions 0 to {current}"
            )
        try:
            return DeltaTable(self.root / table, version=version)
        except (DeltaError, OSError) as error:
            raise LakeDamagedError(
                f"its log cannot be read: {error}",
                where=f"lake table {table}",
                hint="restore the lake with `pi5 backup restore`",
            ) from error

    def history(self, table: str) -> list[VersionInfo]:
        """All versions whose log entries are kept, the newest first."""
        return [
            VersionInfo(
                version=int(entry["version"]),
                committed_at_utc=datetime.fromtimestamp(entry["timestamp"] / 1e3, tz=UTC),
                operation=str(entry["operation"]),
                note={k.removeprefix(NOTE): str(v) for k, v in entry.items() if k.startswith(NOTE)},
            )
            for entry in self.open(table).history()
        ]

    def upsert(self, table: str, frame: pl.DataFrame, *, note: Mapping[str, str] | None = None) -> UpsertReport:
        """Bring rows in by key: new ones are inserted, differing ones restated, equal ones left alone.

        Large frames go in several commits of whole partitions; each is complete in itself, so an interrupted upsert is
        finished by repeating it. Raises LakeError when the frame contradicts itself or cannot be written.
        """
        schema = schema_of(table)
        frame = _conform(frame, schema)
        with self.writing(table):
            reports = [self._upsert_part(schema, part, note or {}) for part in _parts(frame, schema)]
        return _total(table, self.version(table), reports)

    def replace(self, table: str, frame: pl.DataFrame, *, note: Mapping[str, str] | None = None) -> int:
        """Make a table hold exactly these rows; no new version when it does already. Answers the version."""
        schema = schema_of(table)
        frame = _conform(frame, schema).sort(schema.key)
        with self.writing(table):
            if self.version(table) is None or not self.read(table).equals(frame):
                self.commit(schema, frame, None, note or {})
        version = self.version(table)
        if version is None:
            raise LakeError("nothing was written", where=f"lake table {table}")
        return version

    @contextmanager
    def writing(self, table: str) -> Iterator[None]:
        """Hold the table's write lock, with whatever a power cut tore set aside."""
        with durability.write_lock(self.root, table, self.lock_timeout_s):
            if (self.root / table / durability.LOG).is_dir() and durability.needs_recovery(self.root, table):
                durability.recover(self.root, table)
            yield

    def commit(
        self, schema: TableSchema, frame: pl.DataFrame, periods: Sequence[str] | None, note: Mapping[str, str]
    ) -> None:
        """Replace whole partitions (None: the whole table) by sorted rows, and flush; call it under the write lock."""
        options: dict[str, Any] = {}
        if schema.partition:
            options["partition_by"] = [PERIOD]
            frame = frame.with_columns(period_of(schema).alias(PERIOD))
            if not rises(frame, (PERIOD, *schema.key)):
                frame = frame.sort(PERIOD, *schema.key)
        if periods is not None and self.version(schema.name) is not None:
            options["predicate"] = f"{PERIOD} IN ({', '.join(repr(period) for period in periods)})"
        self.root.mkdir(parents=True, exist_ok=True)
        try:
            write_deltalake(
                self.root / schema.name,
                frame,
                mode="overwrite",
                writer_properties=_writer(schema),
                commit_properties=CommitProperties(custom_metadata={NOTE + k: v for k, v in note.items()}),
                post_commithook_properties=PostCommitHookProperties(
                    create_checkpoint=False, cleanup_expired_logs=False
                ),
                **options,
            )
            durability.make_durable(self.root, schema.name)
        except (DeltaError, OSError) as error:
            raise LakeError(
                f"cannot be written: {error}",
                where=f"lake table {schema.name}",
                hint="look for a full disk or missing rights; the table is as it was before",
            ) from error

    def _upsert_part(self, schema: TableSchema, frame: pl.DataFrame, note: Mapping[str, str]) -> UpsertReport:
        version = self.version(schema.name)
        periods = frame.select(period_of(schema)).to_series().unique().sort().to_list() if schema.partition else None
        existing = self._existing(schema, periods)
        old = existing.with_columns(known=pl.lit(value=True))
        differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_old")) for name in schema.values)
        joined = frame.join(old, on=schema.key, how="left", suffix="_old", maintain_order="left").with_columns(
            pl.col("known").fill_null(value=False), differs.alias("differs")
        )
        fresh = joined.filter(~pl.col("known"))
        changed = joined.filter(pl.col("known") & pl.col("differs"))
        restatements = _restatements(schema, changed, version)
        if fresh.height or changed.height:
            if restatements.height:
                self.upsert("restatements", restatements, note=note)
            touched = pl.concat([fresh, changed]).select(schema.columns.keys())
            kept = existing.join(touched.select(schema.key), on=schema.key, how="anti")
            self.commit(schema, pl.concat([kept, touched]).sort(schema.key), periods, note)
        return UpsertReport(
            table=schema.name,
            version=version,
            inserted=fresh.height,
            restated=changed.height,
            unchanged=frame.height - fresh.height - changed.height,
            by_symbol=_by_symbol(joined) if "symbol" in schema.columns else pl.DataFrame(),
            restatements=restatements,
        )

    def _existing(self, schema: TableSchema, periods: Sequence[str] | None) -> pl.DataFrame:
        """The rows of some partitions (None: all)."""
        if self.version(schema.name) is None:
            return pl.DataFrame(schema=dict(schema.columns))
        files = [path for path, period in self.files(schema.name) if periods is None or period in periods]
        if not files:
            return pl.DataFrame(schema=dict(schema.columns))
        return pl.read_parquet(files, hive_partitioning=False).select(schema.columns.keys())

    def _info(self, table: str) -> TableInfo:
        opened = self.open(table)
        actions = pl.DataFrame(opened.get_add_actions(flatten=True))
        return TableInfo(
            name=table,
            version=opened.version(),
            rows=int(actions["num_records"].sum()),
            bytes=int(actions["size_bytes"].sum()),
            files=actions.height,
        )


def period_of(schema: TableSchema) -> pl.Expr:
    """The partition a row belongs to."""
    return pl.col("ts").dt.strftime(schema.partition)


def _moment(day: date, clock: time) -> datetime:
    if isinstance(day, datetime):
        return day if day.tzinfo else day.replace(tzinfo=UTC)
    return datetime.combine(day, clock, tzinfo=UTC)


def _conform(frame: pl.DataFrame, schema: TableSchema) -> pl.DataFrame:
    """The frame with exactly the table's columns and types, one row a key; raises LakeError."""
    where = f"lake table {schema.name}"
    missing = [name for name in schema.columns if name not in frame.columns]
    if missing:
        raise LakeError(f"rows lack {', '.join(missing)}", where=where, hint=f"columns: {', '.join(schema.columns)}")
    frame = frame.select(pl.col(name).cast(kind) for name, kind in schema.columns.items())
    if frame.select(pl.any_horizontal(pl.col(c).is_null().any() for c in schema.key)).item():
        raise LakeError("rows without a key", where=where, hint=f"the key is {', '.join(schema.key)}")
    if rises(frame, schema.key):
        return frame
    frame = frame.unique(maintain_order=True)
    twice = frame.filter(pl.struct(schema.key).is_duplicated())
    if twice.height:
        first = ", ".join(
            f"{name} {value}" for name, value in zip(schema.key, twice.select(schema.key).row(0), strict=True)
        )
        raise LakeError(f"two different rows for {first}", where=where, hint="give one row a key")
    return frame


def _parts(frame: pl.DataFrame, schema: TableSchema) -> Iterator[pl.DataFrame]:
    """The frame cut at partition boundaries into parts of at most ROWS_PER_COMMIT rows, or of one partition."""
    if not schema.partition or frame.height <= ROWS_PER_COMMIT:
        yield frame
        return
    group: list[pl.DataFrame] = []
    for part in (
        frame.with_columns(period_of(schema).alias(PERIOD)).sort(PERIOD).partition_by(PERIOD, include_key=False)
    ):
        if group and sum(one.height for one in group) + part.height > ROWS_PER_COMMIT:
            yield pl.concat(group)
            group = []
        group.append(part)
    yield pl.concat(group)


def _restatements(schema: TableSchema, changed: pl.DataFrame, version: int | None) -> pl.DataFrame:
    """One row a changed value of a tracked table; `version` held the old values."""
    target = schema_of("restatements")
    if not schema.tracked or changed.is_empty():
        return pl.DataFrame(schema=dict(target.columns))
    rows = [
        changed.filter(pl.col(name) != pl.col(f"{name}_old")).select(
            pl.lit(schema.name).alias("table"),
            "symbol",
            "ts",
            pl.lit(name).alias("column"),
            pl.col(f"{name}_old").alias("old"),
            pl.col(name).alias("new"),
            pl.lit(version, dtype=pl.Int64).alias("from_version"),
        )
        for name in schema.values
    ]
    return pl.concat(rows).sort(target.key)


def _by_symbol(joined: pl.DataFrame) -> pl.DataFrame:
    known, differs = pl.col("known"), pl.col("differs")
    return (
        joined.group_by("symbol")
        .agg(
            inserted=(~known).sum().cast(pl.Int64),
            restated=(known & differs).sum().cast(pl.Int64),
            unchanged=(known & ~differs).sum().cast(pl.Int64),
        )
        .sort("symbol")
    )


def _total(table: str, version: int | None, reports: Sequence[UpsertReport]) -> UpsertReport:
    by_symbol = pl.concat([report.by_symbol for report in reports])
    if by_symbol.width:
        by_symbol = by_symbol.group_by("symbol").sum().sort("symbol")
    return UpsertReport(
        table=table,
        version=version,
        inserted=sum(report.inserted for report in reports),
        restated=sum(report.restated for report in reports),
        unchanged=sum(report.unchanged for report in reports),
        by_symbol=by_symbol,
        restatements=pl.concat([report.restatements for report in reports]),
    )


def _writer(schema: TableSchema) -> WriterProperties:
    packed = ColumnProperties(dictionary_enabled=False, encoding="DELTA_BINARY_PACKED")
    return WriterProperties(
        compression="ZSTD",
        compression_level=ZSTD_LEVEL,
        max_row_group_size=ROWS_PER_GROUP,
        column_properties=dict.fromkeys(schema.packed, packed) or None,
    )
