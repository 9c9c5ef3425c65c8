"""SVG to PNG by resvg, with a font of our own: the same picture on every machine, also on one without fonts."""

import math
import re
import struct
from pathlib import Path

import resvg_py

MOST_PIXELS = 64_000_000
"""A larger picture is drawn smaller: each pixel takes four bytes, and viewers give up not far above."""

_FONTS = Path(__file__).with_name("fonts")
_FAMILY = "DejaVu Sans"
_SIZE = re.compile(r'<svg [^>]*?width="(\d+)" height="(\d+)"')


def png(svg: str, scale: float = 1.0) -> tuple[bytes, int, int]:
    """Return a picture as PNG, its width and its height in pixels.

    Args:
        svg: what `view.svg` returns.
        scale: pixels for one of the SVG's, more than 0; fewer where there would be more than `MOST_PIXELS`.
    """
    width, height = size_of(svg)
    drawn = min(scale, math.sqrt(MOST_PIXELS / (width * height)))
    data = bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg,
            width=max(1, round(width * drawn)),  # the height follows
            font_files=[str(path) for path in sorted(_FONTS.glob("*.ttf"))],
            font_family=_FAMILY,
            sans_serif_family=_FAMILY,
        )
    )
    return data, *struct.unpack(">II", data[16:24])  # of the IHDR chunk, which is first (PNG specification, 11.2.1)


def size_of(svg: str) -> tuple[int, int]:
    """Return width and height in pixels, as stated by what `view.svg` returns."""
    found = _SIZE.search(svg)
    assert found is not None
    return int(found[1]), int(found[2])
