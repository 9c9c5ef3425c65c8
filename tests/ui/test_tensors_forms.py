"""The forms: what one sets is what the worker is asked; files are kept under their content."""

import io
import os
import zipfile
from pathlib import Path

import msgspec
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from graphdebug.runtime.requests import FeedSpec, InputFeed
from graphdebug.ui.backend_form import spec_title
from graphdebug.ui.feed_files import keep, keep_data_set
from graphdebug.ui.feeds_form import missing_files
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.store import Workspace

HOSTILE = "a*b[x](http://evil)"


class Upload(io.BytesIO):
    """What Streamlit's uploader gives: a named stream."""

    def __init__(self, name: str, data: bytes) -> None:
        super().__init__(data)
        self.name = name


def feeds_app(start: str) -> None:
    import msgspec
    import streamlit as st

    from graphdebug.model.records import ValueInfo, ValueType
    from graphdebug.runtime.requests import FeedSpec
    from graphdebug.ui import state
    from graphdebug.ui.feeds_form import feeds_form

    inputs = [
        ValueInfo("pixels", ValueType("float", ("batch", 3, "side", "side"))),
        ValueInfo("a*b[x](http://evil)", ValueType("int64", ("batch", None))),
    ]
    asked = feeds_form(state.workspace(), inputs, msgspec.json.decode(start, type=FeedSpec), "feeds")
    st.session_state["asked"] = msgspec.json.encode(asked).decode()


def feeds(start: FeedSpec) -> AppTest:
    return AppTest.from_function(feeds_app, args=(msgspec.json.encode(start).decode(),), default_timeout=30).run()


def asked(app: AppTest) -> FeedSpec:
    assert not app.exception
    return msgspec.json.decode(app.session_state["asked"], type=FeedSpec)


def test_the_feeds_form_gives_back_what_it_starts_from(workspace: Workspace) -> None:
    start = FeedSpec(
        seed=7,
        dims={"batch": 2, "side": 8, f"{HOSTILE}[1]": 3},
        inputs={
            "pixels": InputFeed("random", distribution="uniform", low=-1.0, high=1.0),
            HOSTILE: InputFeed("constant", value=3.0),
        },
    )
    assert asked(feeds(start)) == start


def test_symbolic_dims_are_asked_once_and_defaults_left_out(workspace: Workspace) -> None:
    app = feeds(FeedSpec())
    assert asked(app) == FeedSpec()
    lengths = [field for field in app.number_input if (field.key or "").startswith("feeds:dim:")]
    unnamed = f"{HOSTILE}[1]"
    assert [field.key for field in lengths] == [f"feeds:dim:{name}" for name in ("batch", "side", unnamed)]
    app.number_input(key="feeds:dim:batch").set_value(4).run()
    app.number_input(key=f"feeds:dim:{unnamed}").set_value(5).run()
    app.selectbox(key="feeds:input:pixels:kind").select("ramp").run()
    assert asked(app) == FeedSpec(dims={"batch": 4, unnamed: 5}, inputs={"pixels": InputFeed("ramp")})
    app.selectbox(key="feeds:input:pixels:kind").select("file").run()
    assert missing_files(asked(app)) == ["pixels"]


def containers_app() -> None:
    import msgspec
    import streamlit as st

    from graphdebug.model.records import ValueInfo, ValueType
    from graphdebug.runtime.requests import FeedSpec, InputFeed
    from graphdebug.ui import state
    from graphdebug.ui.feeds_form import feeds_form

    inputs = [
        ValueInfo("parts", ValueType("float", (3,), "sequence")),
        ValueInfo("maybe", ValueType("int64", (3,), "optional")),
        ValueInfo("formless", ValueType("float", None)),
        ValueInfo("ids", ValueType("int64", (3,))),
    ]
    usual = {"maybe": InputFeed("none"), "ids": InputFeed(low=0.0, high=7.0)}
    asked = feeds_form(state.workspace(), inputs, FeedSpec(), "feeds", usual)
    st.session_state["asked"] = msgspec.json.encode(asked).decode()


