"""Where nodes come from, by metadata and by name."""

import onnx
import pytest
from onnx import helper

from graphdebug.model.origin import Origin, origin

STACK = """File "/home/me/train.py", line 25, in forward
    return self.net(x)
  File "/venv/lib/python3.11/site-packages/transformers/modeling_llama.py", line 243, in forward
    query = self.q_proj(hidden)
  File "/venv/lib/python3.11/site-packages/torch/nn/modules/linear.py", line 125, in forward
    return F.linear(input, self.weight, self.bias)"""


def exported(**metadata: str) -> onnx.NodeProto:
    node = helper.make_node("MatMul", ["x", "w"], ["val_7"], name="node_linear_3")
    for key, value in metadata.items():
        node.metadata_props.add(key=f"pkg.torch.onnx.{key}", value=value)
    return node


def test_metadata_of_the_dynamo_exporter() -> None:
    node = exported(
        name_scopes="['', 'layer1', 'layer1.0', 'layer1.0.conv1', 'conv2d']",
        class_hierarchy="['__main__.Net', 'torch.nn.Sequential', 'a.Block', 'torch.nn.Conv2d', 'aten.conv2d.default']",
        stack_trace=STACK,
    )
    found = origin(node)
    assert found.scope == ("layer1", "0", "conv1")
    assert found.classes == ("torch.nn.Sequential", "a.Block", "torch.nn.Conv2d")
    assert found.source == "/venv/lib/python3.11/site-packages/transformers/modeling_llama.py:243"
    assert found.stack == STACK


def test_the_exporters_mark_for_no_scope_is_no_scope() -> None:
    mark = "_empty_nn_module_stack_from_metadata_hook"
    found = origin(
        exported(name_scopes=f"['', '{mark}', 'a.b', 'add']", class_hierarchy="['Net', 'None', 'pkg.B', 'op']")
    )
    assert (found.scope, found.classes) == (("a.b",), ("pkg.B",))


def test_a_stack_of_nothing_but_pytorch_gives_its_innermost_frame() -> None:
    trace = 'File "/x/torch/nn/a.py", line 1, in f\n  File "/x/torch/nn/b.py", line 2, in g'
    assert origin(exported(name_scopes="['', 'a']", stack_trace=trace)).source == "/x/torch/nn/b.py:2"


@pytest.mark.parametrize(
    ("name", "scope"),
    [
        ("/layer1/layer1.0/conv1/Conv", ("layer1", "0", "conv1")),
        ("/encoder/layer.3/attention/self/MatMul_1", ("encoder", "layer.3", "attention", "self")),
        ("model/block_1/conv/Conv2D", ("model", "block_1", "conv")),
        ("/Add", ()),
        ("Conv_17", ()),
        ("//x///y//z", ("x", "y")),
        ("/_empty_nn_module_stack_from_metadata_hook/Shape", ()),
        ("", ()),
    ],
)
def test_names_with_paths(name: str, scope: tuple[str, ...]) -> None:
    assert origin(helper.make_node("Op", [], ["out"], name=name)).scope == scope
    assert origin(helper.make_node("Op", [], [name])).scope == scope


@pytest.mark.parametrize(
    "text", ["", "[", "['", "['a", "[1, 2]", "__import__('os')", "['a\\'b', \"c'd\", 'x']", "x" * 10000]
)
def test_metadata_that_is_no_list_is_read_as_far_as_it_is_one(text: str) -> None:
    found = origin(exported(name_scopes=text, class_hierarchy=text, stack_trace=text))
    assert isinstance(found, Origin)
    assert all(isinstance(part, str) for part in found.scope)


def test_class_names_that_do_not_fit_the_scopes_are_left_out() -> None:
    found = origin(exported(name_scopes="['', 'a', 'b', 'n']", class_hierarchy="['Net', 'op']"))
    assert (found.scope, found.classes) == (("a", "b"), ())


@pytest.mark.parametrize("folder", ["torch/nn", "/site-packages/torch/nn", "C:\\venv\\Lib\\site-packages\\torch\\nn"])
def test_frames_of_pytorch_itself_are_passed_over_wherever_it_lies(folder: str) -> None:
    node = onnx.helper.make_node("Conv", ["x", "w"], ["y"])
    stack = f'File "net.py", line 33, in forward\n    self.bn(x)\nFile "{folder}/batchnorm.py", line 210, in forward\n'
    node.metadata_props.add(key="pkg.torch.onnx.stack_trace", value=stack)
    assert origin(node).source == "net.py:33"
