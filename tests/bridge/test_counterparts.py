"""What stands for what between an export and its network: every pair has the same values, and enough are found."""

import io
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from graphdebug.bridge.counterparts import counterparts
from graphdebug.bridge.records import Counterparts, Record
from graphdebug.foreign import torch_worker
from graphdebug.model.document import Model, open_model
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.shapes import infer_types
from graphdebug.runtime.backend import Mode
from graphdebug.runtime.foreign import receive, send
from graphdebug.runtime.registry import backend
from tests.bridge import torch_networks

HOW = {
    "device": "cpu",
    "dtype": "float32",
    "autocast": "",
    "train": False,
    "deterministic": False,
    "tf32": False,
    "threads": 0,
}
INPUTS: dict[str, dict[str, torch.Tensor]] = {
    "resnet": {"image": torch.linspace(-2, 2, 2 * 3 * 32 * 32).reshape(2, 3, 32, 32).sin()},
    "transformer_block": {"x": torch.linspace(-1, 1, 2 * 5 * 16).reshape(2, 5, 16)},
    "twice": {"x": torch.linspace(-1, 1, 12).reshape(3, 4), "scale": torch.tensor([2.0])},
}
EXPORTS = ("dynamo", "dynamo optimised", "traced")


def export(factory: str, how: str, path: Path) -> Model:
    """Export a network of `torch_networks` and open it with inferred types; each export is made once."""
    path.write_bytes(export_bytes(factory, how))
    model = open_model(path)
    return model.with_types(infer_types(model))


@cache
def export_bytes(factory: str, how: str) -> bytes:
    network, inputs = getattr(torch_networks, factory)(), INPUTS[factory]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if how == "traced":
            buffer = io.BytesIO()
            torch.onnx.export(
                network, tuple(inputs.values()), buffer, input_names=list(inputs), opset_version=18, dynamo=False
            )
            return buffer.getvalue()
        program = torch.onnx.export(
            network,
            tuple(inputs.values()),
            input_names=list(inputs),
            opset_version=20,
            optimize="optimised" in how,
            verbose=False,
            dynamo=True,
        )
    assert program is not None
    return program.model_proto.SerializeToString()


def silent(share: Any, words: str) -> None:
    """Take progress."""


def look(model: Model, factory: str, folder: Path, operations: bool = True) -> tuple[list[Record], Counterparts]:
    """Let the worker's own functions run the network here, and pair."""
    source = {"kind": "module", "target": f"{torch_networks.__name__}:{factory}", "path": "", "args": ""}
    torch_worker.load(silent, {**source, "checkpoint": "", "strict": True}, HOW)
    given = send(folder, feeds(factory), "PyTorch")
    told = torch_worker.observe(silent, given, operations)
    assert told["missing"] == ""
    records = [
        Record(**{**each, "outputs": tuple((dtype, tuple(shape)) for dtype, shape in each["outputs"])})
        for each in told["records"]
    ]
    return records, counterparts(model.graphs[MAIN_GRAPH], model.types[MAIN_GRAPH], {}, records)


def feeds(factory: str) -> dict[str, np.ndarray[Any, Any]]:
    return {name: value.numpy() for name, value in INPUTS[factory].items()}


def fetched(records: list[Record], found: Counterparts, factory: str, folder: Path) -> dict[str, Any]:
    fetch = [
        {
            "name": name,
            "kind": records[pair.record].kind,
            "scope": records[pair.record].scope,
            "call": records[pair.record].call,
            "operation": records[pair.record].name,
            "output": pair.output,
        }
        for name, pair in found.found.items()
    ]
    given = send(folder, feeds(factory), "PyTorch")
    return dict(receive(torch_worker.infer(silent, given, str(folder / "back.bin"), fetch)))


