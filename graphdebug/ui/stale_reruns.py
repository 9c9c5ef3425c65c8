"""A fragment's rerun that a page asked for which is not open any more is not done.

A fragment that looks again every second may ask just when another page is opened by the server. Streamlit (1.67) does
what it asked for after the switch, and tells the browser that the earlier page is the open one again; the browser
forgets what it shows, and the next element has no place: the page goes blank for good.
"""

from functools import wraps

from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData


def ignore_stale_reruns() -> None:
    """Have the server ignore such reruns; to be called once, before it answers."""
    run = ScriptRunner._run_script

    @wraps(run)
    def run_if_open(self: ScriptRunner, rerun_data: RerunData) -> None:
        if not is_stale(rerun_data, self._pages_manager.current_page_script_hash):
            run(self, rerun_data)

    ScriptRunner._run_script = run_if_open  # type: ignore[method-assign]


def is_stale(asked: RerunData, open_page: str) -> bool:
    """Say whether a rerun is of fragments of another page than the one that is open (both by their hashes)."""
    return bool(asked.fragment_id_queue and open_page and asked.page_script_hash != open_page)
