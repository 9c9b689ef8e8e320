"""`pi5 sweep` as users start it: a home of its own, a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home of its own, nothing of the developer's settings, the program from this checkout."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PI5_", "DAGSTER_")) or name == "PI5_NUMBA_CACHE"
    }
    return {**kept, "PI5_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT), "COLUMNS": "160"}


@pytest.fixture
def start(tmp_path: Path, environment: dict[str, str]) -> Callable[..., subprocess.Popen[bytes]]:
    """Start `pi5 sweep` as a process and group of its own."""

    def begin(*arguments: str, **environ: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "pi5_pipelines.cli.main", "sweep", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env={**environment, **environ},
        )

    return begin


@pytest.fixture
def sweep(start: Callable[..., subprocess.Popen[bytes]]) -> Callable[..., dict[str, Any]]:
    """Run `pi5 sweep --json -` to its end; answers the document, with the exit code and stderr in it."""

    def run(*arguments: str, **environ: str) -> dict[str, Any]:
        process = start(*arguments, "--json", "-", **environ)
        out, err = process.communicate(timeout=120)
        assert out.strip(), err.decode()
        document: dict[str, Any] = json.loads(out)
        return {**document, "exit_code": process.returncode, "stderr": err.decode()}

    return run
