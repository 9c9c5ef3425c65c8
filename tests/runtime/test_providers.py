"""Which execution provider has which node: what ONNX Runtime tells finds its nodes in the model."""

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from graphdebug.compare.engine import compare_job
from graphdebug.compare.records import CompareRequest, Side
from graphdebug.model.document import open_model
from graphdebug.model.records import ModelLocation
from graphdebug.runtime import trust
from graphdebug.runtime.backend import Mode
from graphdebug.runtime.bounded import prepare_bounded
from graphdebug.runtime.providers import providers_of, providers_of_nodes
from graphdebug.runtime.registry import backend, runs_code
from graphdebug.runtime.requests import RunRequest
from graphdebug.runtime.run import run_job
from graphdebug.runtime.spec import SpecError, parse_spec
from tests.runtime import small_models as models

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


def nested(path: Path, other: str = "twice") -> Path:
    """A node without a name, two called ``twice`` and ``other``, and two of one name in branches."""
    branches = [
        helper.make_graph([helper.make_node(op, ["b"], ["t"], "inner")], op, [], [models.value("t")])
        for op in ("Neg", "Sin")
    ]
    nodes = [
        helper.make_node("Abs", ["x"], ["a"]),
        helper.make_node("Exp", ["a"], ["b"], "twice"),
        helper.make_node("Exp", ["b"], ["c"], other),
        helper.make_node("If", ["flag"], ["d"], "if", then_branch=branches[0], else_branch=branches[1]),
        helper.make_node("Add", ["c", "d"], ["y"], "sum"),
    ]
    flag = models.value("flag", TensorProto.BOOL, ())
    return models.write(path, nodes, [models.value("x"), flag], [models.value("y")])


def test_nodes_are_found_by_the_names_they_were_given(tmp_path: Path) -> None:
    model = open_model(nested(tmp_path / "m.onnx"))
    told = [
        (CUDA, "Abs_0", "Abs"),
        (CUDA, "twice", "Exp"),
        (CUDA, "twice", "Exp"),
        (CPU, "inner", "Sin"),
        (CPU, "sum", "Mul"),  # another operator of that name: one that ONNX Runtime made
        (CPU, "Memcpy", "MemcpyFromHost"),
    ]
    sine = next(path for path, index in model.graphs.items() if index.nodes[0].op_type == "Sin")
    assert providers_of_nodes(model, told) == {"": {0: "CUDA", 1: "CUDA", 2: "CUDA"}, sine: {0: "CPU"}}
    torn = [*told[:2], (CPU, "twice", "Exp")]
    assert providers_of_nodes(model, torn) == {"": {0: "CUDA"}}, "of one name, on two providers: nobody knows which"
    assert providers_of_nodes(model, []) == {}


@pytest.mark.parametrize("mode", list(Mode))
def test_onnx_runtime_tells_of_every_node_it_kept(mode: Mode, samples: Path, tmp_path: Path) -> None:
    for path in (nested(tmp_path / "m.onnx", "once"), samples / "loop_newton.onnx", samples / "branching_blocks.onnx"):
        model = open_model(path)
        session = backend("onnxruntime:opt=disable").prepare(model, mode)
        expected = {place: dict.fromkeys(range(len(index.nodes)), "CPU") for place, index in model.graphs.items()}
        assert providers_of(session) == expected
        assert providers_of(prepare_bounded(backend("onnxruntime:opt=disable"), model, mode, None, 1)) == expected
    session = backend("onnxruntime:session.record_ep_graph_assignment_info=0").prepare(model, mode)
    assert providers_of(session) == {}
    assert providers_of(backend("reference").prepare(model, mode)) == {}


def test_as_deployed_it_is_told_of_the_model_s_own_nodes(samples: Path) -> None:
    """The optimised file that is run has other nodes, which were named anew."""
    model = open_model(samples / "branching_blocks.onnx")
    session = backend("onnxruntime").prepare(model, Mode.DEPLOYED)
    assert providers_of(session)[""] == dict.fromkeys(range(len(model.graphs[""].nodes)), "CPU")


def test_results_keep_it(samples: Path, tmp_path: Path) -> None:
    place = ModelLocation(str(samples / "line.onnx"))
    count = len(open_model(samples / "line.onnx").graphs[""].nodes)
    ran = run_job(RunRequest(place, "onnxruntime:opt=disable"), tmp_path, lambda *_: None)
    assert ran.providers == {"": dict.fromkeys(range(count), "CPU")}
    request = CompareRequest(Side("onnxruntime:opt=disable", place), Side("reference", place))
    result = compare_job(request, tmp_path, lambda *_: None)
    assert (result.reference_providers, result.candidate_providers) == (ran.providers, {})


def test_what_may_load_a_library_or_write_a_file_runs_code(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = ("provider.trt_extra_plugin_lib_paths=x.so", "ep.context_file_path=/etc/x", "library=l", "ep_library=a=b")
    for option in keys:
        assert runs_code(parse_spec(f"onnxruntime:{option}")) == option.partition("=")[0]
        monkeypatch.setenv(trust.VARIABLE, "0")
        with pytest.raises(SpecError, match="--allow-code"):
            backend(f"onnxruntime:{option}")
        monkeypatch.setenv(trust.VARIABLE, "1")
        backend(f"onnxruntime:{option}")
    assert not runs_code(parse_spec("onnxruntime:provider=cuda,session.set_denormal_as_zero=1,tf32=0"))


def test_provider_options_reach_the_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The processor's has none, and says nothing of those it is given: what arrives is read back from the session."""
    monkeypatch.setenv(trust.VARIABLE, "1")
    from graphdebug.foreign import onnxruntime_session
    from graphdebug.runtime.onnxruntime_options import configuration

    def given(provider: str, options: str) -> list[object]:
        wanted = configuration(parse_spec(f"onnxruntime:{options}"))
        how = {name: getattr(wanted, name) for name in ("provider_options", "tf32", "device")}
        return onnxruntime_session._providers(provider, how)

    assert given(CPU, "threads=1") == [(CPU, {})]
    assert given(CUDA, "device=1,tf32=0,provider.cudnn_conv_algo_search=HEURISTIC") == [
        (CUDA, {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0", "device_id": "1"}),
        CPU,
    ]
    assert given(CUDA, "provider.use_tf32=1") == [(CUDA, {"use_tf32": "1"}), CPU]
    tf32 = onnxruntime_session._tf32
    assert (tf32(CPU, {}), tf32(CUDA, {"use_tf32": "0"}), tf32(CUDA, {"use_tf32": "1"})) == ("", "off", "on")
    assert tf32(onnxruntime_session.TENSORRT, {}).startswith("on")
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")
    assert tf32(CUDA, {"use_tf32": "1"}).startswith("off")


def test_binding_on_a_device_keeps_inputs_and_outputs_there(tmp_path: Path) -> None:
    """With the processor for the device, as far as that goes."""
    import onnxruntime

    from graphdebug.foreign.onnxruntime_values import bound

    session = onnxruntime.InferenceSession(models.chain(tmp_path / "m.onnx"), providers=[CPU])
    x = np.random.default_rng(0).standard_normal((2, 64)).astype(np.float32)
    call = bound(session, {"x": onnxruntime.OrtValue.ortvalue_from_numpy(x)}, ["y"], "cpu", 0)
    call()
    binding = call.args[1]  # type: ignore[attr-defined]
    assert np.array_equal(binding.copy_outputs_to_cpu()[0], session.run(["y"], {"x": x})[0])
