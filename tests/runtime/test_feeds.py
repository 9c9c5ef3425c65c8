"""Feeds are reproducible, fit their inputs, and are refused in words when they cannot."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from graphdebug.model.document import open_model
from graphdebug.model.records import Dim, ValueInfo, ValueType
from graphdebug.model.value_types import dtype_name
from graphdebug.runtime.feeds import FeedError, check_dims, make_feeds, suggest, symbolic_dims
from graphdebug.runtime.requests import FeedSpec, InputFeed
from graphdebug.runtime.store import ArrayWriter
from tests.runtime import small_models as models

DTYPES = sorted({dtype_name(number) for number in TensorProto.DataType.values() if number})


def tensor(name: str, dtype: str = "float", shape: tuple[Dim, ...] | None = (2, 3), kind: str = "tensor") -> ValueInfo:
    return ValueInfo(name, ValueType(dtype, shape, kind))


def one(value: ValueInfo, feed: InputFeed, **spec: Any) -> np.ndarray[Any, Any]:
    made: np.ndarray[Any, Any] = make_feeds([value], FeedSpec(inputs={value.name: feed}, **spec))[value.name]
    return made


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["random", "constant", "ramp"])
def test_every_dtype_can_be_made_up(dtype: str, kind: str) -> None:
    made = one(tensor("x", dtype, (4, "n", 5)), InputFeed(kind=kind, value=1), dims={"n": 3})
    expected = (
        object if dtype == "string" else helper.tensor_dtype_to_np_dtype(onnx.TensorProto.DataType.Value(dtype.upper()))
    )
    assert made.dtype == expected
    assert made.shape == (4, 3, 5)
    if kind == "random" and dtype != "float8e8m0":
        assert len(set(made.reshape(-1).tolist())) > 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**40), st.text(max_size=8), st.sampled_from(["float", "int64", "bool", "string", "bfloat16"]))
def test_values_depend_on_the_seed_and_the_name_only(seed: int, name: str, dtype: str) -> None:
    alone = make_feeds([tensor(name, dtype, (50,))], FeedSpec(seed))[name]
    others = [tensor(name + "a"), tensor(name, dtype, (50,)), tensor(name + "b", "int32")]
    assert np.array_equal(alone, make_feeds(others, FeedSpec(seed))[name])
    assert not np.array_equal(alone, make_feeds([tensor(name, dtype, (50,))], FeedSpec(seed + 1))[name])
    renamed = make_feeds([tensor(name + "x", dtype, (50,))], FeedSpec(seed))[name + "x"]
    assert not np.array_equal(alone, renamed)


def test_the_same_symbol_gets_the_same_length_and_one_by_default() -> None:
    inputs = [tensor("a", shape=("batch", "seq")), tensor("b", shape=("seq", None)), tensor("c", shape=(None,))]
    assert symbolic_dims(inputs) == ("batch", "seq", "b[1]", "c[0]")
    feeds = make_feeds(inputs, FeedSpec(dims={"seq": 7, "c[0]": 4}))
    assert [feeds[name].shape for name in "abc"] == [(1, 7), (7, 1), (4,)]


def test_distributions_and_ranges() -> None:
    normal = one(tensor("x", shape=(100, 1000)), InputFeed(low=5.0, high=0.5))
    assert abs(normal.mean() - 5) < 0.01
    assert abs(normal.std() - 0.5) < 0.01
    uniform = one(tensor("x", shape=(1000,)), InputFeed(distribution="uniform", low=-2.0, high=-1.0))
    assert uniform.min() >= -2
    assert uniform.max() < -1
    integers = one(tensor("x", "int64", (1000,)), InputFeed(low=3.0, high=6.0))
    assert set(integers.tolist()) == {3, 4, 5}
    whole = one(tensor("x", "int8", (5000,)), InputFeed())
    assert (whole.min(), whole.max()) == (-128, 127)
    ramp = one(tensor("x", "int64", (7,)), InputFeed(kind="ramp", low=1.0, high=4.0))
    assert ramp.tolist() == [1, 2, 3, 1, 2, 3, 1]
    assert one(tensor("x", shape=(5,)), InputFeed(kind="ramp")).tolist() == [0, 0.25, 0.5, 0.75, 1]


@pytest.mark.parametrize(
    ("value", "feed", "named"),
    [
        (tensor("x", kind="map"), InputFeed(), "a map"),
        (tensor("x", kind="sequence", shape=None), InputFeed(), "no declared shape"),
        (tensor("x"), InputFeed(kind="none"), "none"),
        (tensor("x", kind="unknown"), InputFeed(), "no tensor"),
        (tensor("x", shape=None), InputFeed(), "no declared shape"),
        (tensor("x", dtype=""), InputFeed(), "element type"),
        (tensor("x", shape=(1 << 62, 1 << 62)), InputFeed(), "16 GB"),
        (tensor("x", shape=(-1,)), InputFeed(), "impossible"),
        (tensor("x", "uint8"), InputFeed(kind="constant", value=300), "300"),
        (tensor("x", "int64"), InputFeed(low=5.0, high=5.0), "empty range"),
        (tensor("x"), InputFeed(kind="magic"), "magic"),
        (tensor("x"), InputFeed(distribution="cauchy"), "cauchy"),
        (tensor("x"), InputFeed(kind="file", path="/nowhere.npy"), "/nowhere.npy"),
        (tensor("x"), InputFeed(kind="image", path="/nowhere.png"), "nowhere.png"),
    ],
)
def test_what_cannot_be_fed_is_refused_by_name(value: ValueInfo, feed: InputFeed, named: str) -> None:
    with pytest.raises(FeedError, match=r"^Input 'x' .*\.$") as raised:
        make_feeds([value], FeedSpec(inputs={"x": feed} if feed != InputFeed() else {}))
    assert named in str(raised.value)


def test_an_optional_is_empty_or_a_tensor() -> None:
    value = tensor("x", kind="optional")
    assert make_feeds([value], FeedSpec(), {"x": InputFeed("none")}) == {"x": None}
    assert one(value, InputFeed("constant", value=2)).tolist() == [[2, 2, 2], [2, 2, 2]]


def test_a_sequence_is_so_many_tensors() -> None:
    made: Any = one(tensor("x", shape=("n", 2), kind="sequence"), InputFeed(length=3), dims={"n": 4})
    assert [each.shape for each in made] == [(4, 2)] * 3
    assert len({each.tobytes() for each in made}) == 3
    assert make_feeds([tensor("x", kind="sequence")], FeedSpec(inputs={"x": InputFeed(length=0)})) == {"x": []}


def test_an_optional_input_of_a_model_has_no_value_unless_asked_for(tmp_path: Path) -> None:
    kind = helper.make_optional_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, [3]))
    node = helper.make_node("OptionalHasElement", ["x"], ["has"])
    inputs = [helper.make_value_info("x", kind)]
    path = models.write(tmp_path / "m.onnx", [node], inputs, [models.value("has", TensorProto.BOOL, ())])
    assert suggest(open_model(path)) == {"x": InputFeed("none")}


def test_a_file_knows_its_symbolic_dimensions_better_than_a_form(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((3, 2), np.float32))
    spec = FeedSpec(dims={"n": 1}, inputs={"x": InputFeed(kind="file", path=str(tmp_path / "x.npy"))})
    feeds = make_feeds([tensor("x", "float", ("n", 2)), tensor("y", "float", ("n",))], spec)
    assert np.shape(feeds["x"]) == (3, 2)
    assert np.shape(feeds["y"]) == (3,)


def test_files_bind_symbolic_dimensions_for_the_others(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 9), np.float32))
    inputs = [tensor("b", shape=("seq", "batch")), tensor("a", shape=("batch", "seq"))]
    feeds = make_feeds(inputs, FeedSpec(inputs={"a": InputFeed(kind="file", path=str(tmp_path / "a.npy"))}))
    assert feeds["b"].shape == (9, 4)


@pytest.mark.parametrize(
    ("array", "named"),
    [
        (np.zeros((2, 3)), "float64"),
        (np.zeros((2, 4), np.float32), "axis 1 to be 3"),
        (np.zeros(6, np.float32), "[2, 3]"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(array: np.ndarray[Any, Any], named: str, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(FeedError) as raised:
        one(tensor("x"), InputFeed(kind="file", path=str(tmp_path / "a.npy")))
    assert named in str(raised.value)


def test_pickles_and_foreign_files_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{}], object), allow_pickle=True)
    np.savez(tmp_path / "a.npz", x=np.array([{}], object))
    (tmp_path / "b.pb").write_bytes(b"\xff\xff\xff")
    outside = TensorProto(dims=[2, 3], data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL)
    outside.external_data.add(key="location", value="/etc/passwd")
    (tmp_path / "c.pb").write_bytes(outside.SerializeToString())
    lying = TensorProto(dims=[1 << 40], data_type=TensorProto.FLOAT, raw_data=b"1234")
    (tmp_path / "d.pb").write_bytes(lying.SerializeToString())
    for name in ("a.npy", "a.npz", "b.pb", "c.pb", "d.pb"):
        with pytest.raises(FeedError, match=r"Input 'x'"):
            one(tensor("x"), InputFeed(kind="file", path=str(tmp_path / name)))


def test_data_sets_of_protos_archives_and_folders(tmp_path: Path) -> None:
    inputs = [tensor("a"), tensor("s", kind="sequence"), tensor("o", kind="optional"), tensor("z", "string", (2,))]
    folder = tmp_path / "test_data_set_0"
    folder.mkdir()
    a = np.arange(6, dtype=np.float32).reshape(2, 3)
    texts = np.array(["x", "y"], object)
    protos = [
        numpy_helper.from_array(a),
        numpy_helper.from_list([a, a + 1]),
        numpy_helper.from_optional(a),
        numpy_helper.from_array(texts),
    ]
    for number, proto in enumerate(protos):
        (folder / f"input_{number}.pb").write_bytes(proto.SerializeToString())
    feeds = make_feeds(inputs, FeedSpec(dataset=str(folder)))
    assert np.array_equal(feeds["a"], a)
    assert [item.tolist() for item in feeds["s"]] == [a.tolist(), (a + 1).tolist()]
    assert np.array_equal(feeds["o"], a)
    assert feeds["z"].tolist() == ["x", "y"]
    with ArrayWriter(tmp_path / "d.npz") as writer:
        writer.write("a", a)
        writer.write("z", texts)
    feeds = make_feeds([inputs[0], inputs[3], tensor("new")], FeedSpec(dataset=str(tmp_path / "d.npz")))
    assert np.array_equal(feeds["a"], a)
    assert feeds["z"].tolist() == ["x", "y"]
    assert feeds["new"].shape == (2, 3)


def test_a_data_set_of_another_model_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", foo=np.zeros(2), bar=np.zeros(2))
    (tmp_path / "empty").mkdir()
    inputs = [tensor("a"), tensor("b")]
    with pytest.raises(ValueError, match=r"d\.npz has the arrays 'foo', 'bar', but the model has the inputs 'a', 'b'"):
        make_feeds(inputs, FeedSpec(dataset=str(tmp_path / "d.npz")))
    with pytest.raises(ValueError, match=r"empty has neither input_0\.pb nor an array"):
        make_feeds(inputs, FeedSpec(dataset=str(tmp_path / "empty")))
    with ArrayWriter(tmp_path / "none.npz"):
        pass  # what a run keeps whose inputs are no arrays
    assert set(make_feeds(inputs, FeedSpec(dataset=str(tmp_path / "none.npz")))) == {"a", "b"}


def test_an_input_set_by_hand_wins_over_the_data_set(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.zeros((9, 9)))  # would not fit
    feeds = make_feeds(
        [tensor("x")], FeedSpec(dataset=str(tmp_path / "d.npz"), inputs={"x": InputFeed(kind="constant", value=2)})
    )
    assert (feeds["x"] == 2).all()


def test_indices_stay_within_the_tables_they_look_up(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Unsqueeze", ["ids", "zero"], ["column"]),
        helper.make_node("Cast", ["column"], ["index"], to=TensorProto.INT32),
        helper.make_node("Gather", ["words", "index"], ["a"]),
        helper.make_node("Gather", ["kinds", "ids"], ["b"], axis=1),
        helper.make_node("Identity", ["attention_mask"], ["c"]),
    ]
    path = models.write(
        tmp_path / "m.onnx",
        nodes,
        [models.value("ids", models.INT64, ("n",)), models.value("attention_mask", models.INT64, ("n",))],
        [models.value(name, shape=None) for name in "abc"],
        {"words": np.zeros((30, 4)), "kinds": np.zeros((4, 2)), "zero": np.array([0])},
    )
    suggested = suggest(open_model(path))
    assert suggested["ids"] == InputFeed(low=0.0, high=2.0)
    assert suggested["attention_mask"] == InputFeed(kind="constant", value=1.0)
    model = open_model(path)
    inputs = [tensor("ids", "int64", (100,)), tensor("attention_mask", "int64", (100,))]
    feeds = make_feeds(inputs, FeedSpec(), suggest(model))
    assert set(feeds["ids"].tolist()) == {0, 1}
    assert set(feeds["attention_mask"].tolist()) == {1}


def test_a_length_for_a_dimension_that_no_input_has_is_refused() -> None:
    batch = [ValueInfo("x", ValueType("float", ("batch", 3)))]
    check_dims(FeedSpec(dims={"batch": 2}), batch)
    with pytest.raises(FeedError, match="'Q': there are 'batch'"):
        check_dims(FeedSpec(dims={"Q": 2}), batch)
    with pytest.raises(FeedError, match="all are fixed"):
        check_dims(FeedSpec(dims={"Q": 2}), [ValueInfo("x", ValueType("float", (1, 3)))])
