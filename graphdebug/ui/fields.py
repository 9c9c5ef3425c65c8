"""Fields that show what is kept elsewhere: in the link, in the workspace."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import streamlit as st

from graphdebug.ui.words import distinct


def is_new(key: str, value: object) -> bool:
    """Say whether the field of this ``key`` is drawn for the first time; else have it show ``value``.

    A new field takes its value as its default: the browser would tell of another default before it hears of the value.
    A field that is there is told only what it does not show, so that what somebody chooses meanwhile holds.
    """
    if key not in st.session_state:
        return True
    if st.session_state[key] != value:
        st.session_state[key] = value
    return False


def select(
    label: str,
    titles: Mapping[str, str],
    current: str | None,
    *,
    key: str,
    on_change: Callable[..., None],
    args: tuple[Any, ...] = (),
    placeholder: str | None = None,
    label_visibility: Literal["visible", "hidden", "collapsed"] = "visible",
) -> None:
    """Draw a select box of ``titles`` (option → title) that shows the ``current`` option."""
    options = list(titles)
    default = options.index(current) if current is not None and current in titles else None
    st.selectbox(
        label,
        options,
        default if is_new(key, current) else 0,
        format_func=distinct(titles).__getitem__,
        key=key,
        on_change=on_change,
        args=args,
        placeholder=placeholder,
        label_visibility=label_visibility,
    )
