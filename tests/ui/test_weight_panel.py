"""The panel of weights: what was worked out is kept while one clicks elsewhere."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from streamlit.testing.v1 import AppTest


def panel_app() -> None:
    import os

    import streamlit as st

    from graphdebug.api.details import find_value
    from graphdebug.model.document import open_model
    from graphdebug.ui.weight_panel import weight_panel

    if "model" not in st.session_state:
        st.session_state["model"] = open_model(os.environ["WEIGHTS_OF"])
    model = st.session_state["model"]
    value = find_value(model, "", "w")
    weight_panel(model, "the-model", [value], opened=True)


def test_a_rerun_reads_no_weight_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weight = numpy_helper.from_array(np.arange(6000, dtype=np.float32).reshape(20, 300), "w")
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [weight])
    path = tmp_path / "m.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    monkeypatch.setenv("WEIGHTS_OF", str(path))
    app = AppTest.from_function(panel_app, default_timeout=30).run()
    assert not app.exception and not app.warning
    numbers = [each.value for each in app.markdown]
    assert any("5999" in text for text in numbers)
    path.unlink()
    app.run()
    assert not app.exception and not app.warning
    assert [each.value for each in app.markdown] == numbers
