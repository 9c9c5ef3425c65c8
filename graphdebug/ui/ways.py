"""What leads where: buttons beside the graph that let boxes stand out in it, written as searches (docs/search.md)."""

from uuid import uuid4

import streamlit as st

from graphdebug.ui import state
from graphdebug.ui.words import plain
from graphdebug.view.labels import shortened
from graphdebug.view.query import quoted

_LIT = "graphdebug.lit"


def ways(box: str, *, op: str = "") -> None:
    """Offer to show what leads to a box (its id), where it leads, and all nodes of its operator ``op``."""
    place = quoted(box)
    with st.container(horizontal=True, gap="small"):
        _button("Upstream", ":material/north:", f"to:{place}", "Let all that leads here stand out (u)")
        _button("Downstream", ":material/south:", f"from:{place}", "Let all that it leads to stand out (d)")
        if op:
            label = f"All {plain(shortened(op, 24))}"
            _button(label, ":material/filter_alt:", f"op:={quoted(op)}", "Let all nodes of this operator stand out (a)")


def uses(value: str) -> None:
    """Offer to show where a weight is used."""
    _button(
        "Show where it is used", ":material/filter_alt:", f"uses:{quoted(f'v:{value}')}", "Let its users stand out (a)"
    )


def standing_out(model_id: str) -> dict[str, str] | None:
    """Return what was last let stand out in a model's graph, for the graph view: seq, graph and the search."""
    lit: dict[str, str] | None = st.session_state.get(_LIT)
    return lit if lit is not None and lit["model"] == model_id else None


def _button(label: str, icon: str, search: str, help_: str) -> None:
    st.button(label, icon=icon, key=f"way-{icon}", type="tertiary", help=help_, on_click=_stand_out, args=(search,))


def _stand_out(search: str) -> None:
    place = {"model": state.parameter("model") or "", "graph": state.parameter("graph") or ""}
    st.session_state[_LIT] = {"seq": uuid4().hex[:8], "text": search, **place}
