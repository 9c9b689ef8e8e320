"""Trials chosen by Optuna's sampler: each batch is asked for in the light of the batches before."""

from __future__ import annotations

import math
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pi5_pipelines.errors import SweepError
from pi5_pipelines.sweep.parquet import read_columns
from pi5_pipelines.sweep.space import nothing_left

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pi5_pipelines.sweep.job import Plan
    from pi5_pipelines.sweep.space import Space
    from pi5_pipelines.sweep.work import WorkFolder

BATCH = 32
ASKS = 100  # for each trial that the condition lets through, at most


def check_installed() -> None:
    """Raise SweepError unless Optuna is there."""
    if find_spec("optuna") is None:
        raise SweepError(
            "Optuna is not installed",
            where="--method guided",
            hint="install the extra with `pip install 'pi5[optuna]'`, or use --method random",
        )


class Guided:
    """Batches as Optuna's tree-structured Parzen estimator asks for them (Bergstra et al., NIPS 2011).

    The sampler is seeded and told the results in order, so a sweep that goes on asks what it would have asked.
    """

    sequential = True

    def __init__(self, plan: Plan, space: Space, work: WorkFolder, leg: int) -> None:
        check_installed()
        import optuna

        if not space.any_wanted():
            raise nothing_left(plan.where)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        sampler = optuna.samplers.TPESampler(seed=plan.seed)
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._plan = plan
        self._space = space
        self._work = work
        self._leg = leg
        self._asked: list[list[tuple[Any, int]]] = []
        self.count = plan.trials

    @property
    def chunks(self) -> int:
        """As Numbers."""
        return -(-self.count // BATCH)

    def size_of(self, chunk: int) -> int:
        """As Numbers."""
        return min(BATCH, self.count - chunk * BATCH)

    def of(self, chunk: int) -> NDArray[np.int64]:
        """The batch; those before it that were not asked for yet in this process are asked for and told first."""
        import numpy as np

        while len(self._asked) <= chunk:
            if self._asked:
                self._tell(len(self._asked) - 1)
            self._asked.append(self._ask(self.size_of(len(self._asked))))
        return np.array([number for _, number in self._asked[chunk]], dtype=np.int64)

    def _ask(self, size: int) -> list[tuple[Any, int]]:
        import numpy as np
        from optuna.trial import TrialState

        found: list[tuple[Any, int]] = []
        for _ in range(size * ASKS):
            trial = self._study.ask()
            number = 0
            for axis in self._space.axes:
                place = trial.suggest_int(axis.name, 0, len(axis.values) - 1)
                number = number * len(axis.values) + place
            if self._space.rows(np.array([number], dtype=np.int64))[0].size:
                found.append((trial, number))
                if len(found) == size:
                    return found
            else:
                self._study.tell(trial, state=TrialState.FAIL)
        raise SweepError(
            "the sampler finds hardly any combination that is allowed",
            where="--method guided",
            hint="narrow the ranges so that --where leaves more of them, or use --method random",
        )

    def _tell(self, batch: int) -> None:
        from optuna.trial import TrialState

        values = read_columns(self._work.chunks[self._leg, batch], [self._plan.rank_by])[self._plan.rank_by]
        for (trial, _), value in zip(self._asked[batch], values.tolist(), strict=True):
            if math.isfinite(value):
                self._study.tell(trial, value)
            else:
                self._study.tell(trial, state=TrialState.FAIL)
