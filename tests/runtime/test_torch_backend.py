"""PyTorch as a backend: where a network comes from, what it is fed with, what is said when it does not work."""

import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from onnx import helper
from safetensors.torch import save_file

from graphdebug.foreign import torch_source, torch_worker
from graphdebug.foreign.talk import Refused, Tensor
from graphdebug.foreign.torch_values import flat, from_torch, to_torch
from graphdebug.model.document import open_model
from graphdebug.runtime import trust
from graphdebug.runtime.backend import BackendError, Mode
from graphdebug.runtime.bounded import prepare_bounded
from graphdebug.runtime.registry import backend, incomplete
from graphdebug.runtime.spec import SpecError, parse_spec
from graphdebug.runtime.timing import Profiled, Runs, Timed
from graphdebug.runtime.torch_backend import matched, module_times
from tests.bridge import torch_networks
from tests.conftest import ROOT
from tests.runtime import small_models as models

NETWORKS = "tests.bridge.torch_networks"
RESNET = "torch:module=sample_models.from_pytorch:resnet,path=" + str(ROOT)


@pytest.fixture(autouse=True)
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(trust.VARIABLE, "1")


def made(target: str, checkpoint: Path | str = "", *, strict: bool = True, args: str = "") -> torch_source.Source:
    return torch_source.from_module(f"{NETWORKS}:{target}", "", args, str(checkpoint), strict)


def test_a_network_gives_the_tensors_of_its_export(samples: Path, tmp_path: Path) -> None:
    model = open_model(samples / "resnet_dynamo.onnx")
    image = np.random.default_rng(0).standard_normal((3, 3, 32, 32), np.float32)
    session = prepare_bounded(backend(RESNET), model, Mode.ISOLATED, None, 1)  # nor is it cut to fit a budget
    try:
        theirs = session.infer({"image": image}, session.tensors)
        assert session.environment["taps"] == "13 by module hooks, 8 in the exported graph"
        assert session.environment["backend"] == f"PyTorch {torch.__version__}"
        assert session.untapped == {}
        with pytest.raises(BackendError, match="'nothing'"):
            session.infer({"image": image}, ["nothing"])
        with pytest.raises(BackendError, match="'image' of the model is not fed"):
            session.infer({}, ["scores"])
    finally:
        session.close()
    with pytest.raises(BackendError, match="closed"):
        session.infer({"image": image}, ["scores"])
    ours = backend("onnxruntime:opt=disable").prepare(model, Mode.ISOLATED).infer({"image": image}, session.tensors)
    assert len(theirs) == 21
    for name in theirs:
        assert np.allclose(theirs[name], ours[name], atol=1e-5), name


def test_in_half_precision_the_outputs_are_half(samples: Path) -> None:
    model = open_model(samples / "resnet_torchscript.onnx")
    image = np.random.default_rng(0).standard_normal((1, 3, 32, 32), np.float32)
    session = backend(f"{RESNET},dtype=bfloat16,threads=1").prepare(model, Mode.PLAIN)
    given = session.infer({"image": image}, ["scores"])["scores"]
    session.close()
    assert given.dtype.name == "bfloat16"
    assert session.environment["dtype"] == "bfloat16"
    assert session.environment["threads"] == "1"
    expected = backend("onnxruntime").prepare(model, Mode.PLAIN).infer({"image": image}, ["scores"])["scores"]
    assert 0 < np.abs(given.astype(np.float32) - expected).max() < 0.1


