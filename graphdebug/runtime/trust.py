"""Whether backends may run code that the user names: a PyTorch module, an interpreter, a library of operators.

At a terminal the user runs it anyway. A server runs it only when it was started to: whoever reaches the page could else
run anything.
"""

import os

VARIABLE = "GRAPHDEBUG_ALLOW_CODE"
"""Environment variable; ``1`` allows it. Workers inherit it from whatever started them."""


def code_allowed() -> bool:
    """Return whether this process may run code that a SPEC names."""
    return os.environ.get(VARIABLE) == "1"


def allow_code(allowed: bool) -> None:
    """Decide for this process and for those that it starts from now on."""
    os.environ[VARIABLE] = "1" if allowed else "0"
