"""Where to cut, what the part would be, and what to do with it."""

from collections.abc import Mapping, Sequence
from itertools import chain, islice
from pathlib import Path

import pandas as pd
import streamlit as st

from graphdebug.api.models import model_of
from graphdebug.api.parts import cut_of
from graphdebug.edit.editor import Editor
from graphdebug.edit.extraction import ExtractPart, InputType
from graphdebug.edit.recipe import Recipe, Source, to_json
from graphdebug.edit.targets import Value, value_target
from graphdebug.extract.places import ends_of, neighbourhood
from graphdebug.model.cutting import Cut, cut, explain, owner, sufficient, untyped
from graphdebug.model.document import Model
from graphdebug.model.index import GraphIndex
from graphdebug.model.records import ValueType
from graphdebug.model.refs import MAIN_GRAPH, TensorRef
from graphdebug.model.tensors import payload_bytes
from graphdebug.model.units import size_text
from graphdebug.ui import edit_session, state
from graphdebug.ui.boundary_form import boundary_form
from graphdebug.ui.edit_outcome import downloads
from graphdebug.ui.name_column import full_names, name_cells, name_column
from graphdebug.ui.name_list import name_list
from graphdebug.ui.recipe_form import recipe_form
from graphdebug.ui.state import Choice
from graphdebug.ui.table_height import table_height
from graphdebug.ui.unknown_types import unknown_types
from graphdebug.ui.words import dtype, plain, plural, shape
from graphdebug.view.labels import shortened
from graphdebug.view.selection import nodes_of
from graphdebug.workspace.entries import ModelEntry

_MOST_VALUES = 400
_MOST_HOPS = 50
_MOST_SETS = 4
_NAME = 200
"""Pixels of the column of names."""


def part_bar(entry: ModelEntry) -> None:
    """When the open model is a part that was cut out: say so, and offer it and the ways back."""
    cut_at = cut_of(state.workspace(), entry)
    if reason := edit_session.refused():
        st.error(plain(reason), icon=":material/block:")
    if cut_at is None:
        return
    since = entry.position - cut_at - 1
    with st.container(border=True):
        nodes = plural(len(model_of(entry).graphs[MAIN_GRAPH].nodes), "node")
        changed = f", {plural(since, 'change')} since it was cut out" if since else ""
        st.markdown(f":material/content_cut: **This is a part**: {nodes}{changed}.")
        with st.container(horizontal=True, gap="small"):
            if since and st.button(
                "Put it back",
                icon=":material/input:",
                help="Into an edited copy of the whole; this part stays as it is",
            ):
                edit_session.put_back(entry)
                st.rerun()
            st.button(
                "Undo the cut",
                icon=":material/undo:",
                on_click=edit_session.go_to,
                args=(entry, cut_at),
                type="tertiary",
            )
            downloads(entry)


def cut_form(entry: ModelEntry, choice: Choice | None) -> None:
    """Ask where to cut; say what the part would be; cut it out or record its boundary."""
    model, graph = model_of(entry), state.parameter("graph") or MAIN_GRAPH
    if graph not in model.graphs:
        return
    _around_form(model, graph, choice)
    _ends_form(entry, model.graphs[graph])
    starts, ends = state.cut_ends()
    if not starts and not ends:
        st.caption(
            "Choose a node or tensor in the graph and press **[** to cut *from here*, **]** to cut *to here*; or "
            "select nodes and press **x** to cut around them. The part is marked before anything is done."
        )
        return
    found = _cut(entry.id, entry.revision, graph, starts, ends, entry)
    _summary(model, found)
    _explained(entry, model, found)
    _boundary(model, found)
    if found.needs or not found.ends:
        return
    unknown = untyped(model, found)
    needed = [name for name in unknown if name in found.starts]  # types of the others may follow
    types = unknown_types(entry, graph, unknown, needed)
    _extract(entry, model, found, types)
    boundary_form(entry, found, lambda: part_of(model, found, types or {}))


@st.cache_resource(max_entries=32, show_spinner="Following the edges…")
def _cut(
    model_id: str, revision: int, graph: str, starts: tuple[str, ...], ends: tuple[str, ...], _entry: ModelEntry
) -> Cut:
    return cut(model_of(_entry), graph, starts, ends)


@st.cache_resource(max_entries=32, show_spinner="Looking for what would suffice…")
def _sufficient(found: Cut, model_id: str, revision: int, _entry: ModelEntry) -> tuple[tuple[str, ...], ...]:
    model = model_of(_entry)
    return sufficient(model, found, model.types)


def part_of(model: Model, found: Cut, types: Mapping[str, InputType], *, keep_unused: bool = False) -> ExtractPart:
    """Return the operation that cuts a part out, its values said so that another export has them, too."""
    editor = Editor(model)

    def targets(names: Sequence[str]) -> tuple[Value, ...]:
        homes = [owner(model, found.graph, name) for name in names]
        return tuple(
            value_target(editor, TensorRef(home.path if home else found.graph, name))
            for home, name in zip(homes, names, strict=True)
        )

    return ExtractPart(
        inputs=targets(found.starts), outputs=targets(found.ends), keep_unused=keep_unused, types=dict(types)
    )


