"""`pi5 db` as users call it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pi5_pipelines.cli.main import pi5 as program
from pi5_pipelines.settings import TimescaleSettings
from pi5_pipelines.timescale.connection import access

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def pi5(apache_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`pi5` with a configured, empty database; the password lies in a file."""
    parts = conninfo_to_dict(apache_dsn)
    file = tmp_path / "password"
    file.write_text(f"{parts.pop('password')}\n")
    file.chmod(0o600)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PI5_TIMESCALE_DSN", make_conninfo(**{key: str(value) for key, value in parts.items()}))
    monkeypatch.setenv("PI5_TIMESCALE_PASSWORD_FILE", str(file))
    return lambda *arguments: CliRunner().invoke(program, ["db", *arguments])


def document(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_migrate_makes_the_schema_and_status_shows_it(pi5: Callable[..., Result]) -> None:
    before = document(pi5("status", "--json"))
    assert (before["up_to_date"], before["edition"], before["tables"]) == (False, None, [])
    assert "Next: pi5 db migrate" in pi5("status").stdout
    first = document(pi5("migrate", "--json"))
    assert first["applied"][:2] == ["instruments", "bars"]
    assert "nothing to do" in pi5("migrate").stdout
    after = document(pi5("status", "--json"))
    assert (after["up_to_date"], after["edition"]) == (True, "apache")
    assert {"bars_1m", "ticks", "live_orders", "live_trades", "live_positions", "live_offsets", "instruments"} <= {
        one["table"] for one in after["tables"]
    }
    assert pi5("status").exit_code == 0


def test_a_user_is_made_with_a_password_from_a_file(pi5: Callable[..., Result], tmp_path: Path) -> None:
    pi5("migrate")
    result = pi5("user", "postgres", "--role", "owner", "--password-file", str(tmp_path / "nothing"))
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "password file" in result.stderr


def test_without_a_database_configured_it_says_how_to_configure_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(program, ["db", "status"])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: [timescale] dsn: no TimescaleDB is configured")


def test_a_server_that_is_down_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port: int) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PI5_TIMESCALE_DSN", f"postgresql://pi5:secret@127.0.0.1:{free_port}/pi5")
    result = CliRunner().invoke(program, ["db", "status", "--json"])
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert document(result)["error"]["where"] == f"TimescaleDB pi5@127.0.0.1:{free_port}/pi5"
    assert "secret" not in result.output


def test_a_dsn_that_is_none_is_told_with_its_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PI5_TIMESCALE_DSN", "the one in the cellar")
    result = CliRunner().invoke(program, ["db", "migrate"])
    assert result.exit_code == 2
    assert "write it as postgresql://USER@HOST:PORT/DATABASE" in result.stderr


def test_a_reader_without_an_address_of_its_own_uses_the_first() -> None:
    one = TimescaleSettings(dsn="postgresql://pi5@192.0.2.1/pi5")
    two = TimescaleSettings(dsn="postgresql://pi5@192.0.2.1/pi5", reader_dsn="postgresql://reader@192.0.2.2/pi5")
    assert access(one, reader=True).shown == access(one).shown == "TimescaleDB pi5@192.0.2.1:5432/pi5"
    assert access(two, reader=True).shown == "TimescaleDB reader@192.0.2.2:5432/pi5"
