"""The page as a reader has it: opened from a file, without a network, in a real Chromium."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pi5_pipelines.report.page import render
from pi5_pipelines.report.rendering import number

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    import polars as pl
    from playwright.sync_api import Page

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.backtest.result import BacktestResult

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]

HOSTILE = "</script><img src=x onerror=alert(1)>"
MOST_COLOURS = """(box) => Math.max(0, ...[...document.querySelectorAll(`${box} canvas`)].map((canvas) => {
  if (!canvas.width || !canvas.height) return 0;
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return new Set(new Uint32Array(data.buffer)).size;
}))"""
PICTURE = """(box) => [...document.querySelectorAll(`${box} canvas`)].map((canvas) => canvas.toDataURL()).join()"""
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
CHARTS = ("#equity", "#drawdown", "#rolling", "#exposure", "#price")


def colours(page: Page, box: str) -> int:
    found: int = page.evaluate(MOST_COLOURS, box)
    return found


def picture(page: Page, box: str) -> str:
    page.evaluate(TWO_FRAMES)
    drawn: str = page.evaluate(PICTURE, box)
    return drawn


def shown(page: Page) -> list[str]:
    """The results whose articles are visible."""
    articles = page.locator("article.result:visible").all()
    return [str(one.get_attribute("id")).removeprefix("r-") for one in articles]


def column(page: Page, heading: str) -> list[str]:
    place = page.locator("#summary thead th").all_inner_texts().index(heading)
    return page.locator(f"#summary tbody td:nth-child({place + 1})").all_inner_texts()


def test_nothing_is_asked_of_the_network_and_nothing_complains(look: Callable[..., Any], html: str) -> None:
    seen = look(html)
    assert [url.rpartition("/")[2] for url in seen.requests] == ["report.html"]
    assert seen.complaints == []


def test_every_chart_is_drawn(look: Callable[..., Any], html: str) -> None:
    page = look(html).page
    for box in CHARTS:
        assert colours(page, box) > 10, box


def test_the_first_result_is_shown_and_a_row_shows_another(
    look: Callable[..., Any], html: str, results: list[BacktestResult]
) -> None:
    seen = look(html)
    assert shown(seen.page) == [results[0].result_id]
    before = picture(seen.page, "#equity"), picture(seen.page, "#price")
    seen.page.locator(f"#summary tr[data-result='{results[2].result_id}'] td").nth(3).click()
    assert shown(seen.page) == [results[2].result_id]
    assert picture(seen.page, "#equity") != before[0]
    assert picture(seen.page, "#price") != before[1]
    assert seen.page.locator("#choose").input_value() == results[2].result_id
    assert seen.page.locator("#summary tr.chosen").get_attribute("data-result") == results[2].result_id
    seen.page.go_back()
    assert shown(seen.page) == [results[0].result_id]
    assert seen.complaints == []


def test_the_list_of_results_shows_another(look: Callable[..., Any], html: str, results: list[BacktestResult]) -> None:
    page = look(html).page
    page.locator("#choose").select_option(results[3].result_id)
    assert shown(page) == [results[3].result_id]
    assert page.url.endswith(f"#{results[3].result_id}")


def test_an_address_names_its_result(look: Callable[..., Any], html: str, results: list[BacktestResult]) -> None:
    assert shown(look(html, fragment=f"#{results[1].result_id}").page) == [results[1].result_id]


@pytest.mark.parametrize("fragment", ["#no-such-result", "#constructor", "#__proto__", "#"])
def test_an_address_that_names_nothing_shows_the_first_result(
    look: Callable[..., Any], html: str, results: list[BacktestResult], fragment: str
) -> None:
    seen = look(html, fragment=fragment)
    assert shown(seen.page) == [results[0].result_id]
    assert seen.complaints == []


def test_the_summary_sorts_by_sharpe_both_ways(
    look: Callable[..., Any], html: str, results: list[BacktestResult]
) -> None:
    page = look(html).page
    ascending = sorted((number(one.document["sharpe"]) for one in results), key=float)
    assert len(set(ascending)) == len(results)
    assert column(page, "Sharpe") not in (ascending, ascending[::-1])
    heading = page.locator("#summary thead th", has_text="Sharpe")
    for direction, expected in (("descending", ascending[::-1]), ("ascending", ascending)):
        heading.locator("button").click()
        assert column(page, "Sharpe") == expected
        assert heading.get_attribute("aria-sort") == direction


def test_text_and_undefined_figures_sort_too(
    look: Callable[..., Any], html: str, results: list[BacktestResult]
) -> None:
    page = look(html).page
    page.locator("#summary thead th button", has_text="Strategy").click()
    assert column(page, "Strategy") == sorted(one.document["strategy"] for one in results)
    page.locator("#summary thead th button", has_text="Profit factor").click()
    figures = [one.document["profit_factor"] for one in results]
    ordered = sorted(figures, key=lambda one: -1.0 if one is None else one, reverse=True)
    assert column(page, "Profit factor") == ["\N{EN DASH}" if one is None else f"{one:.2f}" for one in ordered]


def test_each_result_has_its_tiles_and_its_trades_drawn(
    look: Callable[..., Any], html: str, results: list[BacktestResult]
) -> None:
    page = look(html, fragment=f"#{results[1].result_id}").page
    assert page.locator(".head:visible").get_attribute("data-of") == results[1].result_id
    for side in (0, 1):
        dots = page.locator("article:visible .trips .pair > div").nth(side).locator("circle")
        assert dots.count() == results[1].trades.height
    won = results[1].trades.filter(results[1].trades["return_pct"] > 0.0).height
    assert page.locator("article:visible circle.win").count() == 2 * won
    page.locator("#choose").select_option(results[3].result_id)
    assert page.locator("article:visible circle").count() == 2 * results[3].trades.height


def test_all_figures_can_be_opened(look: Callable[..., Any], html: str, results: list[BacktestResult]) -> None:
    page = look(html).page
    figure = page.locator(".head:visible .groups tr", has_text="tracking_error_pct")
    assert figure.is_hidden()
    page.locator(".head:visible details.all summary").click()
    assert figure.inner_text().split() == [
        "tracking_error_pct",
        number(results[0].document["tracking_error_pct"], 2, "%"),
    ]
    assert page.evaluate("document.documentElement.scrollWidth") <= 1300


def test_a_logarithmic_scale_redraws_the_equity(look: Callable[..., Any], html: str) -> None:
    page = look(html).page
    linear = picture(page, "#equity")
    page.locator("#log").check()
    logarithmic = picture(page, "#equity")
    assert logarithmic != linear
    assert colours(page, "#equity") > 10
    page.locator("#log").uncheck()
    assert picture(page, "#equity") == linear


def test_a_result_of_many_symbols_offers_them(
    look: Callable[..., Any], html: str, results: list[BacktestResult]
) -> None:
    seen = look(html)
    assert seen.page.locator("#pick").is_hidden()
    seen.page.locator("#choose").select_option(results[4].result_id)
    assert seen.page.locator("#pick").is_visible()
    assert seen.page.locator("#pick option").all_inner_texts() == ["AAPL", "GOOG", "IBM", "MSFT"]
    first = picture(seen.page, "#price")
    seen.page.locator("#pick").select_option("IBM")
    assert picture(seen.page, "#price") != first
    assert colours(seen.page, "#price") > 10
    seen.page.emulate_media(color_scheme="dark")
    assert seen.page.locator("#pick").input_value() == "IBM"
    assert seen.complaints == []


def test_a_telephone_shows_it_without_scrolling_sideways(
    look: Callable[..., Any], html: str, results: list[BacktestResult]
) -> None:
    page = look(html, width=390, fragment=f"#{results[4].result_id}").page
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.querySelector('#equity canvas').getBoundingClientRect().right") <= 390


def test_charts_follow_the_width_of_the_window(look: Callable[..., Any], html: str) -> None:
    page = look(html).page
    wide = page.evaluate("document.querySelector('#equity canvas').clientWidth")
    page.set_viewport_size({"width": 500, "height": 900})
    page.evaluate(TWO_FRAMES)
    assert page.evaluate("document.querySelector('#equity canvas').clientWidth") < wide / 2
    assert page.evaluate("document.documentElement.scrollWidth") <= 500


def test_a_dark_scheme_is_dark_and_redraws(look: Callable[..., Any], html: str) -> None:
    page = look(html).page

    def lightness() -> int:
        found: int = page.evaluate(
            "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).reduce((a, b) => +a + +b, 0)"
        )
        return found

    light = {box: picture(page, box) for box in CHARTS}
    assert lightness() > 3 * 230
    page.emulate_media(color_scheme="dark")
    assert lightness() < 3 * 50
    for box in CHARTS:
        assert picture(page, box) != light[box], box
        assert colours(page, box) > 10, box


def test_hostile_names_are_text_and_run_nothing(look: Callable[..., Any], hostile: Callable[[str], str]) -> None:
    seen = look(hostile(HOSTILE))
    assert seen.complaints == []
    assert len(seen.requests) == 1
    assert seen.page.locator("img").count() == 0
    assert seen.page.title().startswith(HOSTILE)
    assert column(seen.page, "Symbols") == [HOSTILE]
    assert column(seen.page, "Strategy") == [HOSTILE]
    assert seen.page.locator("#pick option").all_text_contents() == [HOSTILE]
    assert HOSTILE in seen.page.locator(".head:visible h3").inner_text()
    assert colours(seen.page, "#price") > 10


def test_a_night_without_results_still_tells_why(look: Callable[..., Any], verdicts: pl.DataFrame) -> None:
    skipped = [{"symbol": "TSLA", "strategy": "all", "reason": "no bars"}]
    seen = look(render([], {}, verdicts, skipped, title="Nightly backtests", data_as_of=""))
    assert seen.complaints == []
    assert seen.page.locator("#h-detail").is_hidden()
    assert "0 of 0 strategy runs" in seen.page.locator(".verdict").inner_text()
    assert seen.page.locator("li", has_text="TSLA").is_visible()
    seen.page.emulate_media(color_scheme="dark")
    assert seen.complaints == []


def test_what_was_left_out_and_what_failed_is_in_sight(
    look: Callable[..., Any], results: list[BacktestResult], bars: dict[str, Bars], verdicts: pl.DataFrame
) -> None:
    import polars as pl

    bad = verdicts.with_columns(
        passed=pl.col("symbol") != "IBM",
        detail=pl.when(pl.col("symbol") == "IBM").then(pl.lit("3 sessions")).otherwise("detail"),
    )
    skipped = [{"symbol": "TSLA", "strategy": "all", "reason": "missing_sessions: 12 sessions are missing"}]
    page = look(render(results, bars, bad, skipped, title="Nightly", data_as_of="2013-03-01")).page
    assert "TSLA (missing_sessions: 12 sessions are missing)" in page.locator(".verdict").inner_text()
    assert page.locator("li", has_text="TSLA, all: missing_sessions: 12 sessions are missing").is_visible()
    failed = page.locator("td.fail")
    told = pl.col("check") == "off_session_bars"  # which fails nobody
    assert failed.count() == verdicts.filter((pl.col("symbol") == "IBM") & ~told).height
    assert page.locator("td.pass", has_text="noted").count() == 1
    assert failed.first.is_visible()
    assert failed.first.inner_text() == "failed"
    assert page.locator("tr", has=failed).first.inner_text().split("\t")[-1] == "3 sessions"
