"""The ledger of trials: every combination that was ever tried, so that the best one is held against their number.

A trial is one combination of strategy, parameters and rules on one series of bars, told by its symbols, timeframe,
adjustment and first bar. The same combination tried again is no new trial, nor is it one a night later with a bar
more; what is kept is its latest Sharpe ratio. A sweep is one row with the number of its combinations. Two sweeps over
different spaces that overlap are counted in full, both: the ledger errs towards more trials.
"""

from __future__ import annotations

import hashlib
import math
import sqlite3
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from pi5_pipelines.errors import BacktestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.settings import Settings

BUSY_S = 30.0
SCHEMA = """
CREATE TABLE IF NOT EXISTS trials (
  trial TEXT PRIMARY KEY,        -- hash of what was tried and on which bars
  kind TEXT NOT NULL,
  strategy TEXT NOT NULL,
  symbols TEXT NOT NULL,         -- each between commas: ,GOOG,MSFT,
  timeframe TEXT NOT NULL,
  spec_hash TEXT NOT NULL,       -- of a run's options, or of a sweep's space
  combinations INTEGER NOT NULL,
  sharpe_count INTEGER NOT NULL, -- moments of the combinations' Sharpe ratios per period
  sharpe_sum REAL NOT NULL,
  sharpe_squares REAL NOT NULL,
  tried_at_utc TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
  run_id TEXT PRIMARY KEY,
  trial TEXT NOT NULL,
  kind TEXT NOT NULL,
  recorded_at_utc TEXT NOT NULL
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class SharpeMoments:
    """Sharpe ratios per period of many combinations: how many are defined, their sum and their sum of squares."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, sharpes: Iterable[float]) -> SharpeMoments:
        """The moments of the finite ones among them."""
        known = [float(one) for one in sharpes if math.isfinite(one)]
        return cls(len(known), math.fsum(known), math.fsum(one * one for one in known))

    @property
    def variance(self) -> float:
        """Their variance, ddof 1; 0 for fewer than two."""
        if self.count < 2:  # noqa: PLR2004 - one has no variance
            return 0.0
        return max(0.0, (self.squares - self.total**2 / self.count) / (self.count - 1))


@dataclass(frozen=True, slots=True)
class Tally:
    """How many distinct combinations were tried, and the moments of their Sharpe ratios per period."""

    trials: int
    sharpe: SharpeMoments


def ledger_file(settings: Settings) -> Path:
    """Where the ledger lies; backups hold it."""
    return settings.folder("reports") / "trials.sqlite"


def identity(*parts: object) -> str:
    """A hash of plain values, 24 hex digits: the same on every machine."""
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()[:24]


def series_of(bars: Sequence[Bars]) -> list[list[object]]:
    """What tells a series of bars: the end is left out, because a day more makes no new trial."""
    return [[one.symbol, one.timeframe, one.input.get("adjust", "none"), int(one.ts_us[0])] for one in bars]


@dataclass(frozen=True, slots=True)
class Run:
    """One run as the ledger keeps it: its id, the trial it is a run of (the table's columns), its Sharpe ratios."""

    run_id: str
    trial: tuple[str, str, str, str, str, str, int]
    sharpe: SharpeMoments


def run_of(document: Mapping[str, Any], bars: Sequence[Bars], kind: str) -> Run:
    """A run told by its result's document, under the result's id."""
    from pi5_pipelines.backtest.spec import BacktestSpec

    spec = {field.name: document[field.name] for field in msgspec.structs.fields(BacktestSpec)}
    annual = document["sharpe"]
    sharpe = math.nan if annual is None else annual / math.sqrt(document["periods_per_year"])
    return _run(document["result_id"], kind, spec["strategy"], bars, identity(spec), 1, SharpeMoments.of([sharpe]))


def _run(
    run_id: str,
    kind: str,
    strategy: str,
    bars: Sequence[Bars],
    spec_hash: str,
    combinations: int,
    sharpe: SharpeMoments,
) -> Run:
    trial = identity(kind in SINGLE, strategy, spec_hash, series_of(bars))
    symbols = "".join(f",{one.symbol}" for one in bars) + ","
    return Run(run_id, (trial, kind, strategy, symbols, bars[0].timeframe, spec_hash, combinations), sharpe)


