"""A strategy that raises, hangs, or kills its process spoils its own rows only; wrong input is one clear error."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

# `how` says what this strategy does wrong; 0 is nothing.
WRONG = '''
"""Goes wrong in the way that its parameter says."""

from __future__ import annotations

import math

from trading.strategy import Parameter, Strategy


def memory(params, symbols):
    return 2_000_000_000 if params[0] == 4 else 4


def decide(state, params, bar, position):
    how = int(params[0])
    state[0] += 1.0
    if how == 1:
        return 1.0 / (state[0] - 5.0)
    if how == 2:
        while state[1] < 1.0:
            state[2] += 1.0
    if how == 3:
        return math.inf
    if how == 5 and state[0] == 7.0:
        raise ValueError("seven")
    if how == 6:
        return math.nan
    return 1.0 if state[0] % 20 < 10 else 0.0


STRATEGY = Strategy(
    name="wrong",
    source="none",
    parameters=(Parameter("how", 0, 0, 9, "what goes wrong"),),
    memory=memory,
    decide=decide,
)
'''


@pytest.fixture
def program(
    program_with: Callable[..., Callable[..., subprocess.CompletedProcess[str]]],
) -> Callable[..., subprocess.CompletedProcess[str]]:
    return program_with(WRONG)


def test_what_goes_wrong_stays_in_its_row(
    tmp_path: Path, goog_file: Path, program: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    options = ("--param", "how=0:7:1", "--timeout", "1", "--sizing", "all-in-fractional", "--out", "t.parquet")
    done = program("wrong", "--bars", str(goog_file), *options)
    assert done.returncode == 1, done.stderr
    table = pl.read_parquet(tmp_path / "t.parquet")
    assert table["how"].to_list() == list(range(8))
    errors = dict(zip(table["how"].to_list(), table["error"].to_list(), strict=True))
    assert errors[1].startswith("ZeroDivisionError")
    assert errors[2] == "it did not end within 1 s"
    assert "no finite number" in errors[3]
    assert "--max-memory" in errors[4]
    assert errors[5] == "ValueError: seven"
    assert [errors[how] for how in (0, 6, 7)] == [None] * 3
    broken = table.filter(pl.col("error").is_not_null())
    assert broken.height == 5
    assert broken["sharpe"].null_count() == broken["trades"].null_count() == 5
    good = table.filter(pl.col("error").is_null())
    assert good["trades"].null_count() == 0
    assert good.filter(pl.col("how") == 6)["trades"].item() == 0
    assert "error: 5 of 8 combinations failed" in done.stderr
    assert "how=1: ZeroDivisionError" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--param", "fast=2:5", "--where", "fast > 9"), "no combination is left"),
        (("--param", "fast=2:5", "--where", "quick > 9"), "no such parameter: 'quick'"),
        (("--param", "fast=2:5:0"), "the step is 0"),
        (("--param", "speed=2:5"), "no such parameter: 'speed'"),
        (("--param", "fast=2:5", "--method", "random"), "how many trials?"),
        (("--param", "fast=2:5", "--trials", "7"), "a grid tries all combinations"),
        (("--param", "fast=2:5", "--max-memory", "lots"), "'lots' is no size"),
        (("--param", "fast=2:5", "--cash", "-1"), "cash is -1"),
        (("--param", "fast=2:5", "--fees", "per-share:much"), "'much' is not a number"),
        (("--param", "fast=2:5", "--fees", "percent:1bps", "--fee-bps", "1"), "give one of them"),
        (("--param", "fast=2:5", "--latency", "50ms"), "needs finer bars"),
        (("--param", "fast=2:5", "--dividends"), "bring no dividends"),
        (("--param", "fast=2:5", "--spread", "1tick"), "tick"),
        (("--param", "fast=2:5", "--limits", "weight=20%"), "limits and rebalance are for many symbols"),
        (("--param", "fast=2:5", "--report", "/"), "/ is a folder"),
        ((), "no parameter to vary"),
    ],
)
def test_wrong_input_is_one_clear_error(
    goog_file: Path, start: Callable[..., subprocess.Popen[bytes]], arguments: tuple[str, ...], told: str
) -> None:
    process = start("sma_cross", "--bars", str(goog_file), *arguments)
    out, err = process.communicate(timeout=60)
    line = err.decode()
    assert process.returncode in {1, 2}
    assert out == b""
    assert told in line
    assert line.startswith("error: ")
    assert line.count("\n") == 1


@pytest.mark.parametrize(
    "ranges",
    [
        ("sma_cross", "--param", "fast=2:21", "--param", "slow=30:79"),
        pytest.param(
            ("bollinger_reversion", "--param", "length=2:51", "--param", "stop=0.1:2:0.1", "--spread", "2bps"),
            marks=pytest.mark.proof,
        ),
    ],
    ids=["plain", "orders"],
)
def test_too_little_memory_names_the_least_that_works_and_that_works(
    ranges: tuple[str, ...],
    goog_file: Path,
    start: Callable[..., subprocess.Popen[bytes]],
    sweep: Callable[..., dict[str, Any]],
) -> None:
    command = [*ranges, "--bars", str(goog_file)]
    sweep(*command)  # compiled code is on disk now: compiling takes more memory
    process = start(*command, "--max-memory", "60MB")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    line = err.decode()
    assert line.count("\n") == 1
    least = line.partition("the least that works is ")[2].partition("MB")[0]
    found = sweep(*command, "--max-memory", f"{least}MB")
    assert found["combinations"] == 1_000
    assert found["peak_rss_mb"] <= math.ceil(float(least))


def test_a_dead_engine_is_started_again_and_the_combination_that_killed_it_is_named(
    tmp_path: Path, goog_file: Path, program: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    # Compiled code checks no bounds: this write lies far outside of all memory.
    path = tmp_path / "copy" / "trading" / "strategies" / "wrong.py"
    path.write_text(
        path.read_text().replace(
            "    if how == 6:\n", "    if how == 8:\n        state[1 << 45] = 1.0\n    if how == 6:\n"
        )
    )
    done = program("wrong", "--bars", str(goog_file), "--param", "how=7:9:1", "--out", "t.parquet")
    assert done.returncode == 1, done.stderr
    errors = pl.read_parquet(tmp_path / "t.parquet")["error"].to_list()
    assert errors == [None, "its process died: SIGSEGV", None]
