"""Every operator test of onnx itself, with every tensor exposed: ONNX Runtime's results match where it supports the op.

They run in a process of their own, so that a crash in native code is one failed test and not the end of all.
"""

import multiprocessing
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.backend.test
import pytest
from onnx import numpy_helper

from graphdebug.model.document import open_model
from graphdebug.model.records import ValueInfo
from graphdebug.model.value_types import value_type
from graphdebug.runtime.backend import BackendError, Mode
from graphdebug.runtime.datasets import load_value
from graphdebug.runtime.feeds import make_feeds
from graphdebug.runtime.registry import backend
from graphdebug.runtime.requests import FeedSpec

DATA = Path(onnx.backend.test.__file__).parent / "data"
DIFFERENT = (
    *(
        "test_attention_4d_with_past_and_present_qk_matmul_bias_",
        "test_attention_4d_causal_fp16",
        "test_training_dropout",
    ),
    *("test_maxunpool_export_with_output_shape", "test_resize_downsample_scales_linear_align_corners"),
    "test_resize_downsample_scales_cubic_align_corners",
)
"""Cases in which ONNX Runtime 1.31 itself differs from the expected outputs: random masks, rounding, known bugs."""
UNRUNNABLE = (
    "test_attention_4d_diff_heads_mask4d_padded_kv",
    "test_convinteger_with_padding",
    "test_reduce_max_empty_set",
)
"""Cases that ONNX Runtime 1.31 loads and then refuses."""


def plain(value: Any) -> Any:
    """Turn protobuf tensors in a data set into arrays."""
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    return [plain(item) for item in value] if isinstance(value, list) else value


def same(found: Any, expected: Any, rtol: float, atol: float) -> bool:
    """Compare values of any kind as onnx's test runner does, but let the absolute tolerance grow with the values."""
    if found is None or expected is None:
        return found is expected
    if isinstance(expected, list | tuple):
        return len(found) == len(expected) and all(
            same(*pair, rtol, atol) for pair in zip(found, expected, strict=True)
        )
    a, b = np.asarray(found), np.asarray(expected)
    if a.shape != b.shape:
        return False
    if b.dtype.kind in "OUST":
        return bool(np.array_equal(a.astype(object), b.astype(object)))
    wide = (a.astype(np.complex128), b.astype(np.complex128))
    largest = float(np.abs(wide[1])[np.isfinite(wide[1])].max(initial=0))
    atol = max(atol, 1e-4, 2e-6 * largest)
    return a.dtype == b.dtype and bool(np.allclose(*wide, rtol=rtol, atol=atol, equal_nan=True))


def outcome(path: Path, feeds: Any, expected: list[Any], rtol: float = 1e-3, atol: float = 1e-7) -> str:
    """Run one case and say in a word how it went."""
    model = open_model(path)
    try:
        session = backend("onnxruntime:threads=1").prepare(model, Mode.ISOLATED)
    except BackendError:
        return "refused"
    given = make_feeds(session.inputs, FeedSpec(dataset=str(feeds))) if isinstance(feeds, Path) else feeds
    try:
        found = session.infer(given, session.tensors)
    except BackendError:
        return "failed"
    pairs = [pair for pair in zip(model.proto.graph.output, expected, strict=False) if pair[0].name in found]
    return "same" if all(same(found[out.name], value, rtol, atol) for out, value in pairs) else "different"


def node_outcomes(folder: Path) -> list[tuple[str, str]]:
    """Go through the cases that onnx makes up, one node each."""
    from onnx.backend.test.loader import load_model_tests

    warnings.simplefilter("ignore")
    found = []
    for case in load_model_tests(kind="node"):
        path = folder / "m.onnx"
        path.write_bytes(case.model.SerializeToString())
        names = [value.name for value in case.model.graph.input]
        for inputs, outputs in case.data_sets:
            feeds = dict(zip(names, map(plain, inputs), strict=False))
            found.append((case.name, outcome(path, feeds, [plain(value) for value in outputs], case.rtol, case.atol)))
    return found


def stored_outcomes(folder: Path) -> list[tuple[str, str]]:
    """Go through the cases that onnx keeps on disk, with their test_data_set folders."""
    found = []
    for path in sorted(folder.rglob("model.onnx")):
        outputs = onnx.load(path, load_external_data=False).graph.output
        for dataset in sorted(path.parent.glob("test_data_set_*")):
            files = [dataset / f"output_{number}.pb" for number in range(len(outputs))]
            expected = [
                load_value(file, "", ValueInfo(output.name, value_type(output.type)))
                for file, output in zip(files, outputs, strict=True)
                if file.exists()
            ]
            found.append((path.parent.name, outcome(path, dataset, expected)))
    return found


@pytest.mark.parametrize(
    ("outcomes", "least"), [(node_outcomes, 1400), (stored_outcomes, 90)], ids=["one node each", "stored models"]
)
def test_onnx_runtime_gives_the_expected_outputs(outcomes: Any, least: int, tmp_path: Path) -> None:
    place = tmp_path if outcomes is node_outcomes else DATA
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        found = pool.submit(outcomes, place).result()
    different = [name for name, how in found if how == "different" and not name.startswith(DIFFERENT)]
    failed = [name for name, how in found if how == "failed" and not name.startswith(UNRUNNABLE)]
    assert (different, failed) == ([], [])
    assert Counter(how for _, how in found)["same"] >= least
