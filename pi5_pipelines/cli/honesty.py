"""What commands show of a result's honesty: the verdict's sentences, and the figures it stands on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pi5_pipelines.cli.screen import labelled, table, waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.backtest.result import BacktestResult
    from pi5_pipelines.cli.app import App

STYLES = {"good": "green", "doubtful": "yellow", "bad": "red"}
# Heading, key in the figures, and what an annual Sharpe ratio or a share is to be read against.
FIGURES = (
    ("Sharpe", "sharpe", ""),
    ("Sharpe of buying and holding", "sharpe_buy_and_hold", "below the Sharpe"),
    ("90 % interval, low", "sharpe_low", "above 0"),
    ("90 % interval, high", "sharpe_high", ""),
    ("trials on record", "trials", ""),
    ("Sharpe that luck would show", "luck_sharpe", "below the Sharpe"),
    ("probability above zero", "probability_above_zero", "0.95 or more"),
    ("probability above luck (DSR)", "deflated_sharpe", "0.95 or more"),
    ("returns", "returns", ""),
    ("returns needed for 95 %", "bars_needed", "no more than there are"),
    ("p, bars in another order", "p_value", "0.05 or less"),
    ("overfitting of the search (PBO)", "pbo", "0.2 or less"),
    ("in-sample Sharpe", "sharpe_in_sample", ""),
    ("walk-forward efficiency", "efficiency", "0.5 or more"),
    ("mean rank out of sample", "mean_rank", "above 0.5"),
    ("folds that kept parameters", "kept", ""),
    ("Sharpe, costs doubled", "sharpe_double_costs", "half or more"),
    ("Sharpe, one bar late", "sharpe_delayed", "half or more"),
    ("Sharpe, parameters a step off", "sharpe_neighbours", "half or more"),
    ("the worst of those", "sharpe_worst_neighbour", "above 0"),
)


def check_honesty(app: App, result: BacktestResult, bars: Sequence[Bars]) -> dict[str, Any]:
    """The honesty of a result that was just kept, written beside it as honesty.json."""
    from pi5_pipelines.backtest.nightly import results_folder
    from pi5_pipelines.backtest.result import canonical
    from pi5_pipelines.durable import write_bytes_durably
    from pi5_pipelines.honesty.document import check_backtest
    from pi5_pipelines.honesty.trials import Ledger, ledger_file

    document = result.document
    tally = Ledger(ledger_file(app.settings)).tally(document["strategy"], bars[0].symbol, bars[0].timeframe)
    with waiting("looking for luck: some thousand runs on other bars, with other costs and parameters"):
        found = check_backtest(result, bars, tally)
    write_bytes_durably(results_folder(app.settings) / result.result_id / "honesty.json", canonical(found))
    return found


def honesty_shown(found: dict[str, Any]) -> list[object]:
    """The verdict and its figures, for `show`."""
    figures = found["figures"]
    rows = [(name, figures[key], wanted) for name, key, wanted in FIGURES if figures.get(key) is not None]
    first, *rest = found["sentences"]
    return [
        table("Honesty", ("figure", "value", "wanted"), rows, numbers=("value",)),
        labelled(found["level"].upper(), f" {first}", STYLES[found["level"]]),
        *rest,
        "",
    ]
