"""A Debian that systemd boots in a container: nothing it writes is kept, and it ends with the process that asked."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAKER = Path(__file__).resolve().parents[1] / "timescale" / "server" / "debian.py"
TOOLS = {"systemd-nspawn": "systemd-container", "nsenter": "util-linux", "setpriv": "util-linux"}
BOOT_TIMEOUT_S, STEP_TIMEOUT_S = 60.0, 60.0
# systemd wants a tree of control groups that is its alone: as on a Pi, the unified one, whatever this machine has.
OWN_GROUP = 'echo $$ > "$0/cgroup.procs" && mount -t cgroup2 none /sys/fs/cgroup && exec "$@"'


class CannotBootError(Exception):
    """No such machine can be had here; says why."""


@dataclass(frozen=True)
class Machine:
    """A booted machine, whose first process has the number `init` outside."""

    init: int

    def run(self, *command: str, given: str = "", may_fail: bool = False) -> str:
        """What a program of the machine, run as root, prints; `given` is its standard input."""
        enter = ["nsenter", f"--target={self.init}", "--all", "--root", "--wd=/"]
        done = subprocess.run(
            [*enter, *command],
            cwd="/",
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=STEP_TIMEOUT_S,
        )
        assert may_fail or done.returncode == 0, f"{command} ended with {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def write(self, path: str, text: str) -> None:
        """Put a file into it, with the folders above."""
        self.run("mkdir", "-p", str(Path(path).parent))
        self.run("dd", "status=none", f"of={path}", given=text)


@contextmanager
def booted(read_only: Mapping[Path, str]) -> Iterator[Machine]:
    """A running machine with files and folders of this one at those places; raises CannotBootError."""
    root = debian_root()
    places = [f"--bind-ro={here}:{there}" for here, there in read_only.items()]
    with own_group() as group, tempfile.TemporaryFile("w+") as console:
        # Who started it may be killed: `unshare` dies with its parent, and with it all processes of its namespace.
        mortal = ["setpriv", "--pdeathsig=KILL", "unshare", "--pid", "--mount-proc", "--fork", "--kill-child"]
        grouped = ["sh", "-c", OWN_GROUP, str(group)]
        nspawn = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--console=pipe"]
        where = [f"--directory={root}", "--read-only", "--volatile=overlay", *places, "--boot"]
        with subprocess.Popen(
            [*mortal, *grouped, *nspawn, *where],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=subprocess.STDOUT,
        ) as process:
            try:
                yield up(process, console)
            finally:
                for pid in children(process.pid) or [process.pid]:  # `unshare` ends when what it has started does
                    os.kill(pid, signal.SIGKILL)


def debian_root() -> Path:
    """The cached root, made when there is none; raises CannotBootError."""
    for tool, package in TOOLS.items():
        if shutil.which(tool) is None:
            raise CannotBootError(f"{tool} is not there; install it with: sudo apt-get install {package}")
    made = subprocess.run([sys.executable, str(MAKER), "systemd"], capture_output=True, text=True, check=False)
    if made.returncode:
        raise CannotBootError(made.stderr.strip())
    return Path(made.stdout.strip())


@contextmanager
def own_group() -> Iterator[Path]:
    """A control group for one machine, gone afterwards; raises CannotBootError."""
    tree = Path("/run") / f"pi5-test-{uuid.uuid4().hex[:12]}"
    tree.mkdir()
    try:
        mounted = subprocess.run(
            ["mount", "-t", "cgroup2", "none", str(tree)], capture_output=True, text=True, check=False
        )
        if mounted.returncode:
            raise CannotBootError(f"control groups cannot be had: {mounted.stderr.strip()}")
        group = tree / tree.name
        group.mkdir()
        try:
            yield group
        finally:
            end_all(group)
            subprocess.run(["umount", str(tree)], check=True)
    finally:
        tree.rmdir()


def end_all(group: Path) -> None:
    """Wait until nothing runs in a control group and those within it, and remove them."""
    deadline = time.monotonic() + STEP_TIMEOUT_S
    while "populated 1" in (group / "cgroup.events").read_text(encoding="ascii"):
        assert time.monotonic() < deadline, f"processes in {group} do not end"
        time.sleep(0.05)
    for folder, _folders, _files in os.walk(group, topdown=False):
        Path(folder).rmdir()


def up(process: subprocess.Popen[bytes], console: IO[str]) -> Machine:
    """Wait until systemd has started everything; raises CannotBootError."""
    deadline = time.monotonic() + BOOT_TIMEOUT_S
    said = ""
    while time.monotonic() < deadline and process.poll() is None:
        for init in [init for nspawn in children(process.pid) for init in children(nspawn)]:
            machine = Machine(init)
            # Before its bus is there, the first process answers nobody.
            said = machine.run("systemctl", "is-system-running", "--wait", may_fail=True)
            if said == "running":
                return machine
        time.sleep(0.1)
    console.seek(0)
    raise CannotBootError(f"the machine does not come up ({said or 'no answer'}): {console.read()[-2000:]}")


def children(pid: int) -> list[int]:
    """What a process has started, if it still runs."""
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    return []
