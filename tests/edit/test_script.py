"""Scripts: run alone, they give what the edit gave, to the byte of the protobuf."""

import runpy
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import external_data_helper, helper, numpy_helper

from graphdebug.diff.engine import diff
from graphdebug.edit.changing import RenameNode
from graphdebug.edit.constants import InitializerToConstant
from graphdebug.edit.conversion import ConvertOpset
from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.extraction import ExtractPart
from graphdebug.edit.initializers import CastInitializer
from graphdebug.edit.metadata import SetMetadata
from graphdebug.edit.operation import Operation, edited
from graphdebug.edit.operations import OPERATIONS
from graphdebug.edit.ports import AddInput
from graphdebug.edit.recipe import replay
from graphdebug.edit.script import Script, ScriptStep, script, write
from graphdebug.edit.shape_writing import WriteShapes
from graphdebug.edit.wiring import RenameValue
from graphdebug.model.document import Model, open_model
from graphdebug.model.save import save
from graphdebug.runtime.feeds import FeedSpec, make_feeds, suggest
from graphdebug.runtime.taps import model_inputs
from tests.edit.running import sample_names
from tests.edit.test_sequences import MODELS, any_operation

_SAMPLES = Path(__file__).parents[2] / "sample_models"
STEPS = 12


def written(model: Model, operations: Sequence[Operation], files: Path | None = None) -> tuple[Model, Script]:
    """Do operations; return the model that comes of it and the script."""
    done = replay(model, operations, files)
    steps = [ScriptStep(each.title, step.splices) for each, step in zip(operations, done.steps, strict=True)]
    return done.model, script(model, steps)


def loaded(path: Path) -> bytes:
    """Return a model with all its values, serialised."""
    model = onnx.load(path, load_external_data=False)
    external_data_helper.load_external_data_for_model(model, str(path.parent))
    return bytes(model.SerializeToString(deterministic=True))


def agree(model: Model, operations: Sequence[Operation], folder: Path, run: Callable[[Path, Path, Path], None]) -> bool:
    """See to it that the script gives what the operations gave; say whether it works on graphsurgeon."""
    after, made = written(model, operations, _SAMPLES)
    ours, theirs = folder / "ours", folder / "theirs"
    ours.mkdir()
    theirs.mkdir()
    save(after, ours / "edited.onnx")
    run(folder / write(made, folder, "edit.py")[0], model.path, theirs / "edited.onnx")
    if "gs.import_onnx" not in made.text:
        assert loaded(theirs / "edited.onnx") == loaded(ours / "edited.onnx"), made.text
        return False
    found = diff(*(open_model(each / "edited.onnx") for each in (ours, theirs)))
    assert found.same, (found.sentences, made.text)
    assert same_outputs(ours / "edited.onnx", theirs / "edited.onnx"), made.text
    return True


def same_outputs(*paths: Path) -> bool:
    """Say whether two models give the same numbers, or neither can be loaded and run."""
    found = []
    for path in paths:
        model = open_model(path)
        try:
            found.append(run_at(path, make_feeds(model_inputs(model), FeedSpec(), suggest(model))))
        except Exception as error:
            found.append(type(error).__name__)
    one, other = found
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return one.keys() == other.keys() and all(
        np.asarray(one[name]).tolist() == np.asarray(other[name]).tolist()
        or np.asarray(one[name]).tobytes() == np.asarray(other[name]).tobytes()
        for name in one
    )


