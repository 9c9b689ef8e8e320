"""Commits of the ledger: rows and the offset that they lead to, on the device together or not at all."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import polars as pl
from deltalake import CommitProperties, PostCommitHookProperties, Transaction, write_deltalake
from deltalake.exceptions import DeltaError

from pi5_pipelines.errors import LakeError
from pi5_pipelines.lake import durability
from pi5_pipelines.lake.schema import PERIOD, schema_of
from pi5_pipelines.lake.table import period_of
from pi5_pipelines.ledger.offset import Offset, offset_of, seq_id, stamp_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pi5_pipelines.lake.table import Lake

Row = tuple[Any, ...]


@contextmanager
def still(lake: Lake) -> Iterator[None]:
    """Hold the whole ledger still: nobody takes anything in meanwhile. Raises LakeLockedError."""
    with durability.write_lock(lake.root, "ledger", lake.lock_timeout_s, where="the ledger"):
        yield


def settled(lake: Lake, table: str, epoch: str) -> Offset:
    """How far a table has come, with what a kill left unflushed flushed, or set aside when it is torn."""
    with lake.writing(table):
        return offset_of(lake.root, table, epoch)


def append(lake: Lake, table: str, epoch: str, rows: Sequence[Row], offset: Offset) -> int:
    """Add those rows, of events up to `offset`, that the table has not taken in yet; how many. Raises LakeError."""
    return _commit(lake, table, epoch, rows, offset, mode="append")


def replace(lake: Lake, table: str, epoch: str, rows: Sequence[Row], offset: Offset) -> None:
    """Make a journal's rows of a table these; those of other journals stay. Raises LakeError."""
    others = lake.read(table).filter(pl.col("journal") != epoch)
    _commit(lake, table, epoch, [*others.rows(), *rows], offset, mode="overwrite")


def _commit(lake: Lake, table: str, epoch: str, rows: Sequence[Row], offset: Offset, *, mode: str) -> int:
    schema = schema_of(table)
    frame = pl.DataFrame(rows, schema=dict(schema.columns), orient="row").sort(schema.key)
    options: dict[str, Any] = {"mode": mode}
    marks = [Transaction(seq_id(epoch), offset.seq), Transaction(stamp_id(epoch), offset.wall_ns)]
    lake.root.mkdir(parents=True, exist_ok=True)
    with lake.writing(table):
        before = offset_of(lake.root, table, epoch)
        if before.seq >= offset.seq:
            return 0
        if mode == "append":
            frame = frame.filter(pl.col("seq") > before.seq)
            frame = frame.with_columns(period_of(schema).alias(PERIOD)).sort(PERIOD, *schema.key)
            options["partition_by"] = [PERIOD]
        try:
            write_deltalake(
                lake.root / table,
                frame,
                commit_properties=CommitProperties(app_transactions=marks),
                post_commithook_properties=PostCommitHookProperties(
                    create_checkpoint=False, cleanup_expired_logs=False
                ),
                **options,
            )
            durability.make_durable(lake.root, table)
        except (DeltaError, OSError) as error:
            raise LakeError(
                f"cannot be written: {error}",
                where=f"lake table {table}",
                hint="look for a full disk or missing rights; the next run goes on where the table stands",
            ) from error
    return frame.height
