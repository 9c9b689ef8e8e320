"""The unit as systemd reads it, without running it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).resolve().parents[2] / "deploy" / "systemd" / "live-engine.service"
MAX_EXPOSURE = 15  # tenths


@pytest.fixture
def analyze() -> str:
    """The program that reads units."""
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is not there; install it with: sudo apt-get install systemd")
    return found


def verified(analyze: str, unit: str, folder: Path) -> str:
    """What systemd has to say of a unit, with the programs that it starts in place."""
    program = folder / "opt/pi5/.venv/bin/live-engine"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    file = folder / "live-engine.service"
    file.write_text(unit.replace("/opt/pi5", f"{folder}/opt/pi5"), encoding="utf-8")
    done = subprocess.run([analyze, "verify", "--man=no", str(file)], capture_output=True, text=True, check=False)
    return f"{done.stdout}{done.stderr}{done.returncode or ''}"


def test_systemd_knows_every_word_of_the_unit(analyze: str, tmp_path: Path) -> None:
    assert verified(analyze, UNIT.read_text(encoding="utf-8"), tmp_path) == ""


def test_a_misspelt_word_would_be_noticed(analyze: str, tmp_path: Path) -> None:
    misspelt = UNIT.read_text(encoding="utf-8").replace("WatchdogSec=", "WatchDogSec=")
    assert "WatchDogSec" in verified(analyze, misspelt, tmp_path)


def test_little_of_the_system_is_exposed(analyze: str) -> None:
    command = [analyze, "security", "--offline=true", f"--threshold={MAX_EXPOSURE}", "--no-pager", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
