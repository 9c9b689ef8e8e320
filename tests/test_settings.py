"""Every key of pi5.toml: documented, defaulted, overridable, and refused in one line when wrong."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pi5_pipelines.backtest.frictions import FrictionSpec
from pi5_pipelines.errors import ConfigError
from pi5_pipelines.settings import InstrumentSettings, Section, Settings, StrategySettings, load_settings

EXAMPLE = Path(__file__).parents[1] / "pi5.example.toml"

# Another valid value for every key, as it is written in the environment.
OTHER: dict[str, tuple[str, object]] = {
    "home": ("2026", "2026"),
    "sweep.workers": ("3", 3),
    "sweep.max_memory": ("1GB", "1GB"),
    "sweep.timeout_s": ("5", 5.0),
    "sweep.chunk": ("100", 100),
    "sweep.pause_hours": ("09:30-16:00", "09:30-16:00"),
    "sweep.max_load": ("1.5", 1.5),
    "sweep.max_celsius": ("70", 70.0),
    "cluster.scheduler": ("tcp://127.0.0.1:8786", "tcp://127.0.0.1:8786"),
    "research.train_bars": ("252", 252),
    "research.test_bars": ("63", 63),
    "timescale.dsn": ("postgresql://pi5@127.0.0.1/pi5", "postgresql://pi5@127.0.0.1/pi5"),
    "timescale.password_file": ("secrets/timescale", "secrets/timescale"),
    "timescale.reader_dsn": ("postgresql://reader@192.0.2.2/pi5", "postgresql://reader@192.0.2.2/pi5"),
    "timescale.reader_password_file": ("secrets/reader", "secrets/reader"),
    "timescale.pool_size": ("2", 2),
    "timescale.connect_timeout_s": ("3", 3),
    "timescale.rows_per_commit": ("5000", 5000),
    "timescale.compress_after_days": ("2", 2),
    "timescale.keep_ticks_days": ("3", 3),
    "timescale.keep_minute_bars_days": ("70", 70),
    "timescale.keep_long_bars_days": ("4000", 4000),
    "timescale.lateness_days": ("0", 0),
    "instruments": ('{ AAPL = { lot = "10" } }', {"AAPL": InstrumentSettings(lot="10")}),
    "ingest.sources": ('["inbox"]', ("inbox",)),
    "ingest.symbols": ('["AAPL", "MSFT"]', ("AAPL", "MSFT")),
    "ingest.timeframe": ("1h", "1h"),
    "ingest.start": ("2010-01-31", date(2010, 1, 31)),
    "lake.keep_days": ("7", 7),
    "duckdb.memory_limit": ("512MB", "512MB"),
    "duckdb.threads": ("1", 1),
    "quality.max_missing_sessions": ("3", 3),
    "backtest.cash": ("2500.5", 2500.5),
    "backtest.fee_bps": ("0", 0.0),
    "backtest.slippage_bps": ("1.5", 1.5),
    "backtest.fill": ("close", "close"),
    "backtest.sizing": ("units=5", "units=5"),
    "backtest.direction": ("both", "both"),
    "backtest.close_at_end": ("True", True),
    "backtest.adjust": ("splits", "splits"),
    "backtest.benchmark": ("IBM", "IBM"),
    "backtest.frictions": ('{ spread = "2bps" }', FrictionSpec(spread="2bps")),
    "backtest.strategies": ('[{ name = "buy_and_hold" }]', (StrategySettings(name="buy_and_hold"),)),
    "backup.folder": ("/mnt/disk", "/mnt/disk"),
    "backup.keep_daily": ("1", 1),
    "backup.keep_weekly": ("0", 0),
    "backup.keep_monthly": ("0", 0),
    "schedule.timezone": ("Europe/Berlin", "Europe/Berlin"),
    "schedule.nightly_at": ("06:05", "06:05"),
    "alerts.addresses_file": ("secrets/alerts", "secrets/alerts"),
    "retention.runs_days": ("5", 5),
    "retention.logs_days": ("5", 5),
}


def keys() -> list[str]:
    """Every key of the settings, dotted; [live] is the live engine's."""
    found = []
    for field in msgspec.structs.fields(Settings):
        if isinstance(field.type, type) and issubclass(field.type, Section):
            found += [f"{field.name}.{inner.name}" for inner in msgspec.structs.fields(field.type)]
        elif field.name != "live":
            found.append(field.name)
    return found


