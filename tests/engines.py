"""What TensorRT would tell of an engine of a residual network: convolutions fused, a Gemm in two layers, a copy.

The form is that of files that ``trtexec --exportLayerInfo`` wrote (8.4: names of layers say what they are of) and of
10.x (metadata does).
"""

import json
from collections.abc import Sequence
from typing import Any

from onnx import GraphProto, NodeProto

FORM = "Channel major FP16 format where channel % 8 == 0"
SPLIT = "Gemm"


def layer_info(graph: GraphProto, metadata: bool) -> tuple[str, list[list[str]]]:
    """Return the layers of an engine as JSON, and of each the names of the nodes it stands for (a copy: none)."""
    layers, made_of = list[dict[str, Any]](), list[list[str]]()

    def add(nodes: Sequence[NodeProto], inputs: list[str], output: str, name: str, kind: str) -> None:
        names = [node.name for node in nodes]
        layer: dict[str, Any] = {"Name": name, "LayerType": kind, "TacticValue": "0x0000000000000000"}
        for side, tensors in (("Inputs", inputs), ("Outputs", [output])):
            layer[side] = [{"Name": each, "Location": "Device", "Format/Datatype": FORM} for each in tensors]
        if metadata:
            layer["Metadata"] = "\x1f".join(f"[ONNX Layer: {each}]" for each in names)
        layers.append(layer)
        made_of.append(names)

    constants = {name for node in graph.node if node.op_type == "Constant" for name in node.output}
    constants.update(each.name for each in graph.initializer)
    for number, nodes in enumerate(_fused(graph)):
        inner = {name for node in nodes for name in node.output}
        inputs = [name for node in nodes for name in node.input if name not in inner | constants]
        name = f"__myl_{number}" if metadata else " + ".join(node.name for node in nodes)
        if number == 0:
            copied = f"Reformatted Input Tensor 0 to {name}"
            add([], inputs, copied, f"Reformatting CopyNode for Input Tensor 0 to {name}", "Reformat")
            inputs = [copied]
        output = nodes[-1].output[0]
        if nodes[0].op_type == SPLIT:
            add(nodes, inputs, f"{name}_product", name if metadata else nodes[0].name, "MatrixMultiply")
            inputs, name = [f"{name}_product"], f"{name} (bias)" if metadata else f"PWN({nodes[0].name})"
        add(nodes, inputs, output, name, "CaskConvolution" if nodes[0].op_type == "Conv" else "kgen")
    return json.dumps({"Layers": layers, "Bindings": [graph.input[0].name, graph.output[0].name]}), made_of


def _fused(graph: GraphProto) -> list[list[NodeProto]]:
    """Return the nodes in groups: a Conv with the Add and the Relu that alone use it; constants go."""
    groups: list[list[NodeProto]] = []
    group_of: dict[str, list[NodeProto]] = {}
    for node in graph.node:
        if node.op_type == "Constant":
            continue
        last = [group_of[name] for name in node.input if name in group_of]
        takes_in = node.op_type in ("Relu", "Add") and last and last[-1][0].op_type == "Conv"
        group = max(last, key=groups.index) if takes_in else []
        if not group:
            groups.append(group)
        group.append(node)
        group_of[node.output[0]] = group
    return groups
