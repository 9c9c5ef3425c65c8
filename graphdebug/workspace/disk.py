"""The few things the workspace does with a disk, and what it says when the disk is full."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

_FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file grew too big",
}


class WorkspaceError(Exception):
    """The workspace could not do what was asked; the message is one sentence for the user."""


@contextmanager
def saying_what_is_wrong(doing: str) -> Iterator[None]:
    """Turn a full disk, a missing permission or a broken database into a sentence that begins with ``doing``."""
    try:
        yield
    except OSError as error:
        reason = _FULL.get(error.errno or 0) or (error.strerror or str(error)).lower()
        raise WorkspaceError(
            f"{doing} failed: {reason}. Nothing was changed; free some space or check the folder."
        ) from error
    except DBAPIError as error:
        reason = str(error.orig)
        if "is full" in reason or "disk I/O" in reason:  # the latter when there is no room for a file of SQLite's
            reason = "the disk is full. Nothing was changed; delete runs or models, or free some space"
        raise WorkspaceError(f"{doing} failed: {reason}.") from error


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder; 0 when it is not there."""
    if path.is_file():
        return path.stat().st_size
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += (Path(folder) / name).lstat().st_size
            except FileNotFoundError:
                continue  # a running job moved it away
    return total


def remove(path: Path) -> None:
    """Delete a folder or file and whatever is in it; a missing one is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def empty(folder: Path) -> None:
    """Delete whatever is in a folder, which stays."""
    for path in folder.glob("*"):
        remove(path)