def run_at(path: Path, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


def alone(path: Path, source: Path, target: Path) -> None:
    """Run a script in a process of its own, which knows nothing of graphdebug."""
    done = subprocess.run(
        [sys.executable, "-I", path, source, target], cwd=path.parent, capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr + path.read_text()


def here(path: Path, source: Path, target: Path) -> None:
    """Run a script in this process, which is faster."""
    kept, sys.argv = sys.argv, [str(path), str(source), str(target)]
    try:
        runpy.run_path(str(path))
    finally:
        sys.argv = kept


def some_done(model: Model, file: str, rng: Random, wanted: Callable[[Operation], bool], count: int) -> list[Operation]:
    """Return random operations that can be done one after the other."""
    done: list[Operation] = []
    editor = Editor(model)
    for _ in range(2000):
        operation = any_operation(rng, editor, file)
        if not wanted(operation):
            continue
        try:
            model = replay(model, [operation], _SAMPLES).model
        except EditError:
            continue
        editor = Editor(model)
        done.append(operation)
        if len(done) == count:
            break
    return done


def kept_apart(name: str, folder: Path) -> Model:
    """Open a sample with a folder for large values."""
    (folder / "values").mkdir()
    opened = open_model(_SAMPLES / name)
    return Model(opened.proto, opened.path, values=folder / "values")


@pytest.mark.parametrize("name", [*sample_names(), "broken.onnx"])
def test_run_alone_they_do_what_was_done(name: str, tmp_path: Path) -> None:
    model = kept_apart(name, tmp_path)
    operations = some_done(model, name, Random(name), lambda _: True, STEPS)
    assert len(operations) == STEPS
    agree(model, operations, tmp_path, alone)


@pytest.mark.parametrize("kind", [kind for kind in OPERATIONS if not kind.heavy], ids=lambda kind: kind.__name__)
def test_every_kind_of_operation(kind: type[Operation], tmp_path: Path) -> None:
    found = 0
    for name in ("local_function.onnx", "if_captures.onnx", "quantize_dequantize.onnx", "resnet_torchscript.onnx"):
        (folder := tmp_path / name).mkdir()
        model = kept_apart(name, folder)
        first = AddInput(name="extra", dtype="float", shape=())
        begun = replay(model, [first]).model
        operations = some_done(begun, name, Random(kind.__name__), lambda each: isinstance(each, kind), 2)
        agree(model, [first, *operations], folder, here)
        found += len(operations)
    assert found


def test_operations_that_run_foreign_code_and_write_shapes(tmp_path: Path) -> None:
    model = kept_apart("resnet_torchscript.onnx", tmp_path)
    agree(model, [ConvertOpset(version=21), WriteShapes()], tmp_path, here)


def test_large_values_are_files_beside_the_script(tmp_path: Path) -> None:
    weight = np.arange(600_000, dtype=np.float32)
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])],
        "large",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [600_000])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [600_000])],
        [numpy_helper.from_array(weight, "w"), numpy_helper.from_array(weight[:1000] + 1, "v")],
    )
    onnx.save(helper.make_model(graph), tmp_path / "large.onnx")
    (tmp_path / "values").mkdir()
    opened = open_model(tmp_path / "large.onnx")
    model = Model(opened.proto, opened.path, values=tmp_path / "values")
    operations = [CastInitializer(initializer="w", to="float16"), CastInitializer(initializer="v", to="float16")]
    _, made = written(model, operations)
    assert len(made.text) < 10_000
    assert made.files
    agree(model, [*operations, InitializerToConstant(initializer="w")], tmp_path, here)


def test_names_stay_text(tmp_path: Path) -> None:
    hostile = "\"\"\"\n'+__import__('os').abort()+'\u202e\\"
    value = helper.make_tensor_value_info(hostile, onnx.TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Neg", [hostile], ["y"], hostile)], hostile, [value], [])
    path = tmp_path / 'a"""b.onnx'
    onnx.save(helper.make_model(graph), path)
    operations: list[Operation] = [
        RenameNode(node=hostile, name=hostile * 2),
        RenameValue(value=hostile, name=hostile + "x"),
        SetMetadata(key=hostile, value=hostile),
    ]
    agree(open_model(path), operations, tmp_path, here)


def test_another_model_is_refused_in_a_sentence(tmp_path: Path) -> None:
    _, made = written(open_model(_SAMPLES / "mlp.onnx"), [RenameNode(node="/fc1/Gemm", name="other")])
    with pytest.raises(SystemExit, match="0 nodes are called '/fc1/Gemm': this script is for another model"):
        here(tmp_path / write(made, tmp_path, "edit.py")[0], _SAMPLES / "line.onnx", tmp_path / "out.onnx")


@pytest.mark.parametrize("name", ["branching_blocks.onnx", "mlp.onnx", "resnet_torchscript.onnx"])
def test_single_operations_on_graphsurgeon(name: str, tmp_path: Path) -> None:
    rng = Random(name)
    kinds: set[type[Operation]] = set()

    def new(operation: Operation) -> bool:
        return type(operation) not in kinds

    for number in range(25):
        (folder := tmp_path / str(number)).mkdir()
        model = kept_apart(name, folder)
        operations = some_done(model, name, rng, new, 1)
        if agree(model, operations, folder, here):
            kinds |= set(map(type, operations))
    assert len(kinds) >= 10


@pytest.mark.parametrize("path", MODELS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_graphsurgeon_loses_is_known(path: Path, tmp_path: Path) -> None:
    agree(open_model(path), [], tmp_path, here)


def test_a_part_cut_out_is_few_lines_of_script(tmp_path: Path) -> None:
    for name in ("transformer_dynamo.onnx", "resnet_torchscript.onnx", "if_captures.onnx"):
        (folder := tmp_path / name).mkdir()
        model = kept_apart(name, folder)
        index = model.graphs[""]
        start, end = (index.nodes[len(index.nodes) * share // 4].output[0] for share in (1, 3))
        try:
            edited(model, operation := ExtractPart(inputs=(start,), outputs=(end,)))
        except EditError:
            operation = ExtractPart(outputs=(end,))
        agree(model, [operation], folder, here)
