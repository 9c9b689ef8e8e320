"""Decimal arithmetic that loses no digit.

Python's own context keeps 28 digits and rounds the rest away in silence. Prices and quantities have at most 27 each
(validate.py), a notional 54: this context holds them and their sums.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow

ZERO = Decimal(0)
EXACT = Context(prec=90, rounding=ROUND_HALF_EVEN, traps=[DivisionByZero, InvalidOperation, Overflow])

plus = EXACT.add
minus = EXACT.subtract
times = EXACT.multiply
over = EXACT.divide
