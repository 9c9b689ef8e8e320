"""The data platform's view of pi5.toml: every key typed, defaulted, checked, and refused in one clear line."""

from __future__ import annotations

import os
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from pi5_pipelines.backtest.frictions import FrictionSpec
from pi5_pipelines.errors import ConfigError
from pi5_pipelines.settings_rules import rules
from trading import config
from trading.errors import ConfigFileError, InstrumentError
from trading.instrument import PRICE_SCALE, Instrument, places
from trading.rules import MAX_COST_BPS

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLE_HINT = "pi5.example.toml lists every key with its meaning"

Positive = Annotated[int, msgspec.Meta(ge=1)]
Days = Annotated[int, msgspec.Meta(ge=0, le=100_000)]
CostBps = Annotated[float, msgspec.Meta(ge=0, lt=MAX_COST_BPS)]
Money = Annotated[float, msgspec.Meta(gt=0, le=1e15)]  # above it a float no longer holds the cents


LIVE = "PI5_LIVE_"  # variables that are the live engine's to check, as [live] is
AUTO: Literal["auto"] = "auto"  # a price_scale that follows the data: pi5_pipelines.quoting


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of pi5.toml; a key it does not name is refused."""


class InstrumentSettings(Section, frozen=True):
    """[instruments.SYMBOL] and [instruments.default]."""

    tick_size: str | float | int = "0.01"
    price_scale: int | Literal["auto"] = AUTO
    size_scale: int = 0
    lot: str | float | int = "1"
    currency: str = "USD"
    calendar: str = "XNYS"
    venue: str = "NYSE"


class IngestSettings(Section, frozen=True):
    """[ingest]: where prices come from. No `symbols` means all that the sources offer."""

    sources: tuple[str, ...] = ("sample", "inbox")
    symbols: tuple[str, ...] = ()
    timeframe: str = "1d"
    start: date = date(2000, 1, 1)


class LakeSettings(Section, frozen=True):
    """[lake]: how long old versions stay readable (and results reproducible from the exact files)."""

    keep_days: Positive = 30


class DuckDBSettings(Section, frozen=True):
    """[duckdb]: what one query may use."""

    memory_limit: str = "1GB"
    threads: Positive = 2


class QualitySettings(Section, frozen=True):
    """[quality]: what the checks let pass."""

    max_missing_sessions: Annotated[int, msgspec.Meta(ge=0)] = 0


class StrategySettings(Section, frozen=True):
    """[[backtest.strategies]]: one of the night. No `symbols`: all; no `sweep`: no research; `frictions`: its own."""

    name: str
    params: dict[str, float] = {}
    symbols: tuple[str, ...] = ()
    sweep: dict[str, str] = {}
    where: str = ""
    frictions: FrictionSpec | None = None


NIGHTLY = (
    StrategySettings(name="buy_and_hold"),
    StrategySettings(
        name="sma_cross",
        params={"fast": 10, "slow": 30},
        sweep={"fast": "5:50:5", "slow": "20:200:10"},
        where="fast < slow",
    ),
    StrategySettings(name="donchian_breakout"),
    StrategySettings(name="rsi_mean_reversion"),
    StrategySettings(name="momentum_vol_target"),
    StrategySettings(name="momentum_rotation", frictions=FrictionSpec()),
)


class BacktestSettings(Section, frozen=True):
    """[backtest]: the nightly run's money, costs and rules."""

    cash: Money = 10_000.0
    fee_bps: CostBps = 5.0
    slippage_bps: CostBps = 2.0
    fill: Literal["next-open", "close"] = "next-open"
    sizing: str = "all-in"
    direction: Literal["both", "long"] = "long"
    close_at_end: bool = False
    adjust: Literal["none", "splits", "total-return"] = "total-return"
    benchmark: str = ""
    frictions: FrictionSpec = FrictionSpec()
    strategies: tuple[StrategySettings, ...] = NIGHTLY


class BackupSettings(Section, frozen=True):
    """[backup]: where copies go (empty: HOME/backups) and how many are kept."""

    folder: str = ""
    keep_daily: Positive = 7
    keep_weekly: Annotated[int, msgspec.Meta(ge=0)] = 4
    keep_monthly: Annotated[int, msgspec.Meta(ge=0)] = 12


class ScheduleSettings(Section, frozen=True):
    """[schedule]: when the nightly job starts, in the exchange's own time zone."""

    timezone: str = "America/New_York"
    nightly_at: str = "18:30"


class AlertSettings(Section, frozen=True):
    """[alerts]: a file with one apprise address a line (secrets stay out of pi5.toml); empty: no alerts."""

    addresses_file: str = ""


class RetentionSettings(Section, frozen=True):
    """[retention]: days that finished runs, their events and their logs are kept."""

    runs_days: Positive = 30
    logs_days: Positive = 14


class SweepSettings(Section, frozen=True):
    """[sweep]: what a sweep may use, and when it holds; 0 and "" mean no limit (of `workers`: every core)."""

    workers: Annotated[int, msgspec.Meta(ge=0)] = 0
    max_memory: str = "400MB"
    timeout_s: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    chunk: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 32_768
    pause_hours: str = ""
    max_load: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    max_celsius: Annotated[float, msgspec.Meta(ge=0)] = 0.0


class ResearchSettings(Section, frozen=True):
    """[research]: how the nightly searches are walked forward."""

    train_bars: Annotated[int, msgspec.Meta(ge=2)] = 504
    test_bars: Annotated[int, msgspec.Meta(ge=1)] = 126


