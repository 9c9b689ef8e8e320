"""The lake's tables: their columns, keys and how they are cut into partitions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pi5_pipelines.errors import UnknownNameError
from pi5_pipelines.market.bars import PRICES
from trading.timeframe import SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

MOMENT = pl.Datetime("us", "UTC")
PERIOD = "period"  # the partition column: a year of daily bars, a month of shorter ones, a day of ticks


@dataclass(frozen=True, slots=True)
class TableSchema:
    """A table's columns without the partition column, its key, the strftime pattern of its partitions ("": none).

    `prices` and `sizes` are whole numbers, scaled as the symbol's instrument says.
    """

    name: str
    columns: Mapping[str, pl.DataType]
    key: tuple[str, ...]
    partition: str = ""
    prices: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()  # columns with few different values, stored by a dictionary
    tracked: bool = False  # changed values are written to `restatements`

    @property
    def values(self) -> tuple[str, ...]:
        """The columns that are not part of the key."""
        return tuple(name for name in self.columns if name not in self.key)

    @property
    def packed(self) -> tuple[str, ...]:
        """Columns whose neighbours differ little, stored as differences (DELTA_BINARY_PACKED)."""
        if not self.prices:
            return ()
        moving = (name for name, kind in self.columns.items() if kind in (MOMENT, pl.Int64()))
        return tuple(name for name in moving if name not in self.repeated)


def _columns(**kinds: pl.DataType) -> dict[str, pl.DataType]:
    return kinds


_TEXT, _WHOLE = pl.String(), pl.Int64()

# The live engine's journal as a ledger (pi5_pipelines/ledger/): numbers are texts that hold every digit, and `journal`
# is the epoch that `seq` counts in.
_LEDGER = (
    TableSchema(
        "ledger_orders",
        {
            **_columns(journal=_TEXT, seq=_WHOLE, client_order_id=_TEXT, ts=MOMENT, event=_TEXT, chain=_TEXT),
            **dict.fromkeys(
                ("strategy", "actor", "symbol", "side", "order_type", "quantity", "status", "filled"), _TEXT
            ),
            **dict.fromkeys(("average_price", "reason", "body"), _TEXT),
        },
        ("journal", "seq", "client_order_id"),
        "%Y-%m",
    ),
    TableSchema(
        "ledger_fills",
        {
            **_columns(journal=_TEXT, client_order_id=_TEXT, fill_id=_TEXT, seq=_WHOLE, ts=MOMENT),
            **dict.fromkeys(("strategy", "symbol", "side", "currency", "quantity", "price"), _TEXT),
            **_columns(fee=_TEXT, fee_currency=_TEXT, liquidity=_TEXT, late=pl.Boolean()),
        },
        ("journal", "client_order_id", "fill_id"),
        "%Y-%m",
    ),
    TableSchema(
        "ledger_postings",
        {
            **_columns(journal=_TEXT, seq=_WHOLE, line=_WHOLE, ts=MOMENT),
            **dict.fromkeys(("client_order_id", "fill_id", "strategy", "symbol", "account", "unit", "amount"), _TEXT),
        },
        ("journal", "seq", "line"),
        "%Y-%m",
    ),
    TableSchema(
        "ledger_positions",
        {
            **dict.fromkeys(("journal", "strategy", "symbol", "currency"), _TEXT),
            **_columns(seq=_WHOLE, ts=MOMENT),
            **dict.fromkeys(("quantity", "cost", "realised", "fees"), _TEXT),
        },
        ("journal", "strategy", "symbol"),
    ),
    TableSchema(
        "ledger_cash",
        _columns(journal=_TEXT, strategy=_TEXT, currency=_TEXT, seq=_WHOLE, ts=MOMENT, amount=_TEXT),
        ("journal", "strategy", "currency"),
    ),
    TableSchema(
        "ledger_daily",
        {
            **_columns(journal=_TEXT, day=pl.Date(), strategy=_TEXT, symbol=_TEXT, currency=_TEXT, fills=_WHOLE),
            **dict.fromkeys(("bought", "sold", "realised", "fees", "net"), _TEXT),
        },
        ("journal", "day", "strategy", "symbol", "currency"),
    ),
)

_FIXED = {
    table.name: table
    for table in (
        TableSchema(
            "corporate_actions",
            _columns(symbol=_TEXT, ts=MOMENT, kind=_TEXT, numerator=_WHOLE, denominator=_WHOLE, amount=_WHOLE),
            ("symbol", "ts", "kind"),
        ),
        TableSchema(
            "instruments",
            _columns(
                symbol=_TEXT,
                tick_size=_TEXT,
                price_scale=_WHOLE,
                size_scale=_WHOLE,
                lot=_TEXT,
                currency=_TEXT,
                calendar=_TEXT,
                venue=_TEXT,
            ),
            ("symbol",),
        ),
        *_LEDGER,
        TableSchema(
            "raw_files",
            _columns(
                source=_TEXT,
                symbol=_TEXT,
                path=_TEXT,
                sha256=_TEXT,
                bytes=_WHOLE,
                rows=_WHOLE,
                first_ts=MOMENT,
                last_ts=MOMENT,
            ),
            ("source", "path"),
        ),
        TableSchema(
            "restatements",
            _columns(table=_TEXT, symbol=_TEXT, ts=MOMENT, column=_TEXT, old=_WHOLE, new=_WHOLE, from_version=_WHOLE),
            ("table", "symbol", "ts", "column", "new"),
        ),
        TableSchema(
            "ticks",
            _columns(symbol=_TEXT, ts=MOMENT, trade_id=_WHOLE, price=_WHOLE, size=_WHOLE, side=pl.Int8()),
            ("symbol", "ts", "trade_id"),
            "%Y-%m-%d",
            prices=("price",),
            sizes=("size",),
            repeated=("size",),
        ),
        TableSchema(
            "verdicts",
            _columns(
                table=_TEXT,
                symbol=_TEXT,
                check=_TEXT,
                passed=pl.Boolean(),
                count=_WHOLE,
                first_ts=MOMENT,
                detail=_TEXT,
            ),
            ("table", "symbol", "check"),
        ),
    )
}


def bars_table(timeframe: str) -> str:
    """The name of the table that holds bars of a timeframe; raises UnknownNameError."""
    if timeframe not in SECONDS:
        raise UnknownNameError(f"no such timeframe: {timeframe!r}", hint=f"there are: {', '.join(SECONDS)}")
    return f"bars_{timeframe}"


def schema_of(table: str) -> TableSchema:
    """What a table looks like; raises UnknownNameError."""
    if table in _FIXED:
        return _FIXED[table]
    match = re.fullmatch(r"bars_(\w+)", table)
    if match and match.group(1) in SECONDS:
        return TableSchema(
            table,
            {"symbol": _TEXT, "ts": MOMENT, **dict.fromkeys((*PRICES, "volume"), _WHOLE)},
            ("symbol", "ts"),
            "%Y" if match.group(1) == "1d" else "%Y-%m",
            prices=PRICES,
            sizes=("volume",),
            tracked=True,
        )
    known = [*_FIXED, *(f"bars_{timeframe}" for timeframe in SECONDS)]
    raise UnknownNameError(f"no such table: {table!r}", where="lake", hint=f"there may be: {', '.join(known)}")
