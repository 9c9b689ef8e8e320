"""Serves a throw-away TimescaleDB: prints one JSON line that says where, and ends with its stdin.

A test session holds the other end of that pipe, so the server ends with the session however that ends.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import container
import debian
import pglite
import postgres
import standby
from cache import CannotServeError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Served:
    """A server: how its superuser connects, what it is, how it ends; a cluster of our own can crash and come back."""

    dsn: str
    what: str
    stop: Callable[[], None]
    cluster: postgres.Cluster | None = None

    def document(self) -> dict[str, str]:
        """What is told of it; `folder` and `inside` are its own folder as this machine and as the server see it."""
        told = {"dsn": self.dsn, "what": self.what}
        if self.cluster is not None:
            told |= {"folder": str(self.cluster.folder), "inside": self.cluster.inside("")}
        return told


def apache(*, preload: bool, settings: dict[str, str], own: bool, primary: str = "") -> Served:
    """The first kind of server that can be had; `own`: one that can crash. Raises CannotServeError.

    With a `primary`, which must be such a one, it is its replica.
    """

    def made(installation: postgres.Installation) -> postgres.Cluster:
        if primary:
            return standby.Standby(installation, primary)
        return postgres.Cluster(installation, preload=preload, settings=settings)

    here = postgres.local()
    reasons = ["no PostgreSQL of this machine has the extension"]
    if here is not None:
        cluster = made(here)
        return Served(cluster.dsn, f"PostgreSQL of this machine in {here.bin}", cluster.stop, cluster)
    if preload and not settings and not own:
        try:
            dsn, stop = container.serve(pull=not debian.is_made())
        except CannotServeError as error:
            reasons.append(str(error))
        else:
            return Served(dsn, f"container of {container.IMAGE}", stop)
    try:
        root = debian.root()
    except CannotServeError as error:
        raise CannotServeError("; ".join([*reasons, str(error)])) from error
    installation = postgres.Installation("/usr/lib/postgresql/17/bin", root, "postgres")
    cluster = made(installation)
    return Served(cluster.dsn, f"Debian root in {root}", cluster.stop, cluster)


def community(*, extension: bool) -> Served:
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
    return Served(f"postgresql://postgres:any@127.0.0.1:{port}/postgres?sslmode=disable", "PGlite in Node", stop)


def tell(document: dict[str, str]) -> None:
    """One JSON line for whoever asked."""
    sys.stdout.write(f"{json.dumps(document)}\n")
    sys.stdout.flush()


def obey(served: Served) -> None:
    """Do what comes in, a word a line, until there is no more: `crash`, `start`; each is answered by a line."""
    for line in sys.stdin:
        if served.cluster is None:
            tell({"error": f"{served.what} cannot {line.strip()}"})
            continue
        {"crash": served.cluster.crash, "start": served.cluster.start}[line.strip()]()
        tell(served.document())


def main() -> int:
    """Serve until stdin ends or a signal comes."""
    parser = argparse.ArgumentParser(prog="scripts/timescale", description=__doc__)
    parser.add_argument("edition", choices=("apache", "community", "without-extension", "prepare"))
    parser.add_argument("--own", action="store_true", help="a server that can crash and start again: no container")
    parser.add_argument("--standby-of", default="", metavar="DSN", help="a replica of that server, which is --own")
    parser.add_argument("--no-preload", action="store_true", help="do not preload the extension's library")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the server")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settings = dict(one.split("=", 1) for one in asked.set)
    try:
        if asked.edition == "prepare":
            return prepare()
        if asked.edition == "apache":
            served = apache(preload=not asked.no_preload, settings=settings, own=asked.own, primary=asked.standby_of)
        else:
            served = community(extension=asked.edition == "community")
    except CannotServeError as error:
        tell({"error": str(error)})
        return 1
    try:
        tell(served.document())
        obey(served)
    except KeyboardInterrupt:
        pass
    finally:
        served.stop()
    return 0


def prepare() -> int:
    """Fetch and build what serving needs, so that tests start at once."""
    for served in (apache(preload=True, settings={}, own=False), community(extension=True)):
        served.stop()
        sys.stderr.write(f"timescale: {served.what}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
