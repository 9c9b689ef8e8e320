"""From sources into the lake: once, whole or not at all, and the same after an interruption."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from pi5_pipelines.errors import ConfigError, DataRangeError, UnknownNameError
from pi5_pipelines.ingest import IngestReport, Refused, SymbolReport, check, ingest
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.market.quality import CHECKS
from pi5_pipelines.settings import IngestSettings, InstrumentSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEADER = "Symbol,Date,Open,High,Low,Close,Volume,Adj Close"
A1, A2 = "A,2024-03-04,8,9,7,8,100,4", "A,2024-03-05,4,5,3,4.25,200,4.25"
TWO = f"{HEADER}\n{A1}\n{A2}\n"
MORE = TWO.replace("4.25,200,4.25", "4.5,200,4.5") + "B,2024-03-05,1,1,1,1,50,1\n"


@dataclass(frozen=True)
class Home:
    """A home with settings of its own, a lake and an inbox."""

    settings: Settings

    @property
    def lake(self) -> Lake:
        """Its lake."""
        return Lake(self.settings.folder("lake"))

    def drop(self, name: str, text: str = TWO) -> Path:
        """Put a file into the inbox."""
        path = self.settings.folder("inbox") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def take(self, **options: object) -> IngestReport:
        """Ingest."""
        return ingest(self.settings, self.lake, **options)  # type: ignore[arg-type]

    def raw(self) -> dict[str, bytes]:
        """Every raw file below the lake."""
        found = (path for path in (self.lake.root / "raw").rglob("*") if path.is_file())
        return {path.relative_to(self.lake.root).as_posix(): path.read_bytes() for path in found}

    def everything(self) -> dict[str, object]:
        """All that the lake holds: raw files, and every table's version and rows."""
        tables = {info.name: (info.version, self.lake.read(info.name).rows()) for info in self.lake.tables()}
        return {**self.raw(), **tables}


