"""`scripts/paper`, the end of `make demo`, as a new user runs it: engine and ledger come to the same, each time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from live_engine.events import OrderFilled
from live_engine.journal.reader import JournalReader
from pi5_pipelines.lake.table import Lake

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
FIGURES = 24
MARK = "made-by-scripts-paper"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder as a user has it after set-up, with a home where something else lies already."""
    (tmp_path / "scripts").mkdir()
    for name in ("dagster.yaml", "workspace.yaml", "scripts/paper", "scripts/paper.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    (tmp_path / "var" / "journal").mkdir(parents=True)
    (tmp_path / "var" / "journal" / "live.sqlite").write_bytes(b"the user's own")
    return tmp_path


@pytest.fixture
def paper(clone: Path) -> Callable[[], subprocess.CompletedProcess[str]]:
    """Run the script, whose session must not take over what is set for the home."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PI5_", "DAGSTER_"))}
    own = {"PYTHONPATH": str(ROOT), "PI5_LIVE_PORT": "8080", "PI5_LIVE_SYMBOLS": '["NOSUCH"]'}

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["scripts/paper"],
            cwd=clone,
            env={**environment, **own},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )

    return run


@pytest.mark.slow
def test_a_session_begins_anew_and_ends_with_both_sides_equal_and_the_figures_of_the_readme(
    clone: Path, paper: Callable[[], subprocess.CompletedProcess[str]]
) -> None:
    session = clone / "var" / "demo"
    (session / "journal").mkdir(parents=True)
    (session / "journal" / "live.sqlite").write_bytes(b"cut off by a kill")
    (session / MARK).touch()
    done = paper()
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert f"Engine and ledger are equal to the last digit: {FIGURES} figures." in lines
    assert any("live_journal asked for 1 run; now it says: the ledger has all" in line for line in lines)
    shown = (ROOT / "README.md").read_text(encoding="utf-8").split("```\ntotal ")[1].split("```")[0]
    told = {" ".join(line.split()) for line in lines}
    assert {" ".join(line.split()) for line in f"total {shown}".splitlines()} <= told
    fills = Lake(session / "lake").read("ledger_fills")
    assert min(Counter(fills.select("strategy", "symbol").iter_rows()).values()) > 1
    with JournalReader(session / "journal" / "live.sqlite") as reader:
        assert len(reader.of_type(OrderFilled, 0, 1_000)) == fills.height > 20
    assert sorted(path.name for path in (clone / "var").iterdir()) == ["demo", "journal"]
    assert (clone / "var" / "journal" / "live.sqlite").read_bytes() == b"the user's own"


def test_a_folder_that_it_did_not_make_is_left_alone(
    clone: Path, paper: Callable[[], subprocess.CompletedProcess[str]]
) -> None:
    theirs = clone / "var" / "demo" / "theirs.txt"
    theirs.parent.mkdir()
    theirs.touch()
    told = paper()
    assert (told.returncode, told.stdout, theirs.exists()) == (1, "", True)
    assert told.stderr == f"paper: {theirs.parent} holds something that this script did not make; move it elsewhere\n"


def test_the_demo_ends_with_the_session() -> None:
    assert (ROOT / "scripts" / "demo").read_text(encoding="utf-8").splitlines()[-1] == "scripts/paper"
