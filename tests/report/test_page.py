"""The page as text: the same bytes for the same night, nothing to load, and no way out of a script element."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi5_pipelines.backtest.bars import Bars, digest
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec
from pi5_pipelines.report.page import payload, render
from pi5_pipelines.report.rendering import label, moment, number, script_json
from pi5_pipelines.settings import NIGHTLY

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from pi5_pipelines.backtest.result import BacktestResult

DAY_US = 86_400_000_000
LOADS = {"src", "srcset", "data", "poster", "background", "action", "formaction", "ping", "manifest"}
HOSTILE = st.lists(
    st.sampled_from(
        ["</script>", "</SCRIPT ", "<!--", "<script", "]]>", "&lt;", "\u2028", "\u2029", '"', "\\", "é", "<"]
    ),
    max_size=8,
).map("".join) | st.text(max_size=20)


class Elements(HTMLParser):
    """Elements with their attributes, and what scripts and style sheets hold."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": []}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Keep what a script or a style sheet holds."""
        if self.cdata_elem in self.inside:
            self.inside[self.cdata_elem].append(data)


@pytest.mark.parametrize(
    ("value", "decimals", "unit", "text"),
    [
        (1234567.891, 2, "", "1,234,567.89"),
        (-12.34, 1, "%", "\N{MINUS SIGN}12.3%"),
        (0.0, 2, "", "0.00"),
        (-0.0, 2, "", "0.00"),
        (-0.004, 2, "", "0.00"),
        (-0.006, 2, "", "\N{MINUS SIGN}0.01"),
        (999.999, 2, "", "1,000.00"),
        (7, 0, "", "7"),
        (None, 2, "%", "\N{EN DASH}"),
    ],
)
def test_numbers_are_written_for_people(value: float | None, decimals: int, unit: str, text: str) -> None:
    assert number(value, decimals, unit) == text


def test_a_moment_is_a_day_unless_it_has_a_clock() -> None:
    assert moment(datetime(2024, 2, 29, tzinfo=UTC)) == "2024-02-29"
    assert moment(datetime(2024, 2, 29, 9, 30, tzinfo=UTC)) == "2024-02-29 09:30"


def test_a_label_names_strategy_symbols_and_parameters() -> None:
    document = {"strategy": "sma_cross", "symbols": ["GOOG", "IBM"], "params": {"fast": 10.0, "slow": 30.5}}
    assert label(document) == "sma_cross \N{MIDDLE DOT} GOOG, IBM (fast 10, slow 30.5)"
    assert label({**document, "params": {}}) == "sma_cross \N{MIDDLE DOT} GOOG, IBM"


@given(st.dictionaries(HOSTILE, HOSTILE | st.integers() | st.none(), max_size=3))
def test_json_in_a_script_element_cannot_end_it(value: object) -> None:
    text = script_json(value)
    assert json.loads(text) == value
    assert not set(text) & set("<>&\u2028\u2029")


def test_an_undefined_number_is_refused_in_json() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        script_json({"value": float("nan")})


def test_the_same_night_gives_the_same_bytes(
    html: str, results: list[BacktestResult], bars: dict[str, Bars], verdicts: pl.DataFrame
) -> None:
    skipped = [{"symbol": "TSLA", "strategy": "all", "reason": "missing_sessions: 12 sessions are missing"}]
    other_order = dict(reversed(bars.items()))
    again = render(results, other_order, verdicts, skipped, title="Nightly backtests", data_as_of="2013-03-01")
    assert again == html


def test_the_page_loads_nothing(html: str) -> None:
    page = Elements(html)
    assert {tag for tag, _ in page.found}.isdisjoint({"link", "img", "iframe", "object", "embed", "base", "video"})
    for tag, attributes in page.found:
        assert not LOADS & attributes.keys(), tag
        assert tag == "a" or not str(attributes.get("href") or "#").startswith("http")
    for style in page.inside["style"]:
        assert "@import" not in style
        assert not re.search(r"url\(", style)


def test_the_page_holds_its_scripts_and_data_and_no_others(html: str) -> None:
    page = Elements(html)
    scripts = [attributes for tag, attributes in page.found if tag == "script"]
    assert scripts == [{"type": "application/json", "id": "payload"}, {}, {}, {}, {}]
    assert len(page.inside["script"]) == 5
    assert json.loads(page.inside["script"][0]).keys() == {"axes", "benchmarks", "results", "prices"}


def test_hostile_names_make_no_elements(html: str, hostile: Callable[[str], str]) -> None:
    page = Elements(hostile("</script><script>alert(1)</script><img src=x onerror=alert(1)>\" onclick='alert(1)"))
    assert {tag for tag, _ in page.found} <= {tag for tag, _ in Elements(html).found}
    assert sum(tag == "script" for tag, _ in page.found) == 5
    assert not any(name.startswith("on") for _, attributes in page.found for name in attributes)


def test_time_axes_benchmarks_and_prices_are_stored_once(results: list[BacktestResult], bars: dict[str, Bars]) -> None:
    document = payload([*results, *results], bars)
    assert len(document["axes"]) == len({result.ts_us.tobytes() for result in results})
    assert len(document["benchmarks"]) == len({result.benchmark.tobytes() for result in results})
    assert document["results"].keys() == {result.result_id for result in results}
    assert list(document["prices"]) == ["AAPL", "GOOG", "IBM", "MSFT"]


def test_every_fill_is_marked(results: list[BacktestResult], bars: dict[str, Bars]) -> None:
    document = payload(results, bars)
    for result in results:
        marks = document["results"][result.result_id]["marks"]
        assert list(marks) == result.document["symbols"]
        assert sum(len(of_symbol) for of_symbol in marks.values()) == result.fills.height > 0


def test_an_account_ruined_to_the_cent_is_reported(verdicts: pl.DataFrame) -> None:
    close = np.concatenate([np.full(30, 100.0), np.full(20, 110.0), np.full(30, 100.0), np.full(300, 220.0)])
    ts_us = (np.arange(close.size) + 20_000) * DAY_US
    origin = {"symbol": "RUIN", "file": "ruin.csv", "adjust": "none", "sha256": digest(ts_us, close)}
    bars = Bars("RUIN", "1d", ts_us, close, close, close, close, close, origin)
    spec = BacktestSpec(strategy="sma_cross", params={"fast": 5, "slow": 20}, cash=11_880.0, sizing="units=99")
    result = run_backtest(spec, [bars], interpreted=True)
    assert result.equity[-1] == 0.0
    page = render([result], {"RUIN": bars}, verdicts, [], title="Ruin", data_as_of="2025-11-26")
    assert "Ruined: sma_cross on RUIN." in page
    assert f'<dd class="neg">{number(-100.0, 1, "%")}</dd>' in page


def test_four_symbols_over_fourteen_years_weigh_less_than_3_mb(
    run: Callable[..., BacktestResult], verdicts: pl.DataFrame
) -> None:
    length = 14 * 252
    rng = np.random.default_rng(3)
    bars = {}
    for symbol in ("AAAA", "BBBB", "CCCC", "DDDD"):
        close = np.round(100.0 * np.exp(np.cumsum(rng.normal(0.0003, 0.015, length))), 2)
        open_ = np.round(close * np.exp(rng.normal(0.0, 0.004, length)), 2)
        high, low = np.maximum(open_, close) + 0.5, np.minimum(open_, close) - 0.5
        volume = rng.integers(1, 10_000_000, length).astype(np.float64)
        ts_us = (np.arange(length) + 14_000) * DAY_US
        origin = {"symbol": symbol, "file": f"{symbol}.csv", "adjust": "none", "sha256": digest(close)}
        bars[symbol] = Bars(symbol, "1d", ts_us, open_, high, low, close, volume, origin)
    results = []
    for strategy in NIGHTLY:
        groups = [list(bars.values())] if strategy.name == "momentum_rotation" else [[one] for one in bars.values()]
        results += [run(strategy.name, group, **strategy.params) for group in groups]
    assert len(results) == 21
    page = render(results, bars, verdicts, [], title="Nightly backtests", data_as_of="2026-11-24")
    assert len(page.encode()) < 3_000_000