@pytest.mark.parametrize("kind", ["script", "program"])
def test_files_of_pytorch_are_networks(kind: str, tmp_path: Path) -> None:
    network, x = torch_networks.transformer_block(), torch.linspace(-1, 1, 160).reshape(2, 5, 16)
    path = tmp_path / f"network.{'pt' if kind == 'script' else 'pt2'}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if kind == "script":
            torch.jit.save(torch.jit.trace(network, (x,)), path)  # type: ignore[no-untyped-call]
        else:
            torch.export.save(torch.export.export(network, (x,)), path)
    source = {"script": torch_source.from_script, "program": torch_source.from_program}[kind](str(path))
    assert source.parameters == ["x"]
    torch_worker._held.update(source=source, how={"train": False, "autocast": "", "device": "cpu", "dtype": "float32"})
    given = next(flat(torch_worker._run([x])))
    assert torch.allclose(given, network(x), atol=1e-6)
    torch_worker._held.update(shapes=None)
    missing, operations = torch_worker._operations([x])
    assert missing == ("a TorchScript runs as a whole" if kind == "script" else "")
    assert [each["scope"] for each in operations if "softmax" in each["what"]] == [
        "attention" for _ in range(kind == "program")
    ]


def test_weights_come_from_files(tmp_path: Path) -> None:
    saved = {name: value + 1 for name, value in torch_networks.twice().state_dict().items()}
    save_file(saved, tmp_path / "w.safetensors")
    torch.save(
        {"epoch": 3, "state_dict": {f"module.{name}": value for name, value in saved.items()}}, tmp_path / "w.pt"
    )
    for file in ("w.safetensors", "w.pt"):
        loaded = made("twice", tmp_path / file).network.state_dict()
        assert all(torch.equal(loaded[name], value) for name, value in saved.items())


def test_weights_that_do_not_fit_are_named(tmp_path: Path) -> None:
    saved = torch_networks.twice().state_dict()
    torch.save({**saved, "more": torch.zeros(1)}, tmp_path / "more.pt")
    assert made("twice", tmp_path / "more.pt").notes["checkpoint"].endswith("more in it were not asked for")
    del saved["norm.bias"]
    torch.save(saved, tmp_path / "less.pt")
    with pytest.raises(Refused, match=r"lacks weights of the network: norm\.bias\. With strict=0"):
        made("twice", tmp_path / "less.pt")
    assert "lacks norm.bias" in made("twice", tmp_path / "less.pt", strict=False).notes["checkpoint"]
    torch.save({**saved, "norm.bias": torch.zeros(9)}, tmp_path / "wide.pt")
    with pytest.raises(Refused, match=r"do not fit the network: size mismatch for norm\.bias"):
        made("twice", tmp_path / "wide.pt")


def test_weights_cannot_run_code(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "ran",))

    torch.save(Bomb(), tmp_path / "w.pt")
    with pytest.raises(Refused, match=r"holds more than weights, or is damaged"):
        made("twice", tmp_path / "w.pt")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", ["checkpoint", "script", "program"])
def test_an_archive_that_unpacks_to_far_more_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("bomb/data/0", "w") as member:
        for _ in range(100):
            member.write(bytes(1 << 20))
    assert path.stat().st_size < 200_000
    load = {"script": torch_source.from_script, "program": torch_source.from_program}
    with pytest.raises(Refused, match="would unpack to 105 MB"):
        if kind == "checkpoint":
            made("twice", path)
        else:
            load[kind](str(path))


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("nowhere", r"tests\.bridge\.torch_networks \(.*\) has no nowhere\."),
        ("no_network", r"gives a int, and a torch\.nn\.Module is needed\."),
        ("failing_factory", r"Making .*:failing_factory failed in torch_networks\.py, line 6\d: TypeError"),
    ],
)
def test_a_factory_that_is_none_is_named(target: str, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        made(target)


def test_code_that_does_not_load_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "broken_networks.py").write_text("import torch\n\ndef net(:\n    pass\n")
    (tmp_path / "lacking_networks.py").write_text("import torch\nimport no_such_package\n")
    with pytest.raises(Refused, match=r"Importing broken_networks failed in broken_networks\.py, line 3: SyntaxError"):
        torch_source.from_module("broken_networks:net", str(tmp_path), "", "", True)
    with pytest.raises(Refused, match=r"lacking_networks\.py, line 2: ModuleNotFoundError: No module named 'no_such"):
        torch_source.from_module("lacking_networks:net", str(tmp_path), "", "", True)
    with pytest.raises(Refused, match=r"There is no module absent_networks in /no/folder: say with path="):
        torch_source.from_module("absent_networks:net", "/no/folder", "", "", True)
    with pytest.raises(Refused, match=r"write package\.module:factory"):
        torch_source.from_module("networks", "", "", "", True)


