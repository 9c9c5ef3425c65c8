"""A graph to take away: every format holds the graph, and the picture has the words in it."""

import io
import json
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graphdebug.model.document import open_model
from graphdebug.model.records import ModelLocation
from graphdebug.report import png as png_room
from graphdebug.report.drawing import DrawingError, Drawn, DrawRequest, draw_job
from graphdebug.report.png import png, size_of
from graphdebug.view.scene import scene
from graphdebug.view.svg import svg
from tests.view.drawings import chain_model
from tests.view.test_scene import HOSTILE


def draw(model: Path, folder: Path, format: str, **asked: object) -> tuple[Drawn, bytes]:
    request = DrawRequest(ModelLocation(str(model)), format, **asked)  # type: ignore[arg-type]
    drawn = draw_job(request, folder, lambda *_: None)
    return drawn, (folder / drawn.file).read_bytes()


def boxes(data: bytes) -> dict[str, dict[str, object]]:
    return {box["id"]: box for box in json.loads(data)["boxes"]}


def test_a_png_has_the_size_that_is_told_and_ink_on_it(samples: Path, tmp_path: Path) -> None:
    drawn, data = draw(samples / "resnet_dynamo.onnx", tmp_path, "png", scale=0.5)
    image = Image.open(io.BytesIO(data))
    assert image.size == (drawn.width, drawn.height)
    text, _ = draw(samples / "resnet_dynamo.onnx", tmp_path, "svg")
    assert image.size == pytest.approx((text.width / 2, text.height / 2), rel=0.01)
    assert not drawn.notices


def test_a_picture_is_dark_and_coloured_where_that_is_asked_for(samples: Path, tmp_path: Path) -> None:
    asked = {"colors": {"n:0": "#ff0000"}, "legend": (("much", "#ff0000"),), "legend_title": "How much"}
    _, data = draw(samples / "mlp.onnx", tmp_path, "png", theme="dark", **asked)
    image = Image.open(io.BytesIO(data)).convert("RGB")
    assert sum(image.getpixel((1, 1))) < 150  # type: ignore[arg-type]
    assert (255, 0, 0) in {color for _, color in image.getcolors(1 << 24) or ()}
    _, text = draw(samples / "mlp.onnx", tmp_path, "svg", **asked)
    assert b"How much" in text and b'fill="#fff"' in text
    with pytest.raises(DrawingError, match="light or dark"):
        draw(samples / "mlp.onnx", tmp_path, "svg", theme="sepia")


def test_text_is_drawn_in_the_font_that_comes_along() -> None:
    """A machine may have no font at all."""
    drawn = [svg(scene(chain_model([name]), "")).replace(name, word) for name in ["aaaa"] for word in ("mmmm", "iiii")]
    first, second = (np.asarray(Image.open(io.BytesIO(png(text)[0])).convert("L")) for text in drawn)
    assert first.shape == second.shape
    assert (first < 128).sum() > (second < 128).sum()  # m has more ink than i


def test_hostile_names_make_a_picture(tmp_path: Path) -> None:
    data, width, height = png(svg(scene(chain_model(HOSTILE), "")))
    assert Image.open(io.BytesIO(data)).size == (width, height)


def test_a_picture_too_large_is_drawn_smaller_and_says_so(samples: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(png_room, "MOST_PIXELS", 40_000)
    drawn, data = draw(samples / "resnet_dynamo.onnx", tmp_path, "png")
    assert drawn.width * drawn.height <= 42_000
    assert Image.open(io.BytesIO(data)).size == (drawn.width, drawn.height)
    assert "SVG has all of it" in drawn.notices[0]


def test_json_holds_the_scene(samples: Path, tmp_path: Path) -> None:
    _, data = draw(samples / "branching_blocks.onnx", tmp_path, "json", flat=True)
    found = json.loads(data)
    nodes = [box for box in found["boxes"] if box["kind"] == "node"]
    assert sorted(box["op"] for box in nodes) == ["Add"] + ["Conv"] * 5 + ["Relu"] * 4
    ids = {box["id"] for box in found["boxes"]}
    assert {end for edge in found["edges"] for end in (edge["tail"], edge["head"])} <= ids
    assert found["version"] == 1


def test_groups_open_by_the_end_of_their_module_name(samples: Path, tmp_path: Path) -> None:
    model = samples / "transformer_dynamo.onnx"
    _, closed = draw(model, tmp_path, "json", expanded=())
    _, every = draw(model, tmp_path, "json", expanded=("*",))
    kinds = {box["kind"] for box in boxes(closed).values()}
    assert "group" in kinds and "frame" not in kinds
    assert "group" not in {box["kind"] for box in boxes(every).values()}
    name = next(box["id"] for box in boxes(closed).values() if box["kind"] == "group").removeprefix("s:")
    _, one = draw(model, tmp_path, "json", expanded=(name.replace("/", ".").split(".")[-1],))
    assert [box["id"] for box in boxes(one).values() if box["kind"] == "frame"] == [f"s:{name}"]
    with pytest.raises(DrawingError, match="No one group is called 'nothing'; there is "):
        draw(model, tmp_path, "json", expanded=("nothing",))


def test_what_is_near_a_node(samples: Path, tmp_path: Path) -> None:
    model = samples / "branching_blocks.onnx"
    names = open_model(ModelLocation(str(model))).graphs[""].names
    _, by_name = draw(model, tmp_path, "json", around=(names[3],), hops=1)
    _, by_number = draw(model, tmp_path, "json", around=("3",), hops=1)
    assert by_name == by_number
    assert "n:3" in boxes(by_name) and 2 <= len(boxes(by_name)) < len(names)
    with pytest.raises(DrawingError, match="There is no node 'nix' among the graph's 10"):
        draw(model, tmp_path, "svg", around=("nix",))


def test_a_nested_graph_and_one_that_is_not_there(samples: Path, tmp_path: Path) -> None:
    model = samples / "if_captures.onnx"
    path = list(open_model(ModelLocation(str(model))).graphs)[1]
    drawn, data = draw(model, tmp_path, "svg", graph=path)
    ET.fromstring(data)
    assert (drawn.width, drawn.height) == size_of(data.decode())
    with pytest.raises(DrawingError, match=r"no graph at 'nowhere'; there is"):
        draw(model, tmp_path, "svg", graph="nowhere")


def test_broken_models_are_drawn(samples: Path, tmp_path: Path) -> None:
    for kind in ("svg", "png", "dot", "json"):
        assert draw(samples / "broken.onnx", tmp_path, kind)[1]


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
def test_dot_is_read_by_graphviz(samples: Path, tmp_path: Path) -> None:
    import graphviz

    _, data = draw(samples / "transformer_dynamo.onnx", tmp_path, "dot")
    assert "<svg" in graphviz.Source(data.decode()).pipe(format="svg").decode()
