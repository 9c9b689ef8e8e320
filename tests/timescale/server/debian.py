"""Debian roots, made by debootstrap once and kept: one with TimescaleDB to enter by chroot, one with systemd to boot.

As a program it prints where the root is that its argument names.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cache import CannotServeError, folder, made_once

UNNEEDED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache/apt", "var/lib/apt/lists")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
STEPS_TO_SHOW = 8


@dataclass(frozen=True)
class Recipe:
    """What goes into a root."""

    suite: str
    packages: tuple[str, ...]

    @property
    def name(self) -> str:
        """The cached root's name, which changes with what goes into it."""
        recipe = hashlib.sha256(repr((self.suite, self.packages, UNNEEDED)).encode()).hexdigest()[:12]
        return f"debian-{self.suite}-{os.uname().machine}-{recipe}"


TIMESCALE = Recipe("trixie", ("postgresql-17", "postgresql-17-timescaledb"))
# The root's Python is Debian's own: it loads the compiled libraries of this .venv if it is of the same version.
SUITES = {(3, 11): "bookworm", (3, 13): "trixie"}


def systemd() -> Recipe:
    """A root that boots, with a Python of this one's version; raises CannotServeError."""
    version = sys.version_info[:2]
    if version not in SUITES:
        raise CannotServeError(f"no Debian has Python {version[0]}.{version[1]}")
    return Recipe(SUITES[version], ("systemd-sysv", "dbus", "python3"))


def is_made(recipe: Recipe = TIMESCALE) -> bool:
    """Whether an earlier run left a root."""
    return (folder() / recipe.name).is_dir()


def root(recipe: Recipe = TIMESCALE) -> Path:
    """The root, made when there is none: some 90 seconds and 300 to 600 MB, once. Raises CannotServeError."""
    if os.getuid() != 0:
        raise CannotServeError("a Debian root needs root to be made and entered")
    if is_made(recipe):
        return folder() / recipe.name
    if shutil.which("debootstrap") is None:
        raise CannotServeError("debootstrap is not there; install it with: sudo apt-get install debootstrap")
    return made_once(recipe.name, lambda target: make(target, recipe))


def make(target: Path, recipe: Recipe) -> None:
    """Fill an empty folder with the root."""
    sys.stderr.write(f"debian: making a root with {recipe.packages[0]} in {target.parent}, once\n")
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(recipe.packages)}"]
    if KEYRING.exists():
        command.append(f"--keyring={KEYRING}")
    done = subprocess.run(
        [*command, recipe.suite, str(target), mirror()],
        env={**os.environ, **proxies(), "DEBIAN_FRONTEND": "noninteractive"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-STEPS_TO_SHOW:])
        raise CannotServeError(f"debootstrap failed:\n{last}")
    for unneeded in UNNEEDED:
        shutil.rmtree(target / unneeded, ignore_errors=True)


def mirror() -> str:
    """The Debian mirror that apt on this machine is told to use; raises CannotServeError."""
    fields = "$(REPO_URI)|$(LABEL)|$(COMPONENT)"
    found = [line.split("|") for line in told(["apt-get", "indextargets", "--format", fields, "Created-By: Packages"])]
    main = [uri for uri, label, component in found if component == "main" and label in {"Debian", ""}]
    plain = [uri for uri in main if "security" not in uri]
    if not plain:
        raise CannotServeError("apt knows no Debian mirror; run apt-get update and look at its sources")
    return plain[0]


def proxies() -> dict[str, str]:
    """The proxy that apt is told to use, for debootstrap's own downloads."""
    lines = told(["apt-config", "dump", "--format", "%f=%v%n", "Acquire::http::Proxy", "Acquire::https::Proxy"])
    pairs = [line.partition("=") for line in lines]
    return {f"{key.split('::')[1]}_proxy": value for key, _, value in pairs if value and value != "DIRECT"}


def told(command: list[str]) -> list[str]:
    """The lines that a program prints; none when it is not there."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split("\n")[:-1]
    except OSError:
        return []


def main() -> int:
    """Print where a root is."""
    parser = argparse.ArgumentParser(prog="scripts/debian", description=__doc__)
    parser.add_argument("what", choices=("timescale", "systemd"))
    asked = parser.parse_args()
    try:
        found = root(systemd() if asked.what == "systemd" else TIMESCALE)
    except CannotServeError as error:
        sys.stderr.write(f"debian: {error}\n")
        return 1
    sys.stdout.write(f"{found}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