def home_in(folder: Path, *, instrument: InstrumentSettings | None = None, **keys: object) -> Home:
    """A home in a folder; `keys` are those of [ingest]. Only the inbox feeds it when they name no sources."""
    section = IngestSettings(**{"sources": ("inbox",), **keys})  # type: ignore[arg-type]
    quoted = {"default": instrument or InstrumentSettings()}
    return Home(Settings(home=str(folder / "home"), ingest=section, instruments=quoted))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home that only its inbox feeds."""
    return home_in(tmp_path)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, IngestReport]:
    """A home after its first ingest of the sample, and the report of it; nothing here changes it any more."""
    home = home_in(tmp_path_factory.mktemp("filled"), sources=("sample", "inbox"))
    return home, home.take()


def test_the_sample_comes_in_whole(filled: tuple[Home, IngestReport]) -> None:
    home, report = filled
    rows = {"AAPL": 3270, "GOOG": 2148, "IBM": 3270, "MSFT": 3270}
    assert report.symbols == tuple(SymbolReport("sample", name, count, count, 0, 0) for name, count in rows.items())
    assert (report.fetched, report.restated, report.refused) == (11_958, 0, ())
    assert report.versions == dict.fromkeys(("bars_1d", "corporate_actions", "instruments", "raw_files"), 0)
    bars = home.lake.read("bars_1d")
    assert dict(bars.group_by("symbol").len().iter_rows()) == rows
    first = bars.filter(pl.col("symbol") == "GOOG").row(0)
    day = datetime(2004, 8, 19, tzinfo=UTC)
    assert first == ("GOOG", day, 1_000_100, 1_040_600, 959_600, 1_003_350, 44_659_000)
    assert home.lake.read("corporate_actions").height == 95
    assert home.lake.read("instruments").row(0) == ("AAPL", "0.01", 4, 0, "1", "USD", "XNYS", "NYSE")
    assert home.lake.history("bars_1d")[0].note == {"source": "sample", "symbols": "AAPL,GOOG,IBM,MSFT"}


def test_a_second_run_fetches_nothing_and_changes_nothing(filled: tuple[Home, IngestReport]) -> None:
    home, report = filled
    again = home.take()
    assert (again.symbols, again.refused, again.versions) == ((), (), report.versions)


def test_days_fetched_anew_are_unchanged(filled: tuple[Home, IngestReport]) -> None:
    home, report = filled
    before = home.lake.version("bars_1d")
    found = home.take(symbols=("GOOG",), start=date(2004, 8, 19), end=date(2004, 8, 20))
    assert found.symbols == (SymbolReport("sample", "GOOG", 2, 0, 0, 2),)
    assert home.lake.version("bars_1d") == before == report.versions["bars_1d"]


def test_the_sample_passes_its_check_and_no_verdict_is_written_twice(filled: tuple[Home, IngestReport]) -> None:
    home, _report = filled
    found = check(home.settings, home.lake)
    assert (found.height, found["passed"].all()) == (4 * len(CHECKS), True)
    assert home.lake.read("verdicts").sort("symbol", "check").equals(found.sort("symbol", "check"))
    check(home.settings, home.lake)
    assert home.lake.version("verdicts") == 0


def test_a_raw_file_is_kept_byte_for_byte_under_its_hash(home: Home) -> None:
    path = home.drop("A.csv")
    home.take()
    row = home.lake.read("raw_files").row(0, named=True)
    assert row["path"] == f"raw/inbox/A/{row['sha256'][:16]}.csv"
    assert home.raw() == {row["path"]: path.read_bytes()}
    assert (row["bytes"], row["rows"]) == (path.stat().st_size, 2)
    assert (row["first_ts"], row["last_ts"]) == (datetime(2024, 3, 4, tzinfo=UTC), datetime(2024, 3, 5, tzinfo=UTC))


def test_a_restated_bar_is_a_new_version_and_is_written_down(home: Home) -> None:
    home.drop("A.csv")
    home.take()
    home.drop("A.csv", MORE)
    report = home.take()
    assert report.symbols == (SymbolReport("inbox", "A", 2, 0, 1, 1), SymbolReport("inbox", "B", 1, 1, 0, 0))
    assert (report.restated, report.versions["bars_1d"]) == (1, 1)
    day = datetime(2024, 3, 5, tzinfo=UTC)
    assert home.lake.read("restatements").rows() == [("bars_1d", "A", day, "close", 42_500, 45_000, 0)]
    closes = [home.lake.read("bars_1d", version=n, symbols=["A"])["close"].to_list() for n in (0, 1)]
    assert closes == [[80_000, 42_500], [80_000, 45_000]]


def test_splits_come_in_with_the_bars(home: Home) -> None:
    home.drop("A.csv")
    home.take()
    day = datetime(2024, 3, 5, tzinfo=UTC)
    assert home.lake.read("corporate_actions").rows() == [("A", day, "split", 2, 1, 0)]


def test_bars_of_another_length_have_a_table_of_their_own(tmp_path: Path) -> None:
    hourly = home_in(tmp_path, timeframe="1h")
    hourly.drop("A.csv", HEADER + "\nA,2024-03-04T14:00Z,8,9,7,8,100,8\n")
    hourly.take()
    assert hourly.lake.read("bars_1h")["ts"].to_list() == [datetime(2024, 3, 4, 14, tzinfo=UTC)]
    assert "bars_1d" not in hourly.lake.names()


def test_an_unknown_symbol_leaves_the_lake_untouched(home: Home) -> None:
    home.drop("A.csv")
    with pytest.raises(UnknownNameError, match=r"sources inbox: no source offers X, Y \(they offer: A\)"):
        home.take(symbols=("A", "X", "Y"))
    assert not home.lake.root.exists()


def test_an_unknown_source_leaves_the_lake_untouched(home: Home) -> None:
    with pytest.raises(UnknownNameError, match=r"no such source: 'outbox' \(there are: sample, inbox\)"):
        home.take(sources=("outbox",))
    assert not home.lake.root.exists()


def test_days_that_no_source_has_are_refused(home: Home) -> None:
    home.drop("A.csv")
    with pytest.raises(DataRangeError, match="no source has bars from 2024-03-06 to the end"):
        home.take(start=date(2024, 3, 6))
    with pytest.raises(DataRangeError, match="no source has bars from the beginning to 2024-03-03"):
        home.take(end=date(2024, 3, 3))
    assert not home.lake.root.exists()


def test_an_empty_inbox_is_no_error(home: Home) -> None:
    assert home.take() == IngestReport((), (), {})


def test_a_refused_file_is_reported_and_the_others_are_taken(home: Home) -> None:
    home.drop("A.csv")
    bad = home.drop("B.csv", HEADER + "\nB,2024-03-04,x,1,1,1,1,1\n")
    home.drop("C.csv", TWO.replace("A,", "C,"))
    report = home.take()
    assert [one.symbol for one in report.symbols] == ["A", "C"]
    reason = f"{bad}: line 2, column 'Open': 'x' is no number (mend the file)"
    assert report.refused == (Refused(str(bad), reason),)
    assert home.take().refused == report.refused


def test_a_price_that_does_not_fit_keeps_its_whole_file_out(home: Home, tmp_path: Path) -> None:
    home.drop("many.csv", f"{HEADER}\n{A1}\nB,2024-03-04,1,1,1,1.00001,1,1\n")
    report = home.take()
    assert (report.symbols, home.everything()) == ((), {})
    (refused,) = report.refused
    assert refused.file == "many.csv"
    assert "close 1.00001 at 2024-03-04 00:00 needs more than 4 decimals" in refused.reason
    finer = home_in(tmp_path, instrument=InstrumentSettings(price_scale=5))
    assert [one.symbol for one in finer.take().symbols] == ["A", "B"]


def test_a_wrong_instrument_keeps_everything_out(home: Home, tmp_path: Path) -> None:
    home.drop("A.csv")
    with pytest.raises(ConfigError, match="price_scale 1 cannot hold ticks"):
        home_in(tmp_path, instrument=InstrumentSettings(price_scale=1)).take()
    assert home.everything() == {}


def test_several_sources_feed_one_lake(tmp_path: Path) -> None:
    both = home_in(tmp_path, sources=("sample", "inbox"), symbols=("IBM",), start=date(2013, 3, 1))
    both.drop("IBM.csv", TWO.replace("A,", "IBM,"))
    steps: list[tuple[int, int, str]] = []
    report = both.take(progress=lambda *step: steps.append(step))
    assert [(one.source, one.symbol, one.inserted) for one in report.symbols] == [
        ("sample", "IBM", 1),
        ("inbox", "IBM", 2),
    ]
    assert steps == [(0, 2, "source sample"), (1, 2, "source inbox"), (2, 2, "done")]
    assert {path.split("/")[1] for path in both.raw()} == {"sample", "inbox"}
    assert both.lake.read("bars_1d").height == 3
    assert [one.source for one in both.take(sources=("inbox",), end=date(2024, 3, 4)).symbols] == ["inbox"]


def test_days_beside_those_asked_for_first_come_in_later(home: Home) -> None:
    home.drop("A.csv")
    day = {"start": date(2024, 3, 5), "end": date(2024, 3, 5)}
    assert [one.inserted for one in home.take(**day).symbols] == [1]
    assert [(one.inserted, one.unchanged) for one in home.take().symbols] == [(1, 1)]
    before = home.everything()
    assert [(one.inserted, one.unchanged) for one in home.take(**day).symbols] == [(0, 1)]
    assert home.take().symbols == ()
    assert home.everything() == before


class Interrupted(BaseException):
    """Stands for the power going out: no code catches it."""


def interrupted(call: int, *, late: bool) -> Callable[..., object]:
    """An upsert that fails at its n-th call, before or after doing its work."""
    calls = 0
    upsert = Lake.upsert

    def run(lake: Lake, table: str, frame: pl.DataFrame, **options: Any) -> object:  # noqa: ANN401 - handed through
        nonlocal calls
        calls += 1
        mine = calls == call
        if mine and not late:
            raise Interrupted
        done = upsert(lake, table, frame, **options)
        if mine:
            raise Interrupted
        return done

    return run


# A repeated ingest calls upsert for instruments, actions, bars, restatements (within bars) and raw files.
@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", [1, 2, 3, 4, 5])
def test_an_interrupted_ingest_is_finished_by_repeating_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int, *, late: bool
) -> None:
    homes = [home_in(tmp_path / name) for name in ("undisturbed", "disturbed")]
    for home in homes:
        home.drop("A.csv")
        home.take()
        home.drop("A.csv", MORE)
    homes[0].take()
    with monkeypatch.context() as patch:
        patch.setattr(Lake, "upsert", interrupted(call, late=late))
        with pytest.raises(Interrupted):
            homes[1].take()
    homes[1].take()
    assert homes[1].everything() == homes[0].everything()
    assert homes[1].take().symbols == ()


@pytest.mark.parametrize("call", [1, 2, 3, 4])
def test_an_interrupted_first_ingest_is_finished_by_repeating_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    homes = [home_in(tmp_path / name) for name in ("undisturbed", "disturbed")]
    for home in homes:
        home.drop("A.csv", MORE)
    homes[0].take()
    with monkeypatch.context() as patch:
        patch.setattr(Lake, "upsert", interrupted(call, late=False))
        with pytest.raises(Interrupted):
            homes[1].take()
    assert homes[1].raw() == homes[0].raw()
    assert homes[1].take().fetched == 3
    assert homes[1].everything() == homes[0].everything()
