"""What a new order may look like: one clear problem for each thing that is wrong."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from live_engine.orders.validate import family_problems, problems
from tests.live_engine.orders import order_events as make
from tests.live_engine.orders.order_events import D
from trading.instrument import Instrument

if TYPE_CHECKING:
    from live_engine.events import Body, OrderIntent

ACME = Instrument("ACME", tick_size=D("0.05"), lot=D(5))


def wrong(**fields: Any) -> list[str]:  # noqa: ANN401 - any field
    return [str(one) for one in problems(make.intent(**fields), ACME)]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"time_in_force": "fok"},
        {"order_type": "limit", "limit_price": D("99.95"), "time_in_force": "ioc"},
        {"order_type": "limit", "limit_price": D("1E+2"), "quantity": "10.000"},
        {"order_type": "stop", "stop_price": D(100), "time_in_force": "gtc"},
        {"order_type": "stop_limit", "stop_price": D(100), "limit_price": D(100)},
        {"order_type": "stop_limit", "stop_price": D(100), "limit_price": D(99), "side": "sell"},
        {"order_type": "trailing_stop", "trail": D("0.05")},
        {"order_id": "Az09._-", "group": "g", "strategy": "sma_cross", "parent": "entry:12", "replaces": "x"},
        {"order_id": "x" * 32},
    ],
)
def test_right_orders_have_no_problem(fields: dict[str, Any]) -> None:
    assert wrong(**fields) == []


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"quantity": "0"}, "quantity '0' is not above zero (send what is above zero; the side says buy or sell)"),
        ({"quantity": "-5"}, "quantity '-5' is not above zero (send what is above zero; the side says buy or sell)"),
        ({"quantity": "7"}, "quantity '7' is not a multiple of the lot 5 (use 5 or 10)"),
        ({"quantity": "2"}, "quantity '2' is not a multiple of the lot 5 (use 5)"),
        ({"quantity": "NaN"}, "quantity 'NaN' is no number (send a plain decimal such as \"12.50\")"),
        ({"quantity": "sNaN"}, "quantity 'sNaN' is no number (send a plain decimal such as \"12.50\")"),
        ({"quantity": "-Infinity"}, "quantity '-Infinity' is no number (send a plain decimal such as \"12.50\")"),
        ({"quantity": "1E+999999"}, "quantity '1E+999999' is too large (stay below 1000000000000000)"),
        ({"quantity": "0E+999999"}, "quantity '0E+999999' is too large (stay below 1000000000000000)"),
        ({"quantity": "1E-999999"}, "quantity '1E-999999' has too many digits (use at most 12 decimals)"),
        ({"quantity": "5." + "0" * 13}, "quantity '5.0000000000000' has too many digits (use at most 12 decimals)"),
        ({"quantity": "5" * 400}, f"quantity '{'5' * 37}...' has too many digits (use at most 12 decimals)"),
        ({"symbol": "OTHER"}, "symbol 'OTHER' is not the instrument's (use ACME)"),
        ({"currency": "EUR"}, "currency 'EUR' is not the instrument's (ACME is quoted in USD)"),
        ({"order_type": "limit"}, "limit_price '' is missing (a limit order needs it)"),
        ({"order_type": "stop"}, "stop_price '' is missing (a stop order needs it)"),
        ({"order_type": "trailing_stop"}, "trail '' is missing (a trailing_stop order needs it)"),
        ({"limit_price": D(1)}, "limit_price '1' does not belong to a market order (leave it out)"),
        ({"stop_price": D(1)}, "stop_price '1' does not belong to a market order (leave it out)"),
        ({"trail": D(1)}, "trail '1' does not belong to a market order (leave it out)"),
        (
            {"order_type": "limit", "limit_price": D("100.03")},
            "limit_price '100.03' is not a multiple of the tick 0.05 (use 100.00 or 100.05)",
        ),
        (
            {"order_type": "stop", "stop_price": D(-1)},
            "stop_price '-1' is not above zero (send what is above zero; the side says buy or sell)",
        ),
        (
            {"order_type": "trailing_stop", "trail": D("0.01")},
            "trail '0.01' is not a multiple of the tick 0.05 (use 0.05)",
        ),
        (
            {"order_type": "stop_limit", "stop_price": D(100), "limit_price": D(99)},
            "limit_price '99' cannot fill where stop_price 100 triggers (a buy has its limit at its stop or above)",
        ),
        (
            {"order_type": "stop_limit", "stop_price": D(100), "limit_price": D(101), "side": "sell"},
            "limit_price '101' cannot fill where stop_price 100 triggers (a sell has its limit at its stop or below)",
        ),
        (
            {"order_type": "stop", "stop_price": D(100), "time_in_force": "ioc"},
            'time_in_force \'ioc\' does not go with stop (use "day" or "gtc" with stops)',
        ),
        (
            {"order_type": "trailing_stop", "trail": D(1), "time_in_force": "fok"},
            'time_in_force \'fok\' does not go with trailing_stop (use "day" or "gtc" with stops)',
        ),
        ({"parent": "a"}, "parent 'a' is the order itself (name another order, or none)"),
        ({"replaces": "a"}, "replaces 'a' is the order itself (name another order, or none)"),
    ],
)
def test_each_problem_is_told_once_with_field_value_and_hint(fields: dict[str, Any], told: str) -> None:
    assert wrong(**fields) == [told]


@pytest.mark.parametrize("name", ["", "x" * 33, "a b", "a/b", "a:1", "é", "Ａ", "а", "a\n", "a\x00", "١", "😀"])  # noqa: RUF001
def test_ids_that_are_not_plain_ascii_names_are_refused(name: str) -> None:
    assert [one.field for one in problems(make.intent(name), ACME)] == ["client_order_id"]


@pytest.mark.parametrize("field", ["parent", "replaces", "group", "strategy"])
@pytest.mark.parametrize("value", ["x" * 33, "a b", "é", "a:b"])
def test_names_of_others_are_held_to_the_same(field: str, value: str) -> None:
    assert [one.field for one in problems(make.intent(**{field: value}), ACME)] == [field]


def test_several_problems_are_all_told() -> None:
    assert [one.field for one in problems(make.limit("é", "7", "0.01"), ACME)] == [
        "client_order_id", "quantity", "limit_price",
    ]  # fmt: skip


LIVE: list[Body] = [make.intent("e"), make.submitted("e"), make.accepted("e"), make.intent("x", parent="e", group="g")]
DEAD: list[Body] = [make.intent("e"), make.canceled("e")]


@pytest.mark.parametrize(
    ("told", "order", "problem"),
    [
        (LIVE, make.intent(parent="e", group="g"), None),
        (LIVE, make.intent(replaces="e"), None),
        ([], make.intent(parent="e"), "parent 'e' is not known"),
        (LIVE, make.intent(parent="x"), "parent 'x' is an exit itself"),
        (LIVE, make.intent(parent="e", symbol="OTHER"), "parent 'e' trades ACME"),
        (DEAD, make.intent(parent="e"), "parent 'e' has ended as Canceled without a fill"),
        ([*LIVE, make.fill("e"), make.canceled("e")], make.intent(parent="e"), None),
        ([], make.intent(replaces="e"), "replaces 'e' is not known"),
        (DEAD, make.intent(replaces="e"), "replaces 'e' has ended as Canceled"),
        ([*LIVE, make.intent("n", replaces="e")], make.intent(replaces="e"), "replaces 'e' is being replaced already"),
        ([*LIVE, make.intent("n", replaces="e"), make.denied("n")], make.intent(replaces="e"), None),
        (LIVE, make.intent(replaces="e", side="sell"), "replaces 'e' is to buy ACME"),
        (LIVE, make.intent(replaces="e", group="g"), "replaces 'e' has parent '' and group ''"),
        ([*LIVE, make.fill("e")], make.intent(replaces="e", quantity="4"), "quantity '4' has filled already: 4"),
        (LIVE, make.intent(symbol="OTHER", group="g"), "group 'g' holds orders of ACME"),
    ],
)
def test_what_an_order_says_of_others_is_checked_in_the_book(
    told: list[Body], order: OrderIntent, problem: str | None
) -> None:
    found = [str(one) for one in family_problems(order, make.book_of(*told))]
    assert found == [] if problem is None else [line.split(" (")[0] for line in found] == [problem]


def test_a_value_that_is_shown_is_short() -> None:
    found = problems(make.intent("é" * 1_000_000), ACME)
    assert len(str(found[0])) < 200
    assert isinstance(found[0].value, str)
    assert Decimal(len(found[0].value)) == 40
