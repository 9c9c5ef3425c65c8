"""Fields that show what is kept elsewhere: in the link, in the workspace."""

import streamlit as st


def show(key: str, value: object) -> None:
    """Have the field of this ``key``, still to be drawn, show ``value``.

    Only where it does not: setting it tells the browser so, and what somebody chooses meanwhile would be lost.
    """
    if key not in st.session_state or st.session_state[key] != value:
        st.session_state[key] = value
