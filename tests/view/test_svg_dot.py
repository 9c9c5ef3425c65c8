"""Scenes on paper: well-formed whatever the names, complete, coloured where asked."""

import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from graphdebug.model.document import open_model
from graphdebug.view.dot import dot
from graphdebug.view.scene import RIGHT, Kind, neighbourhood, scene
from graphdebug.view.svg import Legend, svg
from graphdebug.view.svg_theme import THEMES
from tests.view.drawings import chain_model
from tests.view.test_scene import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"


def test_svg_shows_every_box_and_edge(samples: Path) -> None:
    for path in sorted(samples.glob("*.onnx")):
        shown = scene(open_model(path), "")
        root = ET.fromstring(svg(shown))
        texts = [element.text for element in root.iter(f"{SVG}text")]
        for box in shown.boxes:
            wanted = box.op if box.kind == Kind.NODE else box.label
            if box.kind == Kind.FRAME:
                wanted = f"{box.label} {box.chips}".strip()
            assert wanted in texts
        assert len([e for e in root.iter(f"{SVG}path") if e.get("class") == "e"]) == len(shown.edges)


def test_svg_of_hostile_names_is_well_formed_and_inert() -> None:
    colors = {"n:0": '"/><script>', "n:1": "url(http://elsewhere/x)"}
    text = svg(scene(chain_model(HOSTILE), ""), colors, legend=Legend("<b>", [("<i>", "url(#a)")]))
    root = ET.fromstring(text)
    assert "elsewhere" not in text
    assert not [element for element in root.iter() if element.tag.endswith("script")]
    assert len(text) < 50_000


def test_svg_colours_by_id() -> None:
    model = chain_model(["a", "b", "c"])
    root = ET.fromstring(svg(neighbourhood(model, "", [1], 1), {"n:1": "#ff0000"}))
    tinted = [element for element in root.iter(f"{SVG}rect") if element.get("fill") == "#ff0000"]
    assert [element.get("fill-opacity") for element in tinted] == ["0.42", None]  # the box, and its strip


def test_svg_marks_nodes_with_weights(samples: Path) -> None:
    shown = scene(open_model(samples / "conv_bn_leakyrelu.onnx"), "", flat=True)
    root = ET.fromstring(svg(shown))
    marks = [element for element in root.iter(f"{SVG}path") if element.get("class") == "w"]
    assert len(marks) == len([box for box in shown.boxes if box.weights]) > 0


@pytest.mark.parametrize("theme", THEMES)
def test_svg_has_nothing_outside_its_edges_and_text_that_stands_out(samples: Path, theme: str) -> None:
    entries = [(f"up to {number} tolerances <b>", "#ff0000" if number else "") for number in range(12)]
    text = svg(
        scene(open_model(samples / "line.onnx"), ""), {"n:0": "gold"}, theme=theme, legend=Legend("Why", entries)
    )
    root = ET.fromstring(text)
    left, top, width, height = map(float, root.get("viewBox", "").split())
    for element in root.iter(f"{SVG}rect"):
        x, y, w, h = (float(element.get(name, 0)) for name in ("x", "y", "width", "height"))
        assert left <= x and x + w <= left + width + 0.1 and top <= y and y + h <= top + height + 0.1
    assert [element.text for element in root.iter(f"{SVG}text")][-12:] == [label for label, _ in entries]
    look = THEMES[theme]
    assert (int(look.text[1:3], 16) > 128) == (theme == "dark") == (int(look.ground[1], 16) < 8)


def test_dot_has_clusters_and_all_ends() -> None:
    source = dot(scene(chain_model(["/a/x", "/a/y", "/b/x", "/b/y"]), "", direction=RIGHT))
    assert source.count("subgraph") == 2
    assert source.count("->") == 5
    assert "rankdir=LR" in source


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
def test_graphviz_reads_hostile_names_as_plain_labels() -> None:
    model = chain_model([*HOSTILE, "<b>bold</b>", r"\N \G \\", 'x" URL="http://evil'])
    done = subprocess.run(["dot", "-Tjson0"], input=dot(scene(model, "")), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert '"URL"' not in done.stdout
    assert done.stdout.count('"label"') >= len(model.proto.graph.node)
