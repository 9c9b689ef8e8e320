"""`pi5 sweep --report`: a page for each symbol, whole in one file, with a verdict of the search itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

RANGES = ("sma_cross", "--param", "fast=5:20:5", "--param", "slow=30,60,90", "--fee-bps", "5")


def test_a_page_for_each_symbol_opens_with_the_verdict_of_the_search(
    tmp_path: Path, goog_file: Path, sweep: Callable[..., dict[str, Any]]
) -> None:
    lines = goog_file.read_text().splitlines(keepends=True)
    (tmp_path / "HALF.csv").write_text("".join(lines[:1_000]))
    (tmp_path / "ONE.csv").write_text("".join(lines[:2]))
    files = [f"--bars={name}" for name in (goog_file, "HALF.csv", "ONE.csv")]
    found = sweep(*RANGES, *files, "--report", "page.html")
    pages = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.html")}
    assert sorted(pages) == ["page-GOOG.html", "page-HALF.html", "page-ONE.html"]
    for symbol, one in (("GOOG", found["by_symbol"][0]), ("HALF", found["by_symbol"][1])):
        page = pages[f"page-{symbol}.html"]
        assert f"Sweep of sma_cross on {symbol}" in page
        assert (
            page.index("Can it be trusted?") < page.index("Over the parameters") < page.index("How firm is the point?")
        )
        assert "The chosen point, fast {fast:g}, slow {slow:g}".format(**one["best"]["params"]) in page
        assert "12 worthless trials" in page
        assert f"{one['luck_sharpe']:.2f}" in page
        assert not re.search(r"(?:src|href)=", page)
    assert "No combination has a Sharpe ratio" in pages["page-ONE.html"]
    assert "Can it be trusted?" not in pages["page-ONE.html"]
    assert found["peak_rss_mb"] < 400
    assert not list(tmp_path.glob("home/sweeps/*"))


def test_one_symbol_has_the_page_under_its_own_name_and_a_sweep_that_failed_whole_says_why_it_has_none(
    tmp_path: Path,
    goog_file: Path,
    sweep: Callable[..., dict[str, Any]],
    program_with: Callable[..., Callable[..., subprocess.CompletedProcess[str]]],
) -> None:
    assert sweep(*RANGES, "--bars", str(goog_file), "--report", "page.html")["exit_code"] == 0
    assert (tmp_path / "page.html").stat().st_size > 50_000
    failing = (
        "from trading.strategy import Parameter, Strategy\n\n\n"
        "def memory(params, symbols):\n    return 1\n\n\n"
        "def decide(state, params, bar, position):\n    return 1.0 / state[0]\n\n\n"
        'STRATEGY = Strategy(name="wrong", source="none", parameters=(Parameter("how", 0, 0, 9, "-"),), '
        "memory=memory, decide=decide)\n"
    )
    program = program_with(failing)
    done = program("wrong", "--bars", str(goog_file), "--param", "how=0:3", "--report", "none.html")
    assert done.returncode == 1
    assert "error: no page none.html: sweep: the sweep has no combinations" in done.stderr
    assert not (tmp_path / "none.html").exists()
