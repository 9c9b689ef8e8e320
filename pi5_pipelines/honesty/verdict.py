"""Is it likely real? Findings in, a level and a few plain sentences out.

The thresholds are conventions, not laws: 95 % for probabilities (Bailey, Lopez de Prado, 2014), an even chance for
the probability of overfitting (Bailey et al., 2017), half for the walk-forward efficiency (Pardo, 2008).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Level = Literal["good", "doubtful", "bad"]

SURE, EVEN, FLUKE = 0.95, 0.5, 0.2
OVERFIT_LITTLE = 0.2
HALF = 0.5
FEW_TRADES = 30
STRONG = ("deflated", "overfitting", "walk-forward", "permutation")
ENOUGH_STRONG = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What is known of a result; None is not known. Sharpe ratios are annualised.

    `luck` is the Sharpe ratio that the best of `trials` worthless trials would show; `p_value` that of a permutation
    test; the `sharpe_...` are of the same run under worse conditions, `neighbours` the median a parameter step off,
    `buy_and_hold` that of buying and holding.
    """

    sharpe: float
    trades: int | None = None
    trials: int | None = None
    luck: float | None = None
    deflated: float | None = None
    bars: int | None = None
    bars_needed: float | None = None
    pbo: float | None = None
    efficiency: float | None = None
    walk_forward_sharpe: float | None = None
    p_value: float | None = None
    sharpe_low: float | None = None
    sharpe_high: float | None = None
    sharpe_double_costs: float | None = None
    sharpe_delayed: float | None = None
    neighbours: float | None = None
    buy_and_hold: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`level` and one to three sentences, the first of which says it all."""

    level: Level
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """One finding judged: what was looked at, how it came out, and a clause that says so."""

    about: str
    level: Level
    clause: str


def judge(findings: Findings) -> Verdict:
    """The verdict on some findings.

    Bad: it loses, or any strong test (deflated Sharpe ratio, overfitting, walk-forward, permutation) speaks against
    it, or it does not outlive worse conditions. Good: at least two strong tests were made, one of them the deflated
    Sharpe ratio, and nothing casts doubt. Anything else is doubtful.
    """
    if not findings.sharpe > 0.0:
        shown = "has no Sharpe ratio" if math.isnan(findings.sharpe) else f"has a Sharpe ratio of {findings.sharpe:.2f}"
        return Verdict("bad", (f"There is nothing to believe in: the run {shown}.",))
    points = list(points_of(findings))
    bad, doubtful, good = ([one for one in points if one.level == level] for level in ("bad", "doubtful", "good"))
    strong = {one.about for one in good} & set(STRONG)
    missing = [name for name in STRONG if name not in {one.about for one in points}]
    unchecked = f"Not looked at: {_listed([MISSING[name] for name in missing])}." if missing else ""
    if bad:
        judged = "This is likely luck" if {one.about for one in bad} & set(STRONG) else "This will hardly hold"
        first = f"{judged}: {_listed([one.clause for one in bad])}."
        rest = f"In its favour: {_listed([one.clause for one in good])}." if good else ""
        return Verdict("bad", _said(first, rest))
    if not doubtful and "deflated" in strong and len(strong) >= ENOUGH_STRONG:
        first = f"This is likely real: {_listed([one.clause for one in good])}."
        return Verdict("good", _said(first, unchecked, "The past is all that was looked at."))
    reason = _listed([one.clause for one in doubtful]) if doubtful else "too little was looked at to say more"
    favour = f"In its favour: {_listed([one.clause for one in good])}." if good else ""
    return Verdict("doubtful", _said(f"This is doubtful: {reason}.", favour, unchecked))


MISSING = {
    "deflated": "how many trials it was chosen from",
    "overfitting": "the search it was chosen from",
    "walk-forward": "parameters chosen on the past alone (pi5 walkforward)",
    "permutation": "the same bars in another order",
}


def points_of(findings: Findings) -> Iterator[Point]:
    """Every finding that is known, judged."""
    yield from _luck(findings)
    yield from _search(findings)
    yield from _conditions(findings)
    yield from _evidence(findings)


def _luck(findings: Findings) -> Iterator[Point]:
    if findings.deflated is not None and not math.isnan(findings.deflated):
        level = _at_least(findings.deflated, SURE, EVEN)
        above = (
            f"above the {findings.luck:.2f} that the best of {findings.trials:,} worthless trials would show"
            if findings.luck and findings.trials
            else "above zero"
        )
        clause = f"its Sharpe ratio of {findings.sharpe:.2f} lies {above} with a probability of {findings.deflated:.0%}"
        yield Point("deflated", level, clause)
    if findings.p_value is not None:
        level = _at_least(-findings.p_value, SURE - 1.0, -FLUKE)
        how = "seldom" if level == "good" else "often"
        clause = f"on the same bars in another order it {how} does as well (p = {findings.p_value:.3f})"
        yield Point("permutation", level, clause)


def _search(findings: Findings) -> Iterator[Point]:
    if findings.pbo is not None:
        level: Level = "good" if findings.pbo <= OVERFIT_LITTLE else "doubtful" if findings.pbo < EVEN else "bad"
        clause = f"the best of this search falls into the lower half elsewhere in {findings.pbo:.0%} of all splits"
        yield Point("overfitting", level, clause)
    if findings.efficiency is not None:
        if math.isnan(findings.efficiency):
            yield Point("walk-forward", "bad", "no parameters earn anything even where they are chosen")
        else:
            level = "bad" if findings.efficiency <= 0.0 else _at_least(findings.efficiency, HALF, 0.0)
            of = "" if findings.walk_forward_sharpe is None else f" (Sharpe ratio {findings.walk_forward_sharpe:.2f})"
            kept = "nothing" if findings.efficiency <= 0.0 else f"{findings.efficiency:.0%}"
            clause = f"parameters chosen on the past keep {kept} of their return on what follows{of}"
            yield Point("walk-forward", level, clause)


def _conditions(findings: Findings) -> Iterator[Point]:
    for about, figure, condition in (
        ("costs", findings.sharpe_double_costs, "with costs doubled"),
        ("delay", findings.sharpe_delayed, "one bar late"),
        ("neighbours", findings.neighbours, "with parameters a step off"),
    ):
        if figure is not None and not math.isnan(figure):
            level = "bad" if figure <= 0.0 else _at_least(figure, HALF * findings.sharpe, 0.0)
            left = "nothing is left of it" if figure <= 0.0 else f"its Sharpe ratio is {figure:.2f}"
            yield Point(about, level, f"{condition} {left}")


def _evidence(findings: Findings) -> Iterator[Point]:
    if findings.buy_and_hold is not None and findings.buy_and_hold > findings.sharpe:
        clause = f"buying and holding had a Sharpe ratio of {findings.buy_and_hold:.2f}"
        yield Point("benchmark", "doubtful", clause)
    if findings.trades is not None and findings.trades < FEW_TRADES:
        plural = "trade is" if findings.trades == 1 else "trades are"
        yield Point("trades", "doubtful", f"{findings.trades} {plural} few to judge by")
    if findings.bars is not None and findings.bars_needed is not None and findings.bars < findings.bars_needed:
        clause = f"{findings.bars:,} bars are fewer than the {findings.bars_needed:,.0f} that its Sharpe ratio needs"
        yield Point("length", "doubtful", clause)
    if findings.sharpe_low is not None and findings.sharpe_high is not None and findings.sharpe_low <= 0.0:
        clause = f"its Sharpe ratio may lie anywhere from {findings.sharpe_low:.2f} to {findings.sharpe_high:.2f}"
        yield Point("interval", "doubtful", clause)


def _at_least(value: float, good: float, doubtful: float) -> Level:
    return "good" if value >= good else "doubtful" if value >= doubtful else "bad"


def _listed(clauses: list[str]) -> str:
    """Clauses as one: `a`, `a and b`, `a; b; and c`."""
    if len(clauses) <= 2:  # noqa: PLR2004 - two need no list
        return " and ".join(clauses)
    return f"{'; '.join(clauses[:-1])}; and {clauses[-1]}"


def _said(*sentences: str) -> tuple[str, ...]:
    return tuple(one for one in sentences if one)