def _around_form(model: Model, graph: str, choice: Choice | None) -> None:
    """Offer to cut around what is selected or chosen, and so many edges around it."""
    ids = state.selection() or ((choice.id,) if choice else ())
    nodes = nodes_of(model, graph, ids)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        pressed = st.button(
            f"Cut around {plural(len(nodes), 'node')}" if nodes else "Cut around nodes",
            icon=":material/select_all:",
            disabled=not nodes,
            help="Where edges cross the border of what is selected; a group stands for all in it",
        )
        st.markdown("and", width="content")
        hops = st.number_input("Hops", 0, _MOST_HOPS, 0, key="cut:hops", width=110, label_visibility="collapsed")
        st.markdown("hops", width="content", help="Also what is so many edges away")
    if pressed:
        entering, leaving = ends_of(model, graph, neighbourhood(model.graphs[graph], nodes, int(hops)))
        state.set_cut_ends([ref.name for ref in entering], [ref.name for ref in leaving])
        st.rerun(scope="fragment")


def _ends_form(entry: ModelEntry, index: GraphIndex) -> None:
    """Show from where and to where to cut, and let it be changed by name."""
    known = list(islice(chain(index.inputs, index.outputs, index.producer), _MOST_VALUES))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        recipe_form(entry, "Saved cut")
        if st.button("Clear", type="tertiary", icon=":material/close:", disabled=not any(state.cut_ends())):
            state.set_cut_ends((), ())
            st.rerun(scope="fragment")
    starts, ends = state.cut_ends()
    for label, current, take, hint in (
        ("From", starts, _take_starts, "the graph's inputs, as far as they are needed"),
        ("To", ends, _take_ends, "its outputs, as far as they depend"),
    ):
        options = list(dict.fromkeys([*current, *known]))
        key = f"cut:{label}:{entry.id}:{index.path}"
        name_list(label, options, current, key=key, change=take, placeholder=hint, new=True)


def _take_starts(gone: tuple[str, ...], new: tuple[str, ...]) -> None:
    starts, ends = state.cut_ends()
    state.set_cut_ends([*(name for name in starts if name not in gone), *new], ends)


def _take_ends(gone: tuple[str, ...], new: tuple[str, ...]) -> None:
    starts, ends = state.cut_ends()
    state.set_cut_ends(starts, [*(name for name in ends if name not in gone), *new])


def _summary(model: Model, found: Cut) -> None:
    """Say how large the part is, in a line."""
    index = model.graphs[found.graph]
    homes = ((owner(model, found.graph, name), name) for name in found.initializers)
    stored = sum(
        payload_bytes(home.initializers[name]) for home, name in homes if home is not None and name in home.initializers
    )
    st.markdown(
        f"**{plural(len(found.nodes), 'node')}** of {len(index.nodes):,} · {plural(len(found.starts), 'input')} · "
        f"{plural(len(found.ends), 'output')} · {plural(len(found.initializers), 'constant')}, {size_text(stored)}"
    )


def _explained(entry: ModelEntry, model: Model, found: Cut) -> None:
    """Say what is special about the cut, and offer what would mend it."""
    for sentence in explain(model, found):
        show = st.warning if found.needs or not found.ends else st.info
        show(plain(sentence), icon=":material/info:")
    if found.needs:
        sets = _sufficient(found, entry.id, entry.revision, entry)[:_MOST_SETS]
        if not sets:
            st.caption("Nothing that could be an input would make up for that.")
        for at, names in enumerate(sets):
            said = ", ".join(shortened(name, 40) for name in names[:3]) + (" …" if len(names) > 3 else "")
            st.button(
                f"Also from {plain(said)}",
                icon=":material/add:",
                key=f"cut:add:{at}",
                help=plain(", ".join(names[:20])),
                on_click=state.set_cut_ends,
                args=((*found.starts, *names), found.ends),
            )
    if found.unused:
        kept = [name for name in found.starts if name not in found.unused]
        st.button(
            f"Leave out {plural(len(found.unused), 'redundant input')}",
            icon=":material/remove:",
            on_click=state.set_cut_ends,
            args=(kept, found.ends),
        )


def _boundary(model: Model, found: Cut) -> None:
    """List what goes in and out, with types."""
    rows = [("in", name) for name in found.starts] + [("out", name) for name in found.ends]
    rows += [("missing", name) for name in found.needs]
    names = [name for _, name in rows]
    types = [_type(model, found.graph, name) for name in names]
    cells = name_cells(names, _NAME)
    st.dataframe(
        pd.DataFrame(
            {
                "": [role for role, _ in rows],
                "tensor": cells,
                "shape": [shape(kind) if kind else "?" for kind in types],
                "dtype": [dtype(kind) if kind else "?" for kind in types],
                **full_names(names, _NAME),
            }
        ),
        hide_index=True,
        height=table_height(len(rows)),
        column_config={"tensor": name_column("tensor", cells, _NAME)},
    )


def _type(model: Model, graph: str, name: str) -> ValueType | None:
    home = owner(model, graph, name)
    return model.types[home.path].get(name) if home is not None else None


def _extract(entry: ModelEntry, model: Model, found: Cut, types: Mapping[str, InputType] | None) -> None:
    """Offer to make a model of the part, once all types are known."""
    keep = bool(found.unused) and st.checkbox("Keep redundant inputs", key="cut:keep")
    with st.container(horizontal=True, gap="small"):
        pressed = st.button(
            "Cut it out", type="primary", icon=":material/content_cut:", key="cut:extract", disabled=types is None
        )
        st.download_button(
            "Save the cut",
            lambda: to_json(Recipe((part_of(model, found, types or {}, keep_unused=keep),), Source(entry.name))),
            f"{Path(entry.name).stem}.cut.json",
            "application/json",
            icon=":material/bookmark:",
            help="As a recipe that finds the same places in another export of the network",
            on_click="ignore",
        )
    if pressed:
        edit_session.cut_out(entry, part_of(model, found, types or {}, keep_unused=keep))
        st.rerun()
