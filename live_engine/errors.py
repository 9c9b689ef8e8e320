"""What the live engine refuses.

LiveEngineError
├── SettingsError    [live] of pi5.toml, or an environment override of it, is wrong
└── SnapshotError    a snapshot of the orders cannot be read: torn, or of another version
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


class SnapshotError(LiveEngineError):
    """A snapshot of the orders cannot be read: torn, or of another version."""
