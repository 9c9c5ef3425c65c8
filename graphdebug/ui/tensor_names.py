"""Names of a model's tensors as pickers offer them."""

import streamlit as st

from graphdebug.api.models import model_of
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.ui.state import Choice
from graphdebug.workspace.entries import ModelEntry


@st.cache_resource(max_entries=8, show_spinner=False)
def _names(model_id: str, _entry: ModelEntry) -> tuple[str, ...]:
    index = model_of(_entry).graphs[MAIN_GRAPH]
    made = (name for node in index.order for name in index.nodes[node].output if name)
    return tuple(dict.fromkeys([*index.inputs, *made]))


def tensor_names(entry: ModelEntry) -> tuple[str, ...]:
    """Return the main graph's inputs and everything its nodes make, in topological order."""
    return _names(entry.id, entry)


def tensors_of(entry: ModelEntry, choice: Choice | None) -> tuple[str, ...]:
    """Return the main graph's tensors that a choice stands for: a value itself, a node's outputs; else nothing."""
    if choice is None or choice.graph != MAIN_GRAPH:
        return ()
    if choice.value is not None:
        return (choice.value,)
    nodes = model_of(entry).graphs[MAIN_GRAPH].nodes
    if choice.node is None or choice.node >= len(nodes):
        return ()
    return tuple(name for name in nodes[choice.node].output if name)
