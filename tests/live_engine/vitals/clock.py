"""A clock that tests move."""

from __future__ import annotations

SECOND_NS = 10**9


class Clock:
    """Stands still until a test moves it."""

    def __init__(self, now_s: float = 1_000.0) -> None:
        self.now_ns = int(now_s * SECOND_NS)

    def __call__(self) -> int:
        """Nanoseconds."""
        return self.now_ns

    def pass_s(self, seconds: float) -> None:
        """Let time go by."""
        self.now_ns += round(seconds * SECOND_NS)
