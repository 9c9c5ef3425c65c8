"""The two sides of a comparison made ready: models, backends, feeds, sessions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from graphdebug.compare.records import CompareRequest
from graphdebug.model.document import Model, open_model
from graphdebug.model.index import GraphIndex
from graphdebug.model.records import ModelLocation, ValueInfo
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.runtime.backend import Backend, Mode, Session, Value
from graphdebug.runtime.bounded import prepare_bounded
from graphdebug.runtime.feeds import check_dims, dim_name, make_feeds, suggest
from graphdebug.runtime.file_backend import FileBackend
from graphdebug.runtime.registry import backend
from graphdebug.runtime.taps import model_inputs, tappable

_RECORDED = "file"
"""The backend that runs nothing: its tensors are what they are."""


class CompareError(Exception):
    """The two sides cannot be compared at all; the message is one sentence for the user."""


@dataclass(frozen=True)
class OpenSide:
    """One side: ``name`` is ``reference`` or ``candidate``; only recorded tensors may have no model."""

    name: str
    backend: Backend
    model: Model | None
    tapped: dict[str, Value] = field(default_factory=dict)
    """The model's outputs as the tapped run gave them, once it has run."""

    @property
    def runs(self) -> bool:
        """Say whether this side runs a model, rather than reading what was recorded."""
        return self.backend.spec.name != _RECORDED

    @property
    def index(self) -> GraphIndex | None:
        """The main graph."""
        return None if self.model is None else self.model.graphs[MAIN_GRAPH]

    def prepare(self, mode: Mode, chosen: Sequence[str] | None = None, budget: int = 0) -> Session:
        """Make the side's session; of the ``chosen`` tensors those that its model has are exposed.

        ``budget`` bounds the bytes of exposed tensors that a run holds at once.
        """
        if self.model is None:
            return FileBackend(self.backend.spec).prepare(None, mode, chosen)
        taps = None if chosen is None else sorted(set(chosen).intersection(tappable(self.model)))
        return prepare_bounded(self.backend, self.model, mode, taps, budget)


def open_sides(request: CompareRequest) -> tuple[OpenSide, OpenSide]:
    """Open the models (one file only once) and look the backends up.

    Raises:
        CompareError: a side that runs has no model.
    """
    opened: dict[ModelLocation, Model] = {}
    sides = []
    for name, side in (("reference", request.reference), ("candidate", request.candidate)):
        found = OpenSide(name, backend(side.spec), None)
        if side.model is not None:
            if side.model not in opened:
                opened[side.model] = open_model(side.model)
            found = replace(found, model=opened[side.model])
        elif found.runs:
            raise CompareError(f"The {name} has no model: name the model that {side.spec} shall run.")
        sides.append(found)
    return sides[0], sides[1]


def feeds_for(sides: tuple[OpenSide, OpenSide], request: CompareRequest) -> dict[str, Value]:
    """Make one set of feeds for both sides, by input name; none when nothing runs.

    Raises:
        CompareError: the two models want different inputs.
        FeedError: the feeds name a dimension that no input has, or a file does not fit.
    """
    models = [side.model for side in sides if side.runs and side.model is not None]
    if not models:
        return {}
    inputs = [model_inputs(model) for model in models]
    if len(inputs) == 2:
        _check_same_inputs(*inputs)
    check_dims(request.feeds, [*inputs[0], *inputs[-1]])
    dims = {**request.feeds.dims, **_fixed_dims(inputs[0], inputs[-1])}
    return make_feeds(inputs[0], replace(request.feeds, dims=dims), suggest(models[0]))


def _fixed_dims(reference: Sequence[ValueInfo], candidate: Sequence[ValueInfo]) -> dict[str, int]:
    """Return the lengths that the candidate fixes of dimensions that are symbolic in the reference."""
    theirs = {value.name: value.type.shape or () for value in candidate}
    return {
        dim_name(value.name, axis, dim): fixed
        for value in reference
        for axis, (dim, fixed) in enumerate(zip(value.type.shape or (), theirs[value.name], strict=False))
        if not isinstance(dim, int) and isinstance(fixed, int)
    }


def _check_same_inputs(reference: Sequence[ValueInfo], candidate: Sequence[ValueInfo]) -> None:
    """Both must take the same names with fitting types; the order does not matter, feeds go by name."""
    ours: Mapping[str, ValueInfo] = {value.name: value for value in reference}
    theirs: Mapping[str, ValueInfo] = {value.name: value for value in candidate}
    for name in ours.keys() ^ theirs.keys():
        has, lacks = ("reference", "candidate") if name in ours else ("candidate", "reference")
        raise CompareError(f"Only the {has} has an input {name!r}, the {lacks} has not: both must take the same feeds.")
    for name, value in ours.items():
        a, b = value.type, theirs[name].type
        if a.dtype and b.dtype and a.dtype != b.dtype:
            raise CompareError(f"Input {name!r} is {a.dtype} in the reference and {b.dtype} in the candidate.")
        if a.shape is None or b.shape is None:
            continue
        fixed = zip(a.shape, b.shape, strict=False)
        clash = any(isinstance(x, int) and isinstance(y, int) and x != y for x, y in fixed)
        if clash or len(a.shape) != len(b.shape):
            raise CompareError(
                f"Input {name!r} has shape {_text(value)} in the reference and {_text(theirs[name])} in the candidate."
            )


def _text(value: ValueInfo) -> str:
    return "[" + ", ".join("?" if dim is None else str(dim) for dim in value.type.shape or ()) + "]"
