"""What the first visitor would otherwise wait for, done while the browser still loads the page's frame."""

import gc
import importlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from threading import Thread

import streamlit as st

from graphdebug.runtime.process import warm_up

_HEAVY = ("pandas", "graphdebug.ui.graph_view", "graphdebug.ui.choice_panel", "graphdebug.ui.overview")


@asynccontextmanager
async def preloading(_: st.App) -> AsyncIterator[None]:
    """As the server starts: have a worker stand by and the pages' libraries imported, in the background."""
    _send_at_once()
    Thread(target=_get_ready, name="preload", daemon=True).start()
    yield


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


def _get_ready() -> None:
    warm_up()
    for name in _HEAVY:
        importlib.import_module(name)
