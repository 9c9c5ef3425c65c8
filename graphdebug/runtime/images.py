"""Images as feeds: decoded, resized, laid out and normalised for an input."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import helper
from PIL import Image, UnidentifiedImageError

from graphdebug.model.records import Dim, ValueInfo
from graphdebug.model.value_types import dtype_number
from graphdebug.runtime.dims import dim_name
from graphdebug.runtime.feed_errors import FeedError
from graphdebug.runtime.requests import InputFeed

_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF")
_PIXELS_LIMIT = 100_000_000
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def load_image(value: ValueInfo, feed: InputFeed, dims: Mapping[str, int]) -> NDArray[Any]:
    """Return the image at ``feed.path`` as a tensor of the input's shape and dtype.

    The image is resized (bilinear, without keeping its proportions) to the input's height and width, or keeps its own
    where they are symbolic and not fixed by ``dims``. Floating inputs get ``(pixel * scale - mean) / std`` per
    channel, integer inputs the pixels themselves. A batch repeats the image.

    Raises:
        FeedError: no image, too large, or the input is not shaped like one.
    """
    batch, height, width, channels = _axes(value, feed, dims)
    pixels = _pixels(value, feed, height, width, channels)
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(dtype_number(value.type.dtype)))
    if dtype.kind not in "iub":
        pixels = _normalised(value, feed, pixels)
    array = pixels.astype(dtype)
    if feed.layout == "NCHW":
        array = np.moveaxis(array, -1, 0)
    rank = len(value.type.shape or ())
    if rank == 2:
        return np.ascontiguousarray(array.reshape(pixels.shape[:2]))
    return np.ascontiguousarray(np.broadcast_to(array, (batch, *array.shape)) if rank == 4 else array)


def _axes(value: ValueInfo, feed: InputFeed, dims: Mapping[str, int]) -> tuple[int, int | None, int | None, int]:
    """Return batch, height, width (None: the image's own) and channels that the input asks for."""
    if feed.layout not in ("NCHW", "NHWC"):
        raise FeedError(value.name, f"cannot take an image in layout {feed.layout!r}; layouts are NCHW and NHWC")
    shape = value.type.shape
    if shape is None or not 2 <= len(shape) <= 4:
        raise FeedError(value.name, "is not shaped like an image: it needs 2, 3 or 4 dimensions")
    sizes = [
        dim if isinstance(dim, int) else dims.get(dim_name(value.name, axis, dim)) for axis, dim in enumerate(shape)
    ]
    named: dict[str, Dim] = dict(zip({2: "HW", 3: feed.layout[1:], 4: feed.layout}[len(shape)], sizes, strict=True))
    channels = named.get("C", 1)
    if channels is None:
        channels = 1 if feed.color == "L" else 3
    if channels not in _MODES:
        raise FeedError(value.name, f"has {channels} channels in layout {feed.layout}, an image has 1, 3 or 4")
    height, width, batch = named["H"], named["W"], named.get("N", 1)
    return (
        int(batch or 1),
        None if height is None else int(height),
        None if width is None else int(width),
        int(channels),
    )


def _pixels(value: ValueInfo, feed: InputFeed, height: int | None, width: int | None, channels: int) -> NDArray[Any]:
    """Return uint8 pixels [height, width, channels]."""
    try:
        with Image.open(Path(feed.path), formats=_FORMATS) as image:
            if image.width * image.height > _PIXELS_LIMIT:
                raise FeedError(value.name, f"cannot take an image of {image.width}×{image.height} pixels: too large")
            size = (width or image.width, height or image.height)
            if size[0] * size[1] > _PIXELS_LIMIT:
                raise FeedError(value.name, f"is too large for an image: {size[0]}×{size[1]} pixels")
            decoded = (image.convert("L") if feed.color == "L" else image).convert(_MODES[channels])
            resized = decoded if decoded.size == size else decoded.resize(size, Image.Resampling.BILINEAR)
    except UnidentifiedImageError:
        formats = ", ".join(_FORMATS)
        raise FeedError(value.name, f"cannot be read from {Path(feed.path).name}: it is none of {formats}") from None
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise FeedError(value.name, f"cannot be read from {Path(feed.path).name}: {str(error).rstrip('.')}") from error
    pixels = np.asarray(resized, np.uint8).reshape(size[1], size[0], channels)
    return pixels[..., ::-1] if feed.color == "BGR" and channels == 3 else pixels


def _normalised(value: ValueInfo, feed: InputFeed, pixels: NDArray[Any]) -> NDArray[Any]:
    for name, numbers in (("mean", feed.mean), ("std", feed.std)):
        if len(numbers) not in (1, pixels.shape[-1]):
            raise FeedError(value.name, f"needs one {name} or {pixels.shape[-1]} of them, not {len(numbers)}")
    if 0 in feed.std:
        raise FeedError(value.name, "cannot be normalised by a standard deviation of zero")
    scaled = pixels.astype(np.float32) * np.float32(feed.scale)
    return (scaled - np.asarray(feed.mean, np.float32)) / np.asarray(feed.std, np.float32)
