"""Profit and loss as the engine's own fold has it and as the ledger's tables have it, side by side.

Neither side is made of the other: the engine's is its books, fed the journal's events, the ledger's are sums that its
runs added up posting by posting. Both are taken after the last event that the ledger has.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

import polars as pl

from live_engine.orders.exact import EXACT
from pi5_pipelines.errors import LedgerError
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.ledger.audit import fold
from pi5_pipelines.ledger.commits import settled, still
from pi5_pipelines.ledger.offset import BALANCES, CASH, DAILY, POSITIONS, TABLES
from pi5_pipelines.ledger.postings import ZERO
from pi5_pipelines.ledger.source import Source, journal_file, plainly

if TYPE_CHECKING:
    from collections.abc import Iterable

    from live_engine.orders.book import OrderBook
    from pi5_pipelines.ledger.audit import Owner
    from pi5_pipelines.settings import Settings

FIGURES = ("position", "cost", "realised", "fees", "cash", "net")
Key = tuple[str, str, str]  # strategy ("": by hand), symbol, currency
Amounts = dict[str, Decimal]  # by figure
EMPTY_HINT = "the sensor live_journal asks Dagster for it: start `make up`, or wait for the run that it has asked for"
CUT_HINT = "a run was cut short: the next one goes on where each table stands"


@dataclass(frozen=True, slots=True)
class Line:
    """One figure of one account on both sides; 0 where a side has no such account."""

    strategy: str
    symbol: str
    currency: str
    figure: str
    engine: Decimal
    ledger: Decimal

    @property
    def is_equal(self) -> bool:
        """Whether both sides say the same, to the last digit."""
        return self.engine == self.ledger


@dataclass(frozen=True, slots=True)
class Statement:
    """Both sides after event `seq`; the journal goes on to `last_seq`. `totals` are by currency, over all accounts."""

    journal: str
    seq: int
    last_seq: int
    accounts: tuple[Line, ...]
    totals: tuple[Line, ...]

    @property
    def behind(self) -> int:
        """Events that the ledger has yet to take in."""
        return self.last_seq - self.seq

    @property
    def differences(self) -> list[Line]:
        """The figures that are not the same on both sides."""
        return [line for line in (*self.accounts, *self.totals) if not line.is_equal]


def statement(settings: Settings) -> Statement:
    """Fold the journal as far as the ledger has come, and lay both beside each other.

    Raises LedgerError when there is no journal, or one that is not the ledger's, or when the ledger has nothing of it.
    """
    lake = Lake(settings.folder("lake"))
    source = Source(journal_file(settings), settings.folder("exports") / "journal")
    try:
        if any(lake.version(table) is None for table in TABLES):
            raise _nothing_taken(source)
        with still(lake):
            offsets = {table: settled(lake, table, source.epoch) for table in TABLES}
            own = {table: lake.read(table).filter(pl.col("journal") == source.epoch) for table in BALANCES}
        for offset in offsets.values():
            source.refuse_strange(offset)
        seqs = {table: offset.seq for table, offset in offsets.items()}
        seq = min(seqs.values())
        if seq == 0:
            raise _nothing_taken(source)
        if (most := max(seqs.values())) != seq:
            slow = min(seqs, key=seqs.__getitem__)
            raise LedgerError(
                f"{slow} stands at event {seq:,}, other tables at {most:,}", where="ledger", hint=CUT_HINT
            )
        with plainly():
            books = fold(source.events(0, seq))
        accounts = beside(of_engine(books), of_ledger(own[POSITIONS], own[DAILY]))
        totals = beside(engine_totals(books), ledger_totals(own[DAILY], own[CASH]))
        return Statement(source.epoch, seq, source.last_seq, accounts, totals)
    finally:
        source.close()


def of_engine(books: dict[Owner, OrderBook]) -> dict[Key, Amounts]:
    """The accounts of the engine's books; what moved in a currency that is not the position's are fees."""
    found: dict[Key, Amounts] = {}
    for (strategy, symbol), book in books.items():
        for one in book.positions.by_symbol.values():
            found[strategy, symbol, one.currency] = {
                "position": one.quantity,
                "cost": one.cost,
                "realised": one.realised,
                "fees": one.fees,
            }
        for currency, moved in book.positions.cash.items():
            own = found.setdefault((strategy, symbol, currency), {"fees": moved.copy_negate()})
            own["cash"] = moved
    return found


def of_ledger(positions: pl.DataFrame, daily: pl.DataFrame) -> dict[Key, Amounts]:
    """The accounts of the ledger: holdings and what was earned of its positions, cash of its days."""
    found: dict[Key, Amounts] = {}
    held = positions.select("strategy", "symbol", "currency", "quantity", "cost", "realised", "fees")
    for strategy, symbol, currency, quantity, cost, realised, fees in held.iter_rows():
        texts = {"position": quantity, "cost": cost, "realised": realised, "fees": fees}
        found[strategy, symbol, currency] = {name: _number(value, POSITIONS) for name, value in texts.items()}
    for key, sums in _days(daily, "strategy", "symbol", "currency").items():
        strategy, symbol, currency = key
        own = found.setdefault((strategy, symbol, currency), {"fees": sums["fees"]})
        own["cash"] = EXACT.subtract(EXACT.subtract(sums["sold"], sums["bought"]), sums["fees"])
    return found


def engine_totals(books: dict[Owner, OrderBook]) -> dict[Key, Amounts]:
    """All accounts of a currency together; net is what was realised, less fees."""
    sums: defaultdict[Key, defaultdict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for (*_, currency), amounts in of_engine(books).items():
        total = sums["", "", currency]
        for name in ("realised", "fees", "cash"):
            total[name] = EXACT.add(total[name], amounts.get(name, ZERO))
    return {key: {**one, "net": EXACT.subtract(one["realised"], one["fees"])} for key, one in sums.items()}


def ledger_totals(daily: pl.DataFrame, cash: pl.DataFrame) -> dict[Key, Amounts]:
    """The same of the ledger, of tables that its accounts are not made of: earnings of its days, and its cash."""
    found: dict[Key, Amounts] = {}
    for (currency,), sums in _days(daily, "currency").items():
        found["", "", currency] = {name: sums[name] for name in ("realised", "fees", "net")}
    for currency, amount in cash.select("currency", "amount").iter_rows():
        own = found.setdefault(("", "", currency), {})
        own["cash"] = EXACT.add(own.get("cash", ZERO), _number(amount, CASH))
    return found


def beside(engine: dict[Key, Amounts], ledger: dict[Key, Amounts]) -> tuple[Line, ...]:
    """Both sides figure by figure, in the order of strategies, symbols and FIGURES."""
    lines = []
    for key in sorted(engine.keys() | ledger.keys()):
        left, right = engine.get(key, {}), ledger.get(key, {})
        names = [name for name in FIGURES if name in left or name in right]
        lines += [Line(*key, name, left.get(name, ZERO), right.get(name, ZERO)) for name in names]
    return tuple(lines)


def _days(daily: pl.DataFrame, *by: str) -> dict[tuple[str, ...], dict[str, Decimal]]:
    """The days of `ledger_daily` added up."""
    names = ("bought", "sold", "realised", "fees", "net")
    sums: dict[tuple[str, ...], dict[str, Decimal]] = {}
    rows: Iterable[tuple[str, ...]] = daily.select(*by, *names).iter_rows()
    for row in rows:
        total = sums.setdefault(row[: len(by)], dict.fromkeys(names, ZERO))
        for name, value in zip(names, row[len(by) :], strict=True):
            total[name] = EXACT.add(total[name], _number(value, DAILY))
    return sums


def _number(value: str, table: str) -> Decimal:
    try:
        return Decimal(value)
    except InvalidOperation as error:
        hint = "restore the lake with `pi5 backup restore`"
        raise LedgerError(f"{value!r} is no number", where=f"lake table {table}", hint=hint) from error


def _nothing_taken(source: Source) -> LedgerError:
    what = f"it has nothing yet of the {source.last_seq:,} events of {source.path}"
    return LedgerError(what, where="ledger", hint=EMPTY_HINT)
