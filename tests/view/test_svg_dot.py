"""Scenes on paper: well-formed whatever the names, complete, coloured where asked."""

import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from graphdebug.model.document import open_model
from graphdebug.view.dot import dot
from graphdebug.view.scene import RIGHT, Kind, neighbourhood, scene
from graphdebug.view.svg import svg
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
    text = svg(scene(chain_model(HOSTILE), ""), {"n:0": '"/><script>'})
    root = ET.fromstring(text)
    assert not [element for element in root.iter() if element.tag.endswith("script")]
    assert len(text) < 50_000


def test_svg_colours_by_id() -> None:
    model = chain_model(["a", "b", "c"])
    root = ET.fromstring(svg(neighbourhood(model, "", [1], 1), {"n:1": "#ff0000"}))
    fills = [element.get("fill") for element in root.iter(f"{SVG}rect")]
    assert fills.count("#ff0000") == 1


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
