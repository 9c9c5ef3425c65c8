"""The graph on a page: a canvas in plain ES modules (``js/``) and its Streamlit side."""

from graphdebug.ui.graph_view.column import graph_and_panel, graph_column
from graphdebug.ui.graph_view.component import Action, Overlay, graph_view
from graphdebug.ui.graph_view.overlays import Shade, overlay_of_nodes

__all__ = ["Action", "Overlay", "Shade", "graph_and_panel", "graph_column", "graph_view", "overlay_of_nodes"]
