"""A server is set as advised: its own configuration includes the file, and it comes up again with it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from pi5_pipelines.cli.main import pi5 as program
from pi5_pipelines.timescale.connection import Access, connect
from pi5_pipelines.timescale.health import slow_queries
from pi5_pipelines.timescale.migrations import migrate
from pi5_pipelines.timescale.server_settings import differences
from pi5_pipelines.timescale.tuning import GB, LIBRARIES, Machine, advise, with_libraries
from tests.timescale.fixtures import CannotServeError, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.timescale.fixtures import Server

PI = ("--memory", "4GB", "--cores", "4")
ADVICE = advise(Machine(4 * GB, 4))
INCLUDE = "include_dir = 'conf.d'\n"


@dataclass
class Tuned:
    """A server of the test's own whose files this machine sees where the server says they are."""

    server: Server
    data: Path

    @property
    def file(self) -> Path:
        """The file of ours that it may include."""
        return self.data / "conf.d" / "pi5.conf"

    def include(self, text: str = INCLUDE) -> None:
        """Let its configuration include a folder."""
        self.file.parent.mkdir(exist_ok=True)
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.write(text)

    def restart(self) -> None:
        """Stop it and start it again."""
        self.server.crash()
        self.server.start()

    def tune(self, *arguments: str) -> Result:
        """`pi5 db tune` for a Pi of 4 GB."""
        return CliRunner().invoke(program, ["db", "tune", *PI, *arguments])

    def different(self) -> list[str]:
        """Settings that are not as advised."""
        with psycopg.connect(self.server.dsn, autocommit=True) as connection:
            return [one.name for one in differences(connection, ADVICE)]


@pytest.fixture(scope="module")
def module_server() -> Iterator[Server]:
    """A server for these tests alone, without the settings that tests give it where there is advice."""
    try:
        with serving("apache", "--own") as server:
            data, link = server.folder / "data", Path(server.inside)
            in_root = not link.exists()
            if in_root:
                link.symlink_to(server.folder)
            advised = {one.name for one in ADVICE}
            auto = data / "postgresql.auto.conf"
            lines = [line for line in auto.read_text().splitlines(keepends=True) if line.split(" = ")[0] not in advised]
            auto.write_text("".join(lines))
            yield server
            if in_root:
                link.unlink()
    except CannotServeError as error:
        pytest.skip(f"no TimescaleDB of our own can be had: {error}")


