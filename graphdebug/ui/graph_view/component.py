"""The graph view as a Streamlit component: what Python tells it, and what it tells Python.

The browser fetches scenes itself (``graphdebug.api.graph``); what passes here is small: which model, what to show as
chosen and marked, which colours to lay over the boxes, and, back, what was chosen, marked and asked for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from json import dumps
from pathlib import Path
from typing import Any
from uuid import uuid4

import streamlit as st

from graphdebug.api.static import module_path, module_paths
from graphdebug.report.colors import DARK
from graphdebug.ui import state
from graphdebug.ui.marks import box_ids
from graphdebug.ui.state import Choice
from graphdebug.ui.ways import standing_out
from graphdebug.workspace.entries import ModelEntry

_HERE = Path(__file__).parent
_SEEN = "graphdebug.graph_view.seen"
_SEEN_MARKS = "graphdebug.graph_view.seen_marks"
_SAID = "graphdebug.graph_view.said"
_HEARD = "graphdebug.graph_view.heard"
_DRAWN = "graphdebug.graph_view.drawn"

# Streamlit calls the default export again with the same parent whenever the data or the theme changes; its clean-up
# then runs first, so the view is taken down only when its parent is really gone.
_LOADER = """
for (const path of MODULES) {  // all at once: each would else be asked for when the one that imports it has come
  const link = document.createElement("link");
  link.rel = "modulepreload";
  link.href = new URL(path, document.baseURI).href;
  document.head.append(link);
}
const view = import(new URL("VIEW", document.baseURI).href);
export default function ({ data, parentElement, setTriggerValue }) {
  view.then(({ mount }) => mount(parentElement, data, (messages) => setTriggerValue("told", messages)));
  return () => setTimeout(() => {
    if (!(parentElement.host ?? parentElement).isConnected) view.then(({ unmount }) => unmount(parentElement));
  });
}
"""


@dataclass(frozen=True, slots=True)
class Overlay:
    """Colours and texts laid over the graph, by box id (``n:12``, ``s:group``, ``v:value``).

    ``colors`` and ``legend`` (label, colour) take CSS colours; boxes without one are drawn neutral, and so is a swatch
    of the legend. ``texts`` are shown under the pointer. ``marks`` are colours of a dot at a box's corner. The legend
    shows only with entries. Colours of a scale have others in their place on a dark ground (`report.colors.DARK`).
    """

    title: str = ""
    legend: tuple[tuple[str, str], ...] = ()
    colors: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    marks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Action:
    """Something to do with what is selected: a button in the bar over the graph, an entry in a box's menu, a key.

    ``run`` gets the ids of boxes: what is selected, else what is chosen, or the box whose menu was used. ``main_only``
    actions are not offered in nested graphs and functions. ``key`` must not be one of the view's own. What ``run``
    returns is said to the user.
    """

    name: str
    label: str
    help: str
    run: Callable[[tuple[str, ...]], str | None]
    key: str = ""
    main_only: bool = False


def graph_view(
    entry: ModelEntry,
    *,
    key: str,
    overlay: Overlay | None = None,
    height: int | None = None,
    on_choice: Callable[[], None] | None = None,
    actions: Sequence[Action] = (),
) -> Choice | None:
    """Show the graph of a model and return what is chosen in it: the app's one choice (``ui.state``), on every page.

    What is selected and where to cut (``state.marks``) is the same on every page, too.

    Args:
        entry: a model of the workspace.
        key: the widget's key; pan, zoom and expansion are kept by model, whatever the key.
        overlay: colours to lay over the boxes.
        height: in pixels; as high as the window allows by default.
        on_choice: called after a choice made in the graph, before the page runs again.
        actions: what can be done here with what is selected.
    """

    takers = {"choice": lambda told: take_choice(entry.id, told, on_choice, actions), "drawn": drawn}
    component("view", "graph_view.css")(
        key=key,
        data=view_data(entry, overlay, height=height, actions=actions),
        on_told_change=lambda: hear(key, takers),
        height="content",
    )
    if said := st.session_state.pop(_SAID, None):
        st.toast(said)
    return state.choice()


def view_data(
    entry: ModelEntry, overlay: Overlay | None, *, height: int | None = None, actions: Sequence[Action] = ()
) -> dict[str, Any]:
    """Return what the view of the open model is told: ``data`` of ``mount`` in ``js/view.js``."""
    return {
        **shown_model(entry),
        "select": _selection(entry.id),
        "marks": _marks(entry.id),
        "lit": standing_out(entry.id),
        "overlay": overlay_data(overlay),
        "height": height,
        "awaited": not is_drawn(),
        "actions": [
            {"name": each.name, "label": each.label, "help": each.help, "key": each.key, "main": each.main_only}
            for each in actions
        ],
    }


def shown_model(entry: ModelEntry) -> dict[str, Any]:
    """Return what says which model is shown; a view of a draft begins as that of its source was left."""
    return {"model": entry.id, "revision": entry.revision, "like": entry.source or None}


def hear(key: str, takers: Mapping[str, Callable[[Mapping[str, Any]], None]]) -> None:
    """Pass on what the component ``key`` told lately and nobody has heard, by what it is (``js/outbox.js``)."""
    try:
        lately = st.session_state[key].get("told") or ()
    except KeyError:  # the page changes just now: the view on the next one tells it again
        return
    for told in lately:
        if told["number"] > st.session_state.get(_HEARD, 0):
            st.session_state[_HEARD] = told["number"]
            if taker := takers.get(told["what"]):
                taker(told)


def take_choice(
    model_id: str, told: Mapping[str, Any], on_choice: Callable[[], None] | None = None, actions: Sequence[Action] = ()
) -> None:
    """Take over what was chosen, marked and asked for in the view of the open model."""
    if told["model"] != model_id:
        return
    _take(model_id, told)
    if on_choice is not None:
        on_choice()
    run = {action.name: action.run for action in actions}
    for asked in told["asked"]:
        if action := run.get(asked["act"]):
            st.session_state[_SAID] = action(box_ids(asked["ids"]))


def is_drawn() -> bool:
    """Say whether this session's browser has drawn a graph. What it must load much code for should wait until then."""
    return _DRAWN in st.session_state


