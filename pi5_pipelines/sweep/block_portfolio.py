"""What a run of combinations through the loop of portfolios with limits and a calendar takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from trading.rebalancing import Schedule
    from trading.risk import Limits
    from trading.rules import Rules

Numbers = Any


class PortfolioTerms(NamedTuple):
    """What all combinations over the same symbols share."""

    rules: Rules
    limits: Limits
    schedule: Schedule


def with_terms(portfolio: Callable[..., None]) -> Callable[..., None]:
    """The loop of portfolios as the block of many symbols calls it, rules, limits and calendar in one bundle."""

    def run(  # noqa: PLR0913, PLR0917 - as the loop
        columns: Numbers,
        params: Numbers,
        state: Numbers,
        account: Numbers,
        lots: Numbers,
        terms: PortfolioTerms,
        curve: Numbers,
        fills: Numbers,
        book: Numbers,
    ) -> None:
        portfolio(columns, params, state, account, lots, terms.rules, terms.limits, terms.schedule, curve, fills, book)

    return run
