"""What the first visitor would otherwise wait for."""

import gc
import importlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from threading import Timer

import streamlit as st

from graphdebug.runtime.process import warm_up
from graphdebug.ui.reruns import mend_reruns
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.store import open_workspace

_HEAVY = ("graphdebug.ui.graph_view", "graphdebug.ui.choice_panel", "graphdebug.ui.overview")
_SPARE_AFTER = 3.0
"""Seconds: the browser that opens the first page needs every core, and nobody starts a job sooner."""

_OBJECTS_BETWEEN_COLLECTIONS = 50_000


@asynccontextmanager
async def preloading(_: st.App) -> AsyncIterator[None]:
    """Before the server answers: import what pages need and open the workspace. A worker stands by a little later."""
    mend_reruns()
    _send_at_once()
    _look_for_cycles_less_often()
    with suppress(WorkspaceError):  # the page says what is wrong with it
        open_workspace()
    for name in _HEAVY:
        importlib.import_module(name)
    later = Timer(_SPARE_AFTER, warm_up)
    later.daemon = True
    later.start()
    yield


def _look_for_cycles_less_often() -> None:
    """Let the garbage collector run after so many new objects, not after every 700.

    A graph and its layout are millions of objects without a cycle: looking for one took a quarter of the time.
    """
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)


def _send_at_once() -> None:
    """Turn Nagle's algorithm off for the connections that will be accepted: they inherit it from the listening socket.

    asyncio does so itself, but only for sockets whose protocol was named when they were made; Streamlit's is not. Each
    small answer on a connection that stays open then waits 40 ms for the browser's delayed acknowledgement.
    """
    for each in gc.get_objects():
        if isinstance(each, socket.socket) and each.fileno() >= 0 and each.family in (socket.AF_INET, socket.AF_INET6):
            with suppress(OSError):
                if each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
