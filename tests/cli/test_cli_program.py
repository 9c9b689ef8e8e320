"""The outer shell: exit codes, one line an error, clean streams, a quick start."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click
import pytest
from click.testing import CliRunner

from pi5_pipelines.cli.failure import EXIT_CODES, failure_of
from pi5_pipelines.cli.main import pi5 as real_program
from pi5_pipelines.cli.program import Program
from pi5_pipelines.cli.screen import plain, size, text
from pi5_pipelines.errors import (
    BacktestError,
    BackupError,
    ConfigError,
    DataRangeError,
    InputFileError,
    LakeError,
    LakeLockedError,
    ReproduceError,
    SourceError,
    UnknownNameError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("polars", "duckdb", "deltalake", "numba", "numpy", "dagster", "pandas", "rich", "exchange_calendars")


def failing(error: BaseException) -> Program:
    """A program with one command that raises."""
    program = Program("pi5")

    @program.command()
    @click.option("--json", "as_json", is_flag=True)
    def work(*, as_json: bool) -> NoReturn:
        assert as_json in {True, False}
        raise error

    return program


def test_help_names_every_command_and_every_exit_code(pi5: Callable[..., Result]) -> None:
    answer = pi5("--help")
    assert answer.exit_code == 0
    for command in real_program.commands:
        assert f"\n  {command} " in answer.stdout
    for code, meaning in EXIT_CODES:
        assert f"{code:>3}  {meaning}" in answer.stdout


def test_no_command_shows_the_help_on_stderr(pi5: Callable[..., Result]) -> None:
    answer = pi5()
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert "Usage: pi5" in answer.stderr


def test_help_loads_no_heavy_library(home: Path) -> None:
    assert not home.exists()
    script = f"""
import sys
from pi5_pipelines.cli.main import pi5
try:
    pi5.main(["--help"])
except SystemExit:
    print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (ConfigError, 2),
        (UnknownNameError, 2),
        (InputFileError, 2),
        (DataRangeError, 2),
        (SourceError, 1),
        (LakeError, 1),
        (LakeLockedError, 1),
        (BacktestError, 1),
        (ReproduceError, 1),
        (BackupError, 1),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(kind: type[ConfigError], code: int) -> None:
    answer = CliRunner().invoke(failing(kind("it broke\nin two", where="here", hint="mend it")), ["work"])
    assert answer.exit_code == code
    assert answer.stdout == ""
    assert answer.stderr == "error: here: it broke in two (mend it)\n"


def test_with_json_an_error_is_a_document_too() -> None:
    answer = CliRunner().invoke(failing(LakeError("torn", where="bars_1d", hint="restore")), ["work", "--json"])
    assert answer.exit_code == 1
    assert json.loads(answer.stdout) == {"error": {"what": "torn", "where": "bars_1d", "hint": "restore"}}


def test_an_unforeseen_error_leaves_its_traceback_in_the_logs(home: Path) -> None:
    answer = CliRunner().invoke(failing(KeyError("surprise")), ["work"])
    assert answer.exit_code == 70
    (log,) = (home / "logs").iterdir()
    assert len(answer.stderr.splitlines()) == 1
    assert str(log) in answer.stderr
    assert "Traceback" in log.read_text()
    assert "surprise" in log.read_text()


