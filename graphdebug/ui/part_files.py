"""What taking a model apart left: how outputs differ, and the files, to be taken away."""

from collections.abc import Sequence

import streamlit as st

from graphdebug.extract.records import Difference
from graphdebug.jobs import service
from graphdebug.model.units import size_text
from graphdebug.ui import state
from graphdebug.ui.words import plain
from graphdebug.workspace.entries import JobEntry

_MOST_NAMED = 6


def archive(job: JobEntry) -> None:
    """Offer all files as one zip."""
    with st.container(horizontal=True, gap="small"):
        st.link_button(
            f"All of it · .zip · {size_text(job.bytes)}", f"graphdebug/jobs/{job.id}/parts", icon=":material/download:"
        )
        if st.button("Delete", type="tertiary", icon=":material/delete:", key=f"parts-delete-{job.id}"):
            service.delete(state.workspace(), job.id)
            st.rerun()


def differences(found: Sequence[Difference], same: str) -> None:
    """Say whether outputs differ; ``same`` is said when none does."""
    if bad := [each for each in found if not each.same]:
        said = "; ".join(
            f"{each.name}: {each.note or ('by up to ' + format(each.largest or 0.0, '.3g'))}"
            for each in bad[:_MOST_NAMED]
        )
        st.warning(plain(f"{len(bad)} of {len(found)} outputs differ: {said}."), icon=":material/not_equal:")
    else:
        st.success(same, icon=":material/check_circle:")
