"""Uploaded feeds: a folder each, named after the content's digest. It belongs to the jobs whose requests name it."""

import re
import time
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import Connection, select

from graphdebug.workspace import schema
from graphdebug.workspace.disk import remove

_KEPT = 24 * 3600.0
"""Seconds that feeds stay which were uploaded, but not run with so far."""
_NAMED = re.compile(r"/feeds/([0-9a-f]{16})/?")


def named(*requests: str) -> set[str]:
    """Return the names of the feeds' folders that are in the JSON of requests."""
    return {name for request in requests for name in _NAMED.findall(request)}


def old(folder: Path) -> set[str]:
    """Return the names of the feeds below ``folder`` that no form has used for a day."""
    limit = time.time() - _KEPT
    return {each.name for each in folder.iterdir() if each.stat().st_mtime < limit}


def forget(connection: Connection, folder: Path, names: Iterable[str]) -> None:
    """Delete those feeds below ``folder`` that no job names. In a writing transaction: no job can begin meanwhile."""
    for name in names:
        users = (
            select(schema.jobs.c.id).where(schema.jobs.c.request.contains(f"/feeds/{name}", autoescape=True)).limit(1)
        )
        if connection.execute(users).first() is None:
            remove(folder / name)
