"""Making nodes, and importing the operator sets that they need."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import numpy as np
import onnx
from onnx import defs

from graphdebug.edit.attributes import Attribute, to_proto
from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.opsets import import_missing, inputs_too, plain, versions
from graphdebug.model.refs import MAIN_GRAPH


def make_node(
    op: str,
    domain: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    name: str = "",
    attributes: Iterable[Attribute] = (),
) -> onnx.NodeProto:
    """Return a node; inputs left out at the end are not written.

    Raises:
        EditError: it has no operator, or an attribute does not fit its type.
    """
    if not op:
        raise EditError("A node needs an operator.")
    kept = len(inputs)
    while kept and not inputs[kept - 1]:
        kept -= 1
    node = onnx.NodeProto(op_type=op, domain=domain, input=inputs[:kept], output=outputs)
    if name:
        node.name = name
    node.attribute.extend(map(to_proto, attributes))
    if not domain:
        node.ClearField("domain")
    return node


class NewConstant(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A new constant as input ``input`` of a node: a number, a text, or nested lists of them (row-major).

    ``dtype`` is an element type's name (``int64``); ``""``: that of the value that the node is inserted behind, else
    ``float``.
    """

    input: int
    values: Any
    dtype: str = ""


def add_constant(editor: Editor, path: str, constant: NewConstant, dtype: str, wish: str) -> str:
    """Make a constant and return its name: an initializer of the graph, or a node where initializers are none.

    They are none in a function, and in the main graph of an old model (before IR 4) they are inputs, too.

    Raises:
        EditError: the values do not fit the element type.
    """
    said = constant.dtype or dtype or "float"
    shape = list(np.shape(constant.values))
    values = {"dtype": said, "shape": shape, "values": np.ravel(np.array(constant.values, dtype=object)).tolist()}
    attribute = to_proto(Attribute("value", "tensor", values))
    name = editor.names.new(wish)
    only_input = path == MAIN_GRAPH and inputs_too(editor.proto)
    if isinstance(editor.message(path), onnx.GraphProto) and not only_input:
        attribute.t.name = name
        editor.splice(editor.way(path), "initializer", len(editor.graph(path).initializers), 0, [attribute.t])
    else:
        node = onnx.NodeProto(op_type="Constant", output=[name], attribute=[attribute])
        editor.insert_nodes(path, 0, [node])
    return name


def import_domain(editor: Editor, path: str, domain: str) -> None:
    """See to it that the model (and the function that ``path`` lies in) imports an operator set of ``domain``.

    The version is that of the model if it imports one, else the newest known, 1 for a domain that ONNX does not know.
    """
    imported = versions(editor.proto)
    if plain(domain) not in imported:
        known = (schema.since_version for schema in defs.get_all_schemas() if schema.domain == domain)
        imported = {plain(domain): max(known, default=1)}
    import_missing(editor, path, imported, [onnx.NodeProto(domain=domain)])


def name_for(editor: Editor, path: str, wish: str, fallback: str) -> str:
    """Return a new name for a node: ``wish``, else one of ``fallback`` where nodes have names, else none."""
    if wish:
        return editor.names.new(wish)
    return editor.names.new(fallback) if any(node.name for node in editor.message(path).node) else ""
