"""How targets become fills: sizing, costs and timing of one run, in a form that compiled code takes whole."""

from __future__ import annotations

from typing import NamedTuple

ALL_IN = 0
ALL_IN_FRACTIONAL = 1
UNITS = 2

NEXT_OPEN = 0
CLOSE = 1

MAX_COST_BPS = 5_000.0  # half the price: beyond it a number is surely a slip


class Rules(NamedTuple):
    """`sizing` is ALL_IN (whole lots), ALL_IN_FRACTIONAL or UNITS of `units`; `fill_at` is NEXT_OPEN or CLOSE.

    `fee_bps` is taken per side on the value traded, `slippage_bps` moves each fill against the trader;
    `long_only` turns short targets into flat ones; `close_at_end` leaves no position after the last bar.
    """

    sizing: int = ALL_IN
    units: float = 0.0
    fee_bps: float = 0.0
    slippage_bps: float = 0.0
    fill_at: int = NEXT_OPEN
    long_only: bool = False
    close_at_end: bool = True
