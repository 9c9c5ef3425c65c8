"""Choosing what to do with what is chosen, and saying how: a form for every operation there is."""

import re
from collections.abc import Mapping, Sequence
from functools import partial

import msgspec
import streamlit as st

from graphdebug.api.models import model_of
from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.nodes import DeleteDead, DeleteNode
from graphdebug.edit.operation import Operation
from graphdebug.edit.operations import OPERATIONS
from graphdebug.edit.simplifying import Simplify
from graphdebug.edit.targets import Node, Value, node_target
from graphdebug.model.refs import MAIN_GRAPH, NodeRef
from graphdebug.ui import edit_session, state
from graphdebug.ui.edit_fields import Subject, field
from graphdebug.ui.graph_view.component import Action
from graphdebug.ui.last_feeds import feeds_to_run
from graphdebug.ui.simplifiers import simplifiers_view
from graphdebug.ui.state import Choice
from graphdebug.ui.words import plain, plural
from graphdebug.view.labels import shortened
from graphdebug.view.selection import nodes_of
from graphdebug.workspace.entries import ModelEntry

_WANTED = "graphdebug.edit.wanted"
_ABOUT = {Node: "node", tuple[Node, ...]: "nodes", Value: "value", tuple[Value, ...]: "values"}
_LINES = re.compile(r"\s+")
_QUICK = {
    "Insert node": ":material/add:",
    "Delete node": ":material/delete:",
    "Set operator": ":material/swap_horiz:",
    "Set attribute": ":material/tune:",
    "Insert cast": ":material/transform:",
    "Set type": ":material/data_array:",
}
_ASIDE = ("domain", "name", "slot", "inputs", "dead", "outputs")
"""Fields that are seldom needed."""


def edit_form(entry: ModelEntry, choice: Choice | None) -> None:
    """Offer what can be done with the choice, the selection or the model, and do it."""
    subject = _subject(entry, choice)
    offered = {_title(kind): kind for kind in OPERATIONS if _fits(kind, subject)}
    st.markdown(_about(subject))
    wanted = st.session_state.get(_WANTED)
    titles = list(offered)
    key = f"edit:what:{bool(subject.nodes)}:{bool(subject.values)}"
    if wanted in titles:
        st.session_state[key] = st.session_state.pop(_WANTED)
    _quick(offered, key)
    title = st.selectbox("What to do", titles, key=key, placeholder="Choose or search", index=None)
    if title is None:
        st.caption("Choose a node, a tensor or several of them in the graph, then what to do with them.")
        return
    kind = offered[title]
    st.caption(_summary(kind))
    operation = _filled(kind, subject, f"edit:{title}:{entry.id}:{entry.position}:{choice and choice.id}")
    if isinstance(operation, Simplify):
        simplifiers_view(entry, operation.largest)
    compared = kind.keeps_results and st.checkbox(
        "Run before and after it",
        True,
        help="On the same feeds, in the background. History says by how much the outputs differ.",
        key="edit:compared",
    )
    if reason := edit_session.refused():
        st.error(plain(reason), icon=":material/block:")
    if st.button("Apply", type="primary", icon=":material/check:", disabled=operation is None, key="edit-apply"):
        assert operation is not None
        edit_session.do(entry, operation, feeds_to_run(entry) if compared else None)
        st.rerun()


def edit_actions(entry: ModelEntry) -> tuple[Action, ...]:
    """Return what can be done in the graph itself, by key or menu."""

    def delete(ids: tuple[str, ...]) -> str | None:
        model, graph = model_of(entry), state.parameter("graph") or MAIN_GRAPH
        nodes = sorted(nodes_of(model, graph, ids))
        if not nodes:
            return "Choose or select nodes first."
        editor = Editor(model)
        targets = tuple(node_target(editor, NodeRef(graph, node)) for node in nodes)
        operation = DeleteNode(node=targets[0]) if len(targets) == 1 else DeleteDead(nodes=targets)
        return None if edit_session.do(entry, operation) else edit_session.refused()

    return (
        Action("delete", "Delete", "Delete these nodes; of one, its input takes its place", delete, key="Delete"),
        *(
            Action(name, label, help_, partial(_want, title))
            for name, label, help_, title in (
                ("insert", "Insert after…", "Insert a node behind what this makes", "Insert node"),
                ("operator", "Change operator…", "Make it a node of another operator", "Set operator"),
            )
        ),
    )


def _want(title: str, _: tuple[str, ...]) -> None:
    """Open the form of an operation, by its title, when the page is drawn next."""
    st.session_state[_WANTED] = title


def _quick(offered: Mapping[str, object], key: str) -> None:
    """Offer what is done most."""
    with st.container(horizontal=True, gap="xsmall"):
        for title, icon in _QUICK.items():
            if title in offered:
                st.button(
                    title, icon=icon, key=f"quick:{title}", on_click=st.session_state.update, args=({key: title},)
                )


def _filled(kind: type[Operation], subject: Subject, key: str) -> Operation | None:
    """Draw the fields of an operation; None when they do not make one yet."""
    said: dict[str, object] = {}
    try:
        fields = msgspec.structs.fields(kind)
        main = [each for each in fields if each.required or each.name not in _ASIDE]
        for each in main:
            said[each.name] = field(kind, each.name, each.type, _default(each), subject, f"{key}:{each.name}", said)
        if len(main) < len(fields):
            with st.expander("More"):
                for each in fields:
                    if each not in main:
                        name = each.name
                        said[name] = field(kind, name, each.type, _default(each), subject, f"{key}:{name}", said)
        return kind(**said)
    except EditError as error:
        st.caption(f":orange[{plain(str(error))}]")
        return None


def _default(field: msgspec.structs.FieldInfo) -> object:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


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
