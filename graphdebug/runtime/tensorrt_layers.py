"""What an engine's layers tell: which types they compute in, held against what was asked for."""

from collections import Counter
from collections.abc import Mapping

from graphdebug.model.engine_layers import LayersError, layers_model, onnx_nodes
from graphdebug.model.value_types import dtype_name
from graphdebug.runtime.backend import BackendError

_LOWER = ("float16", "bfloat16", "int8", "float8e4m3fn")
_NAMES = {"float": "fp32", "float16": "fp16", "bfloat16": "bf16", "float8e4m3fn": "fp8"}
_ORDER = ("int4", "float8e4m3fn", "int8", "uint8", "bfloat16", "float16", "float")
"""The type that says most of a layer first: one that takes int8 and gives float is quantized."""


def layer_types(text: str) -> Mapping[str, int]:
    """Return how many layers compute in each ONNX type, from an inspector's JSON: of all that a layer takes and gives,
    the narrowest; a layer without such a tensor (shapes, indices) does not count.

    Raises:
        BackendError: the engine tells nothing of its layers.
    """
    try:
        graph = layers_model(text).graph
    except LayersError as error:
        raise BackendError(f"The engine's precisions cannot be read back: {error}") from error
    types = {
        entry.name: dtype_name(entry.type.tensor_type.elem_type)
        for entry in (*graph.input, *graph.output, *graph.value_info)
    }
    found: Counter[str] = Counter()
    for node in graph.node:
        near = {types.get(name, "") for name in (*node.input, *node.output)}
        kind = next((each for each in _ORDER if each in near), "")
        if kind:
            found[kind] += 1
    return dict(found.most_common())


def layers_by_name(text: str) -> Mapping[str, tuple[str, tuple[str, ...]]]:
    """Return each layer's type and the names of the ONNX nodes that it was made of, from an inspector's JSON."""
    return {node.name: (node.op_type, onnx_nodes(node)) for node in layers_model(text).graph.node}


def check_types(precision: str, wanted: str, found: Mapping[str, int], stored: frozenset[str], version: str) -> None:
    """Make sure that an engine's layers compute in what was asked for.

    ``wanted`` is the ONNX type that some layer must have (empty: no layer may have a lower one than the model itself,
    whose types are ``stored``).

    Raises:
        BackendError: they do not; says what they do.
    """
    told = types_text(found)
    if wanted and found and not found.get(wanted):
        raise BackendError(
            f"TensorRT {version} runs no layer in {precision}, which was asked for: its layers are {told}. "
            "Nothing else would have said so; ask for what it does, or for another precision."
        )
    lower = [kind for kind in _LOWER if found.get(kind) and kind not in stored]
    if precision in ("fp32", "tf32") and lower:
        raise BackendError(f"TensorRT {version} runs layers in lower precision than {precision}: {told}.")


def types_text(found: Mapping[str, int]) -> str:
    """Return ``fp16 12, fp32 3``."""
    return (
        ", ".join(f"{_NAMES.get(kind, kind)} {count}" for kind, count in found.items()) or "of no floating-point type"
    )
