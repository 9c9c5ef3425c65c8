"""Networks that an exporter does not write down one to one, in the author's way: a module that others import."""

import torch
from torch import Tensor, nn

from sample_models.from_pytorch import EncoderLayer, SmallResNet


def resnet() -> nn.Module:
    """Convolutions with batch normalisation behind them, whose statistics are no identity."""
    torch.manual_seed(3)
    network = SmallResNet()
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(8, 3, 32, 32) * 2 + 1)
    return network.eval()


def transformer_block() -> nn.Module:
    """One layer of a transformer."""
    torch.manual_seed(4)
    return EncoderLayer(16, 2).eval()


class Twice(nn.Module):
    """Calls two of its modules twice, the second time on what the first gave, and answers with a dictionary."""

    def __init__(self, size: int = 4, bias: bool = True) -> None:
        super().__init__()
        self.mix = nn.Linear(size, size, bias=bias)
        self.act = nn.ReLU(inplace=True)
        self.norm = nn.BatchNorm1d(size)

    def forward(self, x: Tensor, scale: Tensor) -> dict[str, object]:
        """[n, size] → two tensors, and one in a tuple."""
        once = self.act(self.mix(x))
        twice = self.act(self.norm(self.mix(once)))
        return {"once": once * scale, "more": (twice + once, twice.sum(-1))}


def twice() -> nn.Module:
    """The network with seeded weights."""
    torch.manual_seed(5)
    return Twice().eval()


class Failing(nn.Module):
    """Fails while it runs."""

    def forward(self, x: Tensor) -> Tensor:
        """Raise."""
        raise ValueError("too hot to run")  # this line is named


def no_network() -> int:
    """Give something else."""
    return 7


def failing_factory() -> nn.Module:
    """Fail while it makes a network."""
    return nn.Linear(-1, "two")  # type: ignore[arg-type]
