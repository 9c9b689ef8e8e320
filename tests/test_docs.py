"""The documentation is true: its commands run, its files work as printed, its links lead somewhere."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socketserver
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.network import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
WITH_COMMANDS = [path for path in PAGES if "```sh\n" in path.read_text(encoding="utf-8")]
PROGRAM = ("trading", "pi5_pipelines", "live_engine")
SETTINGS = ("dagster.yaml", "workspace.yaml", "pi5.example.toml")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(page: Path, kind: str) -> list[tuple[str, str]]:
    """Fenced blocks of a kind: what follows the kind on the fence, and the content."""
    return re.findall(rf"^```{kind}([^\n]*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[str]:
    lines = [line for _, content in blocks(page, "sh") for line in content.splitlines()]
    return [line.split("   #")[0].strip() for line in lines if line.strip()]


@pytest.fixture
def server(tmp_path: Path, goog_file: Path) -> Iterator[int]:
    """A server that has SPY.csv, as the source of the documentation expects one."""
    folder = tmp_path / "served"
    folder.mkdir()
    shutil.copy(goog_file, folder / "SPY.csv")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with socketserver.TCPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as listener:
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        yield listener.server_address[1]
        listener.shutdown()
        thread.join()


@pytest.fixture
def clone(tmp_path: Path, goog_file: Path) -> Path:
    """A folder as a reader has it, with a home to fill, the set-up environment, and prices."""
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in SETTINGS:
        shutil.copy(ROOT / name, folder)
    (folder / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "up", folder / "scripts")
    (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    shutil.copy(goog_file, folder / "prices.csv")
    return folder


def program(page: Path, clone: Path, port: int) -> Path:
    """Where the program is that a page's commands run: this one, or a copy with the page's own files added."""
    files = {told.split("file=")[1]: content for told, content in blocks(page, "python") if "file=" in told}
    if not files:
        return ROOT  # whose machine code is there already
    for name in PROGRAM:
        shutil.copytree(ROOT / name, clone / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name, content in files.items():
        (clone / name).write_text(content.replace(":8099", f":{port}"), encoding="utf-8")
    offered = clone / "pi5_pipelines" / "sources" / "__init__.py"
    text = offered.read_text(encoding="utf-8")
    assert '("sample", "inbox")' in text
    offered.write_text(text.replace('("sample", "inbox")', '("sample", "inbox", "vendor")'), encoding="utf-8")
    return clone


@pytest.fixture
def up() -> Iterator[ExitStack]:
    """Whatever a page has started, ended when it has been read."""
    with ExitStack() as stack:
        yield stack


def unset() -> dict[str, str]:
    """The environment of somebody who has set nothing."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PI5_", "DAGSTER_")) or name == "PI5_NUMBA_CACHE"
    }


@contextmanager
def running(clone: Path, ports: dict[str, int]) -> Iterator[None]:
    """What `make up` starts: Dagster's pages and the live engine, both answering."""
    log = clone / "up.log"
    environment = {**unset(), "PYTHONPATH": str(ROOT), "PI5_LIVE_PORT": str(ports["8080"])}
    # Whoever runs the tests may ignore signals, and what ignores them from its start cannot be ended by them.
    command = ["env", "--default-signal=INT,TERM", "scripts/up", "--port", str(ports["3000"])]
    with (
        log.open("wb") as told,
        subprocess.Popen(
            command, cwd=clone, env=environment, stdout=told, stderr=told, start_new_session=True
        ) as process,
    ):
        try:
            wait_for(f"http://127.0.0.1:{ports['8080']}/health", log)
            wait_for(f"http://127.0.0.1:{ports['3000']}/server_info", log)
            yield
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=60)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def wait_for(address: str, log: Path) -> None:
    """Wait until an address answers with 200."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310
            if answer.status == HTTPStatus.OK:
                return
        time.sleep(0.3)
    raise AssertionError(f"{address} does not answer\n{log.read_text()[-4000:]}")


@pytest.fixture
def ports() -> dict[str, int]:
    """Ports to take in place of those that the pages name: on this machine others may answer there."""
    return {"8080": free_port(), "3000": free_port()}


@pytest.fixture
def reader(clone: Path, server: int, ports: dict[str, int]) -> Callable[[Path], Callable[[str], None]]:
    """Somebody who reads a page: runs its lines one by one."""
    environment = unset()

    def of(page: Path) -> Callable[[str], None]:
        chosen = {
            "PYTHONPATH": str(program(page, clone, server)),
            "DAGSTER_HOME": str(clone),
            "COLUMNS": "200",
            "PI5_LIVE_PORT": str(ports["8080"]),
        }

        def run(line: str) -> None:
            here = re.sub(r"(?<=127\.0\.0\.1:)(8080|3000)", lambda named: str(ports[named[1]]), line)
            done = subprocess.run(
                ["bash", "-c", here],
                cwd=clone,
                env={**environment, **chosen},
                capture_output=True,
                text=True,
                check=False,
                timeout=300,
            )
            logs = "".join(log.read_text()[-2000:] for log in clone.glob("*.log"))
            assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}\n{logs}"

        return run

    return of


@pytest.mark.slow
@pytest.mark.xdist_group("pages")  # in one process: what one page compiled serves the next
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=name_of)
def test_every_command_of_a_page_runs_in_the_order_of_the_page(
    page: Path,
    clone: Path,
    ports: dict[str, int],
    reader: Callable[[Path], Callable[[str], None]],
    up: ExitStack,
) -> None:
    shell = reader(page)
    made = [line for line in commands(page) if line.startswith("make ")]
    for line in made:  # the targets run each other's commands, tests among them: here they are only resolved
        subprocess.run(["make", "-n", *line.split()[1:]], cwd=ROOT, capture_output=True, check=True)
    shell(".venv/bin/pi5 ingest --source sample")
    for line in commands(page):
        if line == "make up":
            up.enter_context(running(clone, ports))
        elif line not in made:
            shell(line)


def test_the_strategy_in_the_readme_is_the_one_that_is_tested() -> None:
    ((_, shown),) = blocks(ROOT / "README.md", "python")
    whole = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    assert shown in whole


def test_a_strategy_and_a_source_are_as_short_as_promised() -> None:
    files = {told: content for told, content in blocks(ROOT / "docs" / "extending.md", "python") if "file=" in told}
    assert len(files) == 2
    for content in files.values():
        assert len([line for line in content.splitlines() if line.strip()]) <= 25


def test_the_page_of_commands_is_what_the_program_says() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import make_commands; print(make_commands.page(), end='')"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "docs")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (ROOT / "docs" / "commands.md").read_text(encoding="utf-8") == done.stdout


def test_queries_of_timescaledb_run(migrated_dsn: str) -> None:
    ((_, query),) = blocks(ROOT / "docs" / "live.md", "sql")
    with psycopg.connect(migrated_dsn) as connection:
        assert connection.execute(query.encode()).fetchall() == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files_that_exist(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target