def test_an_unforeseen_error_finds_another_place_for_its_traceback(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PI5_BACKTEST_CASH", "much")
    monkeypatch.setattr("tempfile.tempdir", str(home.parent))
    answer = CliRunner().invoke(failing(KeyError("surprise")), ["work"])
    assert answer.exit_code == 70
    assert not home.exists()
    (log,) = home.parent.glob("pi5-error-*.log")
    assert "surprise" in log.read_text()


def test_a_full_disk_is_no_error_of_ours() -> None:
    answer = CliRunner().invoke(failing(OSError(errno.ENOSPC, "full", "/home/x")), ["work"])
    assert answer.exit_code == 1
    assert answer.stderr.startswith("error: /home/x: No space left on device (")


def test_an_interrupt_is_130() -> None:
    answer = CliRunner().invoke(failing(KeyboardInterrupt()), ["work"])
    assert answer.exit_code == 130
    assert answer.stderr.split() == ["error:", "interrupted"]


def test_ctrl_c_ends_a_running_command_with_130(
    lake_home: Path, process: Callable[..., subprocess.Popen[bytes]]
) -> None:
    assert lake_home.exists()
    running = process("data", "sql", "SELECT max(sin(a.range + b.range)) FROM range(100000000) a, range(100000) b")
    with running:
        with pytest.raises(subprocess.TimeoutExpired):
            running.wait(timeout=2.0)
        running.send_signal(signal.SIGINT)
        try:
            assert running.wait(timeout=20) == 130
        finally:
            running.kill()
        assert running.stderr is not None
        assert running.stderr.read().decode().strip() == "error: interrupted"


@pytest.mark.slow
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_reader_that_goes_away_is_no_noise(
    lake_home: Path, process: Callable[..., subprocess.Popen[bytes]], form: list[str]
) -> None:
    assert lake_home.exists()
    with process("data", "show", "bars_1d", "--limit", "0", *form) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.read(10)
        running.stdout.close()
        assert running.wait(timeout=60) == 141
        assert running.stderr.read() == b""


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--symbl", "A"), "error: pi5 backtest: No such option '--symbl'. Did you mean '--symbol'? "),
        (("x", "--timeframe", "2d"), "error: pi5 backtest --timeframe: '2d' is not one of "),
        (("x", "--cash", "much"), "error: pi5 backtest --cash: 'much' is not a valid float. "),
        (("x", "--start", "2024-13-01"), "error: pi5 backtest --start: '2024-13-01' is not a date; write it as "),
        ((), "error: pi5 backtest: Missing argument 'STRATEGY' "),
    ],
)
def test_a_wrong_option_is_one_line_with_the_remedy(
    pi5: Callable[..., Result], arguments: tuple[str, ...], line: str
) -> None:
    answer = pi5("backtest", *arguments)
    assert answer.exit_code == 2
    assert answer.stdout == ""
    assert answer.stderr.startswith(line)
    assert answer.stderr.endswith("(see `pi5 backtest --help`)\n")
    assert answer.stderr.count("\n") == 1


def test_a_misspelt_command_is_answered_with_the_nearest(pi5: Callable[..., Result]) -> None:
    answer = pi5("statsu", "--json")
    assert answer.exit_code == 2
    assert "'status'" in json.loads(answer.stdout)["error"]["what"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("[lake]\nkeep_days = 0\n", "error: broken.toml, line 2: key 'lake.keep_days'"),
        ("[lake]\nkeep_day = 1\n", "error: broken.toml, line 2: unknown key 'lake.keep_day'"),
        ("[lake\n", "error: broken.toml: not valid TOML: "),
    ],
)
def test_a_broken_configuration_is_named_with_its_line(
    home: Path, pi5: Callable[..., Result], content: str, expected: str
) -> None:
    (home.parent / "work" / "broken.toml").write_text(content)
    for command in (["status"], ["init"], ["ingest"], ["backtest", "sma_cross", "--symbol", "AAPL"], ["data", "list"]):
        answer = pi5("--config", "broken.toml", *command)
        assert answer.exit_code == 2
        assert answer.stderr.startswith(expected)
        assert answer.stderr.count("\n") == 1
    assert not home.exists()


def test_a_configuration_that_is_not_there_is_refused(pi5: Callable[..., Result]) -> None:
    answer = pi5("--config", "nowhere.toml", "status")
    assert answer.exit_code == 2
    assert "nowhere.toml: cannot be read" in answer.stderr


def test_output_is_utf8_under_any_locale(process: Callable[..., subprocess.Popen[bytes]]) -> None:
    with process("doctor", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", PYTHONIOENCODING="ascii") as running:
        stdout, stderr = running.communicate(timeout=60)
    assert stderr == b""
    assert "─" in stdout.decode("utf-8")
    assert b"\x1b" not in stdout  # no colours into a pipe


def test_click_errors_without_a_place_still_become_failures() -> None:
    failure = failure_of(click.ClickException("no"))
    assert failure is not None
    assert (failure.code, failure.line) == (1, "error: no")


def test_values_become_json_that_every_reader_takes() -> None:
    assert plain({"a": (1, float("nan"), True, None)}) == {"a": [1, None, True, None]}


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1.0 KB"), (84_100_000_000, "84.1 GB"), (5e15, "5000.0 TB")],
)
def test_sizes_are_short(count: float, shown: str) -> None:
    assert size(count) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "-"), (float("nan"), "-"), (True, "yes"), (12_345, "12,345"), (1.239, "1.24"), ("x", "x")],
)
def test_cells_are_plain(value: object, shown: str) -> None:
    assert text(value) == shown
