"""What is open and what is chosen: the only place that reads and writes the URL and the session.

The URL (``model``, ``graph``, ``node``, ``value``, ``run``, ``comparison``, ``benchmark``, ``beside``, ``color``,
``scale``, ``limits``, ``other``, ``other_node``, ``words``; ``selected``, ``from`` and ``to`` as far as they are short)
says what is open, so a link reopens it in a fresh session. Streamlit clears it when the page changes; ``restore`` puts
it back.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from urllib.parse import urlencode

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from graphdebug.ui.marks import (
    KEPT_ELSEWHERE,
    Marks,
    box_ids,
    ids_in,
    ids_text,
    names_in,
    names_text,
    value_names,
)
from graphdebug.ui.navigation import page
from graphdebug.workspace.entries import ModelEntry
from graphdebug.workspace.store import Workspace, open_workspace

PARAMETERS = (
    "model",
    "graph",
    "node",
    "value",
    "selected",
    "from",
    "to",
    "run",
    "comparison",
    "benchmark",
    "beside",
    "color",
    "scale",
    "limits",
    "other",
    "other_node",
    "words",
)
_OF_A_MODEL = PARAMETERS[1:]
_OPEN = "graphdebug.open"
_PICKED = "graphdebug.picked"
_GROUP = "graphdebug.group"
_MARKS = "graphdebug.marks"


@dataclass(frozen=True, slots=True)
class Choice:
    """What is chosen in the graph. ``graph`` is a graph path; ``kind`` is ``node``, ``value`` or ``group``.

    ``id`` is the graph view's: ``n:12`` (node 12), ``v:name`` (a value, graph inputs and outputs too), ``s:scope``.
    """

    graph: str
    id: str
    kind: str

    @property
    def node(self) -> int | None:
        """The node's index, None when no node is chosen."""
        return int(self.id[2:]) if self.kind == "node" else None

    @property
    def value(self) -> str | None:
        """The value's name, None when no value is chosen."""
        return self.id[2:] if self.kind == "value" else None


def workspace() -> Workspace:
    """Return the workspace of this server."""
    return open_workspace()


def restore() -> None:
    """Bring URL and session together at the start of a run: what is open fills the URL, unless somebody went to that.

    A browser tells its address with all it asks for, and may be behind what was opened since. It is believed when it
    comes first, and when one goes back or forth.
    """
    in_url = {name: st.query_params[name] for name in PARAMETERS if name in st.query_params}
    if in_url and (_OPEN not in st.session_state or _went_back_or_forth()):
        st.session_state[_OPEN] = in_url
        _read_marks(in_url)
    else:
        _write(_open())


def _went_back_or_forth() -> bool:
    context = get_script_run_ctx(suppress_warning=True)
    return context is not None and context.is_history_navigation


def parameter(name: str) -> str | None:
    """Return one of the parameters, None when it is not set."""
    return _open().get(name)


def set_parameters(**changes: str | None) -> None:
    """Set parameters in URL and session; None removes one."""
    _write(_merged(changes))


def _open() -> dict[str, str]:
    values: dict[str, str] = st.session_state.get(_OPEN, {})
    return values


def _merged(changes: dict[str, str | None]) -> dict[str, str]:
    merged = {**_open(), **changes}
    return {name: value for name in PARAMETERS if (value := merged.get(name)) is not None}


def _write(values: dict[str, str]) -> None:
    """Keep the parameters and write them into the URL all at once: half of them would be another link.

    Always in the same order, so that what looks alike has the same link.
    """
    st.session_state[_OPEN] = values
    foreign = {name: value for name, value in st.query_params.items() if name not in PARAMETERS}
    wanted = foreign | values
    if list(st.query_params.items()) != list(wanted.items()):
        st.query_params.from_dict(wanted)


# The model


def current_model() -> ModelEntry | None:
    """Return the open model; None when none is open or the one in the URL was deleted."""
    model_id = parameter("model")
    return workspace().model(model_id) if model_id else None


def open_model(model_id: str) -> None:
    """Make a model of the workspace the open one; what was chosen in another model is forgotten."""
    if model_id != parameter("model"):
        st.session_state.pop(_GROUP, None)
        set_parameters(model=model_id, **dict.fromkeys(_OF_A_MODEL))
    workspace().touch_model(model_id)


def close_model() -> None:
    """Open nothing."""
    st.session_state.pop(_GROUP, None)
    set_parameters(**dict.fromkeys(PARAMETERS))


def other_model() -> ModelEntry | None:
    """Return the model that stands beside the open one; None when there is none, or it was deleted."""
    other_id = parameter("other")
    return workspace().model(other_id) if other_id else None


def set_other_model(model_id: str | None) -> None:
    """Put another model beside the open one, or none."""
    set_parameters(other=model_id, other_node=None)


# The choice


