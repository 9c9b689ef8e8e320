"""The first sweep of an account on many symbols compiles within the memory that every sweep keeps to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.proof]

MEMORY_MB = 400  # unless told


def test_nothing_on_disk_yet_is_compiled_once_and_within_the_memory_cap(
    tmp_path: Path, goog_file: Path, sweep: Callable[..., dict[str, Any]]
) -> None:
    head, *rows = goog_file.read_text().splitlines()
    for name, swing in (("A", 0.0), ("B", 0.02)):
        lines = []
        for n, row in enumerate(rows):
            day, *prices, volume = row.split(",")
            scaled = [f"{float(price) * (1.0 + swing * math.sin(n)):.2f}" for price in prices]
            lines.append(",".join([day, *scaled, volume]))
        (tmp_path / f"{name}.csv").write_text("\n".join([head, *lines]))
    command = ("pairs_trading", "--bars", "A.csv", "--bars", "B.csv", "--param", "lookback=20,40", "--param", "open=1")
    machine_code = tmp_path / "numba"
    first = sweep(*command, PI5_NUMBA_CACHE=str(machine_code))
    assert first["exit_code"] == 0, first["stderr"]
    assert first["peak_rss_mb"] < MEMORY_MB
    for part in ("open_bar", "close_bar"):
        assert len(list(machine_code.rglob(f"pool_session.{part}-*.nbc"))) == 1  # found by the engine
    assert first["best"]["trades"] > 10
