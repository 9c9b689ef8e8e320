"""A replica of a running server: a copy of it, made as its owner would, that streams whatever comes after."""

from __future__ import annotations

import os
import subprocess
from urllib.parse import urlsplit

from cache import CannotServeError
from postgres import Cluster, Installation

SLOT = "pi2"


class Standby(Cluster):
    """Keeps up with the server at `primary`, through a slot there, and answers reads."""

    def __init__(self, installation: Installation, primary: str) -> None:
        self.primary = primary
        super().__init__(installation, preload=True, settings={})
        self.password = urlsplit(primary).password or ""

    def _init(self, settings: dict[str, str]) -> None:
        del settings  # it has those of its primary
        if self.installation.user:
            account = self.installation.account()
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        data = self.inside("data")
        command = [f"{self.installation.bin}/pg_basebackup", "-D", data, "-d", self.primary]
        done = subprocess.run(
            [*command, "-R", "-X", "stream", "-C", "-S", SLOT, "--checkpoint=fast", "--no-sync"],
            preexec_fn=self.installation.enter,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise CannotServeError(f"pg_basebackup failed: {done.stderr.strip()[-500:]}")
