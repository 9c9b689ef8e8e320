"""Whether the fills of a day's report are in the lake's ledger."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import polars as pl

from pi5_pipelines.ledger.offset import FILLS
from pi5_pipelines.ledger.postings import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pi5_pipelines.lake.table import Lake
    from pi5_pipelines.trading_day.fills import DayFill

COLUMNS = ("client_order_id", "quantity", "price")


def missing(lake: Lake, fills: Sequence[DayFill]) -> list[str]:
    """The fills that `ledger_fills` lacks, each in a few words; raises LakeError."""
    wanted = Counter((one.client_order_id, text(one.quantity), text(one.price)) for one in fills)
    if not wanted:
        return []
    orders = list({order for order, _quantity, _price in wanted})
    rows = lake.read(FILLS).filter(pl.col("client_order_id").is_in(orders)).select(COLUMNS)
    lacking = wanted - Counter(rows.iter_rows())
    return [f"{order}: {quantity} at {price} is not in the ledger" for order, quantity, price in lacking.elements()]
