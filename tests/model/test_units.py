"""Sizes in words."""

import pytest

from graphdebug.model.units import size_text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (8312, "8.31 kB"),
        (999_600, "1 MB"),
        (435_000_000, "435 MB"),
        (4_294_967_296, "4.29 GB"),
        (12_000_000_000, "12 GB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert size_text(count) == text
