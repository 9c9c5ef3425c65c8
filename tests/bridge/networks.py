"""Small networks with marks in them, and their exports."""

import io
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

import graphdebug
from graphdebug.model.document import Model, open_model
from graphdebug.model.shapes import infer_types


class Block(nn.Module):
    """A convolution, batch normalisation and a shortcut; ``mark``: the name of the mark on its result."""

    def __init__(self, channels: int, mark: str = "") -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(channels)
        self.mark, self.again = mark, False

    def forward(self, x: Tensor) -> Tensor:
        """[1, channels, h, w] → the same shape."""
        y = torch.relu(self.bn(self.conv(x)) + x)
        y = torch.relu(y) if self.again else y
        return graphdebug.mark(y, self.mark) if self.mark else y


class FourBlocks(nn.Module):
    """Four blocks and a head. ``attribute``: what these are called; ``same``: their marks are called the same."""

    def __init__(self, attribute: str, *, marks: bool = False, same: bool = False) -> None:
        super().__init__()
        self.attribute = attribute
        self.stem: nn.Module = nn.Identity()
        names = ["block" if same else f"block.{number}" for number in range(4)]
        setattr(self, attribute, nn.Sequential(*(Block(4, name if marks else "") for name in names)))
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        """[1, 4, h, w] → [1, 2]."""
        return self.head(getattr(self, self.attribute)(self.stem(x)).mean((2, 3)))  # type: ignore[no-any-return]


def four_blocks(attribute: str = "blocks", *, stem: bool = False, again: bool = False, **marks: bool) -> nn.Module:
    """Return the network with seeded weights, the same for the blocks and the head whatever else there is.

    ``stem``: there is another layer before the blocks; ``again``: each block's result goes through one more Relu.
    """
    torch.manual_seed(5)
    network = FourBlocks(attribute, **marks)
    if stem:
        network.stem = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU())
    for block in getattr(network, attribute):
        block.again = again
    return network.eval()


IMAGE = torch.linspace(-1, 1, 4 * 6 * 6).reshape(1, 4, 6, 6)


def exported(network: nn.Module, path: Path, x: Tensor = IMAGE, **how: Any) -> Model:
    """Export a network to ``path`` and open what came of it, with inferred types; ``how``: see `onnx_bytes`."""
    path.write_bytes(onnx_bytes(network, x, **how))
    model = open_model(path)
    return model.with_types(infer_types(model))


def onnx_bytes(network: nn.Module, x: Tensor, *, dynamo: bool = True, optimize: bool = True, opset: int = 20) -> bytes:
    """Export a network through torch.export (``dynamo``), optimised or not, or by tracing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not dynamo:
            buffer = io.BytesIO()
            torch.onnx.export(network, (x,), buffer, dynamo=False, opset_version=opset, input_names=["x"])
            return buffer.getvalue()
        program = torch.onnx.export(
            network, (x,), dynamo=True, optimize=optimize, opset_version=opset, verbose=False, input_names=["x"]
        )
    assert program is not None
    return program.model_proto.SerializeToString()


@cache
def _blocks_bytes(how: tuple[tuple[str, Any], ...], network: tuple[tuple[str, Any], ...]) -> bytes:
    return onnx_bytes(four_blocks(**dict(network)), IMAGE, **dict(how))


def blocks_exported(path: Path, how: Mapping[str, Any] = MappingProxyType({}), **network: Any) -> Model:
    """Export `four_blocks` (``network``: its arguments); each kind of export is made once."""
    path.write_bytes(_blocks_bytes(tuple(sorted(how.items())), tuple(sorted(network.items()))))
    model = open_model(path)
    return model.with_types(infer_types(model))
