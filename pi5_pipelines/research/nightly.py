"""The night's research: every configured search swept and walked forward, kept whole, and run again only when stale.

The searches run as the commands that people use (`pi5 sweep`, `pi5 walkforward`), in processes of their own: their
memory ends with them, a sweep that was killed goes on where it was, and anyone can repeat one by hand.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pi5_pipelines.backtest.nightly import usable_bars
from pi5_pipelines.durable import fsync_dir, fsync_file, write_bytes_durably
from pi5_pipelines.errors import BacktestError, Pi5Error
from pi5_pipelines.research.search import Search, searches

if TYPE_CHECKING:
    from pi5_pipelines.lake.table import Lake
    from pi5_pipelines.settings import Settings

Progress = Callable[[int, int, str], None]

TABLE, SWEEP, WALK, PAGE = "sweep.parquet", "sweep.json", "walkforward.json", "sweep.html"
PI5 = [sys.executable, "-m", "pi5_pipelines.cli.main"]


@dataclass(frozen=True, slots=True)
class ResearchOutcome:
    """A line a search: what was found, and whether it was run this night (`new`); what failed, and why."""

    lines: tuple[dict[str, Any], ...]
    failed: tuple[dict[str, str], ...]


def research_folder(settings: Settings) -> Path:
    """Where searches are kept, a folder each, named by identity."""
    return settings.folder("reports") / "research"


def outcome_file(settings: Settings) -> Path:
    """Where the last night's lines are kept, for the report and for `pi5 status`."""
    return settings.folder("reports") / "research.json"


def read_research(settings: Settings) -> ResearchOutcome:
    """The last night's research; empty before the first."""
    path = outcome_file(settings)
    return msgspec.json.decode(path.read_bytes(), type=ResearchOutcome) if path.exists() else ResearchOutcome((), ())


def run_research(settings: Settings, lake: Lake, progress: Progress | None = None) -> ResearchOutcome:
    """Search what is configured and not yet known; one that fails does not stop the others."""
    bars, _left_out = usable_bars(settings, lake, settings.ingest.timeframe)
    wanted = searches(settings, bars)
    del bars  # the searching processes read their own
    lines: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    for done, search in enumerate(wanted):
        names = ", ".join(search.symbols)
        if progress:
            progress(done, len(wanted), f"{search.spec.strategy} {names}")
        folder = research_folder(settings) / search.id
        try:
            if not (folder / PAGE).exists():
                _run(search, folder)
            lines.append(line(search, folder))
        except Pi5Error as error:
            failed.append({"strategy": search.spec.strategy, "symbol": names, "reason": str(error)})
    if progress:
        progress(len(wanted), len(wanted), "done")
    outcome = ResearchOutcome(tuple(lines), tuple(failed))
    write_bytes_durably(outcome_file(settings), msgspec.json.format(msgspec.json.encode(outcome), indent=1))
    return outcome


def line(search: Search, folder: Path) -> dict[str, Any]:
    """What one search came to: the best of the sweep, what is left of it on unseen bars, and the verdict."""
    sweep, walk = (json.loads((folder / name).read_bytes()) for name in (SWEEP, WALK))
    figures = walk["figures"]
    return {
        "research_id": search.id,
        "strategy": search.spec.strategy,
        "symbols": list(search.symbols),
        "ranges": list(search.ranges),
        "where": search.where,
        "combinations": sweep["combinations"],
        "best_params": sweep["best"]["params"],
        "best_sharpe": sweep["best"]["sharpe"],
        "deflated_sharpe": figures["deflated_sharpe"],
        "pbo": figures["pbo"],
        "unseen_sharpe": figures["sharpe"],
        "efficiency": figures["efficiency"],
        "level": walk["level"],
        "sentences": walk["sentences"],
        "page": str(folder / PAGE),
    }


def _run(search: Search, folder: Path) -> None:
    """Sweep and walk forward into a folder beside, then let it appear whole."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".searching-"))
    try:
        options = [search.spec.strategy, *search.options()]
        _pi5("sweep", *options, f"--out={staging / TABLE}", f"--json={staging / SWEEP}")
        if json.loads((staging / SWEEP).read_bytes())["best"] is None:
            raise BacktestError(
                "no combination ever moved, so there is none to call the best",
                where=f"pi5 sweep {search.spec.strategy}",
                hint="run the same command by hand; its table has every combination's error",
            )
        folds = [f"--train={search.train}", f"--test={search.test}"]
        _pi5("walkforward", *options, *folds, f"--json={staging / WALK}")
        write_bytes_durably(staging / PAGE, _page(search, staging).encode())
        for name in (TABLE, SWEEP, WALK):
            fsync_file(staging / name)
        fsync_dir(staging)
        staging.rename(folder)
        fsync_dir(folder.parent)
    except OSError as error:
        raise BacktestError(
            f"the search cannot be kept: {error}", where=str(folder), hint="look for a full disk or missing rights"
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _pi5(*arguments: str) -> None:
    """Run one command; raises BacktestError with its own line. A sweep with a few failed combinations is no failure."""
    done = subprocess.run(  # noqa: S603 - our own program
        [*PI5, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=os.environ, text=True, check=False
    )
    written = Path(next(one for one in arguments if one.startswith("--json=")).removeprefix("--json="))
    if done.returncode and not written.exists():
        last = (done.stderr.strip().splitlines() or ["no word of why"])[-1].removeprefix("error: ")
        raise BacktestError(last, where=f"pi5 {arguments[0]} {arguments[1]}", hint="run the same command by hand")


def _page(search: Search, folder: Path) -> str:
    from pi5_pipelines.report.searched import search_page

    sweep, walk = (json.loads((folder / name).read_bytes()) for name in (SWEEP, WALK))
    params = [text.split("=", 1)[0] for text in search.ranges]
    honesty = {name: walk[name] for name in ("level", "sentences", "figures")}
    (found,) = sweep["by_symbol"]
    return search_page([folder / TABLE], params, {**sweep, "bars": max(sweep["bars"])}, found, honesty)
