"""`pi5 ingest` killed with -9 in the middle of its commits: the next one completes, as if nothing had happened."""

from __future__ import annotations

import random
import shutil
import time
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from pi5_pipelines.cli.main import pi5 as program

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

COPIES = ("ONE", "TWO", "THREE", "FOUR")
SPAN_S = 0.4  # from the first raw file to the last commit, on a quick machine
PATIENCE_S = 30.0


@pytest.fixture
def work_to_do(lake_home: Path, goog_file: Path) -> Path:
    """A filled home with four more symbols in its inbox, each of which takes several commits."""
    (lake_home / "inbox").mkdir(exist_ok=True)
    for name in COPIES:
        shutil.copy(goog_file, lake_home / "inbox" / f"{name}.csv")
    return lake_home


@pytest.fixture
def undisturbed(
    work_to_do: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Callable[[Path], dict[str, str]]
) -> dict[str, str]:
    """What the lake says after an ingest that nobody disturbed."""
    calm = shutil.copytree(work_to_do, tmp_path / "calm")
    with monkeypatch.context() as patch:
        patch.setenv("PI5_HOME", str(calm))
        assert CliRunner().invoke(program, ["ingest"]).exit_code == 0
    return content(calm)


@pytest.mark.slow
def test_a_killed_ingest_is_completed_by_the_next(
    work_to_do: Path,
    undisturbed: dict[str, str],
    process: Callable[..., subprocess.Popen[bytes]],
    pi5: Callable[..., Result],
    content: Callable[[Path], dict[str, str]],
) -> None:
    untouched = shutil.copytree(work_to_do, work_to_do.with_name("untouched"))
    chance = random.Random(9)  # noqa: S311 - moments, not secrets
    unfinished = 0
    for _ in range(4):
        with process("ingest") as running:
            began = time.monotonic()
            while not (work_to_do / "lake" / "raw" / "inbox").exists():
                assert time.monotonic() - began < PATIENCE_S
                time.sleep(0.002)
            time.sleep(chance.uniform(0.0, SPAN_S))
            running.kill()
            running.wait()
        unfinished += content(work_to_do) != undisturbed
        assert pi5("data", "show", "bars_1d", "--symbol", "GOOG").exit_code == 0
        answer = pi5("ingest")
        assert answer.exit_code == 0, answer.stderr
        assert content(work_to_do) == undisturbed
        shutil.rmtree(work_to_do)
        shutil.copytree(untouched, work_to_do)
    assert unfinished > 0, "every ingest was done before it was killed: the test shows too little"
