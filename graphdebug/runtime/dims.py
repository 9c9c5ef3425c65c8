"""Symbolic dimensions of inputs: what they are called where a run is asked for their lengths."""

from collections.abc import Sequence

from graphdebug.model.records import Dim, ValueInfo
from graphdebug.runtime.feed_errors import DimError
from graphdebug.runtime.requests import FeedSpec


def symbolic_dims(inputs: Sequence[ValueInfo]) -> tuple[str, ...]:
    """Return the names of the dimensions to ask for, each once, in order; see ``dim_name`` for unnamed ones."""
    names = (
        dim_name(value.name, axis, dim)
        for value in inputs
        for axis, dim in enumerate(value.type.shape or ())
        if not isinstance(dim, int)
    )
    return tuple(dict.fromkeys(names))


def dim_name(name: str, axis: int, dim: Dim) -> str:
    """Return the name under which ``FeedSpec.dims`` fixes a dimension: its own, or ``input[axis]`` when it has none."""
    return dim if isinstance(dim, str) and dim else f"{name}[{axis}]"


def check_dims(spec: FeedSpec, inputs: Sequence[ValueInfo]) -> None:
    """Raise DimError when ``spec.dims`` names a dimension that none of ``inputs`` has: a slip would pass unnoticed."""
    known = symbolic_dims(inputs)
    for name in spec.dims:
        if name not in known:
            raise DimError(name, known)
