"""Files that survive a power cut: written beside, flushed to the device, then renamed into place."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def fsync_dir(path: Path) -> None:
    """Flush a folder's entries (new names, renames, removals) to the device."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fsync_file(path: Path) -> None:
    """Flush a finished file's content to the device."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_durably(temporary: Path, path: Path) -> None:
    """Move a finished temporary file of the same folder over `path`; after return it outlives a power cut."""
    fsync_file(temporary)
    temporary.replace(path)
    fsync_dir(path.parent)


def write_bytes_durably(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Write a whole file so that readers, and a power cut, see the old content or the new, never a part.

    Only its owner may read it, unless `mode` says otherwise.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    temporary = path.parent / os.path.basename(name)  # noqa: PTH119 - mkstemp answers a string
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
        replace_durably(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a full disk is reported without the place
        raise
