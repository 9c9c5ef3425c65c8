"""Run the parts of a split model one after the other, as manifest.json beside this file chains them.

    python run.py feeds.npz out.npz [--opt disable|basic|extended|all] [--check whole.onnx]

Needs numpy and onnxruntime only. A tensor is dropped as soon as no later part needs it. With --check, the whole model
runs on the same feeds, and the exit code is 1 when an output differs.
"""

import argparse
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

LEVELS = {
    "disable": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
Values = dict[str, Any]
"""Tensors by name, as ONNX Runtime holds them: those that NumPy has no type for can pass, too."""


def run(model: Path, level: str, values: Values, wanted: list[str]) -> Values:
    """Run one model on those of the values that it takes, and return the wanted outputs."""
    options = ort.SessionOptions()
    options.graph_optimization_level = LEVELS[level]
    session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    taken = {value.name for value in (*session.get_inputs(), *session.get_overridable_initializers())}
    given = {name: value for name, value in values.items() if name in taken}
    return dict(zip(wanted, session.run_with_ort_values(wanted, given), strict=True))


def run_parts(folder: Path, manifest: dict[str, Any], level: str, feeds: Values) -> Values:
    """Run all parts in order and return the outputs of the whole."""
    ends = [output["name"] for output in manifest["outputs"]]
    last = {value["name"]: at for at, part in enumerate(manifest["parts"]) for value in part["inputs"]}
    last.update(dict.fromkeys(ends, len(manifest["parts"])))
    values = dict(feeds)
    for at, part in enumerate(manifest["parts"]):
        print(f"{part['file']}: {part['nodes']} nodes", file=sys.stderr)
        values.update(run(folder / part["file"], level, values, [value["name"] for value in part["outputs"]]))
        values = {name: value for name, value in values.items() if last.get(name, at + 1) > at}
    return {name: values[name] for name in ends}


def read(path: Path, names: list[str]) -> Values:
    """Read what an .npz has for the inputs; every one of them must be there."""
    with np.load(path, allow_pickle=False) as archive:
        # Names that are unsafe in an archive are listed in a member of their own.
        index = json.loads(archive["graphdebug.json"])["members"] if "graphdebug.json" in archive.files else {}
        members = {entry["name"]: member.removesuffix(".npy") for member, entry in index.items()}
        found = {name: members.get(name, name) for name in names}
        for name, member in found.items():
            if member not in archive.files:
                sys.exit(f"{path} has no array for the input {name!r}.")
            if index.get(f"{member}.npy", {}).get("dtype"):
                sys.exit(f"NumPy has no element type for the input {name!r}: this script cannot feed it.")
        return {name: ort.OrtValue.ortvalue_from_numpy(archive[member]) for name, member in found.items()}


def write(path: Path, values: Values) -> None:
    """Write tensors to an .npz under their own names."""
    with zipfile.ZipFile(path, "w", allowZip64=True) as archive:
        for name, value in values.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, value.numpy(), allow_pickle=False)


def largest_difference(one: np.ndarray, other: np.ndarray) -> float:
    """Return the largest absolute difference; infinite where something cannot be subtracted."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return float("inf")
    same = (one == other) | ((one != one) & (other != other))
    if one.size == 0 or same.all():
        return 0.0
    if one.dtype.kind not in "biuf":
        return float("inf")
    apart = np.abs(one[~same].astype(np.float64) - other[~same].astype(np.float64))
    return float(np.nan_to_num(apart, nan=np.inf, posinf=np.inf).max()) or sys.float_info.min


def main() -> int:
    """Read the arguments, run, write and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("feeds", type=Path, help="an .npz with an array for each input")
    parser.add_argument("output", type=Path, help="the .npz to write the outputs to")
    parser.add_argument("--opt", choices=LEVELS, default="disable", help="optimisation of ONNX Runtime")
    parser.add_argument("--check", type=Path, metavar="WHOLE", help="the whole model, to compare with")
    given = parser.parse_args()
    folder = Path(__file__).resolve().parent
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    feeds = read(given.feeds, [value["name"] for value in manifest["inputs"]])
    outputs = run_parts(folder, manifest, given.opt, feeds)
    write(given.output, outputs)
    if not given.check:
        return 0
    differs = False
    for name, value in run(given.check, given.opt, feeds, list(outputs)).items():
        largest = largest_difference(value.numpy(), outputs[name].numpy())
        print(f"{name!r}: largest difference {largest:g}")
        differs |= largest > 0
    return int(differs)


if __name__ == "__main__":
    sys.exit(main())
