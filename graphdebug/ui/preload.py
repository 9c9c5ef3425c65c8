"""What the first visitor would otherwise wait for, done while the browser still loads the page's frame."""

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from threading import Thread

import streamlit as st

from graphdebug.runtime.process import warm_up

_HEAVY = ("pandas", "graphdebug.ui.graph_view", "graphdebug.ui.choice_panel", "graphdebug.ui.overview")


@asynccontextmanager
async def preloading(_: st.App) -> AsyncIterator[None]:
    """As the server starts: have a worker stand by and the pages' libraries imported, in the background."""
    Thread(target=_get_ready, name="preload", daemon=True).start()
    yield


def _get_ready() -> None:
    warm_up()
    for name in _HEAVY:
        importlib.import_module(name)
