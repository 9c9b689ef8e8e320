"""[live.risk] of pi5.toml: what is read, what is refused and where it says it stands."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
import pytest

from live_engine.errors import SettingsError
from live_engine.risk.limits import ABOVE_ZERO, RiskLimits, first_wrong
from live_engine.settings import load_home, load_settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "pi5.toml"
    path.write_text("[live]\nport = 9000\n[live.risk]\nmax_daily_loss = 12.5\nsymbols = ['A']\nhours = '09:30-16:00'\n")
    return path


def test_the_table_is_read_and_the_rest_has_defaults(config: Path) -> None:
    live = load_settings(config, {})
    assert live.port == 9000
    assert live.risk == RiskLimits(max_daily_loss=Decimal("12.5"), symbols=("A",), hours="09:30-16:00")


def test_the_environment_sets_one_key_of_it(config: Path) -> None:
    risk = load_settings(config, {"PI5_LIVE_RISK_MAX_DAILY_LOSS": "7", "PI5_LIVE_RISK_SYMBOLS": '["B", "C"]'}).risk
    assert risk == RiskLimits(max_daily_loss=Decimal(7), symbols=("B", "C"), hours="09:30-16:00")


def test_the_defaults_are_right_themselves() -> None:
    assert first_wrong(RiskLimits()) is None


def test_every_decimal_limit_must_be_above_0() -> None:
    kinds = {field.name: field.type for field in msgspec.structs.fields(RiskLimits)}
    assert set(ABOVE_ZERO) == {name for name, kind in kinds.items() if kind is Decimal}


@pytest.mark.parametrize("key", ABOVE_ZERO)
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf"])
def test_a_limit_that_is_no_number_above_0_is_refused_with_its_line(config: Path, key: str, value: str) -> None:
    config.write_text(f"[live]\n[live.risk]\n{key} = {value}\n")
    with pytest.raises(SettingsError, match="is no number above 0") as caught:
        load_settings(config, {})
    assert caught.value.where == f"{config}, line 3"
    assert caught.value.what.startswith(f"key 'live.risk.{key}': ")


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("hours = '9-5'", "'9-5' is not of the form"),
        ("timezone = 'Mars/Base'", "'Mars/Base' is no time zone"),
        ("timezone = '../etc/passwd'", "is no time zone"),
        ("timezone = ''", "is no time zone"),
        ("max_orders_per_second = 0", "expected `int` >= 1"),
        ("max_price_age_s = nan", "expected `float` > 0"),
        ("duplicate_window_s = 61", "expected `float` <= 60"),
        ("max_daily_loss = 'much'", "invalid decimal"),
        ("loss_action = 'panic'", "invalid enum value"),
        ("max_order_quantiy = 1", "unknown key 'live.risk.max_order_quantiy'"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(config: Path, line: str, what: str) -> None:
    config.write_text(f"[live]\n[live.risk]\n{line}\n")
    with pytest.raises(SettingsError) as caught:
        load_settings(config, {})
    assert what in caught.value.what
    assert caught.value.where == f"{config}, line 3"


def test_a_wrong_variable_is_named(config: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(config, {"PI5_LIVE_RISK_HOURS": "always"})
    assert caught.value.where == "environment variable PI5_LIVE_RISK_HOURS"
    with pytest.raises(SettingsError, match="there is no such key"):
        load_settings(config, {"PI5_LIVE_RISK_HOUR": "always"})


def test_the_home_is_absolute_and_has_a_default(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_home(config, {}) == tmp_path / "var"
    assert load_home(config, {"PI5_HOME": "other"}) == tmp_path / "other"
