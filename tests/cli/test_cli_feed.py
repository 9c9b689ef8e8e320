"""`pi5 feed`: the live engine's file, published by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from live_engine.streams.market_export import last_bars, read_edition

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from click.testing import Result


def test_it_publishes_everything_and_says_where(
    lake_home: Path, pi5: Callable[..., Result], document: Callable[..., Any]
) -> None:
    path = lake_home / "exports" / "market.sqlite"
    told = pi5("feed")
    assert told.exit_code == 0
    assert f"{path}: 11,958 bars of 4 symbols" in told.stdout.replace("\n", "")
    found = document("feed", "--json")
    assert (Path(found["path"]), found["rows"]["bars"], found["missing"]) == (path, 11_958, [])
    assert read_edition(path).content == found["content"]
    assert len(last_bars(path, "GOOG", "1d", 30)) == 30


def test_what_the_lake_lacks_is_named(
    lake_home: Path, pi5: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lake_home.exists()
    monkeypatch.setenv("PI5_LIVE_STRATEGIES", '[{name = "sma_cross", symbol = "GOOG"}, {name = "x", symbol = "NONE"}]')
    told = pi5("feed")
    assert told.exit_code == 0
    assert told.stderr == "the lake has no bars of NONE 1d\n"
    assert "bars of 1 symbols" in told.stdout.replace("\n", " ")


def test_without_a_lake_it_is_one_clear_line(home: Path, pi5: Callable[..., Result]) -> None:
    told = pi5("feed")
    assert told.exit_code != 0
    assert told.stderr.count("\n") == 1
    assert "run `pi5 ingest` first" in told.stderr
    assert not (home / "exports" / "market.sqlite").exists()
