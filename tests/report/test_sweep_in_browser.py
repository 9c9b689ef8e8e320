"""A sweep's page in a real Chromium: the map, the marked point, the table, without a network."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from pi5_pipelines.report.sweep import render_sweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]

DOCUMENT: dict[str, Any] = {"strategy": "sma_cross", "symbols": ["GOOG"], "code_version": "abc"}
TWO_FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture(scope="module")
def page_of_grid(grid: pl.DataFrame) -> str:
    return render_sweep(grid, ["fast", "slow"], DOCUMENT)


def picture(page: Page, selector: str = "#map") -> str:
    page.evaluate(TWO_FRAMES)
    drawn: str = page.evaluate("(box) => document.querySelector(box).toDataURL()", selector)
    return drawn


def first_column(page: Page, place: int) -> list[float]:
    cells = page.locator(f"#best tbody td:nth-child({place})").all_inner_texts()
    return [float(one.replace("\N{MINUS SIGN}", "-").replace(",", "").rstrip("%")) for one in cells]


def test_it_asks_for_nothing_and_complains_of_nothing(look: Callable[..., Any], page_of_grid: str) -> None:
    seen = look(page_of_grid)
    assert [url.rpartition("/")[2] for url in seen.requests] == ["report.html"]
    for figure in ("return_pct", "max_drawdown_pct", "trades"):
        before = picture(seen.page)
        seen.page.locator("#figure").select_option(figure)
        assert picture(seen.page) != before
    before = picture(seen.page)
    seen.page.locator("#contours").check()
    assert picture(seen.page) != before
    seen.page.set_viewport_size({"width": 700, "height": 900})
    seen.page.emulate_media(color_scheme="dark")
    seen.page.evaluate(TWO_FRAMES)
    assert seen.complaints == []


def test_a_row_marks_its_point(look: Callable[..., Any], page_of_grid: str, grid: pl.DataFrame) -> None:
    page = look(page_of_grid).page
    ranked = grid.sort("sharpe", descending=True)
    assert page.locator("#map-says").inner_text().startswith(f"fast {ranked['fast'][0]}, slow {ranked['slow'][0]}: ")
    before = picture(page)
    page.locator("#best tbody tr").nth(3).click()
    assert page.locator("#map-says").inner_text().startswith(f"fast {ranked['fast'][3]}, slow {ranked['slow'][3]}: ")
    assert picture(page) != before
    assert page.locator("#best tr.chosen").get_attribute("data-row") == "3"
    assert page.locator("#slices svg").count() == 2
    assert page.locator("#slices .marked").count() == 2


def test_arrow_keys_walk_over_the_map(look: Callable[..., Any], page_of_grid: str, grid: pl.DataFrame) -> None:
    page = look(page_of_grid).page
    best = grid.sort("sharpe", descending=True).row(0, named=True)
    line = grid.filter(pl.col("fast") == best["fast"])["slow"].sort().to_list()
    key, beside = ("ArrowUp", 1) if best["slow"] != line[-1] else ("ArrowDown", -1)
    page.locator("#map").focus()
    page.keyboard.press(key)
    wanted = line[line.index(best["slow"]) + beside]
    assert page.locator("#map-says").inner_text().startswith(f"fast {best['fast']}, slow {wanted}: ")


def test_pointing_at_a_cell_tells_its_figures(look: Callable[..., Any], page_of_grid: str, grid: pl.DataFrame) -> None:
    page = look(page_of_grid).page
    box = page.locator("#map").bounding_box()
    page.mouse.move(box["x"] + box["width"] - 10, box["y"] + 12)
    last = grid.filter((pl.col("fast") == grid["fast"].max()) & (pl.col("slow") == grid["slow"].max()))
    assert page.locator("#map-says").inner_text() == (
        f"fast {last['fast'][0]}, slow {last['slow'][0]}: "
        f"Sharpe {last['sharpe'][0]:.2f}, Return {last['return_pct'][0]:,.1f}%, "
        f"Max drawdown {last['max_drawdown_pct'][0]:.1f}%, Trades {last['trades'][0]}"
    ).replace("-", "\N{MINUS SIGN}")


def test_a_heading_sorts_all_combinations(look: Callable[..., Any], page_of_grid: str, grid: pl.DataFrame) -> None:
    page = look(page_of_grid).page
    headings = page.locator("#best thead th")
    assert headings.all_inner_texts()[:3] == ["fast", "slow", "Sharpe"]
    headings.nth(3).locator("button").click()
    shown = first_column(page, 4)
    assert shown == pytest.approx(grid["return_pct"].sort(descending=True).head(50).to_list(), abs=0.051)
    headings.nth(3).locator("button").click()
    assert first_column(page, 4) == pytest.approx(grid["return_pct"].sort().head(50).to_list(), abs=0.051)
    assert headings.nth(3).get_attribute("aria-sort") == "ascending"


@pytest.mark.parametrize("how", ["median", "worst"])
def test_a_point_is_shown_with_its_neighbours(
    look: Callable[..., Any], page_of_grid: str, grid: pl.DataFrame, how: str
) -> None:
    page = look(page_of_grid).page
    alone = picture(page), picture(page, "#relief")
    page.locator("#firm").select_option(how)
    assert picture(page) != alone[0]
    assert picture(page, "#relief") != alone[1]
    best = grid.sort("sharpe", descending=True).row(0, named=True)
    near = []
    for name in ("fast", "slow"):
        line = grid[name].unique().sort().to_list()
        place = line.index(best[name])
        near.append(line[max(place - 1, 0) : place + 2])
    around = grid.filter(pl.col("fast").is_in(near[0]), pl.col("slow").is_in(near[1]))["sharpe"].to_list()
    expected = statistics.median(around) if how == "median" else min(around)
    said = f"neighbourhood's {how} Sharpe {expected:.2f}; at this point: Sharpe {best['sharpe']:.2f}"
    assert said.replace("-", "\N{MINUS SIGN}") in page.locator("#map-says").inner_text()


def test_the_surface_turns_and_follows_the_figure(look: Callable[..., Any], page_of_grid: str) -> None:
    seen = look(page_of_grid)
    page = seen.page
    assert page.locator("#relief").is_visible()
    at_first = picture(page, "#relief")
    page.locator("#relief").focus()
    page.keyboard.press("ArrowRight")
    turned = picture(page, "#relief")
    assert turned != at_first
    page.keyboard.press("ArrowLeft")
    assert picture(page, "#relief") == at_first
    page.locator("#relief").scroll_into_view_if_needed()
    box = page.locator("#relief").bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 320, box["y"] + 100, steps=4)
    page.mouse.up()
    assert picture(page, "#relief") != at_first
    before = picture(page, "#relief")
    page.locator("#figure").select_option("trades")
    assert picture(page, "#relief") != before
    assert seen.complaints == []


def test_three_parameters_offer_a_choice_of_axes(look: Callable[..., Any], grid: pl.DataFrame) -> None:
    three = pl.concat([grid.with_columns(hold=pl.lit(one), sharpe=pl.col("sharpe") * one) for one in (1.0, 0.5, 2.0)])
    seen = look(render_sweep(three, ["fast", "slow", "hold"], DOCUMENT))
    page = seen.page
    assert page.locator("#axes-of-map").is_visible()
    at_best = picture(page)
    page.locator("#rest").select_option("mean")
    assert "mean Sharpe" in page.locator("#map-says").inner_text()
    assert picture(page) != at_best
    page.locator("#across").select_option("slow")
    assert page.locator("#up").input_value() == "fast"
    page.locator("#up").select_option("hold")
    assert picture(page) != at_best
    assert page.locator("#slices svg").count() == 3
    assert seen.complaints == []


@pytest.mark.parametrize("frame", ["one", "line", "undefined"])
def test_small_sweeps_are_drawn_too(look: Callable[..., Any], grid: pl.DataFrame, frame: str) -> None:
    chosen = {
        "one": grid.head(1),
        "line": grid.filter(pl.col("fast") == 10),
        "undefined": grid.head(6).with_columns(sharpe=pl.lit(None, dtype=pl.Float64)),
    }[frame]
    seen = look(render_sweep(chosen, ["fast", "slow"], DOCUMENT))
    assert seen.complaints == []
    assert seen.page.locator("#best tbody tr").count() == chosen.height
    assert seen.page.locator("#relief").is_visible() == (frame == "undefined" and chosen["fast"].n_unique() > 1)
    seen.page.locator("#best thead th button").nth(2).click()
    assert seen.complaints == []


def test_a_telephone_shows_it_without_scrolling_sideways(look: Callable[..., Any], page_of_grid: str) -> None:
    page = look(page_of_grid, width=390).page
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("document.querySelector('#map').getBoundingClientRect().right") <= 390
