"""``graphdebug graph`` on the sample models."""

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Run


@pytest.mark.parametrize("kind", ["svg", "png", "dot", "json"])
def test_each_format_is_written(run: Run, samples: Path, tmp_path: Path, kind: str) -> None:
    done = run("graph", samples / "resnet_dynamo.onnx", "-o", tmp_path / f"g.{kind}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(str(tmp_path / f"g.{kind}"))
    assert [path.name for path in tmp_path.iterdir()] == [f"g.{kind}"]
    begin = {"svg": b"<svg", "png": b"\x89PNG", "dot": b"digraph", "json": b"{"}[kind]
    assert (tmp_path / f"g.{kind}").read_bytes().startswith(begin)


def test_what_is_drawn_can_be_chosen(run: Run, samples: Path, tmp_path: Path) -> None:
    model = samples / "branching_blocks.onnx"
    run("graph", model, "-o", tmp_path / "near.json", "--around", "3", "--hops", "2", "--direction", "right")
    run("graph", model, "-o", tmp_path / "all.json", "--flat")
    near, whole = (json.loads((tmp_path / name).read_text())["boxes"] for name in ("near.json", "all.json"))
    assert 0 < len(near) < len(whole)
    run("graph", model, "-o", tmp_path / "large.png", "--scale", "2")
    run("graph", model, "-o", tmp_path / "small.png")
    run("graph", model, "-o", tmp_path / "dark.png", "--theme", "dark")
    light, dark = (Image.open(tmp_path / name).convert("L").getpixel((1, 1)) for name in ("small.png", "dark.png"))
    assert dark < 50 < 200 < light  # type: ignore[operator]
    large, small = (Image.open(tmp_path / name).size for name in ("large.png", "small.png"))
    assert large == pytest.approx((small[0] * 2, small[1] * 2), rel=0.01)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-o", "picture"], "does not say what to write"),
        (["-o", "g.svg", "--graph", "nowhere"], "no graph at 'nowhere'"),
        (["-o", "g.svg", "--around", "nix"], "There is no node 'nix'"),
        (["-o", "g.svg", "--around", "0", "--flat"], "leave --expand, --collapse and --flat out"),
        (["-o", "g.svg", "--expand", "nix"], "No one group is called 'nix'"),
        (["-o", "nowhere/g.svg"], "no folder"),
    ],
)
def test_what_cannot_be_is_said(run: Run, samples: Path, tmp_path: Path, options: list[str], said: str) -> None:
    options[1] = str(tmp_path / options[1])
    done = run("graph", samples / "line.onnx", *options)
    assert done.returncode == 2
    assert said in done.stderr and done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())
