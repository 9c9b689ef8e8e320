"""Results of real strategies on real prices, the page they make, and a browser to look at it with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pi5_pipelines.backtest.bars import Bars, bars_from_lake
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec
from pi5_pipelines.ingest import check, ingest
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.report.page import render
from pi5_pipelines.settings import IngestSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import polars as pl
    from playwright.sync_api import Browser, Page

    from pi5_pipelines.backtest.result import BacktestResult

SKIPPED = {"symbol": "TSLA", "strategy": "all", "reason": "missing_sessions: 12 sessions are missing"}


@pytest.fixture(scope="session")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with the sample's bars of AAPL, GOOG, IBM and MSFT, and their verdicts."""
    home = tmp_path_factory.mktemp("home")
    settings = Settings(home=str(home), ingest=IngestSettings(sources=("sample",)))
    lake = Lake(settings.folder("lake"))
    ingest(settings, lake)
    check(settings, lake)
    return lake


@pytest.fixture(scope="session")
def bars(lake: Lake) -> dict[str, Bars]:
    return {symbol: bars_from_lake(lake, symbol) for symbol in ("AAPL", "GOOG", "IBM", "MSFT")}


@pytest.fixture(scope="session")
def verdicts(lake: Lake) -> pl.DataFrame:
    return lake.read("verdicts")


@pytest.fixture(scope="session")
def run() -> Callable[..., BacktestResult]:
    """Run a strategy with the costs of the night."""

    def one(strategy: str, chosen: Sequence[Bars], **params: float) -> BacktestResult:
        spec = BacktestSpec(strategy=strategy, params=params, fee_bps=5.0, slippage_bps=2.0, direction="long")
        return run_backtest(spec, chosen, interpreted=True)

    return one


@pytest.fixture(scope="session")
def results(bars: dict[str, Bars], run: Callable[..., BacktestResult]) -> list[BacktestResult]:
    """Five results; the last one trades all four symbols."""
    return [
        run("buy_and_hold", [bars["MSFT"]]),
        run("sma_cross", [bars["GOOG"]], fast=10, slow=30),
        run("donchian_breakout", [bars["AAPL"]]),
        run("rsi_mean_reversion", [bars["IBM"]]),
        run("momentum_rotation", list(bars.values())),
    ]


@pytest.fixture(scope="session")
def grid(bars: dict[str, Bars], run: Callable[..., BacktestResult]) -> pl.DataFrame:
    """Every combination of two averages on GOOG: parameters and main figures."""
    import polars as pl

    figures = ("return_pct", "sharpe", "max_drawdown_pct", "trades")
    pairs = [(fast, slow) for fast in (5, 10, 15, 25) for slow in range(20, 91, 10) if fast < slow]
    documents = [run("sma_cross", [bars["GOOG"]], fast=fast, slow=slow).document for fast, slow in pairs]
    rows = [
        {"fast": fast, "slow": slow, **{name: document[name] for name in figures}}
        for (fast, slow), document in zip(pairs, documents, strict=True)
    ]
    return pl.DataFrame(rows)


@pytest.fixture(scope="session")
def html(results: list[BacktestResult], bars: dict[str, Bars], verdicts: pl.DataFrame) -> str:
    return render(results, bars, verdicts, [SKIPPED], title="Nightly backtests", data_as_of="2013-03-01")


@pytest.fixture(scope="session")
def hostile(bars: dict[str, Bars], run: Callable[..., BacktestResult], verdicts: pl.DataFrame) -> Callable[[str], str]:
    """The page of a night in which every name and every reason is a given text."""

    def make(text: str) -> str:
        evil = replace(bars["GOOG"], symbol=text)
        result = run("sma_cross", [evil], fast=10, slow=30)
        result = replace(result, document={**result.document, "strategy": text})
        rows = verdicts.head(1).with_columns(symbol=pl_text(text), detail=pl_text(text), passed=False)
        skipped = [{"symbol": text, "strategy": text, "reason": text}]
        return render([result], {text: evil}, rows, skipped, title=text, data_as_of=text)

    return make


def pl_text(text: str) -> pl.Expr:
    """A column that holds a text."""
    import polars as pl

    return pl.lit(text)


class Seen:
    """A page as it opened, and everything it asked for or complained about."""

    def __init__(self, page: Page, file: Path) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.route("**/*", lambda route: route.continue_() if route.request.url == file.as_uri() else route.abort())
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", self._dialog)

    def _dialog(self, dialog: object) -> None:
        self.complaints.append(f"dialog {dialog}")


@pytest.fixture
def look(browser: Browser, tmp_path: Path) -> Iterator[Callable[..., Seen]]:
    """Open a page from a file, with the network cut off, and wait until its charts are drawn."""
    contexts = []

    def show(html: str, *, fragment: str = "", width: int = 1300) -> Seen:
        file = tmp_path / "report.html"
        file.write_text(html, encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme="light")
        contexts.append(context)
        seen = Seen(context.new_page(), file)
        seen.page.goto(file.as_uri() + fragment)
        seen.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return seen

    yield show
    for context in contexts:
        context.close()
