"""The form that starts a run: which tensors, fed with what, on which backend."""

import streamlit as st

from graphdebug.runtime.requests import FeedSpec, RunRequest
from graphdebug.ui import state
from graphdebug.ui.backend_form import backend_form, spec_title
from graphdebug.ui.feeds_form import feeds_form, missing_files, usual_feeds
from graphdebug.ui.job_page import start_job
from graphdebug.ui.results import remember_feeds, remembered_feeds
from graphdebug.ui.selected import selected_tensors
from graphdebug.ui.state import Choice
from graphdebug.ui.tensor_names import tensor_names, tensors_of
from graphdebug.ui.words import plain, plural
from graphdebug.view.labels import shortened
from graphdebug.workspace.entries import ModelEntry

_JOB = "graphdebug.runtime.run:run_job"
_WHAT = {"picked": "Picked", "selected": "Selected", "outputs": "Outputs", "all": "All"}
_MODES = {
    "isolated": "Every tensor is exposed as an output. This keeps the engine from fusing across it.",
    "deployed": "The engine optimises first; tapped is what survives. The rest is reported as fused away.",
}
_LIST = "run:picked"
"""In the session: what the list of picked tensors shows, and its generation."""
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
        feeds = _feeds(entry)
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
    if st.button("Run", type="primary", icon=":material/play_arrow:", disabled=bool(missing), width="stretch"):
        count = "outputs" if untapped else plural(len(tensors), "tensor") if tensors else "all tensors"
        request = RunRequest(entry.location, spec, feeds, tensors or None, "plain" if untapped else mode)
        start_job("run", _JOB, request, entry, f"{count} of {entry.name} on {spec_title(spec)}")


def _pick(entry: ModelEntry, choice: Choice | None) -> None:
    """Show the picked tensors with ways to add and remove."""
    names, picked = tensor_names(entry), state.picked_tensors()
    if len(names) <= _LISTED and len(picked) <= _CHIPS:
        known = set(names)
        generation = _generation(picked)
        key = f"run:picked:{entry.id}:{generation}"
        st.multiselect(
            "Picked tensors",
            names,
            [name for name in picked if name in known],
            key=key,
            placeholder="Type a name, or choose nodes and tensors in the graph",
            on_change=_take_from_list,
            args=(key, generation),
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


def _generation(picked: tuple[str, ...]) -> int:
    """Return a number that changes when tensors were picked elsewhere than in the list.

    The list is a new widget then: an answer of the old one that is still under way cannot undo what was picked.
    """
    shown, generation = st.session_state.get(_LIST, ((), 0))
    if shown != picked:
        generation += 1
        st.session_state[_LIST] = (picked, generation)
    return int(generation)


def _take_from_list(key: str, generation: int) -> None:
    picked = tuple(st.session_state[key])
    st.session_state[_LIST] = (picked, generation)
    state.set_picked_tensors(picked)


def _feeds(entry: ModelEntry) -> FeedSpec:
    inputs = entry.record.summary.inputs
    if not inputs:
        st.caption("This model takes no inputs.")
        return FeedSpec()
    usual = usual_feeds(entry.id, entry)
    feeds = feeds_form(state.workspace(), inputs, remembered_feeds(entry.id), f"run:feeds:{entry.id}", usual)
    remember_feeds(entry.id, feeds)
    return feeds
