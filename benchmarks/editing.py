"""The same edit from file to file: graphdebug beside onnx-graphsurgeon and the functions behind onnx-modifier's page.

Four edits of one node in the middle of the model: *insert* an Identity before it, *delete* it so that its input takes
the place of its output, *rename* its output, set an *attribute* of it or of the next node that has a whole number. Each
is done in a process of its own, in turn; seconds are from opening the file to having written the other one, imports
left out; memory is the process's largest resident set. *Lost* is what the written file has fewer of than the first,
field by field, beyond what the edit is about.

Usage: python benchmarks/editing.py MODEL.onnx … [--modifier PYTHON] [--repeat 3]
`--modifier` is an interpreter that has onnx-modifier (it needs onnx 1.16 or older); without it that tool is left out.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import onnx

EDITS = ("insert", "delete", "rename", "attribute")
UNARY = ("Relu", "Sigmoid", "Neg", "Tanh", "Erf", "Sqrt", "Softmax", "LeakyRelu")
OUGHT_TO_STAY = (
    "metadata_props", "doc_string", "denotation", "quantization_annotation", "overload", "device_configurations",
    "initializer", "value_info", "functions", "training_info", "domain", "opset_import", "attribute",
)  # fmt: skip


def graphdebug(edit: str, source: Path, target: Path, plan: dict[str, Any]) -> float:
    """Edit by graphdebug's operations; return when it began."""
    from graphdebug.edit.attributes import Attribute
    from graphdebug.edit.changing import SetAttribute
    from graphdebug.edit.nodes import DeleteNode, InsertNode
    from graphdebug.edit.operation import Operation, edited
    from graphdebug.edit.wiring import RenameValue
    from graphdebug.model.document import open_model
    from graphdebug.model.save import save

    operations: dict[str, Operation] = {
        "insert": InsertNode(value=plan["input"], op="Identity"),
        "delete": DeleteNode(node=plan["node"]),
        "rename": RenameValue(value=plan["output"], name="renamed"),
        "attribute": SetAttribute(node=plan["with"], attribute=Attribute(plan["attribute"], "int", plan["value"])),
    }
    began = time.perf_counter()
    save(edited(open_model(source), operations[edit]).model, target)
    return began


def graphsurgeon(edit: str, source: Path, target: Path, plan: dict[str, Any]) -> float:
    """Edit by onnx-graphsurgeon; return when it began."""
    import onnx_graphsurgeon as gs

    began = time.perf_counter()
    graph = gs.import_onnx(onnx.load(source))
    nodes = {node.name: node for node in graph.nodes}
    node = nodes[plan["node"]]
    value = node.inputs[0]
    if edit == "insert":
        made = gs.Variable("inserted", value.dtype, value.shape)
        for user in list(value.outputs):
            user.inputs[[each is value for each in user.inputs].index(True)] = made
        graph.nodes.append(gs.Node("Identity", "inserted", inputs=[value], outputs=[made]))
        graph.toposort()
    elif edit == "delete":
        for user in list(node.outputs[0].outputs):
            user.inputs[[each is node.outputs[0] for each in user.inputs].index(True)] = value
        node.outputs.clear()
        graph.cleanup()
    elif edit == "rename":
        node.outputs[0].name = "renamed"
    else:
        nodes[plan["with"]].attrs[plan["attribute"]] = plan["value"]
    onnx.save(gs.export_onnx(graph), target)
    return began


def modifier(edit: str, source: Path, target: Path, plan: dict[str, Any]) -> float:
    """Edit by what onnx-modifier's server calls; return when it began."""
    from onnx_modifier.onnx_modifier import onnxModifier  # type: ignore[import-not-found]

    names = "added_node_info node_states changed_initializer node_renamed_io added_inputs rebatch_info added_outputs"
    wanted: dict[str, Any] = {name: {} for name in [*names.split(), "node_changed_attr", "postprocess_args"]}
    if edit == "insert":
        made = {"properties": {"name": "inserted", "op_type": "Identity"}, "attributes": {}}
        wanted["added_node_info"] = {"0": {**made, "inputs": {"x": [plan["input"]]}, "outputs": {"y": ["inserted"]}}}
        wanted["node_states"] = {"inserted": "Exist"}
        wanted["node_renamed_io"] = {user: {plan["input"]: "inserted"} for user in plan["input_users"]}
    elif edit == "delete":
        wanted["node_states"] = {plan["node"]: "Deleted"}
        wanted["node_renamed_io"] = {user: {plan["output"]: plan["input"]} for user in plan["output_users"]}
    elif edit == "rename":
        users = [plan["node"], *plan["output_users"]]
        wanted["node_renamed_io"] = {user: {plan["output"]: "renamed"} for user in users}
    else:
        wanted["node_changed_attr"] = {plan["with"]: {plan["attribute"]: [str(plan["value"]), "int64"]}}
    began = time.perf_counter()
    changed = onnxModifier.from_model_path(str(source))
    changed.modify(wanted)
    onnx.save(changed.model_proto, target)
    return began


