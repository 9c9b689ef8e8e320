"""The live engine's view of pi5.toml: `home`, [live], where TimescaleDB and backups are; the rest is the platform's."""

from __future__ import annotations

import ipaddress
import os
from datetime import date  # noqa: TC003 - msgspec reads it at run time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import msgspec

from live_engine.errors import SettingsError
from live_engine.paper.settings import StrategySettings, check_strategies
from live_engine.paper.venue import HandSettings
from live_engine.risk.limits import RiskLimits, first_wrong
from trading import config
from trading.errors import ConfigFileError, TradingError
from trading.instrument import PRICE_SCALE, Instrument, places
from trading.timeframe import DAY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

F = TypeVar("F")
Symbol = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._/:^=-]{1,32}\Z")]
TEXTS = [("home",), *(("live", name) for name in ("host", "prices", "tls_cert", "tls_key"))]  # whatever they look like
CREDENTIAL = "timescale-dsn"
CREDENTIAL_HINT = "it holds one line, postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
EXAMPLE_HINT = "pi5.example.toml lists every key with its meaning"


class LiveSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[live]: the address that the engine answers on, its prices, what trades on them, and in [live.risk] how far.

    With `port` 0 it answers nobody. `symbols` are those that may be traded by hand beside those of the strategies; such
    orders trade on the account of [live.hand], and those good for the day end at `session_ends_s` of the UTC day.
    `prices` is "export" (HOME/exports/market.sqlite), "simulated" or the path of a CSV file. `speed` is how many times
    faster than they happened they come, 0 as fast as they are taken. A replay begins with the day `replay_from` (UTC),
    strategies being warmed up by the bars of before; `timeframe` is its own where no strategy names one; once it has
    ended the engine does too, unless it is to `stay` and answer. `seed` makes the same simulated prices again. Other
    machines reach the engine over TLS (`tls_cert` and `tls_key`, PEM files) or through a proxy of this machine that
    speaks it (`behind_proxy`), under the names of `allowed_hosts`. Days older than `journal_keep_days` are exported and
    leave the journal once its consumers and the backups have them, with 0 none does.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 8080
    prices: Annotated[str, msgspec.Meta(min_length=1)] = "export"
    speed: Annotated[float, msgspec.Meta(ge=0, le=1e9)] = 86_400.0
    replay_from: date | None = None
    stay: bool = False
    seed: int = 1
    mode: Literal["paper", "live"] = "paper"
    symbols: tuple[Symbol, ...] = ()
    timeframe: Literal["1m", "5m", "15m", "30m", "1h", "4h", "1d"] = "1d"
    session_ends_s: Annotated[int, msgspec.Meta(gt=0, le=DAY_SECONDS)] = DAY_SECONDS
    journal_keep_days: Annotated[int, msgspec.Meta(ge=0, le=36_500)] = 0
    hand: HandSettings = HandSettings()
    strategies: tuple[StrategySettings, ...] = ()
    risk: RiskLimits = RiskLimits()
    tls_cert: str = ""
    tls_key: str = ""
    behind_proxy: bool = False
    allowed_hosts: tuple[str, ...] = ()

    def all_symbols(self) -> tuple[str, ...]:
        """Every symbol that may be traded, in the order of names."""
        return tuple(sorted({*self.symbols, *(one.symbol for one in self.strategies)}))


class Database(msgspec.Struct, frozen=True):
    """Where TimescaleDB is (a libpq connection string), the file of the password, and who says so."""

    dsn: str
    password_file: str
    origin: str


class _Timescale(msgspec.Struct, frozen=True):
    dsn: str = ""
    password_file: str = ""


class _WithTimescale(msgspec.Struct, frozen=True):
    timescale: _Timescale = _Timescale()


class _Backup(msgspec.Struct, frozen=True):
    folder: str = ""


class _WithBackup(msgspec.Struct, frozen=True):
    backup: _Backup = _Backup()


class _Home(msgspec.Struct, frozen=True):
    home: str = "./var"


class _File(_Home, frozen=True):
    live: LiveSettings = LiveSettings()


class _Instrument(msgspec.Struct, frozen=True):
    """As much of a table of [instruments] as trading needs; the rest is the data platform's."""

    tick_size: Decimal | None = None
    lot: Decimal | None = None
    currency: str | None = None
    calendar: str | None = None
    venue: str | None = None


class _Instruments(_Home, frozen=True):
    instruments: dict[str, _Instrument] = {}


def load_home(path: Path, environ: Mapping[str, str] | None = None) -> Path:
    """The folder that holds everything that is written, PI5_HOME over the file; raises SettingsError in one line.

    Nothing else in the file is looked at: whatever is wrong there must not keep anybody from the kill switch.
    """
    file, _origin = _load(path, environ, _Home, [("home",)])
    return Path(file.home).expanduser().absolute()


def journal_file(home: Path) -> Path:
    """Where an engine keeps its journal."""
    return home / "journal" / "live.sqlite"


def exported_days(home: Path) -> Path:
    """Where closed days of the journal are exported to."""
    return home / "exports" / "journal"


