"""What a sweep found, out of its chunks: the best combinations, and how far they are to be believed."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pi5_pipelines.honesty.deflated import deflated_sharpe, expected_max_sharpe, return_moments
from pi5_pipelines.honesty.pbo import BLOCKS as CSCV_BLOCKS
from pi5_pipelines.honesty.pbo import BlockMoments, block_bounds, overfitting
from pi5_pipelines.honesty.trials import Ledger, SharpeMoments
from pi5_pipelines.sweep.chunk import column_name
from pi5_pipelines.sweep.lane import Figures, Lane
from pi5_pipelines.sweep.parquet import read_columns
from pi5_pipelines.sweep.tally import BLOCKS, FIGURES, MOMENTS, WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from pi5_pipelines.sweep.job import Job
    from pi5_pipelines.sweep.sample import Sample
    from pi5_pipelines.sweep.space import Space

SHOWN_ERRORS = 5


@dataclass(slots=True)
class LegCount:
    """What is counted while the chunks of one leg are read."""

    combinations: int = 0
    failed: int = 0
    orders_rejected: int = 0
    rejecting: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)
    best: list[tuple[float, int, dict[str, Any]]] = field(default_factory=list)
    sharpes: list[NDArray[np.float64]] = field(default_factory=list)
    sampled: list[int] = field(default_factory=list)


def count_leg(space: Space, paths: Iterable[Path], sample: Sample, rank_by: str, top: int) -> LegCount:
    """Read a leg's chunks one at a time; the best stand first, equals in the order of their combinations."""
    import numpy as np

    found = LegCount()
    names = [column_name(parameter.name) for parameter in space.strategy.parameters]
    for path in paths:
        columns = read_columns(path, ["symbol", "combination", *names, *FIGURES, "ruined", "error"])
        numbers, rank = columns["combination"], columns[rank_by]
        errors = columns["error"]
        wrong = np.array([one is not None for one in errors], dtype=bool)
        found.combinations += numbers.size
        found.failed += int(wrong.sum())
        rejected = columns["orders_rejected"][~wrong]
        found.orders_rejected += int(rejected.sum())
        found.rejecting += int((rejected > 0).sum())
        for row in np.flatnonzero(wrong)[: SHOWN_ERRORS - len(found.errors)].tolist():
            found.errors.append({**_params(columns, names, row), "error": errors[row]})
        defined = np.flatnonzero(~np.isnan(rank))
        leading = defined[np.argsort(-rank[defined], kind="stable")[:top]]
        rows = [(float(rank[row]), -int(numbers[row]), _row(columns, names, row)) for row in leading.tolist()]
        found.best = heapq.nlargest(top, found.best + rows, key=lambda one: one[:2])
        sharpe = columns["sharpe"]
        found.sharpes.append(sharpe[np.isfinite(sharpe)])
        found.sampled += numbers[sample.holds(numbers) & ~wrong].tolist()
    return found


def _params(columns: dict[str, Any], names: list[str], row: int) -> dict[str, Any]:
    values = {name: columns[name][row].item() for name in names}
    return {"symbol": columns["symbol"][row], "params": values}


def _row(columns: dict[str, Any], names: list[str], row: int) -> dict[str, Any]:
    figures = {name: columns[name][row].item() for name in FIGURES}
    figures |= {name: int(figures[name]) for name in WHOLE}
    return {
        **_params(columns, names, row),
        "combination": columns["combination"][row].item(),
        **{
            name: value if not isinstance(value, float) or math.isfinite(value) else None
            for name, value in figures.items()
        },
        "ruined": bool(columns["ruined"][row]),
    }


def sharpe_moments(sharpes: Iterable[NDArray[np.float64]], periods: float) -> SharpeMoments:
    """Count, sum and sum of squares of annual Sharpe ratios brought to one period."""
    import numpy as np

    count, total, squares = 0, 0.0, 0.0
    for part in sharpes:
        count += int(part.size)
        total += float(np.sum(part)) / math.sqrt(periods)
        squares += float(np.sum(part * part)) / periods
    return SharpeMoments(count, total, squares)


def judge_leg(job: Job, leg: int, lane: Lane, space: Space, sample: Sample, found: LegCount) -> dict[str, Any]:
    """Deflated Sharpe ratio and probability of overfitting of one leg; null where they are not defined.

    Combinations of the sample that another process had run are run again for their moments.
    """
    import numpy as np

    files = job.legs[leg]
    document: dict[str, Any] = {
        "symbol": "+".join(one.symbol for one in files),
        "combinations": found.combinations,
        "failed": found.failed,
        "best": found.best[0][2] if found.best else None,
        "deflated_sharpe": None,
        "luck_sharpe": None,
        "pbo": None,
        "pbo_sample": 0,
    }
    if not found.best:
        return document
    missing = np.array([one for one in found.sampled if one not in sample.moments], dtype=np.int64)
    for number in missing:
        moments = np.zeros((1, MOMENTS))
        lane.run(space.params(np.array([number])), Figures.empty(1), {}, moments=moments)
        sample.take(np.array([number]), moments)
    lane.run(space.params(np.array([-found.best[0][1]], dtype=np.int64)), Figures.empty(1), {})
    equity = lane.equity
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = equity[1:] / equity[:-1] - 1.0
    sharpes = sharpe_moments(found.sharpes, lane.periods)
    luck = expected_max_sharpe(found.combinations, sharpes.variance) * math.sqrt(lane.periods)
    document["luck_sharpe"] = _known(luck)
    document["deflated_sharpe"] = _known(deflated_sharpe(return_moments(returns), found.combinations, sharpes.variance))
    document |= _overfitting(sample.matrix(sorted(set(found.sampled))), lane.bars - 1)
    document["trials_ever"] = _record(job, leg, found, sharpes)
    return document


def _overfitting(moments: NDArray[np.float64], returns: int) -> dict[str, Any]:
    import numpy as np

    usable = moments[np.isfinite(moments).all(axis=1)]
    if len(usable) < 2 or returns < 2 * BLOCKS or BLOCKS != CSCV_BLOCKS:  # noqa: PLR2004 - a rank among one says nothing
        return {}
    count = np.diff(block_bounds(returns, BLOCKS)).astype(np.float64)
    found = overfitting(BlockMoments(count, usable[:, :BLOCKS].T.copy(), usable[:, BLOCKS:].T.copy()))
    return {"pbo": _known(found.pbo), "pbo_sample": len(usable)}


def _record(job: Job, leg: int, found: LegCount, sharpes: SharpeMoments) -> int:
    """Enter the sweep into the ledger of trials; answers how many combinations were ever tried on these symbols."""
    import msgspec

    plan = job.plan
    bars = [one.load() for one in job.legs[leg]]
    space = msgspec.to_builtins([msgspec.structs.replace(plan.spec, params={}), plan.params, plan.where])
    if plan.method != "grid":
        space += [plan.method, plan.trials, plan.seed, plan.rank_by]
    ledger = Ledger(_path(job.ledger))
    run = f"{_path(job.folder).name}-{leg}"
    ledger.record_sweep(run, plan.spec.strategy, bars, space, found.combinations, sharpes)
    return ledger.count(plan.spec.strategy, bars[0].symbol)


def _path(text: str) -> Path:
    from pathlib import Path

    return Path(text)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
