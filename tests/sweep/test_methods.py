"""Draws and Optuna's sampler: repeatable, within the condition, and resumed as if nothing had happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

SPACE = ("--param", "fast=2:40", "--param", "slow=10:200:5", "--where", "fast * 2 < slow")


@pytest.mark.parametrize("method", ["random", "guided"])
def test_trials_are_repeatable_and_follow_the_seed(
    method: str, tmp_path: Path, goog_file: Path, sweep: Callable[..., dict[str, Any]]
) -> None:
    if method == "guided":
        pytest.importorskip("optuna")
    tables = {}
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        options = ("--method", method, "--trials", "50", "--seed", seed, "--out", f"{name}.parquet")
        found = sweep("sma_cross", "--bars", str(goog_file), *SPACE, *options)
        assert (found["combinations"], found["failed"], found["exit_code"]) == (50, 0, 0)
        tables[name] = pl.read_parquet(tmp_path / f"{name}.parquet")
    assert tables["a"].equals(tables["b"])
    assert not tables["a"].equals(tables["c"])
    assert (tables["a"]["fast"] * 2 < tables["a"]["slow"]).all()


def test_every_symbol_is_swept_by_itself(tmp_path: Path, goog_file: Path, sweep: Callable[..., dict[str, Any]]) -> None:
    lines = goog_file.read_text().splitlines()
    other = tmp_path / "HALF.csv"
    other.write_text("\n".join(lines[:1_000]) + "\n")
    found = sweep("sma_cross", "--bars", str(goog_file), "--bars", str(other), *SPACE, "--out", "two.parquet")
    table = pl.read_parquet(tmp_path / "two.parquet")
    assert table["symbol"].unique(maintain_order=True).to_list() == ["GOOG", "HALF"]
    alone = sweep("sma_cross", "--bars", str(other), *SPACE, "--out", "one.parquet")
    assert table.filter(pl.col("symbol") == "HALF").equals(pl.read_parquet(tmp_path / "one.parquet"))
    assert [one["combinations"] for one in found["by_symbol"]] == [alone["combinations"]] * 2
    assert found["by_symbol"][1]["pbo"] == alone["pbo"]
    assert table["sharpe"].max() == found["best"]["sharpe"] == found["top"][0]["sharpe"]
