"""Models that end their worker, and files that are none: a clear sentence each, and the app goes on working."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import psutil
import pytest
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser

PATIENCE = 60_000
"""Milliseconds: the machine may be busy, a worker may have to start cold."""
FLOAT = TensorProto.FLOAT


def floats(name: str, shape: list[int] | None) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, FLOAT, shape)


def save(
    path: Path,
    nodes: list[NodeProto],
    inputs: list[ValueInfoProto],
    outputs: list[ValueInfoProto],
    constants: dict[str, np.ndarray] | None = None,
) -> Path:
    weights = [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()]
    graph = helper.make_graph(nodes, "hostile", inputs, outputs, weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 23)], ir_version=11), path)
    return path


def endless_loop(path: Path) -> Path:
    """A Loop of 2⁶² rounds whose condition stays true."""
    scalar = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Neg", ["state"], ["next"])],
        "body",
        [scalar("round", TensorProto.INT64, []), scalar("go", TensorProto.BOOL, []), floats("state", [4])],
        [scalar("go_on", TensorProto.BOOL, []), floats("next", [4])],
    )
    loop = helper.make_node("Loop", ["rounds", "true", "x"], ["y"], body=body)
    constants = {"rounds": np.array(2**62, np.int64), "true": np.array(True)}
    return save(path, [loop], [floats("x", [4])], [floats("y", [4])], constants)


def forty_gigabytes(path: Path) -> Path:
    """A ConstantOfShape of 10¹⁰ float32: more than a job may have; 10 GB would be computed, and written to the disk."""
    shape = {"shape": np.array([10**4, 10**6], np.int64)}
    return save(path, [helper.make_node("ConstantOfShape", ["shape"], ["y"])], [], [floats("y", [10**4, 10**6])], shape)


def division_by_zero(path: Path) -> Path:
    """An Attention of no heads, at which ONNX Runtime's kernel divides by zero."""
    node = helper.make_node("Attention", ["q", "k", "v"], ["y"], q_num_heads=0, kv_num_heads=1)
    return save(path, [node], [floats(name, [1, 4, 8]) for name in "qkv"], [floats("y", [1, 4, 8])])


def drop(page: Page, file: Path) -> None:
    page.locator("input[type=file]").set_input_files(str(file))


def run(page: Page, server: str, file: Path) -> None:
    """Open a model through the drop zone and run it with every tensor tapped."""
    page.goto(server)
    drop(page, file)
    expect(page).to_have_url(re.compile("model="), timeout=PATIENCE)
    page.get_by_role("link", name="Tensors", exact=True).click()
    every = page.get_by_role("radio", name="All", exact=True)
    every.click(timeout=PATIENCE)
    expect(every).to_be_checked(timeout=PATIENCE)
    page.get_by_role("button", name="Run", exact=True).click(timeout=PATIENCE)
    expect(page).to_have_url(re.compile("run="), timeout=PATIENCE)


def message(page: Page, sentence: str) -> Locator:
    return page.get_by_test_id("stAlert").filter(has_text=re.compile(sentence))


def expect_app_works(page: Page, server: str, samples: Path) -> None:
    """The same tab opens a sound model, in a worker of its own."""
    page.goto(server)
    drop(page, samples / "line.onnx")
    expect(page.get_by_role("heading", name="line.onnx")).to_be_visible(timeout=PATIENCE)


def busy_worker(server: str) -> psutil.Process:
    """Return the worker of the app that has computed longest: the endless one, not the warm spare."""
    port = server.rpartition(":")[2]
    apps = [child for child in psutil.Process().children() if port in child.cmdline()]
    assert len(apps) == 1
    workers = [child for child in apps[0].children() if "graphdebug.runtime.worker" in child.cmdline()]
    return max(workers, key=lambda worker: worker.cpu_times().user)


def test_an_endless_loop_is_cancelled_and_a_killed_worker_is_said(
    page: Page, server: str, samples: Path, tmp_path: Path
) -> None:
    run(page, server, endless_loop(tmp_path / "endless.onnx"))
    expect(page.get_by_text(re.compile("running the model")).first).to_be_visible(timeout=PATIENCE)
    page.get_by_test_id("stMain").get_by_role("button", name=re.compile("Cancel")).click(timeout=PATIENCE)
    expect(message(page, "cancelled")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("progressbar")).to_have_count(0, timeout=PATIENCE)
    page.get_by_role("tab", name="Set up").click()
    before = page.url
    page.get_by_role("button", name="Run", exact=True).click(timeout=PATIENCE)
    page.wait_for_url(lambda url: url != before, timeout=PATIENCE)
    expect(page.get_by_text(re.compile("running the model")).first).to_be_visible(timeout=PATIENCE)
    busy_worker(server).kill()
    expect(message(page, "ended by SIGKILL.*killed from outside")).to_be_visible(timeout=PATIENCE)
    run(page, server, samples / "line.onnx")
    expect(message(page, "no NaN, no infinity")).to_be_visible(timeout=PATIENCE)


def test_an_endless_comparison_can_be_cancelled(page: Page, server: str, samples: Path, tmp_path: Path) -> None:
    page.goto(server)
    drop(page, endless_loop(tmp_path / "endless.onnx"))
    expect(page).to_have_url(re.compile("model="), timeout=PATIENCE)
    page.get_by_role("link", name="Compare", exact=True).click()
    page.get_by_role("button", name="Compare", exact=True).click(timeout=PATIENCE)
    expect(page).to_have_url(re.compile("comparison="), timeout=PATIENCE)
    expect(page.get_by_text("preparing both sides").first).to_be_visible(timeout=PATIENCE)
    page.reload()  # the job goes on, and the page finds it again
    page.get_by_test_id("stMain").get_by_role("button", name=re.compile("Cancel")).click(timeout=PATIENCE)
    expect(message(page, "cancelled")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("progressbar")).to_have_count(0, timeout=PATIENCE)
    expect_app_works(page, server, samples)


ENDS: dict[Callable[[Path], Path], str] = {
    forty_gigabytes: r"needed more than the .* of memory that it may use",
    division_by_zero: r"ended by SIGFPE.*division by zero",
}


def test_a_model_that_ends_its_worker_gets_a_sentence(page: Page, server: str, samples: Path, tmp_path: Path) -> None:
    for model, sentence in ENDS.items():
        run(page, server, model(tmp_path / f"{model.__name__}.onnx"))
        expect(message(page, sentence)).to_be_visible(timeout=PATIENCE)
    expect_app_works(page, server, samples)


def test_files_that_are_no_model_get_one_sentence_each(page: Page, server: str, samples: Path, tmp_path: Path) -> None:
    whole = (samples / "resnet_dynamo.onnx").read_bytes()
    files = {
        "picture.onnx": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "picture.onnx is a PNG image, not an ONNX model"),
        "empty.onnx": (b"", "empty.onnx is empty"),
        "cut.onnx": (whole[: len(whole) // 2], "cut.onnx is not an ONNX model or is damaged"),
    }
    page.goto(server)
    for name, (content, sentence) in files.items():
        path = tmp_path / name
        path.write_bytes(content)
        drop(page, path)
        expect(message(page, sentence)).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_test_id("stAlert")).to_have_count(1)
        expect(page).not_to_have_url(re.compile("model="))
    drop(page, samples / "line.onnx")
    expect(page.get_by_role("heading", name="line.onnx")).to_be_visible(timeout=PATIENCE)
