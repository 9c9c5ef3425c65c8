"""Back to the top of the page when it shows something new: Streamlit leaves the scroll position where it was."""

import streamlit as st

_JS = """
export default function ({ parentElement, data }) {
  if (parentElement.shownAbove === data) return;  // another run of the same page: stay where the reader is
  parentElement.shownAbove = data;
  document.querySelector('[data-testid="stMain"]')?.scrollTo({ top: 0 });
}
"""


def scroll_to_top(shown: str) -> None:
    """Scroll to the top when ``shown``, the id of what the page is about, is not what it was."""
    component = st.components.v2.component("graphdebug.scroll_to_top", js=_JS)
    component(key="scroll-to-top", data=shown, height=1)
