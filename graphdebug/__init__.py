"""graphdebug: see, tap, run and compare ONNX graphs, and find the node that introduces the error."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphdebug.bridge.marking import mark as mark

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import ``mark``, and PyTorch with it, when it is first asked for."""
    if name == "mark":
        from graphdebug.bridge.marking import mark

        globals()[name] = mark
        return mark
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
