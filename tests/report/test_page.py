"""The page as text: the same bytes for the same night, nothing to load, and no way out of a script element."""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi5_pipelines.analysis.metrics import drawdown
from pi5_pipelines.backtest.bars import Bars, digest
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec
from pi5_pipelines.report.charts import hundredths
from pi5_pipelines.report.page import render
from pi5_pipelines.report.payload import payload
from pi5_pipelines.report.rendering import label, moment, number, script_json
from pi5_pipelines.report.sections import trade_excursions
from pi5_pipelines.settings import NIGHTLY

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl
    from numpy.typing import NDArray

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
    assert scripts == [{"type": "application/json", "id": "payload"}, {}, {}, {}, {}, {}]
    assert len(page.inside["script"]) == 6
    assert json.loads(page.inside["script"][0]).keys() == {"axes", "benchmarks", "results", "prices"}


def test_hostile_names_make_no_elements(html: str, hostile: Callable[[str], str]) -> None:
    page = Elements(hostile("</script><script>alert(1)</script><img src=x onerror=alert(1)>\" onclick='alert(1)"))
    assert {tag for tag, _ in page.found} <= {tag for tag, _ in Elements(html).found}
    assert sum(tag == "script" for tag, _ in page.found) == 6
    assert not any(name.startswith("on") for _, attributes in page.found for name in attributes)


def numbers(results: list[BacktestResult], bars: dict[str, Bars], benchmark: Bars | None = None) -> dict[str, Any]:
    return payload(results, bars, {one.result_id: trade_excursions(one, bars) for one in results}, benchmark)


def decoded(text: str, kind: str) -> NDArray[Any]:
    return np.frombuffer(base64.b64decode(text), dtype=kind)


def test_time_axes_benchmarks_and_prices_are_stored_once(results: list[BacktestResult], bars: dict[str, Bars]) -> None:
    document = numbers([*results, *results], bars)
    assert len(document["axes"]) == len({result.ts_us.tobytes() for result in results})
    assert len(document["benchmarks"]) == len({result.benchmark.tobytes() for result in results})
    assert document["results"].keys() == {result.result_id for result in results}
    assert list(document["prices"]) == ["AAPL", "GOOG", "IBM", "MSFT"]


def test_curves_arrive_as_they_are_up_to_what_a_picture_shows(
    results: list[BacktestResult], bars: dict[str, Bars]
) -> None:
    document = numbers(results, bars)
    for result in results:
        drawn = document["results"][result.result_id]
        np.testing.assert_allclose(decoded(drawn["equity"], "<f4"), result.equity, rtol=1e-6)
        assert decoded(drawn["drawdown"], "<i2") / 100.0 == pytest.approx(drawdown(result.equity) * 100.0, abs=0.0051)
        assert decoded(drawn["exposure"], "<i2") / 100.0 == pytest.approx(result.exposure, abs=0.0051)
        undefined = decoded(drawn["rolling"], "<i2") == -32_768
        assert undefined[:126].all()
        assert not undefined[-1] or not np.isfinite(result.equity[-1])
        np.testing.assert_allclose(decoded(drawn["trips"]["result"], "<f4"), result.trades["return_pct"], rtol=1e-6)
        assert (decoded(drawn["trips"]["mae"], "<f4") <= 0.0).all()
        assert (decoded(drawn["trips"]["mfe"], "<f4") >= 0.0).all()


@pytest.mark.parametrize(
    ("value", "whole"),
    [(0.0, 0), (-0.004, 0), (1.239, 124), (-99.999, -10_000), (1e9, 32_767), (-1e9, -32_767), (math.nan, -32_768)],
)
def test_hundredths_round_are_bounded_and_keep_what_is_undefined(value: float, whole: int) -> None:
    assert decoded(hundredths(np.array([value])), "<i2").tolist() == [whole]


