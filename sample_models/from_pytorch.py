"""A small residual network and a small transformer, exported from PyTorch by both of its exporters.

The dynamo exporter records for every node its module path and its source line, the TorchScript exporter its module
path in the node's name. Paths of the exporting machine are cut back to paths inside the repository.
"""

import io
import warnings
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from sample_models.sample import Sample

ROOT = Path(__file__).resolve().parent.parent


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with batch normalisation, added to a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, inputs, h, w] → [batch, outputs, h / stride, w / stride]."""
        hidden = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(hidden)) + self.shortcut(x))


class SmallResNet(nn.Module):
    """A classifier of 32×32 pictures into 10 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.stages = nn.Sequential(ResidualBlock(8, 8, 1), ResidualBlock(8, 16, 2), ResidualBlock(16, 32, 2))
        self.head = nn.Linear(32, 10)

    def forward(self, image: Tensor) -> Tensor:
        """[batch, 3, 32, 32] → [batch, 10]."""
        features = self.stages(torch.relu(self.stem(image)))
        return self.head(features.mean((2, 3)))


class SelfAttention(nn.Module):
    """Multi-head attention of a sequence to itself, written out."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(size, 3 * size)
        self.output = nn.Linear(size, size)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, tokens, size] → the same shape."""
        batch, tokens, size = x.shape
        split = self.query_key_value(x).reshape(batch, tokens, 3, self.heads, size // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4).unbind(0)
        scores = query @ key.transpose(-1, -2) * (size // self.heads) ** -0.5
        mixed = scores.softmax(-1) @ value
        return self.output(mixed.transpose(1, 2).reshape(batch, tokens, size))


class EncoderLayer(nn.Module):
    """A pre-norm transformer layer."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(size)
        self.attention = SelfAttention(size, heads)
        self.feed_forward_norm = nn.LayerNorm(size)
        self.feed_forward = nn.Sequential(nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size))

    def forward(self, x: Tensor) -> Tensor:
        """[batch, tokens, size] → the same shape."""
        x = x + self.attention(self.attention_norm(x))
        return x + self.feed_forward(self.feed_forward_norm(x))


class SmallTransformer(nn.Module):
    """An encoder of token ids below 100, with one score a token and id."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 32)
        self.position = nn.Parameter(torch.randn(64, 32) * 0.1)
        self.layers = nn.ModuleList(EncoderLayer(32, 4) for _ in range(2))
        self.norm = nn.LayerNorm(32)

    def forward(self, tokens: Tensor) -> Tensor:
        """Int64 ids [batch, tokens ≤ 64] → scores [batch, tokens, 100]."""
        x = self.embedding(tokens) + self.position[: tokens.shape[1]]
        for layer in self.layers:
            x = layer(x)
        return self.norm(x) @ self.embedding.weight.T


def resnet() -> tuple[nn.Module, tuple[Tensor]]:
    """The network with seeded weights and believable batch statistics, and an input."""
    torch.manual_seed(10)
    module = SmallResNet()
    with torch.no_grad():
        for _ in range(10):
            module(torch.randn(16, 3, 32, 32))
    return module.eval(), (torch.randn(2, 3, 32, 32),)


def transformer() -> tuple[nn.Module, tuple[Tensor]]:
    """The network with seeded weights, and an input."""
    torch.manual_seed(11)
    return SmallTransformer().eval(), (torch.randint(0, 100, (2, 7)),)


def by_torchscript(
    module: nn.Module, args: tuple[Tensor], inputs: list[str], dynamic: dict[int, str]
) -> onnx.ModelProto:
    """Export by tracing (the older exporter); node names hold the module path."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that this exporter is the older one is the point
        torch.onnx.export(
            module,
            args,
            buffer,
            input_names=inputs,
            output_names=["scores"],
            dynamic_axes={inputs[0]: dynamic},
            opset_version=18,
            dynamo=False,
        )
    return without_machine_paths(onnx.load_from_string(buffer.getvalue()))


def by_dynamo(module: nn.Module, args: tuple[Tensor], inputs: list[str], dynamic: dict[int, str]) -> onnx.ModelProto:
    """Export through torch.export (the newer exporter); nodes carry module path, classes and source lines."""
    dimensions = {axis: torch.export.Dim(name, min=1, max=64) for axis, name in dynamic.items()}
    program = torch.onnx.export(
        module,
        args,
        input_names=inputs,
        output_names=["scores"],
        dynamic_shapes=(dimensions,),
        opset_version=20,
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    return without_machine_paths(program.model_proto)


def without_machine_paths(model: onnx.ModelProto) -> onnx.ModelProto:
    """Rewrite absolute paths in metadata and doc strings to start inside the repository or inside site-packages."""
    folders = (f"{Path(torch.__file__).resolve().parent.parent}/", f"{ROOT}/")

    def relative(text: str) -> str:
        for folder in folders:
            text = text.replace(folder, "")
        return text

    graphs = [model.graph, *model.functions]
    for graph in graphs:
        for node in graph.node:
            node.doc_string = relative(node.doc_string)
            for entry in node.metadata_props:
                entry.value = relative(entry.value)
    return model


SAMPLES = (
    Sample(
        "resnet_torchscript.onnx",
        "Small ResNet, TorchScript export",
        "The older exporter: module paths live in the node names; BatchNorm is folded into Conv under Conv's name.",
        lambda: by_torchscript(*resnet(), ["image"], {0: "batch"}),
    ),
    Sample(
        "resnet_dynamo.onnx",
        "Small ResNet, dynamo export",
        "The newer exporter: every node tells its module, its classes and its source line.",
        lambda: by_dynamo(*resnet(), ["image"], {0: "batch"}),
    ),
    Sample(
        "transformer_torchscript.onnx",
        "Small transformer, TorchScript export",
        "Shape arithmetic between the layers: Shape, Gather and Concat nodes that only compute sizes.",
        lambda: by_torchscript(*transformer(), ["tokens"], {0: "batch", 1: "length"}),
    ),
    Sample(
        "transformer_dynamo.onnx",
        "Small transformer, dynamo export",
        "Scopes two levels deep: collapse the layers, open one, and follow a node back to its line of Python.",
        lambda: by_dynamo(*transformer(), ["tokens"], {0: "batch", 1: "length"}),
    ),
)
