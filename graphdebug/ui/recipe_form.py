"""Doing again what a recipe says, on the open model: changes made before, a cut that was saved from another export."""

from collections.abc import Sequence

import streamlit as st

from graphdebug.edit.errors import EditError
from graphdebug.edit.operation import Operation
from graphdebug.edit.recipe import from_json
from graphdebug.ui import edit_session
from graphdebug.ui.words import plain, plural
from graphdebug.workspace.entries import ModelEntry

_LARGEST = 16 << 20


def recipe_form(entry: ModelEntry, label: str) -> None:
    """Ask for a recipe and do what it says, all or nothing; ``label`` is on the button that opens the form."""
    with st.popover(label, icon=":material/receipt_long:"):
        st.caption(
            "What a recipe is about is found by module scope, operator and place, or by marks: it fits another export "
            "of the same network, or says what changed."
        )
        given = st.file_uploader("Recipe", ["json"], key=f"recipe:{label}:{entry.id}", max_upload_size=_LARGEST >> 20)
        if given is None:
            return
        try:
            operations = from_json(given.getvalue()).operations
        except EditError as error:
            st.error(plain(str(error)), icon=":material/block:")
            return
        _titles(operations)
        if st.button(
            "Do it", type="primary", icon=":material/check:", key=f"recipe:do:{label}", disabled=not operations
        ):
            edit_session.replay(entry, operations)
            st.rerun()


def _titles(operations: Sequence[Operation]) -> None:
    st.markdown(f"**{plural(len(operations), 'change')}**")
    st.caption("  \n".join(plain(each.title) for each in operations[:20]) or "There is nothing to do.")