def test_another_symbol_is_drawn_and_told_beside_buying_and_holding(
    results: list[BacktestResult], bars: dict[str, Bars], verdicts: pl.DataFrame, html: str
) -> None:
    document = numbers(results, bars, bars["IBM"])
    assert all(one["other"] in document["benchmarks"] for one in document["results"].values())
    assert all(one["other"] is None for one in numbers(results, bars)["results"].values())
    page = render(results, bars, verdicts, [], title="Night", data_as_of="2013-03-01", benchmark=bars["IBM"])
    assert page.count("<h4>Against IBM ") == len(results)
    assert "bought at the first bar and held" not in html


def test_every_fill_is_marked(results: list[BacktestResult], bars: dict[str, Bars]) -> None:
    document = numbers(results, bars)
    for result in results:
        marks = document["results"][result.result_id]["marks"]
        assert list(marks) == result.document["symbols"]
        assert sum(len(of_symbol) for of_symbol in marks.values()) == result.fills.height > 0


def test_a_verdict_on_honesty_follows_the_summary(
    results: list[BacktestResult], bars: dict[str, Bars], verdicts: pl.DataFrame, html: str
) -> None:
    honesty = {"level": "doubtful", "sentences": ["This is <b>doubtful</b>."], "figures": {"pbo": 0.37, "trials": None}}
    page = render(results, bars, verdicts, [], title="Night", data_as_of="2013-03-01", honesty=honesty)
    assert 'data-level="doubtful"' in page
    assert "<li>This is &lt;b&gt;doubtful&lt;/b&gt;.</li>" in page
    assert "<dt>Pbo</dt><dd>0.37</dd>" in page
    places = [page.index(f'id="{name}"') for name in ("h-summary", "h-honesty", "h-detail", "equity", "h-data")]
    assert places == sorted(places)
    del honesty["figures"]
    assert "doubtful" in render(results, bars, verdicts, [], title="", data_as_of="", honesty=honesty)
    assert "h-honesty" not in html


def test_the_parts_of_a_result_keep_their_order(html: str) -> None:
    parts = [
        "Monthly returns",
        "Year by year",
        "Worst drawdowns",
        "How the trades went",
        "Trades <small>",
        "Costs",
        "Inputs",
    ]
    article = html.index("<article")
    places = [html.index(f"<h4>{part}", article) for part in parts]
    assert places == sorted(places)
    assert html.index('class="tiles"') < html.index('id="equity"') < places[0]
    assert places[-1] < html.index('id="h-together"') < html.index('id="h-data"')


def test_a_result_from_before_a_figure_was_known_has_a_dash(
    results: list[BacktestResult], bars: dict[str, Bars], verdicts: pl.DataFrame
) -> None:
    old = {name: value for name, value in results[1].document.items() if name not in {"alpha_pct", "edge_ratio", "sqn"}}
    page = render([replace(results[1], document=old)], bars, verdicts, [], title="Old", data_as_of="")
    assert "<dt>Alpha a year</dt><dd>\N{EN DASH}</dd>" in page


def test_a_great_night_shows_its_best_in_detail_and_all_in_its_summary(
    results: list[BacktestResult], bars: dict[str, Bars], verdicts: pl.DataFrame
) -> None:
    night = [
        replace(one, result_id=f"{number:016x}", document={**one.document, "sharpe": float(number % 50)})
        for number, one in enumerate(results[1:3] * 50)
    ]
    page = render(night, bars, verdicts, [], title="Great", data_as_of="2013-03-01")
    text = Elements(page).inside["script"][0]
    expected = [f"{number:016x}" for number in range(100) if number % 50 >= 35]
    assert list(json.loads(text)["results"]) == expected
    assert page.count("<article") == page.count("<tr data-result=") == 30
    assert page.count('<td class="params">') == 100
    assert "100 results" in page
    assert "The 30 with the highest Sharpe ratios are shown in detail." in page
    assert list(json.loads(text)["prices"]) == ["AAPL", "GOOG"]


def test_a_single_result_is_compared_with_no_other(
    results: list[BacktestResult], bars: dict[str, Bars], verdicts: pl.DataFrame
) -> None:
    assert "h-together" not in render(results[:1], bars, verdicts, [], title="One", data_as_of="")


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
