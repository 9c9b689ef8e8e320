"""Prices of files and of the export, given out in the rhythm of their own time; wrong ones named by their line."""

from __future__ import annotations

import asyncio
import sqlite3
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from live_engine.errors import PricesError
from live_engine.events import BarClosed
from live_engine.streams.market_export import last_bars, read_export
from live_engine.streams.price_file import read_prices
from live_engine.streams.replay import ReplayStream, replay_export, replay_file
from live_engine.streams.simulated import RandomWalk, simulated, walk
from live_engine.streams.stream import Stream, Tick, Update

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MINUTE_NS = 60 * 10**9
BARS = "Date,Open,High,Low,Close,Volume\n2026-01-01,1,3,0.5,2,10\n2026-01-02,2,2,2,2,0\n"
TICKS = "time,price,size,id\n2026-01-01T00:00:00.5Z,100.10,3,7\n2026-01-01T00:00:01Z,100.2,1,8\n"
SCHEMA = (
    "CREATE TABLE bars (symbol TEXT NOT NULL, timeframe TEXT NOT NULL, ts_us INTEGER NOT NULL, open TEXT NOT NULL, "
    "high TEXT NOT NULL, low TEXT NOT NULL, close TEXT NOT NULL, volume TEXT NOT NULL, "
    "PRIMARY KEY (symbol, timeframe, ts_us)) WITHOUT ROWID"
)


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_ns = 5_000
        self.slept: list[float] = []

    def clock(self) -> int:
        """Nanoseconds."""
        return self.now_ns

    async def sleep(self, seconds: float) -> None:
        """Let so much time pass at once."""
        self.slept.append(seconds)
        self.now_ns += round(seconds * 1e9)
        await asyncio.sleep(0)


