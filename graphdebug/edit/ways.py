"""From a graph path (model/refs.py) to the fields of the protobuf that lead to the graph."""

import onnx

from graphdebug.edit.errors import EditError
from graphdebug.edit.splice import SINGLE, Step, at
from graphdebug.model.index import nested_graphs
from graphdebug.model.refs import child_path, function_path


def graph_way(model: onnx.ModelProto, path: str) -> tuple[Step, ...]:
    """Return the way from ``model`` to the graph at ``path``.

    Raises:
        EditError: there is no such graph.
    """
    way: tuple[Step, ...] = (("graph", SINGLE),)
    above, steps = "", path.split("/") if path else []
    if steps and steps[0].startswith("fn:"):
        bodies = [function_path(each.domain, each.name, each.overload) for each in model.functions]
        if steps[0] not in bodies:
            raise EditError(f"The model has no function {path!r}.")
        above = steps.pop(0)
        way = (("functions", bodies.index(above)),)
    for step in steps:
        number = step.partition(".")[0]
        nodes = at(model, way).node
        if not (number.isdecimal() and int(number) < len(nodes)):
            raise EditError(f"The model has no graph {path!r}.")
        below = f"{above}/{step}" if above else step
        way = (*way, ("node", int(number)), *_attribute_way(nodes[int(number)], above, int(number), below))
        above = below
    return way


def _attribute_way(node: onnx.NodeProto, above: str, position: int, path: str) -> tuple[Step, ...]:
    for name, _ in nested_graphs(node):
        if child_path(above, position, name) == path:
            base, bracket, number = name.rpartition("[")
            in_list = bool(bracket) and all(attribute.name != name for attribute in node.attribute)
            wanted = base if in_list else name
            index = next(at for at, attribute in enumerate(node.attribute) if attribute.name == wanted)
            inner = ("graphs", int(number.rstrip("]"))) if in_list else ("g", SINGLE)
            return (("attribute", index), inner)
    raise EditError(f"The model has no graph {path!r}.")
