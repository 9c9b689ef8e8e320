"""`live-engine check`: what is right, what is refused, and that the process stays small."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest

from live_engine.errors import SettingsError
from live_engine.paper.settings import StrategySettings
from live_engine.settings import LiveSettings, is_loopback, load_settings

STRATEGY = "[[live.strategies]]\nname = 'sma_cross'\nsymbol = 'GOOG'\n"
EXAMPLE = Path(__file__).parents[2] / "pi5.example.toml"


def check(path: Path, *options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PI5_")}
    command = [sys.executable, "-m", "live_engine", "check", "--config", str(path), *options]
    return subprocess.run(command, env=clean | environ, capture_output=True, text=True, check=False)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "pi5.toml"
    path.write_text('home = "./var"\n[live] # the engine\nhost = "127.0.0.1"\nport = 8080\n')
    return path


def test_a_right_configuration_is_said_to_be_right(config: Path) -> None:
    done = check(config)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{config}: [live] is right; the engine answers on 127.0.0.1 port 8080\n"


def test_the_example_holds_every_key_with_its_default_and_something_to_trade() -> None:
    told = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))["live"]
    (strategy,) = told["strategies"]
    assert told.keys() | {"replay_from"} == {field.name for field in msgspec.structs.fields(LiveSettings)}
    assert strategy.keys() == {field.name for field in msgspec.structs.fields(StrategySettings)}
    live = load_settings(EXAMPLE, {})
    assert msgspec.structs.replace(live, symbols=(), strategies=()) == LiveSettings()
    assert {one.symbol for one in live.strategies} < set(live.symbols)


def test_machines_get_the_settings_as_json(config: Path) -> None:
    done = check(config, "--json", PI5_LIVE_PORT="9001")
    live = json.loads(done.stdout)["live"]
    assert (live["host"], live["port"]) == ("127.0.0.1", 9001)


def test_a_wrong_key_ends_with_code_2_and_one_line(config: Path) -> None:
    config.write_text("[live]\nhots = 1\n")
    done = check(config)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"error: {config}, line 2: unknown key 'live.hots' (pi5.example.toml lists every key with its meaning)\n"
    )


def test_machines_get_the_error_as_json(config: Path) -> None:
    done = check(config, "--json", PI5_LIVE_PORT="many")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["where"] == "environment variable PI5_LIVE_PORT"


@pytest.mark.parametrize(
    ("text", "environ", "where", "what"),
    [
        ("[live]\nport = -1", {}, "pi5.toml, line 2", "key 'live.port': expected `int` >= 0"),
        ("[live]\nport = 65536", {}, "pi5.toml, line 2", "key 'live.port': expected `int` <= 65535"),
        ("live = 3", {}, "pi5.toml, line 1", "key 'live': expected `object`, got `int`"),
        ("live = 3", {"PI5_LIVE_PORT": "9001"}, "variable PI5_LIVE_PORT", "key 'live' is no table in the file"),
        ('[live]\nhost = "0.0.0.0"', {}, "pi5.toml, line 2", "'0.0.0.0' can be reached from other machines"),
        ("[live]", {"PI5_LIVE_HOST": "192.168.1.5"}, "variable PI5_LIVE_HOST", "can be reached from other machines"),
        ("[live]", {"PI5_LIVE_PROT": "9001"}, "variable PI5_LIVE_PROT", "there is no such key in [live]"),
        ('[live]\ntls_cert = "c.pem"', {}, "pi5.toml, line 2", "key 'live.tls_key' is missing"),
        ("[live", {}, "pi5.toml", "not valid TOML"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(
    config: Path, text: str, environ: dict[str, str], where: str, what: str
) -> None:
    config.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(config, environ)
    assert where in caught.value.where
    assert what in caught.value.what
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("more", ["behind_proxy = true", 'tls_cert = "c.pem"\ntls_key = "k.pem"'])
def test_another_address_needs_tls_or_a_proxy(config: Path, more: str) -> None:
    config.write_text(f'[live]\nhost = "192.168.1.5"\n{more}\n')
    assert load_settings(config, {}).host == "192.168.1.5"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    done = check(tmp_path / "none.toml")
    assert done.returncode == 2
    assert "none.toml: cannot be read" in done.stderr


def test_other_tables_are_not_the_engines_business(config: Path) -> None:
    config.write_text("[lake]\nkeep_days = -1\n")
    assert load_settings(config, {"PI5_LAKE_KEEP_DAYS": "x"}).port == 8080


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_this_machines_own_addresses_are_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "0.0.0.0", "::", "10.0.0.1", "pi5.local"])  # noqa: S104 - refused, not bound
def test_any_other_address_is_not(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (f"[live]\nmode = 'live'\n{STRATEGY}", "strategy sma_cross on GOOG is not promoted"),
        (f"[live]\nmode = 'live'\n{STRATEGY}promoted = true\n", "[live.risk] sets no limit"),
        (f"[live]\nmode = 'live'\n{STRATEGY}promoted = true\n[live.risk]\nmax_daily_loss = 5\n", "key 'live.mode'"),
    ],
)
def test_real_money_wants_promotion_limits_and_a_venue(config: Path, text: str, what: str) -> None:
    config.write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(config, {})
    assert what in caught.value.what
    assert caught.value.hint