TOOLS = {"graphdebug": graphdebug, "graphsurgeon": graphsurgeon, "onnx-modifier": modifier}


def plan_of(path: Path) -> dict[str, Any]:
    """Choose the node in the middle that the edits are about, and say all that the tools need to know."""
    from graphdebug.model.document import open_model

    graph = open_model(path).proto.graph
    outputs = {info.name for info in graph.output}
    middle = len(graph.node) // 2
    fitting = [node for node in graph.node if node.op_type in UNARY and node.name and node.output[0] not in outputs]
    order = {node.name: position for position, node in enumerate(graph.node)}
    node = min(fitting, key=lambda each: abs(order[each.name] - middle))
    numbered = [each for each in graph.node if each.name and any(one.type == 2 for one in each.attribute)]
    other = min(numbered, key=lambda each: abs(order[each.name] - middle))
    attribute = next(one for one in other.attribute if one.type == onnx.AttributeProto.INT)
    users = {side: [each.name for each in graph.node if name in each.input]
             for side, name in (("input_users", node.input[0]), ("output_users", node.output[0]))}  # fmt: skip
    chosen = {"node": node.name, "input": node.input[0], "output": node.output[0], **users}
    return {**chosen, "with": other.name, "attribute": attribute.name, "value": attribute.i + 1}


def counted(message: Any) -> Counter[str]:
    """Count the entries of fields that an edit ought to leave, in a message and all that is in it."""
    found: Counter[str] = Counter()
    for field, value in message.ListFields():
        each_of = value if field.is_repeated else [value]
        found[field.name] += len(each_of) if value != field.default_value or field.is_repeated else 0
        if field.message_type:
            for each in each_of:
                found += counted(each)
    return found


def lost(source: Path, target: Path, gone: str) -> str:
    """Say what the second file has fewer of, the node ``gone`` left out."""
    from graphdebug.model.document import open_model

    models = [open_model(path).proto for path in (source, target)]
    before, after = map(counted, models)
    for node in models[0].graph.node:
        if node.name == gone:
            before -= counted(node)
    few = [f"{before[field] - after[field]:,} {field}" for field in OUGHT_TO_STAY if after[field] < before[field]]
    return ", ".join(few) or "nothing"


def measured(tool: str, edit: str, source: Path, target: Path, plan: dict[str, Any], python: str) -> list[float] | str:
    """Do one edit in a process of its own; return seconds and MiB, or how it failed."""
    # A shell in between: a process begins with the peak of the one that started it.
    call = [
        "sh",
        "-c",
        '"$@"; exit $?',
        "sh",
        python,
        __file__,
        "--one",
        json.dumps([tool, edit, str(source), str(target), plan]),
    ]
    done = subprocess.run(
        call,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    if done.returncode:
        return (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1][:100]
    figures: list[float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--modifier", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        tool, edit, source, target, plan = json.loads(options.one)
        began = TOOLS[tool](edit, Path(source), Path(target), plan)
        seconds = time.perf_counter() - began
        print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
        return
    tools = [tool for tool in TOOLS if tool != "onnx-modifier" or options.modifier]
    pythons = {tool: str(options.modifier) if tool == "onnx-modifier" else sys.executable for tool in tools}
    print(
        "| model | edit | tool | s | ÷ graphdebug | peak MiB | ÷ graphdebug | lost |\n|---|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "edited.onnx"
        for model in options.models:
            plan = plan_of(model)
            measured("graphdebug", EDITS[0], model, target, plan, sys.executable)  # from the disk once, for all alike
            for edit in EDITS:
                taken: dict[str, list[list[float] | str]] = {tool: [] for tool in tools}
                missing = dict.fromkeys(tools, "")
                for _ in range(options.repeat):
                    for tool in tools:
                        target.unlink(missing_ok=True)
                        taken[tool].append(measured(tool, edit, model, target, plan, pythons[tool]))
                        missing[tool] = missing[tool] or (
                            lost(model, target, plan["node"] if edit == "delete" else "") if target.exists() else ""
                        )
                report(model.stem, edit, taken, missing)


def report(model: str, edit: str, taken: dict[str, list[list[float] | str]], missing: dict[str, str]) -> None:
    """Print the rows of one edit."""
    medians: dict[str, list[float]] = {}
    for tool, runs in taken.items():
        figures = [run for run in runs if not isinstance(run, str)]
        if not figures:
            print(f"| {model} | {edit} | {tool} | failed: {runs[0]} | | | | |", flush=True)
            continue
        medians[tool] = [statistics.median(each) for each in zip(*figures, strict=True)]
        (seconds, peak), ours = medians[tool], medians.get("graphdebug", medians[tool])
        ratios = seconds / ours[0], peak / ours[1]
        cells = [f"{seconds:.2f}", f"{ratios[0]:.1f}", f"{peak:,.0f}", f"{ratios[1]:.1f}", missing[tool]]
        print("|", " | ".join([model, edit, tool, *cells]), "|", flush=True)


if __name__ == "__main__":
    main()
