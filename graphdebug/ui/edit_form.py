"""Choosing what to do with what is chosen, and saying how: a form for every operation there is."""

import re
from collections.abc import Sequence

import msgspec
import streamlit as st

from graphdebug.api.models import model_of
from graphdebug.edit.errors import EditError
from graphdebug.edit.operation import Operation
from graphdebug.edit.operations import OPERATIONS
from graphdebug.edit.targets import Node, Value
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.ui import edit_session, state
from graphdebug.ui.edit_fields import Subject, field
from graphdebug.ui.state import Choice
from graphdebug.ui.words import plain, plural
from graphdebug.view.labels import shortened
from graphdebug.view.selection import nodes_of
from graphdebug.workspace.entries import ModelEntry

_WANTED = "graphdebug.edit.wanted"
_ABOUT = {Node: "node", tuple[Node, ...]: "nodes", Value: "value", tuple[Value, ...]: "values"}
_LINES = re.compile(r"\s+")


def edit_form(entry: ModelEntry, choice: Choice | None) -> None:
    """Offer what can be done with the choice, the selection or the model, and do it."""
    subject = _subject(entry, choice)
    offered = {_title(kind): kind for kind in OPERATIONS if _fits(kind, subject)}
    st.markdown(_about(subject))
    wanted = st.session_state.get(_WANTED)
    titles = list(offered)
    key = f"edit:what:{bool(subject.nodes)}:{bool(subject.values)}"
    if wanted in titles and st.session_state.get(key) != wanted and st.session_state.pop(_WANTED, None):
        st.session_state[key] = wanted
    title = st.selectbox("What to do", titles, key=key, placeholder="Choose or search", index=None)
    if title is None:
        st.caption("Choose a node, a tensor or several of them in the graph, then what to do with them.")
        return
    kind = offered[title]
    st.caption(_summary(kind))
    operation = _filled(kind, subject, f"edit:{title}:{entry.id}:{entry.revision}:{choice and choice.id}")
    if st.button("Apply", type="primary", icon=":material/check:", disabled=operation is None, key="edit-apply"):
        assert operation is not None
        if edit_session.do(entry, operation):
            st.rerun()
    if reason := edit_session.refused():
        st.error(plain(reason), icon=":material/block:")


def want(title: str) -> None:
    """Open the form of an operation, by its title, when the page is drawn next."""
    st.session_state[_WANTED] = title


def _filled(kind: type[Operation], subject: Subject, key: str) -> Operation | None:
    """Draw the fields of an operation; None when they do not make one yet."""
    said: dict[str, object] = {}
    try:
        for each in msgspec.structs.fields(kind):
            said[each.name] = field(each.type, each.name, each.default, subject, f"{key}:{each.name}", said)
        return kind(**said)
    except EditError as error:
        st.caption(f":orange[{plain(str(error))}]")
        return None


def _subject(entry: ModelEntry, choice: Choice | None) -> Subject:
    model = model_of(entry)
    graph = choice.graph if choice else state.parameter("graph") or MAIN_GRAPH
    if graph not in model.graphs:
        return Subject(model, MAIN_GRAPH)
    ids: Sequence[str] = state.selection() or ((choice.id,) if choice else ())
    index = model.graphs[graph]
    nodes = tuple(sorted(node for node in nodes_of(model, graph, ids) if node < len(index.nodes)))
    values = tuple(each[2:] for each in ids if each.startswith("v:"))
    return Subject(model, graph, nodes, values)


def _fits(kind: type[Operation], subject: Subject) -> bool:
    first = next(iter(msgspec.structs.fields(kind)), None)
    about = _ABOUT.get(first.type, "model") if first else "model"
    if about == "node":
        return len(subject.nodes) == 1
    if about == "nodes":
        return bool(subject.nodes)
    if about in ("value", "values"):
        return bool(subject.values) or len(subject.nodes) == 1
    return True


def _title(kind: type[Operation]) -> str:
    """``DeleteNode`` → ``Delete node``."""
    return re.sub(r"(?<=[a-z])([A-Z])", lambda match: f" {match[1].lower()}", kind.__name__)


def _summary(kind: type[Operation]) -> str:
    paragraphs = (kind.__doc__ or "").split("\n\n")
    return _LINES.sub(" ", paragraphs[0]).replace("``", "`")


def _about(subject: Subject) -> str:
    index = subject.index
    parts = []
    if len(subject.nodes) == 1:
        node = subject.nodes[0]
        parts.append(f"**{plain(index.nodes[node].op_type)}** {plain(shortened(index.names[node], 60))}")
    elif subject.nodes:
        parts.append(f"**{plural(len(subject.nodes), 'node')}**")
    if subject.values:
        parts.append(", ".join(f"**{plain(shortened(name, 40))}**" for name in subject.values[:3]))
    return " and ".join(parts) or f"**{plain(index.title)}**, nothing chosen"
