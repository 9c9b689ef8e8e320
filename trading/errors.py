"""What the rulebook refuses.

TradingError
├── ConfigFileError     pi5.toml cannot be read as TOML, or an override is malformed
├── FrictionError       a cost, a delay or a margin is not written as it should be
├── InstrumentError     an instrument's definition, or a price it cannot hold
└── StrategyError       a strategy's definition or its parameters
"""

from __future__ import annotations


class TradingError(Exception):
    """Base of the tree: the subject (file, symbol, strategy) and the reason."""

    def __init__(self, subject: str, reason: str) -> None:
        self.subject = subject
        self.reason = reason
        super().__init__(subject, reason)

    def __str__(self) -> str:
        return f"{self.subject}: {self.reason}"


class ConfigFileError(TradingError):
    """pi5.toml cannot be read as TOML, or an override is malformed."""


class FrictionError(TradingError):
    """A cost, a delay or a margin is not written as it should be."""


class InstrumentError(TradingError):
    """An instrument's definition is wrong, or a price does not fit it."""


class StrategyError(TradingError):
    """A strategy's definition or its parameters are wrong."""