@pytest.fixture
def tuned(module_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tuned]:
    """That server with its first configuration, though it may still run with what a test before it set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PI5_TIMESCALE_DSN", module_server.dsn)
    data = module_server.folder / "data"
    kept = {path: path.read_text() for path in (data / "postgresql.conf", data / "postgresql.auto.conf")}
    with (data / "postgresql.conf").open("a", encoding="utf-8") as conf:
        conf.write("shared_preload_libraries = 'timescaledb'\n")
    yield Tuned(module_server, data)
    for path, text in kept.items():
        path.write_text(text)
    shutil.rmtree(data / "conf.d", ignore_errors=True)


def test_a_server_that_was_set_comes_up_again_as_advised(tuned: Tuned) -> None:
    tuned.include()
    tuned.restart()
    assert "shared_buffers" in tuned.different()
    done = json.loads(tuned.tune("--apply", "--json").stdout)["applied"]
    assert Path(done["path"]).resolve() == tuned.file.resolve()
    assert {"shared_buffers", "max_connections", "shared_preload_libraries"} <= set(done["restart"])
    assert {"work_mem", "random_page_cost", "max_slot_wal_keep_size"} <= set(done["reloaded"])
    assert set(tuned.different()) == set(done["restart"])
    assert tuned.file.stat().st_mode & 0o777 == 0o644
    tuned.restart()
    assert tuned.different() == []
    again = tuned.tune("--apply")
    assert "as it was" in again.stdout
    assert "After a restart" not in again.stdout


def test_statements_are_counted_once_the_server_is_set(tuned: Tuned) -> None:
    tuned.include()
    assert tuned.tune("--apply").exit_code == 0
    tuned.restart()
    with connect(Access(tuned.server.dsn, "tuned")) as connection:
        migrate(connection)
        connection.execute("SELECT pg_sleep(0.2)")
        found = slow_queries(connection)
    assert "SELECT pg_sleep($1)" in [row["query"] for row in found.rows]
    assert found.figures["slowest_mean_ms"] > 100


def test_what_the_server_preloads_stays_and_what_is_not_installed_is_left_out(tuned: Tuned) -> None:
    def told(preloaded: str, installed: set[str]) -> str:
        return next(one.value for one in with_libraries(ADVICE, preloaded, installed) if one.name == LIBRARIES)

    assert told("", {"timescaledb"}) == "timescaledb"
    assert told("auto_explain, timescaledb", {"timescaledb", "pg_stat_statements"}) == (
        "auto_explain,timescaledb,pg_stat_statements"
    )
    tuned.include("shared_preload_libraries = 'auto_explain,timescaledb'\ninclude_dir 'conf.d'\n")
    tuned.restart()
    assert tuned.tune("--apply").exit_code == 0
    tuned.restart()
    with psycopg.connect(tuned.server.dsn) as connection:
        row = connection.execute("SHOW shared_preload_libraries").fetchone()
    assert row == ("auto_explain,timescaledb,pg_stat_statements",)


def test_a_setting_that_another_file_sets_later_is_named_with_it(tuned: Tuned) -> None:
    tuned.include()
    with psycopg.connect(tuned.server.dsn, autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET work_mem = '1MB'")
    done = json.loads(tuned.tune("--apply", "--json").stdout)["applied"]
    ((name, file),) = done["overridden"]
    assert (name, Path(file).name) == ("work_mem", "postgresql.auto.conf")
    assert "work_mem" not in done["reloaded"]


def test_a_file_that_the_server_would_not_take_is_taken_back(tuned: Tuned, monkeypatch: pytest.MonkeyPatch) -> None:
    from pi5_pipelines.timescale import tuning

    tuned.include()
    monkeypatch.setattr(tuning, "advise", lambda _: [tuning.Advice("no_such_setting", "1", "none")])
    result = tuned.tune("--apply")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "no_such_setting" in result.stderr
    assert not tuned.file.exists()
    tuned.file.write_text("work_mem = 3MB\n")
    assert tuned.tune("--apply").exit_code == 1
    assert tuned.file.read_text() == "work_mem = 3MB\n"


def test_a_server_that_includes_no_folder_is_told_how_to(tuned: Tuned) -> None:
    result = tuned.tune("--apply")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "add the line include_dir = 'conf.d'" in result.stderr


def test_a_file_that_the_server_does_not_read_is_taken_back(
    tuned: Tuned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pi5_pipelines.timescale import server_settings

    other = tmp_path / "pi5.conf"
    monkeypatch.setattr(server_settings, "target", lambda _: other)
    result = tuned.tune("--apply")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "the server does not read this file" in result.stderr
    assert not other.exists()


def test_a_server_whose_files_are_not_here_is_told(community_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PI5_TIMESCALE_DSN", community_dsn)
    result = CliRunner().invoke(program, ["db", "tune", "--apply"])
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "this machine has no such file" in result.stderr
    assert "--file PATH" in result.stderr


def test_a_user_without_the_right_is_told_and_nothing_is_written(tuned: Tuned, monkeypatch: pytest.MonkeyPatch) -> None:
    tuned.include()
    with psycopg.connect(tuned.server.dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE plain LOGIN PASSWORD 'plain'")
        dsn = tuned.server.dsn.replace(connection.info.password, "plain").replace("//postgres:", "//plain:")
    monkeypatch.setenv("PI5_TIMESCALE_DSN", dsn)
    result = tuned.tune("--apply")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "this user may not" in result.stderr
    assert not tuned.file.exists()


def test_a_file_can_be_named_and_no_server_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PI5_TIMESCALE_DSN", raising=False)
    file = tmp_path / "pi5.conf"
    result = CliRunner().invoke(program, ["db", "tune", *PI, "--apply", "--file", str(file)])
    assert result.exit_code == 0
    assert file.read_text() == CliRunner().invoke(program, ["db", "tune", *PI]).stdout
    nowhere = CliRunner().invoke(program, ["db", "tune", "--apply", "--file", "/proc/no/pi5.conf"])
    assert (nowhere.exit_code, nowhere.stderr.count("\n")) == (1, 1)


@pytest.mark.parametrize("arguments", [("--memory", "four"), ("--memory", "4"), ("--cores", "0"), ("--file", "x")])
def test_what_makes_no_sense_is_refused(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(program, ["db", "tune", *arguments])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


def test_the_advice_can_be_had_as_a_document() -> None:
    found: dict[str, Any] = json.loads(CliRunner().invoke(program, ["db", "tune", *PI, "--json"]).stdout)
    assert (found["memory"], found["cores"]) == (4 * GB, 4)
    assert {"name", "value", "reason"} == set(found["settings"][0])
