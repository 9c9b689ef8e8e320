"""Where the engine finds its database: pi5.toml, the environment over it, the systemd credential over both."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from live_engine.errors import SettingsError
from live_engine.settings import Database, load_dsn

EXAMPLE = Path(__file__).resolve().parents[3] / "pi5.example.toml"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "pi5.toml"
    file.write_text('[timescale]\ndsn = "postgresql://a@one/b"\npassword_file = "secret"\npool_size = 9\n')
    return file


def test_without_a_dsn_there_is_none() -> None:
    assert load_dsn(EXAMPLE, {}) is None


def test_the_file_gives_it_and_the_environment_overrides_it(config: Path) -> None:
    assert load_dsn(config, {}) == Database("postgresql://a@one/b", "secret", f"{config}, line 2")
    others = {"PI5_TIMESCALE_POOL_SIZE": "7", "PI5_LIVE_PORT": "no number"}
    found = load_dsn(config, {"PI5_TIMESCALE_DSN": "host=two", "PI5_TIMESCALE_PASSWORD_FILE": "7", **others})
    assert found == Database("host=two", "7", "environment variable PI5_TIMESCALE_DSN")
    assert load_dsn(config, {"PI5_TIMESCALE_DSN": ""}) is None


def test_the_credential_stands_over_both(config: Path, tmp_path: Path) -> None:
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path), "PI5_TIMESCALE_DSN": "host=two"}
    assert load_dsn(config, environ) == Database("host=two", "secret", "environment variable PI5_TIMESCALE_DSN")
    file = tmp_path / "timescale-dsn"
    file.write_text("postgresql://engine:geheim@three/b\n")
    assert load_dsn(config, environ) == Database("postgresql://engine:geheim@three/b", "", f"credential {file}")
    file.write_text("\n")
    with pytest.raises(SettingsError, match="it is empty"):
        load_dsn(config, environ)


def test_a_dsn_of_the_wrong_kind_is_refused_by_line(config: Path) -> None:
    config.write_text("[timescale]\npool_size = 1\ndsn = 5\n")
    with pytest.raises(SettingsError, match=r"line 3: key 'timescale\.dsn': expected `str`"):
        load_dsn(config, {})


def test_who_has_no_database_loads_no_driver() -> None:
    script = "import sys, live_engine.projection.projector; print({'psycopg', 'tenacity'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