def test_what_is_usual_is_where_the_form_starts_and_is_not_said_again(workspace: Workspace) -> None:
    app = AppTest.from_function(containers_app, default_timeout=30).run()
    assert asked(app) == FeedSpec(inputs={"formless": InputFeed("file")})  # nothing says what to make up
    assert missing_files(asked(app)) == ["formless"]
    assert app.number_input(key="feeds:input:ids:random:normal:Below").value == 7
    assert "Image" not in app.selectbox(key="feeds:input:ids:kind").options
    app.selectbox(key="feeds:input:maybe:kind").select("random").run()
    app.number_input(key="feeds:input:parts:length").set_value(5).run()
    assert asked(app).inputs["maybe"] == InputFeed()
    assert asked(app).inputs["parts"] == InputFeed(length=5)


def data_set_app(dataset: str) -> None:
    import msgspec
    import streamlit as st

    from graphdebug.model.records import ValueInfo, ValueType
    from graphdebug.runtime.requests import FeedSpec, InputFeed
    from graphdebug.ui import state
    from graphdebug.ui.feeds_form import feeds_form

    inputs = [ValueInfo(name, ValueType("float", (3,))) for name in "ab"]
    start = FeedSpec(dataset=dataset, inputs=dict.fromkeys("ab", InputFeed("ramp")))
    asked = feeds_form(state.workspace(), inputs, start, "feeds")
    st.session_state["asked"] = msgspec.json.encode(asked).decode()


