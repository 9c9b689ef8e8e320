"""Commits of the ledger: rows and the offset that they lead to, on the device together or not at all."""

from __future__ import annotations

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
    from collections.abc import Sequence

    from pi5_pipelines.lake.table import Lake

Row = tuple[Any, ...]


def append(lake: Lake, table: str, epoch: str, rows: Sequence[Row], offset: Offset) -> None:
    """Add rows, of events up to `offset`; nothing when the table has come that far already. Raises LakeError."""
    _commit(lake, table, epoch, rows, offset, mode="append")


def replace(lake: Lake, table: str, epoch: str, rows: Sequence[Row], offset: Offset) -> None:
    """Make a journal's rows of a table these; those of other journals stay. Raises LakeError."""
    others = lake.read(table).filter(pl.col("journal") != epoch)
    _commit(lake, table, epoch, [*others.rows(), *rows], offset, mode="overwrite")


def _commit(lake: Lake, table: str, epoch: str, rows: Sequence[Row], offset: Offset, *, mode: str) -> None:
    schema = schema_of(table)
    frame = pl.DataFrame(rows, schema=dict(schema.columns), orient="row").sort(schema.key)
    options: dict[str, Any] = {"mode": mode}
    if schema.partition:
        frame = frame.with_columns(period_of(schema).alias(PERIOD)).sort(PERIOD, *schema.key)
        options["partition_by"] = [PERIOD]
    marks = [Transaction(seq_id(epoch), offset.seq), Transaction(stamp_id(epoch), offset.wall_ns)]
    lake.root.mkdir(parents=True, exist_ok=True)
    with lake.writing(table):
        if offset_of(lake.root, table, epoch).seq >= offset.seq:
            return
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
