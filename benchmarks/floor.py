"""The plainest layer-wise comparison there is, as a yardstick for ours: every tensor an output of two ONNX Runtime
sessions (without and with optimisation), all tensors of both held at once, the largest difference by NumPy.

Usage: python benchmarks/floor.py MODEL.onnx
"""

import sys

import numpy as np
import onnx
import onnxruntime as ort


def feeds(session: ort.InferenceSession) -> dict[str, np.ndarray]:
    """Random feeds; symbolic dimensions are 1."""
    rng = np.random.default_rng(0)
    made = {}
    for value in session.get_inputs():
        shape = [dim if isinstance(dim, int) else 1 for dim in value.shape]
        integers = "int" in value.type
        made[value.name] = rng.integers(0, 100, shape) if integers else rng.standard_normal(shape).astype(np.float32)
    return made


def run(data: bytes, level: ort.GraphOptimizationLevel) -> dict[str, np.ndarray]:
    """Return every tensor of the model."""
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    options.log_severity_level = 3
    session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds(session)), strict=True))


def main(path: str) -> None:
    """Compare and print the largest difference."""
    model = onnx.load(path)
    outputs = {output.name for output in model.graph.output}
    names = [name for node in model.graph.node for name in node.output if name and name not in outputs]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    data = model.SerializeToString()
    levels = ort.GraphOptimizationLevel
    reference, candidate = run(data, levels.ORT_DISABLE_ALL), run(data, levels.ORT_ENABLE_ALL)
    differences = {
        name: float(np.abs(tensor.astype(np.float64) - candidate[name].astype(np.float64)).max())
        for name, tensor in reference.items()
        if tensor.size and tensor.dtype.kind == "f"
    }
    worst = max(differences, key=differences.__getitem__)
    print(f"{len(reference)} tensors, the largest difference is {differences[worst]:.3g} in {worst}")


if __name__ == "__main__":
    main(sys.argv[1])
