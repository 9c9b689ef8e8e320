"""Cells on this project's engine, in the protocol of tests/parity/peers: read the file, then run as often as asked."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from pi5_pipelines.backtest.bars import bars_from_file
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec


def spec_of(cell: dict[str, Any]) -> BacktestSpec:
    """The cell in this engine's terms."""
    whole = "all-in" if cell["whole_shares"] else "all-in-fractional"
    return BacktestSpec(
        strategy=cell["strategy"],
        params=cell["params"],
        cash=cell["cash"],
        fee_bps=cell["fee"] * 10_000.0,
        slippage_bps=cell["slippage"] * 10_000.0,
        fill=cell["fill"],
        sizing=f"units={cell['units']}" if cell["units"] else whole,
        direction="long" if cell["long_only"] else "both",
    )


def main() -> None:
    """Answer one request."""
    figures = {}
    for cell in json.load(sys.stdin):
        bars = bars_from_file(Path(cell["file"]))
        seconds = []
        for _ in range(cell["rounds"]):
            started = time.perf_counter()
            document = run_backtest(spec_of(cell), [bars]).document
            seconds.append(time.perf_counter() - started)
        kept = {name: document[name] for name in ("equity_final", "trades", "return_pct", "max_drawdown_pct")}
        figures[cell["id"]] = {**kept, "seconds": seconds}
    json.dump({"version": "this commit", "cells": figures}, sys.stdout)


if __name__ == "__main__":
    main()
