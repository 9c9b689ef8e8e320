"""Positions, cash and days as sums of postings: what was there before, and the new postings upon it."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from live_engine.orders.exact import EXACT
from pi5_pipelines.ledger.offset import CASH, DAILY, POSITIONS
from pi5_pipelines.ledger.postings import ZERO, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Row = tuple[Any, ...]
Sums = defaultdict[Any, dict[str, Any]]


def positions(before: Iterable[Row], postings: Iterable[Row]) -> list[Row]:
    """Rows of `ledger_positions`; fees in another currency are in `ledger_cash` and `ledger_daily`."""
    found: Sums = defaultdict(dict)
    for journal, strategy, symbol, currency, seq, ts, quantity, cost, realised, fees in before:
        numbers = _numbers(quantity=quantity, cost=cost, realised=realised, fees=fees)
        found[journal, strategy, symbol] = {"currency": currency, "seq": seq, "ts": ts, **numbers}
    for journal, seq, _line, ts, _order, _fill, strategy, symbol, account, unit, amount in postings:
        one = found[journal, strategy, symbol]
        one["seq"], one["ts"] = seq, ts
        if account == "cash":
            one.setdefault("currency", unit)
        elif account == "units":
            _add(one, "quantity", amount)
        elif account == "cost":
            _add(one, "cost", amount)
        elif account == "realised":
            _add(one, "realised", amount, negate=True)
        elif account == "fees" and unit == one["currency"]:
            _add(one, "fees", amount)
    return [
        (*key, one["currency"], one["seq"], one["ts"], *_texts(one, "quantity", "cost", "realised", "fees"))
        for key, one in found.items()
    ]


def cash(before: Iterable[Row], postings: Iterable[Row]) -> list[Row]:
    """Rows of `ledger_cash`: what trading moved; deposits are no events of the journal."""
    found: Sums = defaultdict(dict)
    for journal, strategy, currency, seq, ts, amount in before:
        found[journal, strategy, currency] = {"seq": seq, "ts": ts, "amount": Decimal(amount)}
    for journal, seq, _line, ts, _order, _fill, strategy, _symbol, account, unit, amount in postings:
        if account == "cash":
            one = found[journal, strategy, unit]
            one["seq"], one["ts"] = seq, ts
            _add(one, "amount", amount)
    return [(*key, one["seq"], one["ts"], *_texts(one, "amount")) for key, one in found.items()]


def daily(before: Iterable[Row], postings: Iterable[Row]) -> list[Row]:
    """Rows of `ledger_daily`: what was realised on a UTC day, by strategy, symbol and currency; `net` is after fees."""
    found: Sums = defaultdict(dict)
    for journal, day, strategy, symbol, currency, fills, bought, sold, realised, fees, _net in before:
        numbers = _numbers(bought=bought, sold=sold, realised=realised, fees=fees)
        found[journal, day, strategy, symbol, currency] = {"fills": fills, **numbers}
    sides = {True: "bought", False: "sold"}
    side = ""
    for journal, _seq, _line, ts, _order, _fill, strategy, symbol, account, unit, amount in postings:
        key = (journal, ts.date(), strategy, symbol)
        if account == "units":
            side = sides[not amount.startswith("-")]
        elif account == "cost":
            one = found[*key, unit]
            one["fills"] = one.get("fills", 0) + 1
        elif account == "realised":
            _add(found[*key, unit], "realised", amount, negate=True)
        elif account == "fees":
            _add(found[*key, unit], "fees", amount)
        elif account == "cash" and side:  # the first line of cash is the price, a second one the fee
            _add(found[*key, unit], side, amount, negate=side == "bought")
            side = ""
    rows = []
    for key, one in found.items():
        net = EXACT.subtract(one.get("realised", ZERO), one.get("fees", ZERO))
        rows.append((*key, one.get("fills", 0), *_texts(one, "bought", "sold", "realised", "fees"), text(net)))
    return rows


FOLDS: dict[str, Callable[[Iterable[Row], Iterable[Row]], list[Row]]] = {
    POSITIONS: positions,
    CASH: cash,
    DAILY: daily,
}


def _numbers(**texts: str) -> dict[str, Decimal]:
    return {name: Decimal(value) for name, value in texts.items()}


def _add(sums: dict[str, Any], name: str, amount: str, *, negate: bool = False) -> None:
    number = Decimal(amount)
    sums[name] = EXACT.add(sums.get(name, ZERO), number.copy_negate() if negate else number)


def _texts(sums: dict[str, Any], *names: str) -> Sequence[str]:
    return [text(sums.get(name, ZERO)) for name in names]
