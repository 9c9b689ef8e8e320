"""docs/journal-format.md says what the journal holds, and its example reads it."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from live_engine.events import EngineStopped, HealthChanged
from live_engine.journal.writer import Journal

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "journal-format.md"


def test_the_page_is_what_the_program_writes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import make_journal_format; print(make_journal_format.page(), end='')"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'docs'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert PAGE.read_text(encoding="utf-8") == done.stdout, "run `make docs`"


def test_the_example_reads_every_event_once_and_finds_damage(tmp_path: Path) -> None:
    ((example,),) = [re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)]
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - our own page
    path = tmp_path / "live.sqlite"
    with Journal(path) as journal:
        journal.append([HealthChanged(reasons=("loop lag",)), EngineStopped(reason="told to stop")]).result()
        epoch, first = names["news"](path, "", 0, limit=1)
        assert (epoch, first) == (journal.epoch, [(1, {"type": "HealthChanged", "reasons": ["loop lag"]})])
        assert names["news"](path, epoch, 1)[1] == [(2, {"type": "EngineStopped", "reason": "told to stop"})]
        assert names["news"](path, epoch, 2)[1] == []
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("UPDATE events SET body = replace(body, 'told', 'Told') WHERE seq = 2")
    with pytest.raises(ValueError, match="event 2 is missing or damaged"):
        names["news"](path, epoch, 1)