@pytest.mark.parametrize("how", EXPORTS)
@pytest.mark.parametrize("factory", list(INPUTS))
def test_what_is_paired_is_the_same(factory: str, how: str, tmp_path: Path) -> None:
    model = export(factory, how, tmp_path / "m.onnx")
    records, found = look(model, factory, tmp_path)
    theirs = fetched(records, found, factory, tmp_path)
    session = backend("onnxruntime:opt=disable").prepare(model, Mode.ISOLATED)
    assert set(found.found) | set(found.missing) == set(session.tensors)
    ours = session.infer(feeds(factory), session.tensors)
    for name, value in theirs.items():
        assert np.allclose(value, ours[name], atol=1e-5), f"{name}: {found.found[name].how}"
    index = model.graphs[MAIN_GRAPH]
    assert set(index.outputs) <= set(theirs)
    telling = {"Conv", "BatchNormalization", "Relu", "Gemm", "LayerNormalization", "Softmax", "ReduceMean", "ReduceSum"}
    lost = [name for name in found.missing if index.nodes[index.producer[name]].op_type in telling]
    assert not lost, {name: found.missing[name] for name in lost}


@pytest.mark.parametrize(("how", "outside"), [("dynamo", 0), ("dynamo optimised", 6), ("traced", 6)])
def test_every_layer_of_a_residual_network_is_found(how: str, outside: int, tmp_path: Path) -> None:
    """But for convolutions whose output no tensor holds any more, for the normalisation went into them."""
    model = export("resnet", how, tmp_path / "m.onnx")
    records, found = look(model, "resnet", tmp_path, operations=False)
    network = torch_networks.resnet()
    leaves = {
        path
        for path, module in network.named_modules()
        if not list(module.children()) and not isinstance(module, nn.Identity)
    }
    tapped = {records[pair.record].scope for pair in found.found.values()}
    missing = leaves - tapped - {"head"}  # which gives the output, paired as the network's own
    assert len(missing) == outside
    assert all(".conv" in path for path in missing)


def test_a_convolution_with_its_normalisation_folded_in_stands_for_the_normalisation(tmp_path: Path) -> None:
    model = export("resnet", "traced", tmp_path / "m.onnx")
    records, found = look(model, "resnet", tmp_path, operations=False)
    pair = found.found["/stages/stages.0/conv1/Conv_output_0"]
    assert records[pair.record].scope == "stages.0.bn1"
    assert "folded" in pair.how
    alone = found.found["/stages/stages.1/shortcut/Conv_output_0"]
    assert records[alone.record].scope == "stages.1.shortcut"


@pytest.mark.parametrize("how", EXPORTS)
def test_each_call_of_a_module_has_its_own_tensor(how: str, tmp_path: Path) -> None:
    model = export("twice", how, tmp_path / "m.onnx")
    records, found = look(model, "twice", tmp_path)
    index = model.graphs[MAIN_GRAPH]
    made = [name for node in index.order for name in index.nodes[node].output if index.nodes[node].op_type == "Relu"]
    calls = [(records[found.found[name].record].scope, records[found.found[name].record].call) for name in made]
    assert calls == [("act", 0), ("act", 1)]


def test_a_name_is_not_trusted_against_the_shape(tmp_path: Path) -> None:
    model = export("resnet", "dynamo", tmp_path / "m.onnx")
    records, found = look(model, "resnet", tmp_path, operations=False)
    stem = next(name for name, pair in found.found.items() if records[pair.record].scope == "stem")
    other = [
        Record(r.kind, r.scope, r.what, r.name, r.call, (("float32", (2, 8, 16, 16)),), r.used, r.follows)
        if r.scope == "stem"
        else r
        for r in records
    ]
    again = counterparts(model.graphs[MAIN_GRAPH], model.types[MAIN_GRAPH], {}, other)
    assert stem not in again.found
    assert "2×8×16×16" in again.missing[stem]
    assert again.found.keys() == found.found.keys() - {stem}


def test_what_cannot_be_told_apart_is_not_paired(tmp_path: Path) -> None:
    """A network that was changed since its export: one operation more of a kind in the same module."""
    model = export("transformer_block", "traced", tmp_path / "m.onnx")
    records, found = look(model, "transformer_block", tmp_path)
    twin = next(record for record in records if record.what.startswith("aten.softmax"))
    again = counterparts(model.graphs[MAIN_GRAPH], model.types[MAIN_GRAPH], {}, [*records, twin])
    gone = found.found.keys() - again.found.keys()
    assert [again.missing[name] for name in gone] == [
        "softmax occurs 1 times in the model, 2 times in PyTorch in attention"
    ]