def get(settings: Settings, dotted: str) -> object:
    value: Any = settings
    for part in dotted.split("."):
        value = getattr(value, part)
    return value


def write(folder: Path, text: str) -> Path:
    path = folder / "pi5.toml"
    path.write_text(text)
    return path


def test_the_example_loads_to_the_defaults() -> None:
    loaded = load_settings(EXAMPLE, {})
    assert loaded.instruments == {"default": InstrumentSettings()}
    assert msgspec.structs.replace(loaded, instruments={}, live={}) == Settings()


def test_variables_of_the_live_engine_are_laid_over_its_table_and_left_to_it_to_check(tmp_path: Path) -> None:
    path = write(tmp_path, '[live]\nport = 1\nprices = "simulated"\n')
    environ = {"PI5_LIVE_PRICES": "export", "PI5_LIVE_STRATEGIES": '[{ symbol = "A" }]', "PI5_LIVE_UNHEARD_OF": "x"}
    assert load_settings(path, environ).live == {
        "port": 1,
        "prices": "export",
        "strategies": [{"symbol": "A"}],
        "unheard_of": "x",
    }


def test_the_example_holds_every_key_with_its_meaning() -> None:
    tables = tomllib.loads(EXAMPLE.read_text())
    for dotted in keys():
        section, _, key = dotted.rpartition(".")
        assert key in (tables[section] if section else tables), dotted
    assert tables["instruments"]["default"].keys() == {
        field.name for field in msgspec.structs.fields(InstrumentSettings)
    }
    given = {key for one in tables["backtest"]["strategies"] for key in one}
    assert given == {field.name for field in msgspec.structs.fields(StrategySettings)}
    explained = [line for line in EXAMPLE.read_text().splitlines() if re.match(r"\w+ = ", line)]
    bare = [
        line
        for line in explained
        if "#" not in line and not line.startswith(("name", "params", "symbols", "sweep", "where", "frictions = {}"))
    ]
    assert bare == []


def test_every_key_can_be_set_from_the_environment() -> None:
    assert OTHER.keys() == set(keys())
    for dotted, (text, value) in OTHER.items():
        assert get(Settings(), dotted) != value, dotted
        variable = "PI5_" + dotted.replace(".", "_").upper()
        assert get(load_settings(EXAMPLE, {variable: text}), dotted) == value, dotted


@pytest.mark.parametrize("folder", ["my%20home", "a%2Fb/c"])
def test_a_home_that_the_lake_s_library_would_misread_is_refused_up_front(tmp_path: Path, folder: str) -> None:
    home = tmp_path / folder
    with pytest.raises(ConfigError, match="key 'home'") as caught:
        load_settings(EXAMPLE, {"PI5_HOME": str(home)})
    assert folder in str(caught.value)
    assert '"%" and two hex digits' in str(caught.value)
    assert load_settings(EXAMPLE, {"PI5_HOME": str(tmp_path / "100% mine")}).home_path == tmp_path / "100% mine"


