"""Groups: what is one, what is not worth being one, and that its id can be relied on."""

import pytest
from onnx import helper

from graphdebug.view.contents import contents
from graphdebug.view.scopes import MAX_DEPTH, ScopeNode
from tests.view.drawings import chain_model, model_of


def outline(group: ScopeNode) -> dict[str, object]:
    """A tree as nested dictionaries: title → outline, and the number of nodes directly in it."""
    return {"nodes": len(group.nodes)} | {child.title: outline(child) for child in group.children}


def tree(*names: str) -> ScopeNode:
    return contents(chain_model(names), "").tree


def test_groups_follow_the_names() -> None:
    found = tree("/enc/a/Relu", "/enc/a/Relu_1", "/enc/b/Relu", "/enc/b/Relu_1", "/head/Relu", "/head/Relu_1")
    assert outline(found) == {
        "nodes": 0,
        "enc": {"nodes": 0, "a": {"nodes": 2}, "b": {"nodes": 2}},
        "head": {"nodes": 2},
    }
    assert [group.id for group in found.walk()] == ["", "s:enc", "s:enc/a", "s:enc/b", "s:head"]
    assert found.count == 6


def test_a_group_of_one_node_is_that_node_and_a_group_of_one_group_is_merged() -> None:
    found = tree("/a/b/c/Relu", "/a/b/c/Relu_1", "/a/b/d/Relu", "/e/f/Relu", "/e/f/Relu_1", "Relu_9")
    assert outline(found) == {"nodes": 1, "a/b": {"nodes": 1, "c": {"nodes": 2}}, "e/f": {"nodes": 2}}


def test_a_single_group_around_everything_is_opened() -> None:
    found = tree("/m/net/a/Relu", "/m/net/a/Relu_1", "/m/net/Relu")
    assert outline(found) == {"nodes": 1, "a": {"nodes": 2}}
    assert [group.id for group in found.walk()] == ["", "s:m/net/a"]


def test_a_graph_without_scopes_is_flat() -> None:
    assert outline(tree("", "Relu_1", "")) == {"nodes": 3}


def test_exporter_metadata_wins_over_names_and_gives_classes() -> None:
    model = chain_model(["/wrong/x", "/wrong/y", "/wrong/z"])
    for number, node in enumerate(model.proto.graph.node):
        scope = "m.conv" if number < 2 else "m.norm"
        for key, value in (
            ("name_scopes", f"['', 'm', '{scope}', 'op_{number}']"),
            ("class_hierarchy", "['pkg.Net', 'pkg.Body', 'torch.nn.Conv2d', 'aten.relu']"),
        ):
            node.metadata_props.add(key=f"pkg.torch.onnx.{key}", value=value)
    found = contents(model, "").tree
    assert outline(found) == {"nodes": 1, "conv": {"nodes": 2}}
    assert found.children[0].class_name == "Conv2d"


@pytest.mark.parametrize("lost", ["lost", "/_empty_nn_module_stack_from_metadata_hook/lost"])
def test_a_node_without_scope_joins_its_consumers(lost: str) -> None:
    nodes = [
        helper.make_node("Shape", ["x"], ["s"], name=lost),
        helper.make_node("Cast", ["s"], ["c"], name="/a/b/Cast", to=1),
        helper.make_node("Neg", ["s"], ["n"], name="/a/c/Neg"),
        helper.make_node("Add", ["c", "n"], ["y"], name="/z/Add"),
        helper.make_node("Add", ["y", "n"], ["y2"], name="/z/Add_1"),
    ]
    found = contents(model_of(nodes, outputs=["y", "y2"]), "").tree
    assert outline(found) == {"nodes": 0, "a": {"nodes": 3}, "z": {"nodes": 2}}


def test_ids_are_unique_and_the_same_again_whatever_the_names() -> None:
    names = [
        "/a,b/Relu",
        "/a,b/x",
        "/a/~b/x",
        "/a/~b/y",
        "/a/%2C/x",
        "/a/%2C/y",
        "/\u202e</script>/x",
        "/\u202e</script>/y",
    ]
    ids = [group.id for group in tree(*names).walk()]
    assert len(set(ids)) == len(ids) == 6
    assert not any("," in group_id for group_id in ids)
    assert ids == [group.id for group in tree(*names).walk()]


def test_absurdly_deep_scopes_are_cut() -> None:
    deep = "/".join(f"d{i}" for i in range(5000))
    found = tree(f"/{deep}/x", f"/{deep}/y", "/other/x", "/other/y")
    assert [group.id.count("/") <= MAX_DEPTH for group in found.walk()] == [True] * 3
