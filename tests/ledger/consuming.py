"""A process that takes the journal into the ledger, as a run's worker does, and is killed between two of its steps.

usage: python -m tests.ledger.consuming STEP JOURNAL TO_SEQ BATCH_EVENTS

A step is a flush, a rename, a commit of Delta's, a call of the journal's: before and after each it may die. Step 0 lets
it live; it then says how many steps there were.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from live_engine.journal import consumers
from pi5_pipelines.ledger import commits
from pi5_pipelines.ledger.consume import consume
from pi5_pipelines.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable


class Steps:
    """Counts, and dies at a count."""

    def __init__(self, last: int) -> None:
        self.last, self.count = last, 0

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, with a step before it and one after."""

        def counted(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever it takes
            self.step()
            answer = call(*args, **options)
            self.step()
            return answer

        return counted

    def step(self) -> None:
        """Count one, and die at the last."""
        self.count += 1
        if self.count == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Consume, or die on the way."""
    last, journal, to_seq, batch_events = sys.argv[1:]
    steps = Steps(int(last))
    for module, name in ((os, "fsync"), (Path, "replace"), (commits, "write_deltalake"), (consumers, "move")):
        setattr(module, name, steps.around(getattr(module, name)))
    consume(load_settings(), journal=journal, to_seq=int(to_seq), batch_events=int(batch_events))
    print(steps.count)  # noqa: T201 - for the test


if __name__ == "__main__":
    main()