async def collect(stream: Stream, time: FakeTime, most: int = 1_000) -> list[tuple[int, Update]]:
    found = []
    async for update in stream:
        found.append((time.now_ns, update))
        if len(found) == most:
            await stream.close()
    return found


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def export(path: Path, rows: list[tuple[object, ...]]) -> Path:
    database = sqlite3.connect(path)
    database.execute(SCHEMA)
    database.execute("CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
    database.execute("INSERT INTO meta VALUES ('format', '1')")
    database.executemany("INSERT INTO bars VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
    database.commit()
    database.close()
    return path


@pytest.mark.parametrize(("speed", "seconds"), [(1.0, 86_400.0), (3_600.0, 24.0), (0.5, 172_800.0)])
def test_bars_come_as_they_close_at_the_speed_asked_for(speed: float, seconds: float, tmp_path: Path) -> None:
    time = FakeTime()
    path = written(tmp_path / "a.csv", BARS)
    stream = replay_file(path, "A", "1d", speed=speed, clock=time.clock, sleep=time.sleep)
    found = asyncio.run(collect(stream, time))
    assert [moment - 5_000 for moment, _ in found] == [0, round(seconds * 1e9)]
    assert found[0][1] == BarClosed(
        symbol="A",
        timeframe="1d",
        ts_ns=1_767_225_600 * 10**9,
        open=Decimal(1),
        high=Decimal(3),
        low=Decimal("0.5"),
        close=Decimal(2),
        volume=Decimal(10),
    )
    assert (stream.name, stream.symbols) == ("replay a.csv", frozenset({"A"}))


def test_full_speed_waits_for_nothing_but_lets_others_run(tmp_path: Path) -> None:
    time = FakeTime()
    lines = [f"{1_767_225_600 + 60 * n},1,1,1,1,1\n" for n in range(200)]
    path = written(tmp_path / "a.csv", "ts,open,high,low,close,volume\n" + "".join(lines))
    found = asyncio.run(collect(replay_file(path, "A", "1m", speed=0.0, clock=time.clock, sleep=time.sleep), time))
    assert len(found) == 200
    assert set(time.slept) == {0.0}
    assert len(time.slept) == 3


def test_a_consumer_that_took_its_time_is_not_made_to_wait_again(tmp_path: Path) -> None:
    time = FakeTime()

    async def slow() -> list[int]:
        moments = []
        async for _ in replay_file(path, "A", "1d", speed=86_400.0, clock=time.clock, sleep=time.sleep):
            moments.append(time.now_ns)
            time.now_ns += 10**9
        return moments

    path = written(tmp_path / "a.csv", BARS)
    assert asyncio.run(slow()) == [5_000, 5_000 + 10**9]
    assert time.slept == []


def test_a_stream_that_is_closed_ends_and_reads_no_further() -> None:
    time = FakeTime()
    read: list[Update | None] = []

    def updates() -> Iterator[Update]:
        try:
            for tick in walk(["A"], RandomWalk(seed=1, start_ns=0)):
                read.append(tick)
                yield tick
        finally:
            read.append(None)

    stream = ReplayStream("endless", ["A"], updates, speed=1.0, clock=time.clock, sleep=time.sleep)
    found = asyncio.run(collect(stream, time, most=5))
    assert len(found) == 5
    assert len(read) == 7
    assert read[-1] is None
    with pytest.raises(PricesError, match="a speed of -1 cannot be"):
        ReplayStream("endless", ["A"], updates, speed=-1.0, clock=time.clock)


def test_ticks_are_read_with_their_ids_and_fractions_of_seconds(tmp_path: Path) -> None:
    ticks = list(read_prices(written(tmp_path / "t.csv", TICKS), "A", "1m"))
    start = 1_767_225_600 * 10**9
    assert ticks == [
        Tick("A", start + 500_000_000, Decimal("100.10"), Decimal(3), 7),
        Tick("A", start + 10**9, Decimal("100.2"), Decimal(1), 8),
    ]


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2026-01-01", 0),
        ("2026-01-01 00:01", MINUTE_NS),
        ("2026-01-01T01:00:00+01:00", 0),
        ("2026-01-01T00:00:00.123456789Z", 123_456_789),
        ("1767225600", 0),
        ("1767225600001", 10**6),
        ("1767225600000001", 10**3),
        ("1767225600000000001", 1),
    ],
)
def test_times_are_read_as_people_and_machines_write_them(text: str, ns: int, tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", f"TIME,Price,Size\n{text},1,1\n\n")
    (tick,) = read_prices(path, "A", "1m")
    assert tick.ts_ns == 1_767_225_600 * 10**9 + ns


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "there is no column date, open, high, low, close, volume"),
        ("date,open,high,low,close\n", 1, "there is no column volume"),
        ("time,price\n", 1, "there is no column size"),
        ("date,open,high,low,close,volume,Open\n", 1, "two columns are called 'open'"),
        (BARS + "2026-01-03,1,1\n", 4, "has 3 values for 6 columns"),
        (BARS + "2026-01-02,1,1,1,1,1\n", 4, "its time does not come after the line before"),
        (BARS + "yesterday,1,1,1,1,1\n", 4, "time 'yesterday' is not one"),
        (BARS + "2026-13-03,1,1,1,1,1\n", 4, "time '2026-13-03' is not one"),
        (BARS + "\n\n2026-01-03,1,x,1,1,1\n", 6, "high 'x' is not a number"),
        (BARS + "2026-01-03,1,nan,1,1,1\n", 4, "high 'nan' must be above 0 and up to 1e15"),
        (BARS + "2026-01-03,1,inf,1,1,1\n", 4, "high 'inf' must be above 0 and up to 1e15"),
        (BARS + "2026-01-03,1,1,-1,1,1\n", 4, "low '-1' must be above 0 and up to 1e15"),
        (BARS + "2026-01-03,1,1,1,1,-1\n", 4, "volume '-1' must be 0 or above and up to 1e15"),
        (BARS + "2026-01-03,1,1,1,2,1\n", 4, "open 1 and close 2 do not lie between low 1 and high 1"),
        (BARS + "2026-01-03," + "9" * 400 + ",1,1,1,1\n", 4, "must be above 0 and up to 1e15"),
        (BARS + "2" * 20_000 + "\n", 4, "is longer than 10000 characters"),
        (TICKS + "2026-01-01,1,1,x\n", 4, "id 'x' is not a whole number"),
    ],
)
def test_a_wrong_line_is_named_with_its_number(text: str, line: int, what: str, tmp_path: Path) -> None:
    path = written(tmp_path / "wrong.csv", text)
    with pytest.raises(PricesError) as caught:
        list(read_prices(path, "A", "1d"))
    assert what in caught.value.what
    assert caught.value.where == f"{path}, line {line}"
    assert caught.value.hint
    assert len(str(caught.value)) < 500


