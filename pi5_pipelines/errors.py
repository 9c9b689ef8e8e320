"""Everything that can go wrong for a user, with what happened, where, and how to mend it.

Pi5Error
├── ConfigError            pi5.toml or an environment override is wrong
├── UnknownNameError       no such symbol, strategy, parameter, table, version or result
├── InputFileError         a CSV or Parquet file cannot be taken as bars
├── SourceError            a source of prices did not answer as it should
├── DataRangeError         the asked-for range holds no data
├── LakeError              a table of the lake cannot be read or written
│   ├── LakeLockedError    another process is writing the table
│   └── LakeDamagedError   a table is torn beyond what recovery mends
├── FeedError              the live engine's file of inputs cannot be written
├── JournalReadError       the live engine's journal cannot be read
├── ReplayError            a strategy's trades of the live engine cannot be made again
├── LedgerError            the live engine's journal cannot be brought into the ledger
├── BacktestError          a strategy or its options cannot be run
├── SweepError             a sweep of parameters cannot be run
├── TimescaleError         the time-series database did not do what was asked
│   ├── TimescaleUnreachableError  nobody answers there, or the connection broke
│   ├── TimescaleLoginError        a wrong user, password or database, or a right that is missing
│   ├── ExtensionError             TimescaleDB is missing, not preloaded, or of a version that does not fit
│   ├── MigrationError             the schema is not the one that this program's migrations make
│   ├── RowsRefusedError           rows that must not be stored as they are
│   └── TieringError               rows cannot be handed over to the lake, or not be dropped after it
├── ReproduceError         a stored result could not be repeated
└── BackupError            a backup cannot be made, verified or restored
"""

from __future__ import annotations


class Pi5Error(Exception):
    """Base of the tree: `what` happened, `where` (file, line, symbol), and a `hint` how to mend it."""

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        self.what = what
        self.where = where
        self.hint = hint
        super().__init__(what, where, hint)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.what}{advice}"


class ConfigError(Pi5Error):
    """pi5.toml or an environment override is wrong."""


class UnknownNameError(Pi5Error):
    """No such symbol, strategy, parameter, table, version or result."""


class InputFileError(Pi5Error):
    """A CSV or Parquet file cannot be taken as bars."""


class SourceError(Pi5Error):
    """A source of prices did not answer as it should."""


class DataRangeError(Pi5Error):
    """The asked-for range holds no data."""


class LakeError(Pi5Error):
    """A table of the lake cannot be read or written."""


class LakeLockedError(LakeError):
    """Another process is writing the table."""


class LakeDamagedError(LakeError):
    """A table is torn beyond what recovery mends."""


class FeedError(Pi5Error):
    """The live engine's file of inputs cannot be written."""


class JournalReadError(Pi5Error):
    """The live engine's journal cannot be read."""


class ReplayError(Pi5Error):
    """A strategy's trades of the live engine cannot be made again."""


class LedgerError(Pi5Error):
    """The live engine's journal cannot be brought into the ledger."""


class BacktestError(Pi5Error):
    """A strategy or its options cannot be run."""


class SweepError(Pi5Error):
    """A sweep of parameters cannot be run."""


class TimescaleError(Pi5Error):
    """The time-series database did not do what was asked."""


class TimescaleUnreachableError(TimescaleError):
    """Nobody answers there, or the connection broke."""


class TimescaleLoginError(TimescaleError):
    """A wrong user, password or database, or a right that is missing."""


class ExtensionError(TimescaleError):
    """TimescaleDB is missing, not preloaded, or of a version that does not fit."""


class MigrationError(TimescaleError):
    """The schema is not the one that this program's migrations make."""


class RowsRefusedError(TimescaleError):
    """Rows that must not be stored as they are."""


class TieringError(TimescaleError):
    """Rows cannot be handed over to the lake, or not be dropped after it."""


class ReproduceError(Pi5Error):
    """A stored result could not be repeated."""


class BackupError(Pi5Error):
    """A backup cannot be made, verified or restored."""
