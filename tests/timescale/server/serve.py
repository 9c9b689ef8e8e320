"""Serves a throw-away TimescaleDB: prints one JSON line that says where, and ends with its stdin.

A test session holds the other end of that pipe, so the server ends with the session however that ends.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import container
import debian
import pglite
import postgres
from cache import CannotServeError

if TYPE_CHECKING:
    from collections.abc import Callable


def apache(*, preload: bool, settings: dict[str, str]) -> tuple[str, str, Callable[[], None]]:
    """Where it is, what it is, how to stop it; of the first kind that can be had. Raises CannotServeError."""
    here = postgres.local()
    reasons = ["no PostgreSQL of this machine has the extension"]
    if here is not None:
        cluster = postgres.Cluster(here, preload=preload, settings=settings)
        return cluster.dsn, f"PostgreSQL of this machine in {here.bin}", cluster.stop
    if preload and not settings:
        try:
            dsn, stop = container.serve(pull=not debian.is_made())
        except CannotServeError as error:
            reasons.append(str(error))
        else:
            return dsn, f"container of {container.IMAGE}", stop
    try:
        root = debian.root()
    except CannotServeError as error:
        raise CannotServeError("; ".join([*reasons, str(error)])) from error
    installation = postgres.Installation("/usr/lib/postgresql/17/bin", root, "postgres")
    cluster = postgres.Cluster(installation, preload=preload, settings=settings)
    return cluster.dsn, f"Debian root in {root}", cluster.stop


def community(*, extension: bool) -> tuple[str, str, Callable[[], None]]:
    """The same for the Community edition, in PGlite; without the extension it is a server that lacks it."""
    process = subprocess.Popen(
        pglite.bridge(extension=extension), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise CannotServeError(f"PGlite does not start (exit code {process.wait()})")

    def stop() -> None:
        process.kill()
        process.wait()

    port = json.loads(line)["port"]
    # PGlite asks for a password and takes any.
    return f"postgresql://postgres:any@127.0.0.1:{port}/postgres?sslmode=disable", "PGlite in Node", stop


def tell(document: dict[str, str]) -> None:
    """One JSON line for whoever asked."""
    sys.stdout.write(f"{json.dumps(document)}\n")
    sys.stdout.flush()


def main() -> int:
    """Serve until stdin ends or a signal comes."""
    parser = argparse.ArgumentParser(prog="scripts/timescale", description=__doc__)
    parser.add_argument("edition", choices=("apache", "community", "without-extension", "prepare"))
    parser.add_argument("--no-preload", action="store_true", help="do not preload the extension's library")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the server")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settings = dict(one.split("=", 1) for one in asked.set)
    try:
        if asked.edition == "prepare":
            return prepare()
        if asked.edition == "apache":
            dsn, what, stop = apache(preload=not asked.no_preload, settings=settings)
        else:
            dsn, what, stop = community(extension=asked.edition == "community")
    except CannotServeError as error:
        tell({"error": str(error)})
        return 1
    try:
        tell({"dsn": dsn, "what": what})
        while sys.stdin.read(1):
            pass
    except KeyboardInterrupt:
        pass
    finally:
        stop()
    return 0


def prepare() -> int:
    """Fetch and build what serving needs, so that tests start at once."""
    for _, what, stop in (apache(preload=True, settings={}), community(extension=True)):
        stop()
        sys.stderr.write(f"timescale: {what}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
