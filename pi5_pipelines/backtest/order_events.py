"""What happened to the orders of a run, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading import ledger
from trading.order import OrderType

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

MOST_TYPES = len(OrderType) + 2


def orders_frame(events: NDArray[np.float64] | None, symbols: Sequence[str], ts_us: NDArray[np.int64]) -> pl.DataFrame:
    """Order events in the order they happened: when, which order, what (FIX ExecType) and why.

    `quantity` and `side` are the event's: what was asked for, or with `trade` what filled; `price` is the fill's, or
    the one that the order names; `left` is what of the order has not filled.
    """
    import numpy as np
    import polars as pl

    rows = np.zeros((0, ledger.EVENT_COLUMNS)) if events is None else events
    types = {0: "", **{int(kind): kind.name.lower() for kind in OrderType}}
    known = [types.get(number, "") for number in range(MOST_TYPES)]
    quantity = rows[:, ledger.EVENT_QUANTITY]

    def whole(column: int) -> NDArray[np.int64]:
        return rows[:, column].astype(np.int64)

    def named(names: Sequence[str], column: int) -> pl.Series:
        # A rejected order may carry any number for its type.
        at = np.clip(np.nan_to_num(rows[:, column]), 0, len(names) - 1).astype(np.int64)
        return pl.Series(np.asarray(names, dtype=object)[at].tolist(), dtype=pl.String)

    return pl.DataFrame(
        {
            "ts": pl.Series(ts_us[whole(ledger.EVENT_BAR)], dtype=pl.Int64).cast(pl.Datetime("us", "UTC")),
            "symbol": named(symbols, ledger.EVENT_SYMBOL),
            "order": whole(ledger.EVENT_ORDER),
            "parent": whole(ledger.EVENT_PARENT),
            "event": named(ledger.KINDS, ledger.EVENT_KIND),
            "reason": named(ledger.REASONS, ledger.EVENT_REASON),
            "type": named(known, ledger.EVENT_TYPE),
            "side": pl.Series(np.where(quantity >= 0.0, "buy", "sell").tolist(), dtype=pl.String),
            "quantity": np.abs(quantity),
            "price": pl.Series(rows[:, ledger.EVENT_PRICE].copy(), dtype=pl.Float64).fill_nan(None),
            "left": rows[:, ledger.EVENT_LEFT].copy(),
        }
    )