def drawn(_: Mapping[str, Any]) -> None:
    """Take note that the browser has drawn a graph."""
    st.session_state[_DRAWN] = True


@cache
def component(module: str, *styles: str) -> Callable[..., Any]:
    """Register the component that ``js/<module>.js`` mounts, once a process."""
    renderer: Callable[..., Any] = st.components.v2.component(
        f"graphdebug.graph_{module}",
        css="".join((_HERE / style).read_text() for style in styles),
        js=_LOADER.replace("MODULES", dumps(module_paths("graph_view/js/"))).replace(
            "VIEW", module_path(f"graph_view/js/{module}.js")
        ),
    )
    return renderer


def _take(model_id: str, made: Mapping[str, Any]) -> None:
    """Take over what was chosen and marked in the view. Inputs and outputs of the graph are values to the app."""
    kind, _, name = str(made["id"]).partition(":")
    graph = str(made["graph"])
    if kind == "n":
        state.choose(graph, node=int(name))
    elif kind == "s":
        state.choose(graph, group=str(made["id"]))
    elif kind in ("i", "o", "v"):
        state.choose(graph, value=name)
    else:
        state.choose(graph)
    st.session_state[_SEEN] = (model_id, *_current(), st.session_state[_SEEN][-1])
    marked = made.get("marks")
    if marked is not None:
        state.set_selection(marked["selected"])
        state.set_cut_ends(marked["from"], marked["to"])
        st.session_state[_SEEN_MARKS] = (model_id, graph, state.marks(), st.session_state[_SEEN_MARKS][-1])


def _selection(model_id: str) -> dict[str, str]:
    """Return what the view shall show as chosen. ``seq`` changes only when the choice was made elsewhere.

    Until then the dictionary stays the same, so that nothing is sent again while one clicks in the view.
    """
    seen = st.session_state.get(_SEEN)
    if seen is None or seen[:3] != (model_id, *_current()):
        seen = (model_id, *_current(), {"seq": uuid4().hex[:8], **dict(zip(("graph", "id"), _current(), strict=True))})
        st.session_state[_SEEN] = seen
    selection: dict[str, str] = seen[-1]
    return selection


def _marks(model_id: str) -> dict[str, Any]:
    """Return what the view shall show as marked, with a ``seq`` like that of ``_selection``.

    ``lost``: this session does not know it, the view shall keep what it remembers, and tell.
    """
    graph, marked, lost = _current()[0], state.marks(), state.marks_are_lost()
    seen = st.session_state.get(_SEEN_MARKS)
    if seen is None or seen[:3] != (model_id, graph, marked):
        sent = {"selected": list(marked.selected), "from": list(marked.starts), "to": list(marked.ends)}
        seen = (model_id, graph, marked, {"seq": uuid4().hex[:8], "graph": graph, "lost": lost, **sent})
        st.session_state[_SEEN_MARKS] = seen
    marks: dict[str, Any] = seen[-1]
    return marks


def _current() -> tuple[str, str]:
    choice = state.choice()
    return (choice.graph, choice.id) if choice else (state.parameter("graph") or "", "")


def overlay_data(overlay: Overlay | None) -> dict[str, Any] | None:
    """Return an overlay as the browser takes it (``js/overlay.js``)."""
    if overlay is None:
        return None
    sent = asdict(overlay)
    sent["legend"] = [{"label": label, "color": color} for label, color in overlay.legend]
    used = {*overlay.colors.values(), *(color for _, color in overlay.legend)}
    sent["dark"] = {color: DARK[color] for color in used if color in DARK}
    return sent
