"""A folder outside the clone for what takes long to make: made once, by one process, whole or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PARTIAL = ".partial-"


class CannotServeError(Exception):
    """No server can be had on this machine; says why."""


def folder() -> Path:
    """PI5_TEST_CACHE, else the user's cache, else (no home that can be written to) a temporary folder of the user's."""
    named = os.environ.get("PI5_TEST_CACHE") or os.environ.get("XDG_CACHE_HOME")
    base = Path(named) if named else Path(os.environ.get("HOME") or "/nonexistent") / ".cache"
    for place in (base / "pi5-tests", Path(tempfile.gettempdir()) / f"pi5-tests-{os.getuid()}"):
        try:
            place.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=place):
                return place
        except OSError:
            continue
    raise CannotServeError("neither the user's cache nor the temporary folder can be written to")


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """The cached folder `name`; when it is not there, `make` fills a temporary one that is then renamed.

    Of several processes one makes it and the others wait.
    """
    cache = folder()
    target = cache / name
    if target.is_dir():
        return target
    with locked(cache / f"{name}.lock"):
        if target.is_dir():
            return target
        for left_behind in cache.glob(f"{name}{PARTIAL}*"):
            remove(left_behind)
        partial = Path(tempfile.mkdtemp(prefix=f"{name}{PARTIAL}", dir=cache))
        partial.chmod(0o755)
        try:
            make(partial)
            partial.rename(target)
        except BaseException:
            remove(partial)
            raise
    return target


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that the kernel takes back when its holder dies."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def remove(path: Path) -> None:
    """Remove a folder; whatever an interrupted debootstrap mounted into it is taken off first."""
    for mounted in mounts_under(path):
        subprocess.run(["umount", "-l", mounted], check=False, capture_output=True)
    if not mounts_under(path):  # never delete through a mount
        shutil.rmtree(path, ignore_errors=True)


def mounts_under(path: Path) -> list[str]:
    """Mount points within a folder, the innermost first."""
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    points = [line.split(" ")[1] for line in lines]
    return sorted((point for point in points if point.startswith(f"{path}/")), reverse=True)
