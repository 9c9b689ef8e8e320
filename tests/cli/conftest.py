"""The command line as users call it: a folder of its own, a home of its own, and a lake with real prices."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from pi5_pipelines.cli.main import pi5 as program
from pi5_pipelines.lake.table import Lake

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]


def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away whatever the developer's own environment says."""
    for name in list(os.environ):
        if name.startswith(("PI5_", "DAGSTER_")) and name != "PI5_NUMBA_CACHE":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after `pi5 init` and `pi5 ingest`; tests get copies."""
    folder = tmp_path_factory.mktemp("filled")
    with pytest.MonkeyPatch.context() as patch:
        no_settings(patch)
        patch.chdir(folder)
        patch.setenv("PI5_HOME", str(folder / "home"))
        for command in ("init", "ingest"):
            result = CliRunner().invoke(program, [command])
            assert result.exit_code == 0, result.stderr
    return folder / "home"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that is not there yet, named by PI5_HOME, with an empty folder as the current one."""
    no_settings(monkeypatch)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("PI5_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def lake_home(home: Path, filled: Path) -> Path:
    """A home with the sample's bars of AAPL, GOOG, IBM and MSFT."""
    shutil.copytree(filled, home)
    return home


@pytest.fixture
def pi5(home: Path) -> Callable[..., Result]:
    """Run a command line in this process; answers exit code, stdout and stderr."""
    assert not home.is_file()

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(program, arguments)

    return run


@pytest.fixture
def process(home: Path) -> Callable[..., subprocess.Popen[bytes]]:
    """Start a command line as a process of its own."""

    def start(*arguments: str, **environ: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            # A test runner in the background was started with SIGINT ignored, and would hand that on.
            ["env", "--default-signal=INT", sys.executable, "-m", "pi5_pipelines.cli.main", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=home.parent / "work",
            env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        )

    return start


@pytest.fixture
def snapshot(home: Path) -> Callable[[], dict[str, str]]:
    """Hash every file of the home that PI5_HOME names now, as it lies on disk."""
    assert not home.is_file()

    def take() -> dict[str, str]:
        root = Path(os.environ["PI5_HOME"])
        files = sorted(path for path in root.rglob("*") if path.is_file())
        return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    return take


@pytest.fixture
def refused(pi5: Callable[..., Result], snapshot: Callable[[], dict[str, str]]) -> Callable[..., str]:
    """Run a command line that must fail in one line and change nothing; answers that line."""

    def run(*arguments: str, code: int = 2) -> str:
        versions, before = pi5("data", "versions", "--json").stdout, snapshot()
        answer = pi5(*arguments)
        assert (answer.exit_code, answer.stdout) == (code, ""), answer.output
        assert answer.stderr.startswith("error: ")
        assert answer.stderr.count("\n") == 1
        assert "Traceback" not in answer.stderr
        assert snapshot() == before
        assert pi5("data", "versions", "--json").stdout == versions
        return answer.stderr.strip()

    return run


@pytest.fixture
def document(pi5: Callable[..., Result]) -> Callable[..., Any]:
    """Run a command line that must succeed and print one JSON document; answers it."""

    def run(*arguments: str) -> Any:  # noqa: ANN401 - any JSON document
        answer = pi5(*arguments)
        assert (answer.exit_code, answer.stderr) == (0, ""), answer.output
        return json.loads(answer.stdout)

    return run


@pytest.fixture
def content() -> Callable[[Path], dict[str, str]]:
    """Hash what a home's lake says, however it is stored: the rows of every table, and the raw files."""

    def take(home: Path) -> dict[str, str]:
        lake = Lake(home / "lake")
        found = {info.name: lake.read(info.name).write_csv() for info in lake.tables()}
        raw = sorted(path for path in (home / "lake" / "raw").rglob("*") if path.is_file())
        found |= {path.relative_to(home).as_posix(): path.read_bytes().hex() for path in raw}
        return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in found.items()}

    return take


@pytest.fixture
def drop(home: Path) -> Callable[..., Path]:
    """Put a file of daily bars into the inbox: rows of day, open, high, low, close, volume."""

    def write(name: str, *rows: str) -> Path:
        path = home / "inbox" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(["Date,Open,High,Low,Close,Volume", *rows, ""]))
        return path

    return write
