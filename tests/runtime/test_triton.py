"""A model on a Triton server as a backend, and our repositories in it: against a real server, where there is one."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from graphdebug.compare.engine import compare_job
from graphdebug.compare.records import CompareRequest, CompareResult, Side, Status
from graphdebug.model.document import open_model
from graphdebug.model.records import ModelLocation
from graphdebug.report.triton_repository import RepositoryOptions, repository
from graphdebug.runtime import trust
from graphdebug.runtime.addresses import is_this_machine
from graphdebug.runtime.backend import BackendError, Mode
from graphdebug.runtime.registry import backend
from graphdebug.runtime.requests import FeedSpec
from graphdebug.runtime.spec import SpecError
from tests.runtime import small_models as models
from tests.triton_server import Server, packages, serving

TYPES = ("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")
FLOATS = ("float16", "float", "double")


def every_type(path: Path) -> Path:
    """Pass one input of every element type through, and a scalar."""
    kinds = {name: getattr(TensorProto, name.upper()) for name in (*TYPES, *FLOATS, "string")}
    nodes = [helper.make_node("Identity", [f"in_{name}"], [f"out_{name}"]) for name in kinds]
    nodes.append(helper.make_node("Neg", ["scalar"], ["negative"]))
    inputs = [models.value(f"in_{name}", kind, ("n", 2)) for name, kind in kinds.items()]
    outputs = [models.value(f"out_{name}", kind, ("n", 2)) for name, kind in kinds.items()]
    inputs.append(models.value("scalar", shape=()))
    outputs.append(models.value("negative", shape=()))
    return models.write(path, nodes, inputs, outputs)


def perturbed(path: Path, target: Path) -> Path:
    proto = onnx.load(path)
    weight = next(tensor for tensor in proto.graph.initializer if tensor.name == "w")
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * np.float32(1.01), "w"))
    onnx.save(proto, target)
    return target


def export(path: Path, folder: Path, feeds: FeedSpec | None = None, **options: Any) -> None:
    chosen = RepositoryOptions(backend="python", kind="cpu", **options)
    for name, content in repository(open_model(path), chosen, feeds).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"".join(content))


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    chain = models.chain(folder / "chain.onnx")
    return {
        "chain": chain,
        "bad": perturbed(chain, folder / "bad.onnx"),
        "types": every_type(folder / "types.onnx"),
        "repository": folder / "repository",
        "scratch": folder / "scratch",
    }


@pytest.fixture(scope="module")
def server(places: dict[str, Path]) -> Iterator[Server]:
    """Serve a model, the same with other weights, and one that takes everything."""
    pytest.importorskip("tritonclient.http", reason='no tritonclient: pip install "tritonclient[http,grpc]"')
    if packages() is None:
        pytest.skip(
            "no Triton server: run .ci/triton, or let GRAPHDEBUG_TRITON name an environment with nvidia-pytriton"
        )
    folder = places["repository"]
    export(places["chain"], folder, FeedSpec(dims={"batch": 3}), name="chain", max_batch=8, warm_up=True, version=2)
    export(places["bad"], folder, name="bad", instances=2)
    export(places["types"], folder, FeedSpec(dims={"n": 2}), name="types", warm_up=True)
    with serving(folder, places["scratch"]) as server:
        yield server


def spec(server: Server, model: str, protocol: str) -> str:
    return f"triton:url={getattr(server, protocol)},model={model},protocol={protocol}"


def compare(path: Path, candidate: str, folder: Path, mode: str = "isolated") -> CompareResult:
    location = ModelLocation(str(path))
    request = CompareRequest(
        Side("onnxruntime", location), Side(candidate, location), mode=mode, feeds=FeedSpec(dims={"batch": 3})
    )
    return compare_job(request, folder, lambda share, message: None)


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_what_we_export_gives_on_the_server_what_it_gives_here(
    server: Server, places: dict[str, Path], protocol: str, tmp_path: Path
) -> None:
    result = compare(places["chain"], spec(server, "chain", protocol), tmp_path)
    rows = {row.name: row for row in result.rows}
    assert rows["y"].status == Status.MATCH
    assert rows["y"].metrics is not None
    assert rows["y"].metrics.max_abs < 1e-4
    assert {rows[name].reason for name in ("product", "sum")} == {"a server gives outputs only in the candidate"}
    said = result.candidate
    assert (said["runs on"], said["largest batch"], said["dynamic batching"]) == ("python", "8", "on")
    assert said["backend"].startswith("triton 2.")
    assert compare(places["chain"], spec(server, "chain", protocol) + ",version=2", tmp_path).candidate["model"] == (
        "chain version 2"
    )


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_another_weight_on_the_server_differs(
    server: Server, places: dict[str, Path], protocol: str, tmp_path: Path
) -> None:
    result = compare(places["chain"], spec(server, "bad", protocol), tmp_path)
    rows = {row.name: row for row in result.rows}
    assert rows["y"].status == Status.DIFFER
    assert result.candidate["instances"] == "2 × cpu"


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_every_type_goes_there_and_back(server: Server, places: dict[str, Path], protocol: str) -> None:
    session = backend(spec(server, "types", protocol)).prepare(open_model(places["types"]), Mode.PLAIN)
    feeds: dict[str, Any] = {
        f"in_{name}": np.array([[0, 1], [1, 0], [1, 1]]).astype("float32" if name == "float" else name)
        for name in (*TYPES, *FLOATS)
    }
    feeds["in_string"] = np.array([["", "é"], ["a\0b", "x" * 1000], ["日本", " "]], object)
    feeds["scalar"] = np.float32(3).reshape(())
    found = session.infer(feeds, session.tensors)
    for name in (*TYPES, *FLOATS, "string"):
        assert found[f"out_{name}"].dtype == feeds[f"in_{name}"].dtype
        assert np.array_equal(found[f"out_{name}"], feeds[f"in_{name}"])
    assert (found["negative"].shape, float(found["negative"])) == ((), -3)
    with pytest.raises(BackendError, match="'in_int8' is INT8 on the server, and what is fed is int16"):
        session.infer({**feeds, "in_int8": feeds["in_int16"]}, ["out_int8"])
    with pytest.raises(BackendError, match="failed: "):
        session.infer({**feeds, "in_int8": np.zeros((3, 5), np.int8)}, ["out_int8"])


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_what_is_wrong_is_said_in_a_sentence(server: Server, places: dict[str, Path], protocol: str) -> None:
    chain, types = open_model(places["chain"]), open_model(places["types"])
    with pytest.raises(BackendError, match=r"'nothing' is not ready on .* no such model"):
        backend(spec(server, "nothing", protocol)).prepare(chain, Mode.PLAIN)
    with pytest.raises(BackendError, match="version 7 is not ready"):
        backend(spec(server, "chain", protocol) + ",version=7").prepare(chain, Mode.PLAIN)
    with pytest.raises(BackendError, match="has no input 'in_bool': it takes 'x', so it is another model"):
        backend(spec(server, "chain", protocol)).prepare(types, Mode.PLAIN)
    probed = backend(spec(server, "chain", protocol)).probe()
    assert (probed.available, probed.versions[0][0]) == (True, "triton")


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_a_server_that_is_not_there_or_says_nothing(protocol: str) -> None:
    pytest.importorskip("tritonclient.http")
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        probed = backend(f"triton:url=127.0.0.1:{port},model=m,protocol={protocol},timeout=0.5").probe()
        assert not probed.available
        assert "did not answer within 0.5 seconds" in probed.reason
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    probed = backend(f"triton:url=127.0.0.1:{port},model=m,protocol={protocol},timeout=3").probe()
    assert probed.reason.startswith(f"No Triton server answers at 127.0.0.1:{port} over {protocol}: ")
    assert "nothing listens there" in probed.reason


def test_a_server_that_is_none() -> None:
    pytest.importorskip("tritonclient.http")
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            connection, _ = other.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

        thread = threading.Thread(target=answer)
        thread.start()
        probed = backend(f"triton:url=127.0.0.1:{other.getsockname()[1]},model=m,timeout=3").probe()
        thread.join()
    assert probed.reason.startswith("No Triton server answers")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("protocol=http", "Name the model"),
        ("model=m,url=http://localhost:8000", "is no address"),
        ("model=m,url=a@b:1", "is no address"),
        ("model=m,timeout=-1", "number of seconds"),
        ("model=../repository/index", "cannot be"),
        ("model=m,version=1/infer", "cannot be"),
    ],
)
def test_options_that_cannot_be(options: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(trust.VARIABLE, "1")
    assert said in backend(f"triton:{options}").probe().reason


@pytest.mark.parametrize(
    ("address", "own"),
    [
        *((text, True) for text in ("localhost:8000", "LOCALHOST", "127.0.0.1:1", "127.9.9.9", "[::1]:8000")),
        *((text, False) for text in ("10.0.0.1:8000", "localhost.evil.org", "169.254.169.254", "0.0.0.0:8000")),
        *((text, False) for text in ("[::]:1", "localhost@evil:80", "127.1", "2130706433", "localhost/x", "")),
    ],
)
def test_which_addresses_are_this_machine(address: str, own: bool) -> None:
    assert is_this_machine(address) == own


def test_a_server_reaches_other_machines_only_where_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(trust.VARIABLE, "0")
    backend("triton:url=localhost:8000,model=m")
    backend("triton:model=m")
    with pytest.raises(SpecError, match="names another machine"):
        backend("triton:url=10.0.0.1:8000,model=m")
    monkeypatch.setenv(trust.VARIABLE, "1")
    backend("triton:url=10.0.0.1:8000,model=m")


def test_bfloat16_is_packed_as_the_protocol_wants_it() -> None:
    """The Python backend has no bfloat16, so the client's packing is looked at."""
    http = pytest.importorskip("tritonclient.http")
    from graphdebug.runtime.triton_backend import TritonSession

    session = object.__new__(TritonSession)
    session._inputs = {"x": {"name": "x", "datatype": "BF16", "shape": [-1]}}
    array = np.array([1.5, -2, 3.140625], ml_dtypes.bfloat16)
    sent = session._given(http, "x", array)
    assert sent._get_binary_data() == array.tobytes()
