"""Images are laid out and normalised as asked, and bombs are refused."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graphdebug.model.records import Dim, ValueInfo, ValueType
from graphdebug.runtime.feeds import FeedError, make_feeds
from graphdebug.runtime.requests import FeedSpec, InputFeed


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture of 4×2 pixels in which red counts columns, green rows, and blue is 200."""
    pixels = np.zeros((2, 4, 3), np.uint8)
    pixels[..., 0] = np.arange(4)
    pixels[..., 1] = np.arange(2)[:, None]
    pixels[..., 2] = 200
    Image.fromarray(pixels).save(tmp_path / "p.png")
    return tmp_path / "p.png"


def feed(path: Path, shape: tuple[Dim, ...], dtype: str = "float", dims: dict[str, int] | None = None, **options):
    value = ValueInfo("x", ValueType(dtype, shape))
    spec = FeedSpec(dims=dims or {}, inputs={"x": InputFeed(kind="image", path=str(path), **options)})
    return make_feeds([value], spec)["x"]


def test_nchw_normalised_per_channel(picture: Path) -> None:
    made = feed(picture, (2, 3, "h", "w"), mean=(0.0, 0.0, 0.5), std=(1.0, 1.0, 0.25))
    assert made.dtype == np.float32
    assert made.shape == (2, 3, 2, 4)
    assert np.array_equal(made[0], made[1])
    assert made[0, 0, 0].tolist() == pytest.approx([0, 1 / 255, 2 / 255, 3 / 255])
    assert made[0, 2, 1, 3] == pytest.approx((200 / 255 - 0.5) / 0.25)


def test_nhwc_integers_get_the_pixels_themselves(picture: Path) -> None:
    made = feed(picture, (1, None, None, 3), "uint8", layout="NHWC", color="BGR")
    assert made.shape == (1, 2, 4, 3)
    assert made[0, 1, 3].tolist() == [200, 1, 3]


def test_resized_grey_and_flat(picture: Path) -> None:
    assert feed(picture, (1, 1, 8, 8)).shape == (1, 1, 8, 8)
    assert feed(picture, ("h", "w"), dims={"h": 5, "w": 6}).shape == (5, 6)
    assert feed(picture, (None, None), dims={"x[0]": 5}).shape == (5, 4)
    assert feed(picture, (3, 7, 7)).shape == (3, 7, 7)
    assert feed(picture, (4, 7, 7))[3].min() == 1.0  # opaque


@pytest.mark.parametrize(
    ("shape", "options", "named"),
    [
        ((1, 5, 8, 8), {}, "5 channels"),
        ((8,), {}, "2, 3 or 4 dimensions"),
        ((1, 3, 8, 8), {"layout": "HWCN"}, "HWCN"),
        ((1, 3, 8, 8), {"std": (0.0,)}, "zero"),
        ((1, 3, 8, 8), {"mean": (0.0, 1.0)}, "one mean or 3"),
        ((1, 3, 1 << 20, 1 << 20), {}, "too large"),
    ],
)
def test_what_does_not_fit_is_named(picture: Path, shape: tuple[Dim, ...], options, named: str) -> None:
    with pytest.raises(FeedError) as raised:
        feed(picture, shape, **options)
    assert named in str(raised.value)


def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(header)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "bomb.png").write_bytes(png + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT")))
    with pytest.raises(FeedError, match="Input 'x'"):
        feed(tmp_path / "bomb.png", (1, 3, 8, 8))
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(FeedError, match="cannot be read"):
        feed(tmp_path / "text.png", (1, 3, 8, 8))