WRONG = [
    ("[lake]\nkeep_dais = 3", "line 2", "unknown key 'lake.keep_dais'"),
    ("\n[laek]\nkeep_days = 3", "line 2", "unknown key 'laek'"),
    ("[lake]\nkeep_days = 0", "line 2", "key 'lake.keep_days': expected `int` >= 1"),
    ('[lake]\nkeep_days = "soon"', "line 2", "key 'lake.keep_days': expected `int`, got `str`"),
    ("lake = 3", "line 1", "key 'lake': expected `object`, got `int`"),
    ("home = 3", "line 1", "key 'home': expected `str`, got `int`"),
    ('[ingest]\nsymbols = "AAPL"', "line 2", "key 'ingest.symbols': expected `array`, got `str`"),
    ('[ingest]\nstart = "soon"', "line 2", "key 'ingest.start': invalid"),
    ('[ingest]\ntimeframe = "2d"', "line 2", "key 'ingest.timeframe': '2d' will not do"),
    ("[backtest]\ncash = -1", "line 2", "key 'backtest.cash': expected `float` > 0"),
    ("[backtest]\ncash = inf", "line 2", "key 'backtest.cash': expected `float` <= 1"),
    ("[backtest]\ncash = nan", "line 2", "key 'backtest.cash': expected `float`"),
    ('[backtest]\nfrictions = { fees = "much" }', "line 2", "key 'backtest.frictions'"),
    ("[backtest]\nfee_bps = 5000", "line 2", "key 'backtest.fee_bps': expected `float` < 5000"),
    ('[backtest]\nfill = "later"', "line 2", "key 'backtest.fill': invalid enum value 'later'"),
    ('[backtest]\nsizing = "half"', "line 2", "key 'backtest.sizing': 'half' will not do"),
    ('[backtest]\nclose_at_end = "perhaps"', "line 2", "key 'backtest.close_at_end': expected `bool`"),
    (
        '[[backtest.strategies]]\nname = "sma_cross"\n[[backtest.strategies]]\nname = "sma_corss"',
        "line 4",
        "key 'backtest.strategies[1].name': 'sma_corss' will not do",
    ),
    (
        '[[backtest.strategies]]\nname = "sma_cross"\nfrictions = { spread = "wide" }',
        "line 3",
        "key 'backtest.strategies[0].frictions'",
    ),
    ("[[backtest.strategies]]\nparams = {}", "line 1", "key 'backtest.strategies[0]': object missing required field"),
    ('[schedule]\nnightly_at = "25:00"', "line 2", "key 'schedule.nightly_at': '25:00' will not do"),
    ('[schedule]\ntimezone = "Mars"', "line 2", "key 'schedule.timezone': 'Mars' will not do"),
    ('[schedule]\ntimezone = ""', "line 2", "key 'schedule.timezone': '' will not do"),
    ('[instruments.AAPL]\ntick_size = "cheap"', "line 1", "[instruments.AAPL] is wrong"),
    ("home = ", "", "not valid TOML"),
]


@pytest.mark.parametrize(("text", "line", "what"), WRONG)
def test_a_wrong_file_is_refused_in_one_line(tmp_path: Path, text: str, line: str, what: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_settings(path, {})
    assert what in caught.value.what
    assert caught.value.where == (f"{path}, {line}" if line else str(path))
    assert caught.value.hint
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "text", "what"),
    [
        ("PI5_LAKE_KEEP_DAYS", "soon", "key 'lake.keep_days': expected `int`"),
        ("PI5_LAKE_KEPT_DAYS", "3", "there is no such key in [lake]"),
        ("PI5_INGEST_SYMBOLS", "[1]", "key 'ingest.symbols[0]': expected `str`"),
        ("PI5_BACKTEST_SIZING", "half", "key 'backtest.sizing': 'half' will not do"),
        ("PI5_BACKTEST_STRATEGIES", '[{ name = "x" }]', "key 'backtest.strategies[0].name': 'x' will not do"),
        ("PI5_INSTRUMENTS", "{ AAPL = { lot = [] } }", "key 'instruments[...].lot': expected"),
    ],
)
def test_a_wrong_variable_is_refused_by_its_name(tmp_path: Path, variable: str, text: str, what: str) -> None:
    path = write(tmp_path, "[lake]\nkeep_days = 3\n[ingest]\nsymbols = []\n")
    with pytest.raises(ConfigError) as caught:
        load_settings(path, {variable: text})
    assert caught.value.where == f"environment variable {variable}"
    assert what in caught.value.what


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read"):
        load_settings(None, {"PI5_CONFIG": str(tmp_path / "none.toml")})


def test_the_file_here_is_read_when_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(None, {}) == Settings()
    write(tmp_path, 'home = "elsewhere"')
    assert load_settings(None, {}).home_path == tmp_path / "elsewhere"


def test_a_symbol_without_a_table_of_its_own_is_quoted_as_the_default(tmp_path: Path) -> None:
    path = write(tmp_path, '[instruments.default]\ncurrency = "EUR"\n[instruments.BTC]\nsize_scale = 8\n')
    settings = load_settings(path, {})
    assert settings.instrument("SAP").currency == "EUR"
    assert (settings.instrument("BTC").currency, settings.instrument("BTC").size_scale) == ("USD", 8)


def test_settings_survive_the_way_to_a_worker_and_back() -> None:
    document = json.loads(msgspec.json.encode(load_settings(EXAMPLE, {})))
    assert msgspec.convert(document, Settings, strict=False) == load_settings(EXAMPLE, {})
