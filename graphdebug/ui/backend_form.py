"""The form that builds a backend SPEC from the options that the registry declares."""

from collections.abc import Mapping

import streamlit as st

from graphdebug.runtime.backend import BackendSpec
from graphdebug.runtime.registry import BackendInfo, OptionInfo, backends, incomplete
from graphdebug.runtime.spec import SpecError, parse_spec
from graphdebug.runtime.trust import code_allowed
from graphdebug.ui.words import plain

_AT_ONCE = 2
"""Options shown at once; the rest hides behind a button."""


_LABELS = {
    "opt": "Optimisation",
    "disable": "Optimisers left out",
    "mem_pattern": "Memory pattern",
    "path": "Folder",
    "args": "Arguments",
    "script": "TorchScript file",
    "program": "Exported program",
    "convert": "Convert this model",
    "dtype": "Precision",
    "tf32": "TF32",
    "example": "Example inputs",
    "library": "Libraries of operators",
    "ep_library": "Library of an execution provider",
}
"""Keys that need more than a capital letter to be understood."""


def backend_form(default: str, key: str, *, narrow: bool = False) -> str:
    """Ask which backend runs the model and how, and return its SPEC; options left at their default are left out.

    ``narrow`` puts the options below each other.
    """
    known = {info.name: info for info in backends() if info.name != "file"}
    start = _parsed(default)
    names = list(known)
    name = st.selectbox(
        "Backend",
        names,
        index=names.index(start.name) if start.name in known else 0,
        format_func=lambda name: known[name].title,
        key=f"{key}:backend",
    )
    info = known[name]
    values = dict(start.options) if start.name == name else {}
    spec = str(BackendSpec(name, tuple(_options(info, values, f"{key}:{name}", 1 if narrow else _AT_ONCE).items())))
    st.caption(f"`{plain_code(spec)}`", help=plain(info.description))
    if any(option.runs_code and option.key in info.needs for option in info.options) and not code_allowed():
        st.caption(
            ":orange[This server does not run code that is named here: start it with "
            "`graphdebug serve --allow-code`, or run the comparison at a terminal.]"
        )
    elif missing := missing_of(spec):
        st.caption(f":orange[{missing}]")
    return spec


def missing_of(spec: str) -> str:
    """Return what a SPEC of this form still has to say before it can run, as a sentence; empty: nothing."""
    return incomplete(_parsed(spec))


def spec_title(spec: str) -> str:
    """Return a SPEC in words for titles and captions: ``ONNX Runtime, opt=all``."""
    parsed = _parsed(spec)
    titles = {info.name: info.title for info in backends()}
    options = [f"{key}={value}" for key, value in parsed.options if parsed.name != "file"]
    return ", ".join([titles.get(parsed.name, parsed.name), *options])


def plain_code(text: str) -> str:
    """Return text that can stand between backquotes."""
    return text.replace("`", "'")


def _parsed(spec: str) -> BackendSpec:
    try:
        return parse_spec(spec)
    except SpecError:
        return BackendSpec("onnxruntime")


def _options(info: BackendInfo, values: Mapping[str, str], key: str, across: int) -> dict[str, str]:
    """Ask for the options and return those that are not at their default; what forms cannot say stays as it was."""
    answers = {option: value for option, value in values.items() if "." in option}
    if not info.options:
        return answers
    columns = st.columns(across, vertical_alignment="bottom")
    for position, option in enumerate(info.options[:_AT_ONCE]):
        with columns[position % across]:
            _take(answers, option, _ask(option, values, key))
    if len(info.options) > _AT_ONCE:
        with st.popover("More options", width="stretch"):
            for option in info.options[_AT_ONCE:]:
                _take(answers, option, _ask(option, values, key))
    return {option.key: answers[option.key] for option in info.options if option.key in answers} | {
        option: value for option, value in answers.items() if "." in option
    }


def _take(answers: dict[str, str], option: OptionInfo, answer: str) -> None:
    if answer and answer != option.default:
        answers[option.key] = answer


def _ask(option: OptionInfo, values: Mapping[str, str], key: str) -> str:
    label = _LABELS.get(option.key, option.key.replace("_", " ").capitalize())
    start = values.get(option.key, option.default)
    key = f"{key}:{option.key}"
    off = option.runs_code and not code_allowed()
    if option.values == ("0", "1"):
        return "1" if st.checkbox(label, value=start == "1", help=option.help, key=key, disabled=off) else "0"
    if option.values:
        index = option.values.index(start) if start in option.values else 0
        return str(st.selectbox(label, option.values, index=index, help=option.help, key=key, disabled=off))
    answer = st.text_input(label, value=start, help=option.help, key=key, disabled=off).strip()
    written = BackendSpec("x", ((option.key, answer),))
    if parse_spec(str(written)) != written:
        st.caption(":red[No comma may stand before a word and an equals sign here.]")
        return start
    return answer