def load_settings(path: Path, environ: Mapping[str, str] | None = None) -> LiveSettings:
    """[live] of the file with PI5_LIVE_<KEY> laid over it; raises SettingsError in one line."""
    tables: dict[str, type[msgspec.Struct]] = {"risk": RiskLimits, "hand": HandSettings}
    plain = [("live", field.name) for field in msgspec.structs.fields(LiveSettings) if field.name not in tables]
    inner = [("live", name, field.name) for name, kind in tables.items() for field in msgspec.structs.fields(kind)]
    file, origin = _load(path, environ, _File, [("home",), *plain, *inner])
    live = file.live
    if bool(live.tls_cert) != bool(live.tls_key):
        given, lacking = ("tls_cert", "tls_key") if live.tls_cert else ("tls_key", "tls_cert")
        raise SettingsError(
            f"key 'live.{lacking}' is missing",
            where=config.where(f"live.{given}", path, origin),
            hint="TLS needs both tls_cert and tls_key",
        )
    if not is_loopback(live.host) and not live.tls_cert and not live.behind_proxy:
        raise SettingsError(
            f"key 'live.host': {live.host!r} can be reached from other machines",
            where=config.where("live.host", path, origin),
            hint='use "127.0.0.1" and ssh -L, or set tls_cert and tls_key, or behind_proxy = true',
        )
    check_strategies(live.strategies)
    _check_mode(live, path, origin)
    wrong = first_wrong(live.risk)
    if wrong is not None:
        dotted = f"live.risk.{wrong[0]}"
        raise SettingsError(f"key {dotted!r}: {wrong[1]}", where=config.where(dotted, path, origin), hint=EXAMPLE_HINT)
    return live


def _check_mode(live: LiveSettings, path: Path, origin: Mapping[str, str]) -> None:
    """Real money wants each strategy promoted, limits that somebody has chosen, and a venue."""
    if live.mode == "paper":
        return
    for one in live.strategies:
        if not one.promoted:
            raise SettingsError(f"{one.where} is not promoted", where=str(path), hint="set promoted = true once it may")
    if live.risk == RiskLimits():
        raise SettingsError(
            "[live.risk] sets no limit", where=str(path), hint="choose limits; the defaults are for paper"
        )
    hint = 'there is no venue yet: use mode = "paper"'
    raise SettingsError(
        "key 'live.mode': nothing can be traded live", where=config.where("live.mode", path, origin), hint=hint
    )


def load_instruments(path: Path, symbols: Iterable[str]) -> tuple[Instrument, ...]:
    """How symbols are quoted, by [instruments.SYMBOL] over [instruments.default]; raises SettingsError."""
    file, origin = _load(path, {}, _Instruments, [("home",)])
    found = []
    for symbol in symbols:
        keys: dict[str, Any] = {}
        for name in ("default", symbol):
            table = file.instruments.get(name, _Instrument())
            keys |= {key: value for key, value in msgspec.structs.asdict(table).items() if value is not None}
        scale = places(keys["tick_size"]) if keys.get("tick_size", Decimal(0)) > 0 else PRICE_SCALE
        try:
            found.append(Instrument(symbol, price_scale=max(PRICE_SCALE, scale), **keys))
        except TradingError as error:
            where = config.where(f"instruments.{symbol}", path, origin)
            raise SettingsError(str(error), where=where, hint=EXAMPLE_HINT) from error
    return tuple(found)


def load_dsn(path: Path, environ: Mapping[str, str] | None = None) -> Database | None:
    """The database that orders, trades and bars are projected to; None: there is none. Raises SettingsError.

    It is the systemd credential `timescale-dsn`, a whole connection string, else [timescale] dsn and password_file with
    PI5_TIMESCALE_DSN and PI5_TIMESCALE_PASSWORD_FILE laid over them.
    """
    environ = os.environ if environ is None else environ
    credentials = environ.get("CREDENTIALS_DIRECTORY", "")
    if credentials and (file := Path(credentials) / CREDENTIAL).exists():
        try:
            dsn = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"cannot be read: {error}", where=str(file), hint=CREDENTIAL_HINT) from error
        if not dsn:
            raise SettingsError("it is empty", where=str(file), hint=CREDENTIAL_HINT)
        return Database(dsn, "", f"credential {file}")
    keys = [("timescale", "dsn"), ("timescale", "password_file")]
    own = {name: environ[name] for key in keys if (name := config.PREFIX + "_".join(key).upper()) in environ}
    file_, origin = _load(path, own, _WithTimescale, keys, texts=keys)  # the section's other keys are the platform's
    if not file_.timescale.dsn:
        return None
    return Database(file_.timescale.dsn, file_.timescale.password_file, config.where("timescale.dsn", path, origin))


def has_backups(path: Path, environ: Mapping[str, str] | None = None) -> bool:
    """Whether [backup] folder of the file, or PI5_BACKUP_FOLDER over it, names a place; raises SettingsError."""
    environ = os.environ if environ is None else environ
    keys, name = [("backup", "folder")], f"{config.PREFIX}BACKUP_FOLDER"
    own = {name: environ[name]} if name in environ else {}
    file, _origin = _load(path, own, _WithBackup, keys, texts=keys)  # the section's other keys are the platform's
    return bool(file.backup.folder)


def _load(
    path: Path,
    environ: Mapping[str, str] | None,
    kind: type[F],
    keys: Sequence[tuple[str, ...]],
    texts: Sequence[tuple[str, ...]] = TEXTS,
) -> tuple[F, dict[str, str]]:
    environ = os.environ if environ is None else environ
    try:
        merged, origin = config.override(config.read_toml(path), keys, environ, texts=texts)
    except ConfigFileError as error:
        raise SettingsError(error.reason, where=error.subject, hint=EXAMPLE_HINT) from error
    try:
        return msgspec.convert(merged, kind, strict=False), origin
    except msgspec.ValidationError as error:
        what, where = config.explain(str(error), path, origin)
        raise SettingsError(what, where=where, hint=EXAMPLE_HINT) from error


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own: orders are taken from here alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
