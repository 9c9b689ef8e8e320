"""What a night makes of the verdicts: a bad symbol is left out and named; nothing usable stops the night."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Verdict = dict[str, Any]

ADVISORY = ("off_session_bars",)  # checks whose failures are told, and leave nobody out


@dataclass(frozen=True, slots=True)
class Ruling:
    """One check over all symbols: who was looked at, who failed and why, and whether the night must stop."""

    check: str
    symbols: int
    failed: tuple[Verdict, ...]
    stops: bool
    advisory: bool = False

    @property
    def passed(self) -> bool:
        """Whether every symbol passed, and there was one."""
        return not self.failed and self.symbols > 0

    @property
    def sentence(self) -> str:
        """The ruling in one line."""
        if not self.symbols:
            return "nothing to look at: the lake holds no bars"
        if self.passed:
            return f"all {self.symbols} symbols pass"
        names = ", ".join(sorted(row["symbol"] for row in self.failed))
        rest = "no symbol is usable" if self.stops else "left out of the backtests, the others go on"
        if self.advisory:
            rest = "told, and backtested all the same"
        return f"{len(self.failed)} of {self.symbols} symbols fail ({names}): {rest}"


def rulings(verdicts: Sequence[Verdict], checks: Sequence[str]) -> Mapping[str, Ruling]:
    """Each check's ruling from the rows of table `verdicts` of one bars table.

    A failure stops the night only when no symbol passed all checks, or when a check was made of none; one of
    ADVISORY leaves nobody out.
    """
    bad = {row["symbol"] for row in verdicts if not row["passed"] and row["check"] not in ADVISORY}
    none_usable = bad >= {row["symbol"] for row in verdicts}
    ruled = {}
    for check in checks:
        rows = [row for row in verdicts if row["check"] == check]
        failed = tuple(row for row in rows if not row["passed"])
        told = check in ADVISORY
        stops = not rows or (bool(failed) and none_usable and not told)
        ruled[check] = Ruling(check, len(rows), failed, stops, told)
    return ruled