def choice() -> Choice | None:
    """Return what is chosen in the graph; None when nothing is."""
    graph = parameter("graph") or ""
    group: Choice | None = st.session_state.get(_GROUP)
    if group is not None and group.graph == graph:
        return group
    node, value = parameter("node"), parameter("value")
    if node is not None and node.isdecimal():
        return Choice(graph, f"n:{node}", "node")
    return Choice(graph, f"v:{value}", "value") if value is not None else None


def choose(graph: str, node: int | None = None, value: str | None = None, group: str | None = None) -> None:
    """Choose a node by index, a value by name, or a group by its id (``s:…``); nothing of it: only look at ``graph``.

    Groups exist only while they are looked at, so they are kept in the session and not in the URL.
    """
    st.session_state.pop(_GROUP, None)
    if group is not None:
        st.session_state[_GROUP] = Choice(graph, group, "group")
    node_text = None if node is None else str(node)
    set_parameters(graph=graph or None, node=node_text, value=value, **_marks_text(graph))


# The selection and where to cut, of the graph that is looked at


def marks() -> Marks:
    """Return what is selected in the graph that is looked at, and where it shall be cut."""
    return _all_marks().get(_place(), Marks())


def marks_are_lost() -> bool:
    """Say whether the URL tells of marks that this session does not know: then only the browser's tab does."""
    return _place() not in _all_marks() and any(
        parameter(name) == KEPT_ELSEWHERE for name in ("selected", "from", "to")
    )


def selection(graph: str | None = None) -> tuple[str, ...]:
    """Return the ids of the selected boxes (see ``Marks``) in the graph that is looked at, or in another one."""
    place = _place() if graph is None else (parameter("model") or "", graph)
    return _all_marks().get(place, Marks()).selected


def set_selection(ids: Iterable[str]) -> None:
    """Select these boxes and no others."""
    _set_marks(replace(marks(), selected=box_ids(ids)))


def cut_ends() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the values from which and to which to cut."""
    return marks().starts, marks().ends


def set_cut_ends(starts: Iterable[str], ends: Iterable[str]) -> None:
    """Cut from these values and to these."""
    _set_marks(replace(marks(), starts=value_names(starts), ends=value_names(ends)))


def _set_marks(marked: Marks) -> None:
    _all_marks()[_place()] = marked
    set_parameters(**_marks_text(parameter("graph") or ""))


def _marks_text(graph: str) -> dict[str, str | None]:
    marked = _all_marks().get((parameter("model") or "", graph), Marks())
    lists = ids_text(marked.selected), names_text(marked.starts), names_text(marked.ends)
    return dict(zip(("selected", "from", "to"), lists, strict=True))


def _read_marks(in_url: dict[str, str]) -> None:
    texts = [in_url.get(name, "") for name in ("selected", "from", "to")]
    if KEPT_ELSEWHERE not in texts:
        _all_marks()[_place()] = Marks(ids_in(texts[0]), names_in(texts[1]), names_in(texts[2]))


def _place() -> tuple[str, str]:
    return parameter("model") or "", parameter("graph") or ""


def _all_marks() -> dict[tuple[str, str], Marks]:
    marked: dict[tuple[str, str], Marks] = st.session_state.setdefault(_MARKS, {})
    return marked


# Tensors picked for a run


def picked_tensors() -> tuple[str, ...]:
    """Return the main graph's tensors picked for a run in the open model, in the order they were picked."""
    return tuple(_all_picked().get(parameter("model") or "", ()))


def set_picked_tensors(names: Iterable[str]) -> None:
    """Replace the picked tensors of the open model; repeated names count once."""
    _all_picked()[parameter("model") or ""] = tuple(dict.fromkeys(names))


def pick(*names: str) -> None:
    """Add tensors to the picked ones."""
    set_picked_tensors((*picked_tensors(), *names))


def unpick(*names: str) -> None:
    """Take tensors out of the picked ones."""
    set_picked_tensors(name for name in picked_tensors() if name not in names)


def _all_picked() -> dict[str, tuple[str, ...]]:
    picked: dict[str, tuple[str, ...]] = st.session_state.setdefault(_PICKED, {})
    return picked


# Runs and comparisons


RESULTS = {"run": "run", "compare": "comparison", "bench": "benchmark"}
"""The parameter that names the open job, by its kind."""


def result_id(kind: str) -> str | None:
    """Return the id of the open run (``run``), comparison (``compare``) or benchmark (``bench``), None without one."""
    return parameter(RESULTS[kind])


def set_result(kind: str, job_id: str | None) -> None:
    """Open a run, a comparison or a benchmark, or none."""
    set_parameters(**{RESULTS[kind]: job_id})


# Moving between pages


def link(name: str, **changes: str | None) -> str:
    """Return a relative URL to a page (``graph``, ``tensors``, …) with the current parameters and ``changes``."""
    return f"{page(name).url_path}?{urlencode(_merged(changes))}"


def go(name: str, **changes: str | None) -> None:
    """Switch to a page with ``changes`` to the parameters. Does not return."""
    set_parameters(**changes)
    st.switch_page(page(name), query_params=_open())
