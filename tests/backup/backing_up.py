"""A process that makes a backup as a night does, and is killed between two of its steps.

usage: python -m tests.backup.backing_up STEP

Before and after each flush and each rename it may die. Step 0 lets it live; it then says how many steps there were.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from live_engine.journal import consumers
from pi5_pipelines.backup import create, keep_place, verify
from pi5_pipelines.settings import load_settings
from tests.ledger.consuming import Steps


def main() -> None:
    """Create, verify and tell the journal, or die on the way."""
    steps = Steps(int(sys.argv[1]))
    for module, name in ((os, "fsync"), (Path, "replace"), (consumers, "move")):
        setattr(module, name, steps.around(getattr(module, name)))
    settings = load_settings()
    verify(settings, create(settings).id)
    assert keep_place(settings) == ""
    print(steps.count)  # noqa: T201 - for the test


if __name__ == "__main__":
    main()
