"""Profit and loss of engine and ledger side by side: equal after much trading, and told apart by a single digit."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import polars as pl
import pytest
from click.testing import CliRunner

from live_engine.events import HealthChanged
from live_engine.journal.writer import Journal
from pi5_pipelines.cli.main import pi5
from pi5_pipelines.errors import LedgerError
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.ledger import commits
from pi5_pipelines.ledger.consume import consume
from pi5_pipelines.ledger.offset import CASH, DAILY, ORDERS, POSITIONS, Offset
from pi5_pipelines.ledger.source import journal_file
from pi5_pipelines.ledger.statement import statement
from tests.ledger.trading import write

if TYPE_CHECKING:
    from click.testing import Result

    from pi5_pipelines.settings import Settings

SEED, COUNT = 7, 60


@pytest.fixture
def traded(settings: Settings) -> Settings:
    """A home whose ledger has all of its journal: three strategies, shorts, fees in other currencies, late fills."""
    write(journal_file(settings), SEED, COUNT)
    consume(settings)
    return settings


def balance(*options: str) -> Result:
    return CliRunner().invoke(pi5, ["live", "balance", *options])


def one_digit_more(settings: Settings, table: str, column: str) -> None:
    """Change the last digit of a number in the first row of a table of the ledger."""
    lake = Lake(settings.folder("lake"))
    rows = lake.read(table)
    value = rows[column][0]
    changed = f"{value[:-1]}{(int(value[-1]) + 1) % 10}"
    lake.replace(table, rows.with_columns(pl.Series(column, [changed, *rows[column][1:]])))


def test_after_much_trading_both_sides_are_equal_to_the_last_digit(traded: Settings) -> None:
    found = statement(traded)
    assert found.differences == []
    assert found.behind == 0
    told = {(one.strategy, one.symbol, one.currency, one.figure): one.ledger for one in found.accounts}
    positions = Lake(traded.folder("lake")).read(POSITIONS)
    assert positions.height > 5
    for strategy, symbol, currency, realised in positions.select(
        "strategy", "symbol", "currency", "realised"
    ).iter_rows():
        assert told[strategy, symbol, currency, "realised"] == Decimal(realised) != 0
    totals = {(one.currency, one.figure): one.engine for one in found.totals}
    assert totals.keys() >= {(money, name) for money in ("USD", "EUR", "BNB") for name in ("realised", "fees", "cash")}
    assert totals["BNB", "fees"] == -totals["BNB", "cash"] > 0
    paid = sum(Fraction(one.engine) for one in found.accounts if one.figure in ("cost", "cash"))
    assert paid == sum(Fraction(one.engine) for one in found.totals if one.figure == "net")


@pytest.mark.parametrize(
    ("table", "column", "named"),
    [
        (POSITIONS, "quantity", "position of "),
        (POSITIONS, "cost", "cost of "),
        (POSITIONS, "realised", "realised of "),
        (POSITIONS, "fees", "fees of "),
        (DAILY, "bought", "cash of "),
        (DAILY, "realised", "realised of all together"),
        (DAILY, "net", "net of all together"),
        (CASH, "amount", "cash of all together"),
    ],
)
def test_one_digit_in_the_ledger_ends_it_with_1_and_is_named(
    traded: Settings, table: str, column: str, named: str
) -> None:
    one_digit_more(traded, table, column)
    told = balance()
    assert told.exit_code == 1
    assert "Engine and ledger differ in 1 of " in told.stdout
    assert named in told.stdout.splitlines()[-1]
    (line,) = [line for line in told.stdout.splitlines() if line.rstrip().endswith("differs")]
    assert line.split()[0] in ("total", "by", "sma_cross", "donchian_breakout")
    document = json.loads(balance("--json").stdout)
    assert (document["equal"], document["differences"]) == (False, 1)
    (found,) = [one for one in (*document["accounts"], *document["totals"]) if not one["equal"]]
    assert found["engine"] != found["ledger"]


def test_equal_sides_end_with_0_and_one_line_that_says_so(traded: Settings) -> None:
    told = balance()
    assert told.exit_code == 0
    count = len(statement(traded).accounts) + len(statement(traded).totals)
    assert told.stdout.splitlines()[-1] == f"Engine and ledger are equal to the last digit: {count} figures."
    assert "differs" not in told.stdout
    document = json.loads(balance("--json").stdout)
    assert (document["equal"], document["behind"]) == (True, 0)
    assert len(document["accounts"]) + len(document["totals"]) == count


def test_a_ledger_that_is_behind_is_compared_as_far_as_it_has_come(traded: Settings) -> None:
    seq = statement(traded).seq
    write(journal_file(traded), SEED, 10, start=COUNT)
    found = statement(traded)
    assert found.seq == seq < found.last_seq
    told = balance()
    assert told.exit_code == 0
    assert f"The ledger is {found.behind} events behind the journal: both sides are as of event {seq}." in told.stdout


def test_what_there_is_nothing_of_is_one_clear_line(settings: Settings) -> None:
    missing = balance()
    assert (missing.exit_code, missing.stdout, missing.stderr.count("\n")) == (1, "", 1)
    assert missing.stderr.startswith(f"error: {journal_file(settings)}: ")
    write(journal_file(settings), SEED, 3)
    empty = balance()
    assert (empty.exit_code, empty.stdout, empty.stderr.count("\n")) == (1, "", 1)
    assert "it has nothing yet of the" in empty.stderr
    assert not settings.folder("lake").exists()


def test_another_journal_is_not_the_one_that_the_ledger_has(traded: Settings) -> None:
    for path in journal_file(traded).parent.iterdir():
        path.unlink()
    write(journal_file(traded), SEED + 1, 3)
    with pytest.raises(LedgerError, match="it has nothing yet of the"):
        statement(traded)


def test_a_journal_without_trades_has_nothing_to_compare(settings: Settings) -> None:
    with Journal(journal_file(settings)) as journal:
        journal.append([HealthChanged()]).result()
    consume(settings)
    told = balance()
    assert (told.exit_code, told.stdout) == (0, "Nothing has been traded up to event 1.\n")


def test_a_run_that_was_cut_short_is_not_taken_for_a_difference(traded: Settings) -> None:
    lake = Lake(traded.folder("lake"))
    whole = statement(traded)
    with Journal(journal_file(traded)) as journal:
        event = journal.append([HealthChanged()]).result()[-1]
    commits.append(lake, ORDERS, whole.journal, [], Offset(event.seq, event.wall_ns))
    with pytest.raises(LedgerError, match=f"stands at event {whole.seq}, other tables at {event.seq}"):
        statement(traded)


def test_what_is_no_number_is_named_with_its_table(traded: Settings) -> None:
    lake = Lake(traded.folder("lake"))
    lake.replace(CASH, lake.read(CASH).with_columns(amount=pl.lit("twelve")))
    told = balance()
    assert told.exit_code == 1
    assert told.stderr.startswith("error: lake table ledger_cash: 'twelve' is no number")