class ClusterSettings(Section, frozen=True):
    """[cluster]: the Dask scheduler that sweeps are sent to, as tcp://HOST:PORT; empty: this machine alone."""

    scheduler: str = ""


class TimescaleSettings(Section, frozen=True):
    """[timescale]: the hot tier; without `dsn` there is none. Passwords lie in files, readable by their owner alone.

    Rows of a kind are handed over to the lake after its `keep_..._days` and `lateness_days`; 0 to keep means they stay.
    """

    dsn: str = ""
    password_file: str = ""
    reader_dsn: str = ""
    reader_password_file: str = ""
    pool_size: Annotated[int, msgspec.Meta(ge=1, le=100)] = 4
    connect_timeout_s: Annotated[int, msgspec.Meta(ge=2, le=600)] = 10  # libpq takes 1 for 2
    rows_per_commit: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 250_000
    compress_after_days: Positive = 7
    keep_ticks_days: Days = 7
    keep_minute_bars_days: Days = 35
    keep_long_bars_days: Days = 0
    lateness_days: Days = 1


class Settings(Section, frozen=True):
    """The whole of pi5.toml as the data platform sees it; [live] is the live engine's to check."""

    home: str = "./var"
    ingest: IngestSettings = IngestSettings()
    instruments: dict[str, InstrumentSettings] = {}
    lake: LakeSettings = LakeSettings()
    duckdb: DuckDBSettings = DuckDBSettings()
    quality: QualitySettings = QualitySettings()
    backtest: BacktestSettings = BacktestSettings()
    backup: BackupSettings = BackupSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    alerts: AlertSettings = AlertSettings()
    retention: RetentionSettings = RetentionSettings()
    sweep: SweepSettings = SweepSettings()
    research: ResearchSettings = ResearchSettings()
    cluster: ClusterSettings = ClusterSettings()
    timescale: TimescaleSettings = TimescaleSettings()
    live: dict[str, Any] = {}

    @property
    def home_path(self) -> Path:
        """The folder that holds everything the platform writes."""
        return Path(self.home).expanduser().absolute()

    def folder(self, name: str) -> Path:
        """A folder of the home: lake, inbox, exports, journal, dagster, backups, reports, logs, secrets."""
        return self.home_path / name

    def quoting(self, symbol: str) -> InstrumentSettings:
        """What pi5.toml says of a symbol: its own [instruments.SYMBOL] table, else [instruments.default]."""
        return self.instruments.get(symbol, self.instruments.get("default", InstrumentSettings()))

    def instrument(self, symbol: str, decimals: int = PRICE_SCALE) -> Instrument:
        """How a symbol is quoted; an "auto" price_scale becomes `decimals`, or what the tick needs beyond them."""
        found = self.quoting(symbol)
        try:
            tick = Decimal(str(found.tick_size))
            return Instrument(
                symbol=symbol,
                tick_size=tick,
                price_scale=max(decimals, places(tick)) if found.price_scale == AUTO else found.price_scale,
                size_scale=found.size_scale,
                lot=Decimal(str(found.lot)),
                currency=found.currency,
                calendar=found.calendar,
                venue=found.venue,
            )
        except (InstrumentError, InvalidOperation) as error:
            raise ConfigError(
                f"[instruments.{symbol}] is wrong: {error}", where="pi5.toml", hint=EXAMPLE_HINT
            ) from error


def config_file(given: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The settings file that is meant: the given one, else PI5_CONFIG, else ./pi5.toml; None when there is none."""
    if given is not None:
        return given
    if environ.get("PI5_CONFIG"):
        return Path(environ["PI5_CONFIG"])
    return Path("pi5.toml") if Path("pi5.toml").exists() else None


def load_settings(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read pi5.toml (see `config_file`; without one the defaults hold); raise ConfigError in one line."""
    environ = os.environ if environ is None else environ
    path = config_file(path, environ)
    keys = _known_keys() | {("live", name.removeprefix(LIVE).lower()): Any for name in environ if name.startswith(LIVE)}
    try:
        tables = {} if path is None else config.read_toml(path)
        merged, origin = config.override(
            tables, keys, environ, texts=[key for key, kind in keys.items() if kind is str]
        )
    except ConfigFileError as error:
        raise ConfigError(error.reason, where=error.subject, hint=EXAMPLE_HINT) from error
    try:
        settings = msgspec.convert(merged, Settings, strict=False)
    except msgspec.ValidationError as error:
        what, where = config.explain(str(error), path, origin)
        raise ConfigError(what, where=where, hint=EXAMPLE_HINT) from error
    for symbol in settings.instruments:
        try:
            settings.instrument(symbol)
        except ConfigError as error:
            where = config.where(f"instruments.{symbol}", path, origin)
            raise ConfigError(error.what, where=where, hint=error.hint) from error
    for dotted, value, fits, hint in rules(settings):
        if not fits:
            raise ConfigError(
                f"key {dotted!r}: {value!r} will not do", where=config.where(dotted, path, origin), hint=hint
            )
    return settings


def _known_keys() -> dict[tuple[str, ...], Any]:
    """Every key that the environment may set, with its type."""
    keys: dict[tuple[str, ...], Any] = {}
    for field in msgspec.structs.fields(Settings):
        if isinstance(field.type, type) and issubclass(field.type, Section):
            keys |= {(field.name, inner.name): inner.type for inner in msgspec.structs.fields(field.type)}
        else:
            keys[field.name,] = field.type
    return keys
