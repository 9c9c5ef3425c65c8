"""Make graphdebug/deploy/tables/onnxruntime_cpu.json anew from wheels of ONNX Runtime.

    pip install --no-deps --target W/1.31.1 onnxruntime==1.31.1      (a folder a release; W/numpy: numpy 1)
    python benchmarks/onnxruntime_kernels.py W

Each wheel is asked in a process of its own: for its CPU kernels, and for the newest operator sets and IR version with
which it makes a session of one node.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

TABLE = Path(__file__).resolve().parents[1] / "graphdebug" / "deploy" / "tables" / "onnxruntime_cpu.json"
OPEN = 2147483647
NUMPY_1 = 18
"""Releases up to 1.18 want numpy 1."""


def ask() -> dict:
    """Say what the ONNX Runtime of this process has."""
    import onnxruntime as ort
    from onnx import helper
    from onnxruntime.capi import onnxruntime_pybind11_state as native

    ort.set_default_logger_severity(4)

    def loads(ir: int, opset: int, ml: int = 0) -> bool:
        ends = [helper.make_tensor_value_info(name, 1, [1]) for name in "xy"]
        graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", ends[:1], ends[1:])
        imports = [helper.make_opsetid("", opset), *([helper.make_opsetid("ai.onnx.ml", ml)] if ml else [])]
        model = helper.make_model(graph, ir_version=ir, opset_imports=imports)
        try:
            ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        except Exception:
            return False
        return True

    kernels = [
        (each.domain, each.op_name, *each.version_range, {k: sorted(v) for k, v in each.type_constraints.items()})
        for each in native.get_all_opkernel_def()
        if each.provider == "CPUExecutionProvider" and each.domain != "com.microsoft.nchwc"
    ]
    return {
        "asked": ort.__version__,
        "opset": max(each for each in range(7, 60) if loads(8, each)),
        "ml": max(each for each in range(1, 20) if loads(8, 15, each)),
        "ir": max(each for each in range(3, 40) if loads(each, 7)),
        "kernels": kernels,
    }


def merged(answers: list[dict]) -> dict:
    """Join the answers of releases, the oldest first: each kernel with the releases that have it."""
    releases = [int(each["asked"].split(".")[1]) for each in answers]
    types: dict[str, int] = {}
    seen: dict[tuple, list[int]] = {}
    for release, answer in zip(releases, answers, strict=True):
        for domain, op, first, last, constraints in answer.pop("kernels"):
            named = {}
            for name, kinds in constraints.items():
                bare = sorted(kind[7:-1] if kind.startswith("tensor(") else kind for kind in kinds)
                named[name] = types.setdefault(" ".join(bare), len(types))
            key = domain, op, first, None if last == OPEN else last, tuple(sorted(named.items()))
            seen.setdefault(key, []).append(release)
    domains: dict[str, dict[str, list]] = {}
    for (domain, op, first, last, named), having in seen.items():
        runs: list[list[int]] = []
        for release in dict.fromkeys(having):
            if runs and releases.index(release) == releases.index(runs[-1][1]) + 1:
                runs[-1][1] = release
            else:
                runs.append([release, release])
        for begins, ends in runs:
            until = None if ends == releases[-1] else ends
            domains.setdefault(domain, {}).setdefault(op, []).append([first, last, begins, until, dict(named)])
    return {
        "source": "onnxruntime.capi.get_all_opkernel_def() and sessions of one node, asked of the CPU wheels on PyPI "
        "by benchmarks/onnxruntime_kernels.py",
        "releases": dict(zip((f"1.{each}" for each in releases), answers, strict=True)),
        "kernel": ["opset from", "to", "release 1.x from", "to (null: the newest asked)", "name -> index into types"],
        "types": list(types),
        "domains": domains,
    }


def main(folder: Path) -> None:
    """Ask every release in ``folder`` and write the table."""
    answers = []
    found = [path for path in folder.iterdir() if path.name[0].isdigit()]
    for path in sorted(found, key=lambda each: [int(part) for part in each.name.split(".")]):
        old = int(path.name.split(".")[1]) <= NUMPY_1
        paths = os.pathsep.join(map(str, [path, *([folder / "numpy"] if old else [])]))
        command = [sys.executable, __file__]
        run = subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, check=True)
        answers.append(json.loads(run.stdout.splitlines()[-1]))
    table = merged(answers)
    domains = table.pop("domains")
    rows = ",\n".join(
        f" {json.dumps(domain)}: {{\n"
        + ",\n".join(
            f"  {json.dumps(op)}: "
            + json.dumps(sorted(kernels, key=lambda row: (row[2], row[0])), separators=(",", ":"))
            for op, kernels in sorted(ops.items())
        )
        + "\n }"
        for domain, ops in sorted(domains.items())
    )
    TABLE.write_text(json.dumps(table, indent=1)[:-2] + ',\n "domains": {\n' + rows + "\n}}\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        print(json.dumps(ask()))