def test_arguments_reach_the_factory() -> None:
    assert made("Twice", args='{"size": 6, "bias": false}').network.mix.weight.shape == (6, 6)
    assert made("Twice", args="[3]").network.mix.bias.shape == (3,)
    with pytest.raises(Refused, match="is no JSON"):
        made("Twice", args="{size: 3}")


def test_an_error_while_the_network_runs_names_their_line() -> None:
    source = made("Failing")
    torch_worker._held.update(source=source, how={"train": False, "autocast": "", "device": "cpu"})
    with pytest.raises(
        Refused, match=r"Running the network failed in torch_networks\.py, line \d+: ValueError: too hot"
    ):
        torch_worker._run([torch.zeros(1)])


def test_training_leaves_the_statistics_as_they_were() -> None:
    source = made("twice")
    source.network.train()
    torch_worker._held.update(source=source, how={"train": True, "autocast": "", "device": "cpu"})
    inputs = [torch.randn(8, 4), torch.ones(1)]
    first, second = (list(flat(torch_worker._run(inputs))) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert torch.equal(source.network.norm.running_mean, torch.zeros(4))


@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16", "int64", "bool", "complex64", "float8_e5m2"])
def test_values_go_over_and_back(name: str) -> None:
    value = torch.tensor([[0, 1], [1, 3]]).to(getattr(torch, name))
    there = from_torch(value)
    assert there.dtype == name
    back = to_torch("x", Tensor(*there), "cpu", value.dtype if value.is_floating_point() else torch.float32)
    assert back.dtype == value.dtype
    assert torch.equal(
        back.float() if name.startswith("float8") else back, value.float() if name.startswith("float8") else value
    )


def test_inputs_go_by_name_else_by_order(tmp_path: Path) -> None:
    inputs = [models.value("b"), models.value("a")]
    path = models.write(tmp_path / "m.onnx", [helper.make_node("Add", ["a", "b"], ["y"])], inputs, [models.value("y")])
    model = open_model(path)
    assert matched(model, ["a", "b", "flag"]) == ["a", "b"]
    assert matched(model, ["x", "z"]) == ["b", "a"]
    with pytest.raises(BackendError, match="The model has 2 inputs, and the network's forward takes x only"):
        matched(model, ["x"])


def test_what_to_run_must_be_said_once() -> None:
    assert "needs to know what to run" in incomplete(parse_spec("torch:device=cpu"))
    assert incomplete(parse_spec("torch:convert=1")) == ""
    assert "nothing says which network to run" in backend("torch").probe().reason
    assert "module and script contradict each other" in backend("torch:module=a:b,script=c.pt").probe().reason


def test_the_probe_imports_pytorch_where_it_shall_run() -> None:
    found = backend("torch:convert=1").probe()
    assert found.available
    assert dict(found.versions)["torch"] == torch.__version__
    if not torch.cuda.is_available():
        assert "no CUDA device" in backend("torch:convert=1,device=cuda").probe().reason
    assert "/no/python cannot be started" in backend("torch:convert=1,python=/no/python").probe().reason


@pytest.mark.parametrize("option", ["module=a:b", "path=/x", "script=a.pt", "program=a.pt2", "python=/x"])
def test_code_needs_trust(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(trust.VARIABLE, "0")
    with pytest.raises(SpecError, match="--allow-code"):
        backend(f"torch:{option}")


def test_the_model_itself_is_converted_where_the_converter_is_there(samples: Path) -> None:
    model = open_model(samples / "conv_bn_leakyrelu.onnx")
    try:
        session = backend("torch:convert=1").prepare(model, Mode.ISOLATED)
    except BackendError as error:
        assert "onnx2pytorch" in str(error) and "pip install" in str(error)
        pytest.skip(str(error))
    exposed = backend("onnxruntime:opt=disable").prepare(model, Mode.ISOLATED)
    feeds = {
        value.name: np.ones([dim if isinstance(dim, int) else 2 for dim in value.type.shape or ()], np.float32)
        for value in session.inputs
    }
    theirs, ours = session.infer(feeds, session.tensors), exposed.infer(feeds, exposed.tensors)
    assert theirs.keys() == ours.keys()
    assert all(np.allclose(theirs[name], ours[name], atol=1e-5) for name in ours)
    session.close()


def test_a_network_is_timed_where_it_runs_and_by_module(samples: Path) -> None:
    model = open_model(samples / "resnet_dynamo.onnx")
    feeds = {"image": np.random.default_rng(0).standard_normal((1, 3, 32, 32), np.float32)}
    session = backend(f"{RESNET},threads=1").prepare(model, Mode.PLAIN)
    assert isinstance(session, Timed) and isinstance(session, Profiled)
    taken = session.time_runs(feeds, session.outputs, Runs(4, streams=2))
    assert [len(stream) for stream in taken.streams] == [4, 4] and taken.phases == {}
    assert max(map(sum, taken.streams)) <= taken.wall * 1.001
    layers = session.profile_runs(feeds, 3)
    session.close()
    assert all(len(layer.seconds) == 3 and min(layer.seconds) > 0 for layer in layers)
    ops = {name: node.op_type for name, node in zip(model.graphs[""].names, model.graphs[""].nodes, strict=True)}
    found = {layer.name: (layer.op, {ops[name] for name in layer.nodes}) for layer in layers}
    convolutions = [nodes for op, nodes in found.values() if op == "Conv2d"]
    assert len(convolutions) == 9 and all(nodes == {"Conv"} for nodes in convolutions)
    assert "stages.0.conv1 + stages.0.bn1" in found  # the export folded one into the other
    rows = [
        {"name": layer.name.partition(" + ")[0], "what": layer.op, "nanoseconds": [3]}
        for layer in layers
        if layer.op == "Conv2d"
    ]
    older = open_model(samples / "resnet_torchscript.onnx").graphs[""]  # which keeps the convolution's name
    bn = {"name": "stages.0.bn1", "what": "BatchNorm2d", "nanoseconds": [4]}
    at = next(at for at, row in enumerate(rows) if row["name"] == "stages.0.conv1") + 1
    joined = module_times(older, [*rows[:at], bn, *rows[at:]])
    assert [(each.nodes, each.seconds) for each in joined if "bn1" in each.name] == [
        (("/stages/stages.0/conv1/Conv",), (7e-9,))
    ]
    told = [name for layer in layers for name in layer.nodes]
    assert len(told) == len(set(told))  # no node's time is told twice


def test_a_network_that_changes_while_it_runs_has_one_stream(tmp_path: Path) -> None:
    model = open_model(ROOT / "sample_models" / "resnet_dynamo.onnx")
    session = backend(f"{RESNET},mode=train").prepare(model, Mode.PLAIN)
    assert isinstance(session, Timed)
    feeds = {"image": np.random.default_rng(0).standard_normal((2, 3, 32, 32), np.float32)}
    before = session.infer(feeds, session.outputs)
    assert len(session.time_runs(feeds, session.outputs, Runs(3)).streams[0]) == 3
    after = session.infer(feeds, session.outputs)
    assert all(np.array_equal(before[name], after[name]) for name in session.outputs)
    with pytest.raises(BackendError, match="measure one stream, or mode=eval"):
        session.time_runs(feeds, session.outputs, Runs(3, streams=2))
    session.close()
