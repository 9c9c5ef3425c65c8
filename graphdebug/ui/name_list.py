"""Lists of names that change here and elsewhere: in the graph, on other pages. Neither undoes the other."""

from collections.abc import Callable, Sequence
from typing import Literal
from uuid import uuid4

import streamlit as st

_LISTS = "graphdebug.lists"
"""In the session: what lists were last known to hold, by the widget's key, the newest last."""
_KEPT = 16
"""The browser tells of replaced lists for a moment only."""

Change = Callable[[tuple[str, ...], tuple[str, ...]], None]
"""Takes what was taken out of a list, and what was put into it."""


def name_list(
    label: str,
    options: Sequence[str],
    current: tuple[str, ...],
    *,
    key: str,
    change: Change,
    placeholder: str,
    new: bool = False,
    label_visibility: Literal["visible", "hidden", "collapsed"] = "visible",
) -> None:
    """Show the ``current`` names and let them be changed; of ``options``, or (``new``) others, too."""
    widget = _key(key, current)
    known = set(options)
    st.multiselect(
        label,
        options,
        [name for name in current if name in known],
        key=widget,
        on_change=_take,
        args=(widget, change),
        accept_new_options=new,
        placeholder=placeholder,
        label_visibility=label_visibility,
    )


def _key(prefix: str, current: tuple[str, ...]) -> str:
    """Return the key of a list: a new one when names were changed elsewhere than in it."""
    lists: dict[str, tuple[str, ...]] = st.session_state.setdefault(_LISTS, {})
    key = next((each for each in reversed(lists) if each.rpartition(":")[0] == prefix), None)
    if key is None or lists[key] != current:
        key = f"{prefix}:{uuid4().hex[:8]}"
        lists[key] = current
        for old in list(lists)[:-_KEPT]:
            del lists[old]
    return key


def _take(key: str, change: Change) -> None:
    """Take over what was changed in a list, and nothing else.

    The browser may still tell of a list that another has replaced: what was changed elsewhere meanwhile must stay.
    """
    lists = st.session_state[_LISTS]
    if key not in lists:
        return
    before, answer = lists[key], tuple(st.session_state[key])
    lists[key] = answer
    change(tuple(name for name in before if name not in answer), tuple(name for name in answer if name not in before))
