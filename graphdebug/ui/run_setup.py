"""The form that starts a run: which tensors, fed with what, on which backend."""

import streamlit as st

from graphdebug.runtime.requests import RunRequest
from graphdebug.ui import state
from graphdebug.ui.backend_form import backend_form, missing_of, spec_title
from graphdebug.ui.feeds_form import missing_files
from graphdebug.ui.job_page import start_job
from graphdebug.ui.last_feeds import ask_feeds
from graphdebug.ui.name_list import name_list
from graphdebug.ui.selected import selected_tensors
from graphdebug.ui.state import Choice
from graphdebug.ui.tensor_names import tensor_names, tensors_of
from graphdebug.ui.words import plain, plural
from graphdebug.view.labels import shortened
from graphdebug.workspace.entries import ModelEntry

_WHAT = {"picked": "Picked", "selected": "Selected", "outputs": "Outputs", "all": "All"}
_MODES = {
    "isolated": "Every tensor is exposed as an output. This keeps the engine from fusing across it.",
    "deployed": "The engine optimises first; tapped is what survives. The rest is reported as fused away.",
}
_SHOWN = 12
"""Names of selected tensors that are written out."""
_LISTED = 20_000
"""Names that a pick list can hold before the browser gets slow."""
_CHIPS = 400
"""Picked ones that it can show."""


def run_setup(entry: ModelEntry, choice: Choice | None) -> None:
    """Ask for everything a run needs and start it; then open it."""
    selected = selected_tensors(entry)
    is_selected = selected or state.marks_are_lost()  # what was lost the browser is about to tell
    start = "selected" if is_selected and not state.picked_tensors() else "picked"
    what = st.segmented_control(
        "Tensors to record", list(_WHAT), format_func=_WHAT.__getitem__, default=start, required=True, key="run:what"
    )
    with st.container():  # always there: the fields below must not be new ones when it empties
        if what == "picked":
            _pick(entry, choice)
        elif what == "selected":
            _list_selected(selected)
    with st.expander("Inputs", icon=":material/input:", expanded=not state.result_id("run")):
        feeds = ask_feeds(entry, "run")
    with st.expander("Backend", icon=":material/memory:"):
        spec = backend_form("onnxruntime", f"run:{entry.id}")
        mode = st.radio(
            "How tensors are tapped", list(_MODES), captions=list(_MODES.values()), key="run:mode", horizontal=False
        )
    tensors = {"picked": state.picked_tensors(), "selected": selected}.get(what, ())
    untapped = what != "all" and not tensors
    missing = missing_files(feeds)
    for name in missing:
        st.warning(f"Choose a file for input {plain(name)}.", icon=":material/upload_file:")
    if what in ("picked", "selected") and not tensors:
        st.caption(f"Nothing is {what}: the model's outputs will be recorded.")
    wanting = bool(missing or missing_of(spec))
    if st.button("Run", type="primary", icon=":material/play_arrow:", disabled=wanting, width="stretch"):
        count = "outputs" if untapped else plural(len(tensors), "tensor") if tensors else "all tensors"
        request = RunRequest(entry.location, spec, feeds, tensors or None, "plain" if untapped else mode)
        start_job("run", request, entry, f"{count} of {entry.name} on {spec_title(spec)}")


def _pick(entry: ModelEntry, choice: Choice | None) -> None:
    """Show the picked tensors with ways to add and remove."""
    names, picked = tensor_names(entry), state.picked_tensors()
    if len(names) <= _LISTED and len(picked) <= _CHIPS:
        name_list(
            "Picked tensors",
            names,
            picked,
            key=f"run:picked:{entry.id}",
            change=_take,
            placeholder="Type a name, or choose nodes and tensors in the graph",
            label_visibility="collapsed",
        )
    else:
        st.caption(f"{plural(len(picked), 'tensor')} picked. They are too many to list: choose in the graph and tap.")
    chosen = [name for name in tensors_of(entry, choice) if name not in picked]
    with st.container(horizontal=True, gap="small"):
        label = f"Tap {plain(shortened(chosen[0], 28))}" if chosen else "Tap the chosen tensor"
        tip = "Choose a node or a tensor in the graph first." if not chosen else "Adds what is chosen in the graph."
        st.button(label, icon=":material/add:", on_click=state.pick, args=chosen, disabled=not chosen, help=tip)
        outputs = [value.name for value in entry.record.summary.outputs]
        st.button("Pick outputs", on_click=state.pick, args=outputs)
        st.button("Clear", on_click=state.set_picked_tensors, args=((),), disabled=not picked)


def _list_selected(names: tuple[str, ...]) -> None:
    """Say which tensors are selected in the graph."""
    if not names:
        st.caption("Shift-click nodes, groups or lines in the graph, or drag around them with Shift.")
        return
    shown = " ".join(f":gray-badge[{plain(shortened(name, 28))}]" for name in names[:_SHOWN])
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    st.markdown(f"{shown}{more}")


def _take(gone: tuple[str, ...], new: tuple[str, ...]) -> None:
    state.unpick(*gone)
    state.pick(*new)
