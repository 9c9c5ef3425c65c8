"""Where a node comes from: the module scope and source line an exporter left behind.

The dynamo exporter writes ``pkg.torch.onnx.*`` metadata on each node; older exporters only leave paths in names.
"""

import re
from dataclasses import dataclass

import onnx

_PREFIX = "pkg.torch.onnx."
_QUOTED = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")
_FRAME = re.compile(r'File "([^"\n]*)", line (\d+)')
_LIBRARY = "/torch/"
_NO_SCOPE = "_empty_nn_module_stack_from_metadata_hook"
"""What torch's exporter calls the scope of a node that it knows none of (torch/fx, node metadata): no scope."""


@dataclass(frozen=True, slots=True)
class Origin:
    """``scope``: the modules around a node, outermost first, each relative to the one before (``layer1``, ``0``,
    ``conv1``): joined with dots they are the module's name in PyTorch. ``classes``: the class of each, or empty.
    ``source``: ``file:line`` of the innermost frame outside PyTorch itself; ``stack``: the trace as it was written.
    """

    scope: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    source: str = ""
    stack: str = ""


def origin(node: onnx.NodeProto) -> Origin:
    """Return where ``node`` comes from: by exporter metadata, else by the path in its (or its output's) name."""
    metadata = {entry.key: entry.value for entry in node.metadata_props if entry.key.startswith(_PREFIX)}
    if not metadata:
        return Origin(scope=_scope_of_name(node.name or next(iter(node.output), "")))
    stack = metadata.get(_PREFIX + "stack_trace", "")
    source = _source(stack)
    scopes = _strings(metadata.get(_PREFIX + "name_scopes", ""))[:-1]  # the last is the node itself
    classes = _strings(metadata.get(_PREFIX + "class_hierarchy", ""))[:-1]
    if not scopes:
        return Origin(_scope_of_name(node.name), (), source, stack)
    if len(classes) != len(scopes):
        classes = []
    # The empty one is the exported module itself.
    real = [position for position, scope in enumerate(scopes) if scope not in ("", _NO_SCOPE)]
    known = tuple(classes[position] for position in real) if classes else ()
    return Origin(_relative([scopes[position] for position in real]), known, source, stack)


def stack_trace(node: onnx.NodeProto) -> str:
    """Return the stack trace that an exporter wrote into a node's metadata, ``""`` when there is none."""
    return _said(node, "stack_trace")


def fx_node(node: onnx.NodeProto) -> str:
    """Return the name of the operation of torch.export's graph that a node came of, ``""`` when it says none."""
    return next(reversed(_strings(_said(node, "name_scopes"))), "")


def _said(node: onnx.NodeProto, key: str) -> str:
    return next((entry.value for entry in node.metadata_props if entry.key == _PREFIX + key), "")


def _source(stack: str) -> str:
    """Return ``file:line`` of the innermost frame that is not PyTorch's own (the innermost when all are)."""
    innermost = ""
    end = len(stack)
    while (start := stack.rfind('File "', 0, end)) >= 0:
        end = start
        if frame := _FRAME.match(stack, start):
            innermost = innermost or f"{frame[1]}:{frame[2]}"
            if _LIBRARY not in "/" + frame[1].replace("\\", "/"):  # also a relative path, also one of Windows
                return f"{frame[1]}:{frame[2]}"
    return innermost


def _scope_of_name(name: str) -> tuple[str, ...]:
    """``/layer1/layer1.0/conv1/Conv`` → ``("layer1", "0", "conv1")``."""
    if "/" not in name:
        return ()
    return _relative([part for part in name.split("/")[:-1] if part not in ("", _NO_SCOPE)])


def _relative(scopes: list[str]) -> tuple[str, ...]:
    """Take from each scope the name of the one before, where it repeats it."""
    relative: list[str] = []
    before = ""
    for scope in scopes:
        relative.append(scope.removeprefix(before + ".") if before else scope)
        before = scope
    return tuple(relative)


def _strings(text: str) -> list[str]:
    """Read the strings of a list as Python prints it. Foreign text: it is matched, never evaluated."""
    if '"' not in text and "\\" not in text:  # nearly always; ten times as fast
        return text.split("'")[1::2] if text.count("'") % 2 == 0 else text.split("'")[1:-1:2]
    return [single or double for single, double in _QUOTED.findall(text)]
