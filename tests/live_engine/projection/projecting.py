"""A process that projects a journal until it is killed, or has caught up.

usage: python -m tests.live_engine.projection.projecting JOURNAL DSN
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.live_engine.projection.running import caught_up, projector


def main() -> None:
    """Project, and say after each batch how far that was."""
    path, dsn = sys.argv[1:]
    asyncio.run(caught_up(projector(Path(path), dsn, lambda seq: print(seq, flush=True))))  # noqa: T201 - for the test


if __name__ == "__main__":
    main()
