"""SPECs: how a backend and its options are written in one line, ``backend[:key=value,…]``."""

import re

from graphdebug.runtime.backend import BackendSpec

_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_OPTION = re.compile(r"([A-Za-z_][\w.]*)=(.*)", re.DOTALL)
_NEXT_OPTION = re.compile(r",(?=[A-Za-z_][\w.]*=)")


class SpecError(ValueError):
    """A SPEC says something that no backend understands; the message is one sentence for the user."""


def parse_spec(text: str) -> BackendSpec:
    """Parse ``onnxruntime:provider=cpu,opt=all``.

    A comma that no ``key=`` follows belongs to the value, so that paths may have commas.

    Raises:
        SpecError: the text is no SPEC; says which part is wrong.
    """
    name, colon, tail = text.strip().partition(":")
    if not _NAME.fullmatch(name):
        raise SpecError(f"{text!r} is no backend SPEC: write backend[:key=value,…], such as onnxruntime:opt=all.")
    options: dict[str, str] = {}
    for part in _NEXT_OPTION.split(tail) if colon else ():
        option = _OPTION.fullmatch(part)
        if option is None:
            raise SpecError(f"{part!r} in {text!r} is no option: write key=value.")
        key, value = option.groups()
        if key in options:
            raise SpecError(f"{text!r} sets {key} twice.")
        options[key] = value
    return BackendSpec(name, tuple(options.items()))
