"""No TensorRT: a stand-in, for the worker's protocol and failure paths to be tried where there is no GPU.

Every class has exactly the members that the inventory of a real version says (FAKE_TENSORRT, a file of
`tests/runtime/tensorrt_api`): what that version lacks raises AttributeError here, too. Those that the worker uses are
filled with life: the parser reads the ONNX file by the rules of the real one, an engine runs on onnx's reference
evaluator. What TensorRT would fuse, choose or refuse beyond that it does not know.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from . import _life

_TOLD = json.loads(Path(os.environ["FAKE_TENSORRT"]).read_text())
__version__ = _TOLD["version"]


class _Value(int):
    """A member of an enum."""

    name: str

    def __repr__(self):
        return f"<{self.name}: {int(self)}>"

    value = property(int)


def _enum(name, members):
    kind = type(name, (_Value,), {})
    kind.__members__ = {}
    for member, told in members.items():
        if told.startswith("value "):
            value = kind(told[6:])
            value.name = member
            kind.__members__[member] = value
            setattr(kind, member, value)
    return kind


def _kept(member):
    """Return a property that holds what was put there, in the instance's dictionary."""
    return property(lambda self: vars(self)[member], lambda self, value: vars(self).__setitem__(member, value))


def _kind(name, members):
    """Make a class with these members, alive where `_life` has a class of that name."""
    life = getattr(_life, name, None)
    alive = {} if life is None else vars(life)

    def put(self, member, value):
        if type(self) is kind and not member.startswith("_") and members.get(member) != "property write":
            raise AttributeError(f"TensorRT {__version__}: {member} of {name} cannot be set")
        object.__setattr__(self, member, value)

    def lifeless(self, *arguments):
        raise NotImplementedError(f"the stand-in for {name} does not do that")

    body = {member: thing for member, thing in alive.items() if member in members or member.startswith("_")}
    for member, told in members.items():
        if member in body or member == "__init__" or told in ("class", "constant"):
            continue
        body[member] = _kept(member) if told.startswith("property") else lifeless
    for special in ("__dict__", "__weakref__"):
        body.pop(special, None)
    kind = type(name, life.__bases__ if life else (object,), {**body, "__setattr__": put})
    return kind


for _name, _members in _TOLD["classes"].items():
    if any(told.startswith("value ") for told in _members.values()):
        globals()[_name] = _enum(_name, _members)
    else:
        globals()[_name] = _kind(_name, _members)
ILogger = globals()["ILogger"]
ILogger.Severity = _enum(
    "Severity",
    {name: f"value {at}" for at, name in enumerate(["INTERNAL_ERROR", "ERROR", "WARNING", "INFO", "VERBOSE"])},
)
_life.trt = globals()


def init_libnvinfer_plugins(logger, namespace):
    """Load nothing."""
    assert isinstance(logger, ILogger)
    return True
