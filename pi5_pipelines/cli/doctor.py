"""`pi5 doctor`: does this machine have what the platform needs, and if not, how is it mended."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from pi5_pipelines.cli.app import App, pass_app
from pi5_pipelines.cli.failure import DONE, FAILED
from pi5_pipelines.cli.options import json_flag
from pi5_pipelines.cli.screen import emit, show, size, table
from pi5_pipelines.errors import Pi5Error

if TYPE_CHECKING:
    from pi5_pipelines.lake.table import Lake
    from pi5_pipelines.settings import Settings

OLDEST_PYTHON, TOO_NEW_PYTHON = (3, 11), (3, 14)
LOW_DISK, TOO_LOW_DISK = 2_000_000_000, 200_000_000  # bytes
SLOW_FSYNC_MS = 50.0
FSYNC_TRIES = 5
FSYNC_BYTES = 4_096
CLOCK_SLACK_S = 120.0
PACKAGES = (
    "apprise",
    "click",
    "dagster",
    "dagster_docker",
    "dagster_pipes",
    "dagster_webserver",
    "deltalake",
    "duckdb",
    "exchange_calendars",
    "jinja2",
    "litecharts",
    "msgspec",
    "numba",
    "numpy",
    "polars",
    "psycopg",
    "psycopg_pool",
    "rich",
    "sqlalchemy",
    "tenacity",
    "youplot",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found, and how to mend it where it is not ok."""

    check: str
    state: Literal["ok", "warn", "fail"]
    detail: str
    mend: str = ""


@click.command(short_help="Check this machine and the set-up; says how to mend.")
@json_flag
@pass_app
def doctor(app: App, *, as_json: bool) -> int:
    """Check Python, packages, disk, clock, configuration and tables; exit code 1 if something fails."""
    findings = examine(app)
    failed = [one for one in findings if one.state == "fail"]
    if as_json:
        emit({"ok": not failed, "checks": [asdict(one) for one in findings]})
    else:
        rows = [(one.check, one.state, one.detail, one.mend) for one in findings]
        verdict = f"{len(failed)} of {len(findings)} checks failed." if failed else "Nothing stands in the way."
        show(table("", ("check", "", "found", "how to mend"), rows), verdict)
    return FAILED if failed else DONE


def examine(app: App) -> list[Finding]:
    """All findings; what needs the configuration is left out when that cannot be read."""
    findings = [python(sys.version_info[:2]), packages()]
    try:
        settings = app.settings
    except Pi5Error as error:
        return [*findings, Finding("configuration", "fail", str(error), error.hint)]
    findings.append(Finding("configuration", "ok", f"home is {settings.home_path}"))
    findings += [*home(settings), tables(app.lake), clock(settings, time.time()), dagster_home()]
    from pi5_pipelines.cli.doctor_hot import hot_tier

    return [*findings, *hot_tier(settings)]


def python(version: tuple[int, ...]) -> Finding:
    """Whether this Python is one the packages have wheels for."""
    name = ".".join(map(str, version))
    if OLDEST_PYTHON <= version < TOO_NEW_PYTHON:
        return Finding("Python", "ok", name)
    return Finding("Python", "fail", name, "install Python 3.11, 3.12 or 3.13 and set up again")


def packages() -> Finding:
    """Whether every library can be found (without loading it)."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        return Finding("packages", "fail", f"missing: {', '.join(missing)}", "run the set-up again: make demo")
    return Finding("packages", "ok", f"all {len(PACKAGES)} are there")


def home(settings: Settings) -> list[Finding]:
    """Whether the home is there, private where it must be, and on a disk that is large, writable and quick enough."""
    path = settings.home_path
    if not path.is_dir():
        return [Finding("home", "fail", f"{path} is not there", "run `pi5 init`")]
    found = [disk(shutil.disk_usage(path).free), writing(path)]
    secrets = settings.folder("secrets")
    if secrets.exists() and secrets.stat().st_mode & 0o077:
        found.append(Finding("secrets", "warn", f"others can read {secrets}", f"chmod 700 {secrets}"))
    return found


def disk(free: int) -> Finding:
    """Whether there is room for a night's work."""
    state: Literal["ok", "warn", "fail"] = "fail" if free < TOO_LOW_DISK else "warn" if free < LOW_DISK else "ok"
    mend = "" if state == "ok" else "free some space, or move PI5_HOME to a larger disk"
    return Finding("free disk", state, size(free), mend)


def writing(path: Path) -> Finding:
    """Whether a file can be written and flushed to the device, and how long one flush takes."""
    try:
        with tempfile.TemporaryFile(dir=path) as file:
            taken = []
            for _ in range(FSYNC_TRIES):
                file.write(bytes(FSYNC_BYTES))
                file.flush()
                started = time.perf_counter()
                os.fsync(file.fileno())
                taken.append((time.perf_counter() - started) * 1e3)
    except OSError as error:
        return Finding("writing", "fail", f"{path}: {error.strerror}", "mend the rights, or set PI5_HOME elsewhere")
    median = sorted(taken)[FSYNC_TRIES // 2]
    if median > SLOW_FSYNC_MS:
        return Finding(
            "writing", "warn", f"a flush takes {median:.1f} ms", "an NVMe disk needs about 1 ms; SD cards are slow"
        )
    return Finding("writing", "ok", f"a flush takes {median:.1f} ms")


def tables(lake: Lake) -> Finding:
    """Whether every table of the lake opens and its rows can be read."""
    broken, rows = [], 0
    for name in lake.names():
        try:
            rows += lake.read(name).height
        except Pi5Error as error:
            broken.append(str(error))
    if broken:
        return Finding("tables", "fail", "; ".join(broken), "pi5 backup list, then pi5 backup restore")
    if not lake.names():
        return Finding("tables", "warn", "the lake is empty", "pi5 ingest")
    return Finding("tables", "ok", f"{len(lake.names())} open, {rows:,} rows")


def clock(settings: Settings, now_s: float) -> Finding:
    """Whether the clock is later than anything on disk: a Pi without a battery starts in the past."""
    newest = max(path.stat().st_mtime for path in [Path(__file__), *settings.home_path.glob("*/*")])
    shown = f"{datetime.fromtimestamp(now_s, tz=UTC):%Y-%m-%d %H:%M:%S} UTC"
    if now_s < newest - CLOCK_SLACK_S:
        latest = f"{datetime.fromtimestamp(newest, tz=UTC):%Y-%m-%d %H:%M}"
        return Finding("clock", "fail", f"{shown}, but there are files of {latest}", "sudo timedatectl set-ntp true")
    return Finding("clock", "ok", shown)


def dagster_home() -> Finding:
    """Whether Dagster will find its dagster.yaml."""
    given = os.environ.get("DAGSTER_HOME")
    if not given:
        mend = "export DAGSTER_HOME=<folder of dagster.yaml>, absolute (make does it for you)"
        return Finding("Dagster", "warn", "DAGSTER_HOME is not set", mend)
    if not Path(given).is_absolute() or not (Path(given) / "dagster.yaml").is_file():
        return Finding(
            "Dagster", "fail", f"DAGSTER_HOME {given} holds no dagster.yaml", "set it to the project's folder"
        )
    return Finding("Dagster", "ok", f"DAGSTER_HOME is {given}")
