"""The file that the data platform publishes: whatever is wrong with it is one clear error with a way to mend it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from live_engine.errors import PricesError
from live_engine.streams.market_export import (
    last_bars,
    read_edition,
    read_export,
    read_instruments,
    read_sessions,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TABLES = """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
    CREATE TABLE instruments (symbol TEXT PRIMARY KEY, tick_size TEXT, price_scale INTEGER, size_scale INTEGER,
        lot TEXT, currency TEXT, calendar TEXT, venue TEXT) WITHOUT ROWID;
    CREATE TABLE sessions (calendar TEXT, opens_us INTEGER, closes_us INTEGER, PRIMARY KEY (calendar, opens_us));
    CREATE TABLE bars (symbol TEXT, timeframe TEXT, ts_us INTEGER, open TEXT, high TEXT, low TEXT, close TEXT,
        volume TEXT, PRIMARY KEY (symbol, timeframe, ts_us)) WITHOUT ROWID;
    INSERT INTO meta VALUES ('format', '1'), ('content', 'abc'), ('written_ns', '7'), ('version bars_1d', '3');
    INSERT INTO instruments VALUES ('A', '0.01', 4, 0, '1', 'USD', 'XNYS', 'NYSE');
    INSERT INTO sessions VALUES ('XNYS', 1, 2);
"""
BAR = "INSERT INTO bars VALUES ('A', '1d', {}, '1', '1', '1', '1', '0');"
READERS: list[Callable[[Path], Any]] = [
    read_edition,
    read_instruments,
    lambda path: read_sessions(path, "XNYS"),
    lambda path: list(read_export(path, ["A"], "1d")),
    lambda path: last_bars(path, "A", "1d", 5),
]


@pytest.fixture
def made(tmp_path: Path) -> Callable[[str], Path]:
    """Make a file with two bars, and do this to it."""

    def make(statements: str) -> Path:
        path = tmp_path / "market.sqlite"
        with closing(sqlite3.connect(path)) as database:
            database.executescript(TABLES + BAR.format(0) + BAR.format(86_400_000_000) + statements)
        return path

    return make


@pytest.mark.parametrize("read", READERS)
def test_a_file_that_is_well_is_read(read: Callable[[Path], Any], made: Callable[[str], Path]) -> None:
    assert read(made(""))


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("statements", "told"),
    [
        ("UPDATE meta SET value = '2' WHERE key = 'format'", "has format 2, and this engine reads 1"),
        ("DELETE FROM meta WHERE key = 'format'", "table meta has format ''"),
        ("DROP TABLE meta", "no such table: meta"),
    ],
)
def test_a_file_of_another_format_is_refused_by_every_reader(
    read: Callable[[Path], Any], statements: str, told: str, made: Callable[[str], Path]
) -> None:
    path = made(statements)
    with pytest.raises(PricesError, match=told) as caught:
        read(path)
    assert caught.value.where == str(path)
    assert caught.value.hint


@pytest.mark.parametrize("read", READERS)
def test_no_file_and_no_database_are_refused_by_every_reader(read: Callable[[Path], Any], tmp_path: Path) -> None:
    path = tmp_path / "market.sqlite"
    with pytest.raises(PricesError, match=r"there is no such file \(write it with `pi5 feed`"):
        read(path)
    path.write_text("no database" * 100)
    with pytest.raises(PricesError, match="file is not a database"):
        read(path)


@pytest.mark.parametrize(
    ("read", "statements", "told"),
    [
        (1, "DROP TABLE instruments", "no such table: instruments"),
        (2, "DROP TABLE sessions", "no such table: sessions"),
        (3, "DROP TABLE bars", "no such table: bars"),
        (4, "DROP TABLE bars", "no such table: bars"),
        (0, "UPDATE meta SET value = 'x' WHERE key = 'written_ns'", "table meta is wrong"),
        (0, "DELETE FROM meta WHERE key = 'content'", "table meta is wrong"),
        (1, "UPDATE instruments SET tick_size = 'x'", "instrument 'A' cannot be"),
        (1, "UPDATE instruments SET tick_size = '0'", "instrument 'A' cannot be"),
        (1, "UPDATE instruments SET price_scale = NULL", "instrument 'A' cannot be"),
        (2, "DELETE FROM sessions", "there are no sessions of calendar 'XNYS'"),
        (3, "DELETE FROM bars", "there are no bars of A 1d"),
        (3, "UPDATE bars SET low = '2' WHERE ts_us = 0", "at ts_us 0: open 1 and close 1 do not lie between"),
        (4, "UPDATE bars SET close = 'x' WHERE ts_us = 0", "at ts_us 0: close 'x' is not a number"),
    ],
)
def test_what_is_missing_or_wrong_in_it_is_named(
    read: int, statements: str, told: str, made: Callable[[str], Path]
) -> None:
    path = made(statements)
    with pytest.raises(PricesError, match=told) as caught:
        READERS[read](path)
    assert str(path) in caught.value.where
    assert caught.value.hint


def test_a_torn_file_is_told_where_the_tear_is_met(made: Callable[[str], Path]) -> None:
    path = made("".join(BAR.format(86_400_000_000 * n) for n in range(2, 3_000)))
    size = path.stat().st_size
    whole = path.read_bytes()
    for kept in (100, 4_096, size // 2, size - 4_096):
        path.write_bytes(whole[:kept])
        with pytest.raises(PricesError, match="cannot be read"):
            list(read_export(path, ["A"], "1d"))


def test_an_open_reader_keeps_the_file_that_it_began_with(made: Callable[[str], Path], tmp_path: Path) -> None:
    bars = read_export(made(""), ["A"], "1d")
    assert next(bars).ts_ns == 0
    (tmp_path / "other").write_text("not even a database")
    (tmp_path / "other").replace(tmp_path / "market.sqlite")
    assert [bar.ts_ns for bar in bars] == [86_400 * 10**9]
