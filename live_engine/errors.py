"""What the live engine refuses.

LiveEngineError
├── PricesError      a file of prices, or a row of it, cannot be taken for what it should be
└── SettingsError    [live] of pi5.toml, or an environment override of it, is wrong
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


class PricesError(LiveEngineError):
    """A file of prices, or a row of it, cannot be taken for what it should be."""
