"""Two faults of Streamlit (1.67) in running a page anew, which blank it for good, mended.

- A fragment that looks again every second may ask just when the server opens another page. What it asked for is done
  after the switch, and tells the browser that the earlier page is the open one: the browser forgets what it shows.
- A page that is asked for just when a fragment ends is run by the same thread, which still draws where the fragment
  was: in a container that the page does not have.
"""

from functools import wraps

from streamlit.delta_generator_singletons import context_dg_stack, get_default_dg_stack_value
from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.runtime.scriptrunner_utils.script_requests import RerunData


def mend_reruns() -> None:
    """Have the server ignore what a page asks for that was left, and begin each run at the top of the page.

    To be called once, before the server answers.
    """
    run = ScriptRunner._run_script

    @wraps(run)
    def run_afresh(self: ScriptRunner, rerun_data: RerunData) -> None:
        context_dg_stack.set(get_default_dg_stack_value())
        if not is_stale(rerun_data, self._pages_manager.current_page_script_hash):
            run(self, rerun_data)

    ScriptRunner._run_script = run_afresh  # type: ignore[method-assign]


def is_stale(asked: RerunData, open_page: str) -> bool:
    """Say whether a rerun is of fragments of another page than the one that is open (both by their hashes)."""
    return bool(asked.fragment_id_queue and open_page and asked.page_script_hash != open_page)
