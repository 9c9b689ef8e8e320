"""The night's backup tells the live engine's journal how far it holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from live_engine.journal.reader import JournalReader
from tests.ledger.trading import write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import dagster as dg


def test_the_job_backs_the_journal_up_and_moves_its_place(
    home: Path, run: Callable[..., dg.ExecuteInProcessResult]
) -> None:
    last_seq = write(home / "journal" / "live.sqlite", 1, 3)
    assert run("backup").success
    with JournalReader(home / "journal" / "live.sqlite") as reader:
        assert reader.consumers() == {"backup": last_seq}
