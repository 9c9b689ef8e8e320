"""The live engine's view of pi5.toml: `home`, [live] and where TimescaleDB is; the rest is the data platform's."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec

from live_engine.errors import SettingsError
from live_engine.paper.settings import StrategySettings, check_strategies
from live_engine.risk.limits import RiskLimits, first_wrong
from trading import config
from trading.errors import ConfigFileError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

F = TypeVar("F")
TEXTS = [("home",), *(("live", name) for name in ("host", "prices", "tls_cert", "tls_key"))]  # whatever they look like
CREDENTIAL = "timescale-dsn"
CREDENTIAL_HINT = "it holds one line, postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
EXAMPLE_HINT = "pi5.example.toml lists every key with its meaning"


class LiveSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[live]: the address that the engine answers on, its prices, what trades on them, and in [live.risk] how far.

    `prices` is "export" (HOME/exports/market.sqlite), "simulated" or the path of a CSV file; `speed` is how many
    times faster than they happened they come, 0 as fast as they are taken; `seed` makes the same simulated prices
    again. Other machines reach it over TLS (`tls_cert` and `tls_key`, PEM files) or through a proxy of this machine
    that speaks it (`behind_proxy`), under the names of `allowed_hosts`.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 8080
    prices: Annotated[str, msgspec.Meta(min_length=1)] = "simulated"
    speed: Annotated[float, msgspec.Meta(ge=0, le=1e9)] = 1.0
    seed: int = 1
    strategies: tuple[StrategySettings, ...] = ()
    risk: RiskLimits = RiskLimits()
    tls_cert: str = ""
    tls_key: str = ""
    behind_proxy: bool = False
    allowed_hosts: tuple[str, ...] = ()


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


class _Home(msgspec.Struct, frozen=True):
    home: str = "./var"


class _File(_Home, frozen=True):
    live: LiveSettings = LiveSettings()


def load_home(path: Path, environ: Mapping[str, str] | None = None) -> Path:
    """The folder that holds everything that is written, PI5_HOME over the file; raises SettingsError in one line.

    Nothing else in the file is looked at: whatever is wrong there must not keep anybody from the kill switch.
    """
    file, _origin = _load(path, environ, _Home, [("home",)])
    return Path(file.home).expanduser().absolute()


def journal_file(home: Path) -> Path:
    """Where an engine keeps its journal."""
    return home / "journal" / "live.sqlite"


def load_settings(path: Path, environ: Mapping[str, str] | None = None) -> LiveSettings:
    """[live] of the file with PI5_LIVE_<KEY> laid over it; raises SettingsError in one line."""
    risk = [("live", "risk", field.name) for field in msgspec.structs.fields(RiskLimits)]
    plain = [("live", field.name) for field in msgspec.structs.fields(LiveSettings) if field.name != "risk"]
    file, origin = _load(path, environ, _File, [("home",), *plain, *risk])
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
    wrong = first_wrong(live.risk)
    if wrong is not None:
        dotted = f"live.risk.{wrong[0]}"
        raise SettingsError(f"key {dotted!r}: {wrong[1]}", where=config.where(dotted, path, origin), hint=EXAMPLE_HINT)
    return live


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