def test_what_stands_before_a_wrong_line_was_given_out(tmp_path: Path) -> None:
    updates = read_prices(written(tmp_path / "wrong.csv", BARS + "x\n"), "A", "1d")
    assert [next(updates).ts_ns, next(updates).ts_ns] == [1_767_225_600 * 10**9, 1_767_312_000 * 10**9]
    with pytest.raises(PricesError):
        next(updates)


def test_a_file_that_is_missing_or_no_text_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(PricesError, match="No such file"):
        list(read_prices(tmp_path / "none.csv", "A", "1d"))
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00date")
    with pytest.raises(PricesError, match="is not UTF-8 text"):
        list(read_prices(tmp_path / "binary.csv", "A", "1d"))


def test_the_export_brings_all_symbols_in_the_order_of_time(tmp_path: Path) -> None:
    rows = [(s, "1m", n * 60_000_000, "1", "2.50", "1", "2", "0") for s in ("B", "A", "C") for n in range(3)]
    path = export(tmp_path / "market.sqlite", [*rows, ("A", "1d", 0, "1", "1", "1", "1", "1")])
    time = FakeTime()
    stream = replay_export(path, ["B", "A"], "1m", speed=60.0, clock=time.clock, sleep=time.sleep)
    found = asyncio.run(collect(stream, time))
    told = [(moment - 5_000, u.symbol, u.ts_ns // MINUTE_NS) for moment, u in found]
    assert told == [(n * 10**9, symbol, n) for n in range(3) for symbol in ("A", "B")]
    assert [bar.ts_ns // MINUTE_NS for bar in last_bars(path, "C", "1m", 2)] == [1, 2]
    assert [bar.ts_ns // MINUTE_NS for bar in last_bars(path, "C", "1m", 9, before_us=120_000_000)] == [0, 1]


def test_an_export_that_cannot_be_read_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(PricesError, match="there is no such file"):
        list(read_export(tmp_path / "none.sqlite", ["A"], "1d"))
    (tmp_path / "text.sqlite").write_text("no database" * 100)
    with pytest.raises(PricesError, match="file is not a database"):
        list(read_export(tmp_path / "text.sqlite", ["A"], "1d"))
    sqlite3.connect(tmp_path / "empty.sqlite").close()
    with pytest.raises(PricesError, match="no such table: meta"):
        list(read_export(tmp_path / "empty.sqlite", ["A"], "1d"))
    path = export(tmp_path / "wrong.sqlite", [("A", "1d", 86_400_000_000, "1", "1", "one", "1", "1")])
    with pytest.raises(PricesError, match="bars of A 1d at ts_us 86400000000: low 'one' is not a number"):
        list(read_export(path, ["A"], "1d"))


def test_a_walk_is_the_same_for_the_same_seed_whoever_walks_beside_it() -> None:
    def trades(symbols: list[str], seed: int) -> list[Tick]:
        source = walk(symbols, RandomWalk(seed=seed, start_ns=0, start_price=Decimal("0.05")))
        return [tick for tick in (next(source) for _ in range(400)) if tick.symbol == "A"][:100]

    assert trades(["A"], 1) == trades(["B", "A", "C"], 1)
    assert trades(["A"], 1) != trades(["A"], 2)
    assert all(tick.price >= Decimal("0.01") and tick.price % Decimal("0.01") == 0 for tick in trades(["A"], 1))
    assert [tick.trade_id for tick in trades(["A"], 1)] == list(range(1, 101))
    time = FakeTime()
    like = RandomWalk(seed=1, start_ns=0)
    found = asyncio.run(collect(simulated(["A", "B"], like, clock=time.clock, sleep=time.sleep), time, most=6))
    assert [moment - 5_000 for moment, _ in found] == [0, 0, 250_000_000, 250_000_000, 500_000_000, 500_000_000]