def test_a_data_set_comes_before_what_was_set_by_hand(workspace: Workspace, tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", a=np.zeros(3, np.float32))
    app = AppTest.from_function(data_set_app, args=(str(tmp_path / "d.npz"),), default_timeout=30).run()
    assert asked(app) == FeedSpec(dataset=str(tmp_path / "d.npz"), inputs={"b": InputFeed("ramp")})
    app.button(key="feeds:dataset:stop").click().run()
    assert asked(app) == FeedSpec(inputs=dict.fromkeys("ab", InputFeed("ramp")))


def test_a_data_set_of_another_model_is_said_at_once(workspace: Workspace, tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", c=np.zeros(3, np.float32))
    app = AppTest.from_function(data_set_app, args=(str(tmp_path / "d.npz"),), default_timeout=30).run()
    assert "but the model has the inputs" in app.error[0].value


def backend_app(start: str) -> None:
    import streamlit as st

    from graphdebug.ui.backend_form import backend_form

    st.session_state["spec"] = backend_form(start, "backend")


@pytest.mark.parametrize("spec", ["onnxruntime", "onnxruntime:opt=disable,threads=2,arena=0", "reference"])
def test_the_backend_form_gives_back_the_spec_it_starts_from(spec: str) -> None:
    app = AppTest.from_function(backend_app, args=(spec,), default_timeout=30).run()
    assert not app.exception
    assert app.session_state["spec"] == spec


def test_the_backend_form_builds_a_spec_the_registry_takes() -> None:
    from graphdebug.runtime.registry import backend

    app = AppTest.from_function(backend_app, args=("onnxruntime",), default_timeout=30).run()
    app.selectbox(key="backend:onnxruntime:opt").select("basic").run()
    app.text_input(key="backend:onnxruntime:disable").set_value("GeluFusion+ConstantFolding").run()
    app.checkbox(key="backend:onnxruntime:deterministic").check().run()
    assert app.session_state["spec"] == "onnxruntime:opt=basic,disable=GeluFusion+ConstantFolding,deterministic=1"
    backend(app.session_state["spec"])
    app.text_input(key="backend:onnxruntime:provider").set_value("cpu,opt=all").run()
    assert "opt=all" not in app.session_state["spec"]


def test_spec_title_is_for_people() -> None:
    assert spec_title("onnxruntime:opt=disable") == "ONNX Runtime, opt=disable"
    assert "/" not in spec_title("file:path=/secret/place.npz")


def test_a_file_is_kept_once_under_its_content(workspace: Workspace) -> None:
    first = keep(workspace, Upload("x.npy", b"123"))
    assert keep(workspace, Upload("x.npy", b"123")) == first
    assert keep(workspace, Upload("x.npy", b"124")) != first
    assert first.read_bytes() == b"123"
    os.utime(first.parent, (0, 0))
    assert keep(workspace, Upload("x.npy", b"123")) == first
    keep(workspace, Upload("x.npy", b"125"))  # something new: what was not used for a day is cleared away
    assert first.exists()
    os.utime(first.parent, (0, 0))
    keep(workspace, Upload("x.npy", b"126"))
    assert not first.exists()
    with pytest.raises(WorkspaceError):
        keep(workspace, Upload("../x.npy", b"123"))


def test_data_sets_come_as_npz_zip_or_pb_files(workspace: Workspace) -> None:
    arrays = io.BytesIO()
    np.savez(arrays, x=np.zeros(2))
    assert keep_data_set(workspace, [Upload("d.npz", arrays.getvalue())]).suffix == ".npz"
    folder = keep_data_set(workspace, [Upload("input_0.pb", b"a"), Upload("input_1.pb", b"b")])
    assert sorted(path.name for path in folder.iterdir()) == ["input_0.pb", "input_1.pb"]
    archive = packed({"model/test_data_set_0/input_0.pb": b"a", "model/test_data_set_0/output_0.pb": b"b"})
    assert (keep_data_set(workspace, [Upload("set.zip", archive)]) / "input_0.pb").read_bytes() == b"a"


@pytest.mark.parametrize(
    "uploads",
    [
        [("set.zip", {"readme.txt": b""})],
        [("set.zip", {"../input_0.pb": b""})],
        [("a.npz", b""), ("b.pb", b"")],
        [("broken.zip", b"PK")],
    ],
)
def test_what_is_no_data_set_is_refused_and_leaves_nothing_open(workspace: Workspace, uploads) -> None:
    given = [Upload(name, packed(data) if isinstance(data, dict) else data) for name, data in uploads]
    with pytest.raises(WorkspaceError):
        keep_data_set(workspace, given)
    assert not list((workspace.root / "feeds").glob("*/unpacked"))
    assert not (workspace.root.parent / "input_0.pb").exists()


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tolerance_app(tolerance: float) -> None:
    import numpy as np
    import streamlit as st

    from graphdebug.compare.judge import judge
    from graphdebug.compare.pairing import Pair, Place
    from graphdebug.compare.records import Tolerance
    from graphdebug.ui.tolerance_form import tolerance_form

    row = judge(Pair("t", 0, Place()), np.ones(3, np.float32), np.ones(3, np.float32), {}, False)
    asked = tolerance_form([row], {"float": Tolerance(tolerance, 0.0)}, "form")
    st.session_state["asked"] = {name: (each.rtol, each.atol, each.absolute) for name, each in asked.items()}


def test_the_tolerance_form_takes_exponents_and_refuses_words() -> None:
    third = 1 / 3  # its text is shorter than the number: leaving it alone must not change it
    app = AppTest.from_function(tolerance_app, args=(third,), default_timeout=30).run()
    assert app.session_state["asked"] == {"float": (third, 0.0, False)}
    app.text_input(key="form:float:rtol").set_value("1e-6").run()
    app.checkbox(key="form:float:absolute").check().run()
    assert app.session_state["asked"] == {"float": (1e-6, 0.0, True)}
    for wrong in ("nan", "-1", "much", "inf", ""):
        app.text_input(key="form:float:rtol").set_value(wrong).run()
        assert not app.exception
        assert app.session_state["asked"]["float"][0] == third
