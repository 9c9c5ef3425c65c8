"""The entry point: ``streamlit run app.py`` serves the pages and, beside them, graphdebug's own HTTP routes."""

import streamlit as st

from graphdebug.api.routes import routes
from graphdebug.ui.preload import preloading

app = st.App(
    "graphdebug/ui/main.py",
    routes=routes(st.get_option("server.allowedHosts"), st.get_option("server.baseUrlPath")),
    lifespan=preloading,
)
