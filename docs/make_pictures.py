"""Photographs the last night's report and Dagster's lineage pages, as README shows them; run `make demo` first."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from playwright.sync_api import sync_playwright

from live_engine.journal.reader import JournalReader
from pi5_pipelines.assets import names
from pi5_pipelines.definitions import defs
from pi5_pipelines.report.nightly import report_file
from pi5_pipelines.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import Browser, FloatRect, Page

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_S = 120.0
SETTLE_MS = 1500
PANEL = 320  # the width of the page's own list of assets


def main() -> None:
    """Write docs/report.png, docs/lineage.png and docs/loop.png."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        sys.exit("make_pictures: no Chromium found; install it with: sudo apt-get install chromium")
    page = report_file(load_settings())
    if not page.exists():
        sys.exit("make_pictures: there is no report yet; run `make demo` first")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        report(browser, page)
        with dagster_pages() as address:
            lineage(browser, address)
        session = paper_session()
        with dagster_pages(session) as address:
            loop(browser, address)
        browser.close()


def report(browser: Browser, page: Path) -> None:
    """The top of the report, with the run of the highest Sharpe ratio chosen, and the page of a search."""
    view = browser.new_page(viewport={"width": 1280, "height": 1000}, color_scheme="light")
    view.goto(page.as_uri())
    sharpe = view.locator("#summary thead button", has_text="Sharpe")
    sharpe.click()
    view.locator("#summary tbody tr").first.click()
    view.wait_for_timeout(SETTLE_MS)
    view.screenshot(path=DOCS / "report.png", full_page=True, clip={"x": 0, "y": 0, "width": 1280, "height": 2150})
    print(DOCS / "report.png")
    searched = next(iter(sorted(page.parent.glob("research/*/sweep.html"))), None)
    if searched is None:
        return
    view.goto(searched.as_uri())
    view.wait_for_timeout(SETTLE_MS)
    view.screenshot(path=DOCS / "sweep.png", full_page=True)
    print(DOCS / "sweep.png")


def lineage(browser: Browser, address: str) -> None:
    """All assets as Dagster draws them, its groups opened."""
    view = browser.new_page(viewport={"width": 2400, "height": 1500}, color_scheme="light", device_scale_factor=0.8)
    opened = (names.SOURCES, names.LAKE, names.LIVE, names.RESEARCH, names.UPKEEP)
    groups = ",".join(f"global@global:{name}" for name in opened)
    view.goto(f"{address}/asset-groups?{urlencode({'expanded': groups})}")
    view.get_by_text(names.REPORT).first.wait_for(timeout=PATIENCE_S * 1e3)
    view.wait_for_timeout(2 * SETTLE_MS)
    view.screenshot(path=DOCS / "lineage.png", clip=around(view, [*assets(), *opened], right=66, below=60))
    print(DOCS / "lineage.png")


def paper_session() -> dict[str, str]:
    """Trade on paper as `make demo` does, look back on the day, and answer what names that session's home."""
    subprocess.run([ROOT / "scripts" / "paper"], cwd=ROOT, check=True)
    home = load_settings().folder("demo")
    named = {"PI5_CONFIG": str(ROOT / "scripts" / "paper.toml"), "PI5_HOME": str(home), "DAGSTER_HOME": str(home)}
    # The day that the engine began on: midnight may have passed since.
    with JournalReader(home / "journal" / "live.sqlite") as reader:
        day = datetime.fromtimestamp(reader.at([1])[0].wall_ns / 1e9, UTC).date()
    dagster = [str(Path(sys.executable).parent / "dagster")]
    of_day = ["--select", f"{names.REPLAY_CHECK},{names.TRADING_REPORT}", "--partition", str(day)]
    jobs = [["job", "execute", "-j", job] for job in ("ingest", "ledger_audit")]
    for words in (*jobs, ["asset", "materialize", *of_day]):
        command = [*dagster, *words, "-m", "pi5_pipelines.definitions"]
        subprocess.run(command, cwd=ROOT, env={**os.environ, **named}, check=True, capture_output=True)
    return named


def loop(browser: Browser, address: str) -> None:
    """The group of the live engine: what it is fed, its journal, the ledger, and the day looked back on."""
    view = browser.new_page(viewport={"width": 2300, "height": 2000}, color_scheme="light", device_scale_factor=0.7)
    view.goto(f"{address}/locations/pi5_pipelines.definitions/asset-groups/{names.LIVE}/lineage")
    view.get_by_text(names.TRADING_REPORT).first.wait_for(timeout=PATIENCE_S * 1e3)
    view.get_by_text("Loading...").first.wait_for(state="detached", timeout=PATIENCE_S * 1e3)
    view.wait_for_timeout(2 * SETTLE_MS)
    view.screenshot(path=DOCS / "loop.png", clip=around(view, assets(), right=190, below=180))
    print(DOCS / "loop.png")


def assets() -> list[str]:
    """The names of all assets."""
    return [key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()]


def around(view: Page, texts: list[str], *, right: float, below: float) -> FloatRect:
    """What of the graph shows those texts, with so many pixels beside and below for the boxes that they are in."""
    boxes = [
        box
        for text in texts
        for found in view.get_by_text(text, exact=True).all()
        if (box := found.bounding_box()) and box["x"] > PANEL
    ]
    left, top = min(box["x"] for box in boxes) - 40, min(box["y"] for box in boxes) - 10
    width = max(box["x"] + box["width"] for box in boxes) + right - left
    height = max(box["y"] + box["height"] for box in boxes) + below - top
    return {"x": left, "y": top, "width": width, "height": height}


@contextmanager
def dagster_pages(named: Mapping[str, str] | None = None) -> Iterator[str]:
    """The webserver of a home on a free port of this machine only, ended again at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(Path(sys.executable).parent / "dagster-webserver"), "-w", str(ROOT / "workspace.yaml")]
    environment = {**os.environ, "DAGSTER_HOME": str(ROOT), **(named or {})}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)], cwd=ROOT, env=environment, stdout=quiet, stderr=quiet
    ) as server:
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(f"{address}/server_info")
            yield address
        finally:
            server.terminate()


def wait_for(address: str) -> None:
    """Return when the address answers; raises TimeoutError."""
    give_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up:
        try:
            with urllib.request.urlopen(address, timeout=5):  # noqa: S310 - loopback
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.25)
    raise TimeoutError(address)


if __name__ == "__main__":
    main()
