"""Results on disk: a folder each, named by identity, written whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pi5_pipelines.backtest.result import BacktestResult, canonical
from pi5_pipelines.durable import fsync_dir, fsync_file
from pi5_pipelines.errors import BacktestError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

SHORTEST_PREFIX = 6
DOCUMENT, CURVE, FILLS, TRADES, RUN = "result.json", "curve.parquet", "fills.parquet", "trades.parquet", "run.json"
ORDERS = "orders.parquet"  # of a run that traded by orders


class ResultStore:
    """Results under one folder; a result that is there already is never written again."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def ids(self) -> list[str]:
        """The identities of all results, in order."""
        if not self.root.exists():
            return []
        return sorted(folder.name for folder in self.root.iterdir() if (folder / DOCUMENT).exists())

    def has(self, result_id: str) -> bool:
        """Whether that result is kept."""
        return Path(result_id).name == result_id and (self.root / result_id / DOCUMENT).exists()

    def find(self, prefix: str) -> str:
        """The one identity that starts with `prefix`; raises UnknownNameError when none or several do."""
        if self.has(prefix):
            return prefix
        found = [one for one in self.ids() if one.startswith(prefix)] if len(prefix) >= SHORTEST_PREFIX else []
        if len(found) != 1:
            problem = "no result" if not found else f"{len(found)} results"
            hint = f"give at least {SHORTEST_PREFIX} characters of an id that `pi5 status` lists"
            raise UnknownNameError(f"{problem} with id {prefix!r}", where=str(self.root), hint=hint)
        return found[0]

    def save(self, result: BacktestResult, facts: Mapping[str, Any]) -> bool:
        """Write a result and the facts of its making (time, machine, seconds); False when it was there already.

        The folder is filled beside, flushed and renamed, so a power cut leaves a whole result or none. Raises
        BacktestError when it cannot be written.
        """
        import polars as pl

        target = self.root / result.result_id
        if (target / DOCUMENT).exists():
            return False
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._write(result, facts, target)
        except FileExistsError:
            return False
        except (OSError, pl.exceptions.PolarsError) as error:
            raise BacktestError(
                f"the result cannot be kept: {error}",
                where=str(self.root),
                hint="look for a full disk or missing rights",
            ) from error
        return True

    def _write(self, result: BacktestResult, facts: Mapping[str, Any], target: Path) -> None:
        staging = Path(tempfile.mkdtemp(dir=self.root, prefix=".saving-"))
        try:
            (staging / DOCUMENT).write_bytes(canonical(result.document))
            (staging / RUN).write_bytes(canonical(facts))
            _curve(result).write_parquet(staging / CURVE)
            result.fills.write_parquet(staging / FILLS)
            result.trades.write_parquet(staging / TRADES)
            names = [DOCUMENT, RUN, CURVE, FILLS, TRADES]
            if result.orders is not None:
                result.orders.write_parquet(staging / ORDERS)
                names.append(ORDERS)
            for name in names:
                fsync_file(staging / name)
            fsync_dir(staging)
            os.rename(staging, target)  # noqa: PTH104 - must fail, not move inside, when the target has come to be
            fsync_dir(self.root)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def document(self, result_id: str) -> dict[str, Any]:
        """A result's document; raises UnknownNameError."""
        document: dict[str, Any] = json.loads((self.root / self.find(result_id) / DOCUMENT).read_bytes())
        return document

    def document_bytes(self, result_id: str) -> bytes:
        """A result's document as it lies on disk."""
        return (self.root / self.find(result_id) / DOCUMENT).read_bytes()

    def facts(self, result_id: str) -> dict[str, Any]:
        """How a result was made: time, machine, versions of libraries, hashes of the sources."""
        facts: dict[str, Any] = json.loads((self.root / self.find(result_id) / RUN).read_bytes())
        return facts

    def load(self, result_id: str) -> BacktestResult:
        """A whole result; raises UnknownNameError."""
        import numpy as np
        import polars as pl

        folder = self.root / self.find(result_id)
        curve = pl.read_parquet(folder / CURVE)
        return BacktestResult(
            result_id=folder.name,
            document=self.document(folder.name),
            ts_us=curve["ts"].dt.epoch("us").to_numpy().astype(np.int64),
            equity=curve["equity"].to_numpy(),
            cash=curve["cash"].to_numpy(),
            exposure=curve["exposure"].to_numpy(),
            benchmark=curve["benchmark"].to_numpy(),
            fills=pl.read_parquet(folder / FILLS),
            trades=pl.read_parquet(folder / TRADES),
            orders=pl.read_parquet(folder / ORDERS) if (folder / ORDERS).exists() else None,
        )


def _curve(result: BacktestResult) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(
        {
            "ts": pl.Series(result.ts_us, dtype=pl.Int64).cast(pl.Datetime("us", "UTC")),
            "equity": result.equity,
            "cash": result.cash,
            "exposure": result.exposure,
            "benchmark": result.benchmark,
        }
    )
