"""What changed since the last night: whether a result is new, and why, beside the figures that it replaces."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pi5_pipelines.backtest.bars import COLUMNS, digest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.backtest.store import ResultStore

FIGURES = ("return_pct", "buy_and_hold_pct", "sharpe", "max_drawdown_pct", "trades", "equity_final", "fees_paid")
COMPARED = ("return_pct", "sharpe", "max_drawdown_pct", "trades")
# What a document says of a run that is neither figure nor input: when none of it differs, the options are the same.
OPTIONS = ("cash", "fee_bps", "slippage_bps", "fill", "sizing", "direction", "close_at_end", "adjust")

Key = tuple[str, ...]


def key(row: Mapping[str, Any]) -> Key:
    """What is compared from night to night: a strategy with its parameters on its symbols."""
    params = [f"{name}={value:g}" for name, value in sorted(row["params"].items())]
    return (row["strategy"], *params, *row["symbols"])


def line(
    document: Mapping[str, Any], bars: Sequence[Bars], before: Mapping[str, Any] | None, store: ResultStore
) -> dict[str, Any]:
    """One line of the night's table: identity, main figures, why it was run again, and the figures it replaces.

    A result that is the same as the last night's keeps its line as it was, so a second run of a night changes nothing.
    """
    if before is not None and before["result_id"] == document["result_id"]:
        return dict(before)
    head = {name: document[name] for name in ("result_id", "strategy", "params", "symbols", "end")}
    row = {**head, **{name: document[name] for name in FIGURES}}
    if before is None:
        return {**row, "change": "first run", "previous": None}
    previous = {name: before[name] for name in ("result_id", *COMPARED)}
    return {**row, "change": _why(document, bars, before["result_id"], store), "previous": previous}


def _why(document: Mapping[str, Any], bars: Sequence[Bars], before_id: str, store: ResultStore) -> str:
    """Every reason why a result is not the one it replaces."""
    if not store.has(before_id):
        return "the last result is gone"
    before = store.document(before_id)
    reasons = [f"{name} changed" for name in OPTIONS if before.get(name) != document.get(name)]
    if before["code_version"] != document["code_version"]:
        reasons.append("code changed")
    old = {one["symbol"]: one["sha256"] for one in before["inputs"]}
    end = datetime.fromisoformat(before["end"]).replace(tzinfo=UTC).timestamp() * 1e6
    restated = [one.symbol for one in bars if _until(one, end) != old[one.symbol]]
    if restated:
        reasons.append(f"bars restated: {', '.join(restated)}")
    elif document["end"] > before["end"]:
        reasons.append(f"{document['bars'] - before['bars']} new bars")
    return ", ".join(reasons)


def _until(bars: Bars, end_us: float) -> str:
    """The hash that the bars up to a moment have as a result's input."""
    rows = int((bars.ts_us <= end_us).sum())
    columns = (getattr(bars, name)[:rows] for name in COLUMNS)
    return digest(bars.ts_us[:rows], *columns)