class Ledger:
    """The trials in one SQLite file; each record is one transaction that outlives a power cut.

    Every method raises BacktestError when the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def record_result(self, document: Mapping[str, Any], bars: Sequence[Bars], kind: str = "backtest") -> bool:
        """Record one run, told by its result's document, under its id; False when that id was recorded before."""
        return self.record([run_of(document, bars, kind)]) == 1

    def record_sweep(
        self,
        run_id: str,
        strategy: str,
        bars: Sequence[Bars],
        space: object,
        combinations: int,
        sharpe: SharpeMoments,
        *,
        kind: str = "sweep",
    ) -> bool:
        """Record a sweep; False when its run id was recorded before.

        `space` is all that tells the set of combinations (ranges, conditions, costs, sizing, fill) in plain values;
        the same space on the same series counts once, however often it is swept. `combinations` is the number of
        distinct ones that were run, `sharpe` the moments of their Sharpe ratios per period over all bars.
        """
        return self.record([_run(run_id, kind, strategy, bars, identity(space), combinations, sharpe)]) == 1

    def count(self, strategy: str | None = None, symbol: str | None = None) -> int:
        """How many distinct combinations were tried of a strategy (None: any), on a symbol (None: any)."""
        return self.tally(strategy, symbol).trials

    def tally(self, strategy: str | None = None, symbol: str | None = None, timeframe: str | None = None) -> Tally:
        """The number of trials and the moments of their Sharpe ratios; name the timeframe to use the moments."""
        if not self.path.exists():
            return Tally(0, SharpeMoments())
        query = (
            "SELECT coalesce(sum(combinations), 0), coalesce(sum(sharpe_count), 0), coalesce(sum(sharpe_sum), 0.0),"
            " coalesce(sum(sharpe_squares), 0.0) FROM trials WHERE (:strategy IS NULL OR strategy = :strategy)"
            " AND (:symbol IS NULL OR instr(symbols, ',' || :symbol || ','))"
            " AND (:timeframe IS NULL OR timeframe = :timeframe)"
        )
        with self._open() as database:
            trials, count, total, squares = database.execute(
                query, {"strategy": strategy, "symbol": symbol, "timeframe": timeframe}
            ).fetchone()
        return Tally(trials, SharpeMoments(count, total, squares))

    def record(self, runs: Sequence[Run]) -> int:
        """Record runs in one transaction; answers how many were not recorded before."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        new = 0
        with self._open() as database:
            if all(database.execute(KNOWN, (one.run_id,)).fetchone() for one in runs):
                return 0
            database.execute("BEGIN IMMEDIATE")
            for one in runs:
                added = database.execute(
                    "INSERT OR IGNORE INTO runs VALUES (?, ?, ?, ?)", (one.run_id, one.trial[0], one.trial[1], now)
                )
                if added.rowcount:
                    new += 1
                    database.execute(
                        "INSERT INTO trials VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (trial) DO UPDATE SET"
                        " combinations = max(combinations, excluded.combinations),"
                        " sharpe_count = excluded.sharpe_count, sharpe_sum = excluded.sharpe_sum,"
                        " sharpe_squares = excluded.sharpe_squares, tried_at_utc = excluded.tried_at_utc",
                        (*one.trial, one.sharpe.count, one.sharpe.total, one.sharpe.squares, now),
                    )
            database.execute("COMMIT")
        return new

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)
            try:
                _prepare(database)
                yield database
            finally:
                database.close()
        except (OSError, sqlite3.Error) as error:
            raise BacktestError(
                f"the ledger of trials cannot be used: {error}",
                where=str(self.path),
                hint="look for a full disk or missing rights; a damaged file comes back from a backup",
            ) from error


SINGLE = frozenset({"backtest", "nightly"})
KNOWN = "SELECT 1 FROM runs WHERE run_id = ?"


def _prepare(database: sqlite3.Connection) -> None:
    """Set the ledger up on first use; two processes that meet there wait for each other."""
    database.execute("PRAGMA synchronous = FULL")
    if _mode(database) == "wal" and database.execute("PRAGMA user_version").fetchone()[0] == 1:
        return
    # Turning to the write-ahead log ignores the busy timeout, so the waiting is done here.
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = 1; COMMIT;")
        except sqlite3.OperationalError as error:
            if database.in_transaction:
                database.execute("ROLLBACK")
            if error.sqlite_errorcode not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED} or (
                time.monotonic() > deadline
            ):
                raise
            time.sleep(0.02)
        else:
            return


def _mode(database: sqlite3.Connection) -> Any:  # noqa: ANN401 - SQLite answers any type
    return database.execute("PRAGMA journal_mode").fetchone()[0]
