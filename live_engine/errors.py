"""What the live engine refuses.

LiveEngineError
├── SettingsError    [live] of pi5.toml, or an environment override of it, is wrong
├── JournalError
│   ├── JournalMissingError     there is no journal where one is to be read
│   ├── JournalDamagedError     the file is no journal, or part of it cannot be read as what was written
│   ├── JournalNewerError       a newer program wrote it
│   ├── JournalLockedError      another engine writes it, or another program holds it
│   ├── JournalUnreadableError  the operating system keeps it from being read
│   ├── JournalWriteError       the device took no more: the writer has stopped
│   ├── JournalFullError        more waits to be written than may wait
│   ├── EventRefusedError       an event that could not be read back as it is
│   └── DuplicateIntentError    an order is wanted under a client order id that was used before
├── SnapshotError    a snapshot of the orders cannot be read: torn, or of another version
├── PricesError      a file of prices, or a row of it, cannot be taken for what it should be
├── KillFileError    the kill switch's file cannot be written, or a stronger request waits in it
├── ProjectionError  the journal cannot be projected to TimescaleDB as things are
├── TokensError      the tokens of the API cannot be trusted or changed
└── ListenError      the API cannot listen on its address
"""

from __future__ import annotations


class LiveEngineError(Exception):
    """Base of the tree: `what` happened, `where` (file and line, or variable), and a `hint` how to mend it."""

    def __init__(self, what: str, *, where: str, hint: str) -> None:
        self.what = what
        self.where = where
        self.hint = hint
        super().__init__(what, where, hint)

    def __str__(self) -> str:
        return f"{self.where}: {self.what} ({self.hint})"


class SettingsError(LiveEngineError):
    """[live] of pi5.toml, or an environment override of it, is wrong."""


class JournalError(LiveEngineError):
    """What the journal refuses."""


class JournalMissingError(JournalError):
    """There is no journal where one is to be read."""


class JournalDamagedError(JournalError):
    """The file is no journal, or part of it cannot be read as what was written."""


class JournalNewerError(JournalError):
    """A newer program wrote it: this one would misread it."""


class JournalLockedError(JournalError):
    """Another engine writes it, or another program holds it."""


class JournalUnreadableError(JournalError):
    """The operating system keeps it from being read."""


class JournalWriteError(JournalError):
    """The device took no more: the writer has stopped, what it acknowledged is kept."""


class JournalFullError(JournalError):
    """More waits to be written than may wait; nothing of this append is kept."""


class EventRefusedError(JournalError):
    """An event that could not be read back as it is; nothing of its append is kept."""


class DuplicateIntentError(JournalError):
    """An order is wanted under a client order id that was used before; `seq` is the event of the first."""

    def __init__(self, client_order_id: str, seq: int, *, where: str) -> None:
        self.client_order_id = client_order_id
        self.seq = seq
        super().__init__(
            f"client order id {client_order_id!r} was used by event {seq}",
            where=where,
            hint="ask for that order, or choose a new id",
        )


class SnapshotError(LiveEngineError):
    """A snapshot of the orders cannot be read: torn, or of another version."""


class PricesError(LiveEngineError):
    """A file of prices, or a row of it, cannot be taken for what it should be."""


class KillFileError(LiveEngineError):
    """The kill switch's file cannot be written, or a stronger request waits in it."""


class ProjectionError(LiveEngineError):
    """The journal cannot be projected to TimescaleDB as things are; the engine goes on without."""


class TokensError(LiveEngineError):
    """The tokens of the API cannot be trusted or changed."""


class ListenError(LiveEngineError):
    """The API cannot listen on its address."""
