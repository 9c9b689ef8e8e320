"""A throw-away PostgreSQL: a data folder, a free loopback port, and an end that comes with the process that asked."""

from __future__ import annotations

import ctypes
import fcntl
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cache import CannotServeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PR_SET_PDEATHSIG = 1
START_TIMEOUT_S, STOP_TIMEOUT_S = 60.0, 20.0
TRIES = 5
FOLDER = "pi5-postgres-"
# What a crash of the machine would lose here nobody needs; connections are many because tests make pools.
SETTINGS = {
    "listen_addresses": "'127.0.0.1'",
    "unix_socket_directories": "''",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "max_connections": "60",
    "max_locks_per_transaction": "256",
    "dynamic_shared_memory_type": "mmap",
    "wal_level": "replica",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
PRELOADED = {"shared_preload_libraries": "'timescaledb'", "timescaledb.telemetry_level": "off"}


@dataclass(frozen=True)
class Installation:
    """PostgreSQL's programs: `bin` as seen from within `root` (the machine's own: /), and who may run them."""

    bin: str
    root: Path = Path("/")
    user: str = ""

    def enter(self) -> None:
        """Step into the root and drop root's rights, between fork and exec; the server dies with its parent."""
        if self.user:
            account = self.account()
            if self.root != Path("/"):
                os.chroot(self.root)
            os.setgroups([])
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
        os.chdir("/")
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT)

    def account(self) -> pwd.struct_passwd:
        """The unprivileged user, from the root's own list of users."""
        for line in (self.root / "etc/passwd").read_text(encoding="utf-8").splitlines():
            name, password, uid, gid, gecos, home, shell = line.split(":")
            if name == self.user:
                return pwd.struct_passwd((name, password, int(uid), int(gid), gecos, home, shell))
        raise CannotServeError(f"{self.root} has no user {self.user}")

    @property
    def temporary(self) -> Path:
        """Where data folders go: the temporary folder, or the one that a changed root can see."""
        return Path(tempfile.gettempdir()) if self.root == Path("/") else self.root / "tmp"


class Cluster:
    """A running server; `dsn` names its superuser's database."""

    def __init__(self, installation: Installation, *, preload: bool, settings: dict[str, str]) -> None:
        self.installation = installation
        self.password = secrets.token_urlsafe(12)
        sweep(installation.temporary)
        self.folder = Path(tempfile.mkdtemp(prefix=FOLDER, dir=installation.temporary))
        # The lock tells a later run's sweep that this folder has an owner.
        self.lock = (self.folder / "owner").open("w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        try:
            self._init({**SETTINGS, **(PRELOADED if preload else {}), **settings})
            self.start()
        except BaseException:
            self.stop()
            raise

    @property
    def dsn(self) -> str:
        """Where and as whom to connect."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/postgres"

    def stop(self) -> None:
        """Stop the server at once, and throw its data away."""
        self.crash()
        self.lock.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def crash(self) -> None:
        """Stop the server as a fault would: without a checkpoint, its clients cut off."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            try:
                self.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def start(self) -> None:
        """Start it (again); after a crash it recovers first."""
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)
        for _ in range(TRIES):  # somebody else may take the port between choice and use
            self.port = self.port or free_port()
            if self._started():
                return
            self.port = 0
        raise CannotServeError(f"the server does not start: {(self.folder / 'log').read_text()[-1000:]}")

    def _init(self, settings: dict[str, str]) -> None:
        if self.installation.user:
            account = self.installation.account()
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        password = self.folder / "password"
        password.write_text(self.password, encoding="utf-8")
        password.chmod(0o644)
        done = subprocess.run(
            [
                f"{self.installation.bin}/initdb",
                f"--pgdata={self.inside('data')}",
                "--username=postgres",
                f"--pwfile={self.inside('password')}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
            ],
            preexec_fn=self.installation.enter,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise CannotServeError(f"initdb failed: {done.stderr.strip()[-500:]}")
        lines = [f"{name} = {value}\n" for name, value in settings.items()]
        with (self.folder / "data" / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
            file.writelines(lines)

    def _started(self) -> bool:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [f"{self.installation.bin}/postgres", "-D", self.inside("data"), "-p", str(self.port)],
                preexec_fn=self.installation.enter,
                env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return wait(self._ready, self.process)

    def _ready(self) -> bool:
        try:
            lines = (self.folder / "data" / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        return len(lines) > 7 and lines[7].strip() == "ready"

    def inside(self, name: str) -> str:
        """A path of the cluster's folder as the server sees it."""
        path = self.folder / name
        return str(path) if self.installation.root == Path("/") else f"/{path.relative_to(self.installation.root)}"


def wait(ready: Callable[[], bool], process: subprocess.Popen[bytes]) -> bool:
    """Whether a process got ready; False when it ended first or took too long."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            return False
        if ready():
            return True
        time.sleep(0.05)
    process.kill()
    process.wait()
    return False


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def sweep(folder: Path) -> None:
    """Remove the data folders whose owners are gone, killed too hard to do it themselves."""
    for path in folder.glob(f"{FOLDER}*"):
        try:
            with (path / "owner").open("r+") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
        except OSError:
            continue


def local() -> Installation | None:
    """The newest PostgreSQL of this machine that has the extension."""
    found = sorted(extension_folders(), key=lambda item: item[0])
    if not found:
        return None
    user = ""
    if os.getuid() == 0:
        names = {account.pw_name for account in pwd.getpwall()}
        user = next((name for name in ("postgres", "nobody") if name in names), "")
        if not user:
            return None
    return Installation(found[-1][1], user=user)


def extension_folders() -> Iterator[tuple[int, str]]:
    """Major version and programs' folder of every PostgreSQL with TimescaleDB's control file."""
    candidates = {str(path.parent) for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")}
    on_path = shutil.which("postgres")
    if on_path:
        candidates.add(str(Path(on_path).resolve().parent))
    for folder in candidates:
        told = subprocess.run([f"{folder}/pg_config", "--sharedir"], capture_output=True, text=True, check=False)
        version = subprocess.run([f"{folder}/postgres", "--version"], capture_output=True, text=True, check=False)
        control = Path(told.stdout.strip()) / "extension" / "timescaledb.control"
        if told.returncode == 0 and control.exists():
            major = re.search(r"\d+", version.stdout)
            yield int(major[0]) if major else 0, folder
