"""Where alerts go: addresses are secrets, so they live in a file of their own that only its owner can read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pi5_pipelines.errors import ConfigError

if TYPE_CHECKING:
    from pi5_pipelines.settings import AlertSettings

OTHERS = 0o077
KEY = "alerts.addresses_file"


def read_addresses(alerts: AlertSettings) -> list[str]:
    """The apprise addresses, one a line, `#` starts a remark; none when no file is named.

    Raises ConfigError when the named file is missing, readable by others, or empty.
    """
    if not alerts.addresses_file:
        return []
    path = Path(alerts.addresses_file).expanduser()
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{KEY} cannot be read: {error}", where=str(path), hint="make the file or clear the key"
        ) from (error)
    if mode & OTHERS:
        raise ConfigError(f"{KEY} is open to others than its owner", where=str(path), hint=f"run `chmod 600 {path}`")
    lines = [line.strip() for line in text.splitlines()]
    addresses = [line for line in lines if line and not line.startswith("#")]
    if not addresses:
        raise ConfigError(f"{KEY} holds no address", where=str(path), hint="write one apprise address a line")
    return addresses
