"""Steps of a scale and categories as colours."""

from itertools import pairwise
from math import log10

import hypothesis.strategies as st
import pytest
from hypothesis import given

from graphdebug.view.coloring import (
    CATEGORY_COLORS,
    DARK,
    NONE_COLOR,
    SCALES,
    SEQUENCE,
    colored,
    limits_in,
    number_text,
    step_limits,
    total_text,
)
from graphdebug.view.node_data import NodeData

NUMBERS = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e30, max_value=1e30)


@given(st.lists(NUMBERS, min_size=1, max_size=40), st.sampled_from(SCALES))
def test_limits_are_few_ascending_and_within(numbers: list[float], scale: str) -> None:
    limits = step_limits(numbers, scale)
    assert len(limits) < len(SEQUENCE)
    assert limits == sorted(set(limits))
    assert all(min(numbers) <= limit < max(numbers) for limit in limits)


@given(st.dictionaries(st.integers(0, 99), NUMBERS, min_size=1, max_size=40), st.sampled_from(SCALES))
def test_more_is_never_lighter(numbers: dict[int, float], scale: str) -> None:
    made = colored(NodeData("t", numbers), scale)
    order = {color: step for step, color in enumerate(SEQUENCE)}
    ranked = [order[made.colors[node]] for node in sorted(numbers, key=numbers.__getitem__) if numbers[node]]
    assert ranked == sorted(ranked) or any(color == NONE_COLOR for color in made.colors.values())
    assert {color for _, color in made.legend} == set(made.colors.values())


def test_wide_numbers_are_in_decades_and_zero_stands_apart() -> None:
    made = colored(NodeData("t", {0: 0, 1: 3e3, 2: 4e5, 3: 9e8}, "count"))
    assert made.legend[0] == ("0", NONE_COLOR)
    assert made.colors[0] == NONE_COLOR
    assert len({made.colors[node] for node in (1, 2, 3)}) == 3
    assert all(log10(limit) == pytest.approx(round(log10(limit))) for limit in step_limits([3e3, 4e5, 9e8], "auto"))


def test_equal_numbers_are_named() -> None:
    assert [label for label, _ in colored(NodeData("t", {0: 256, 1: 256, 2: 0}, "count")).legend] == ["0", "256"]


def test_thresholds_that_are_asked_for_hold() -> None:
    made = colored(NodeData("t", {0: 5.0, 1: 10.0, 2: 10.5, 3: 1e9}), limits=(10, 100))
    assert made.colors[0] == made.colors[1] == SEQUENCE[0]
    assert made.colors[2] not in (made.colors[0], made.colors[3])
    assert [label for label, _ in made.legend] == ["up to 10", "up to 100", "more than 100"]


def test_thresholds_are_read_with_units() -> None:
    assert limits_in("10, 1e6 ;-.5") == (-0.5, 10.0, 1e6)
    assert limits_in("1 ms 20µs, 3M,2 kB") == pytest.approx((20e-6, 1e-3, 2000.0, 3e6))
    assert limits_in(" ") == ()
    for wrong in ("ten", "1 parsec", "1, x", "1-2", "1e999"):
        with pytest.raises(ValueError):
            limits_in(wrong)


def test_colours_that_come_along_are_kept() -> None:
    data = NodeData("t", {0: 5.0, 1: 50.0, 2: 500.0}, colors={1: "purple"}, limits=((10.0, "red"), (100.0, "blue")))
    assert dict(colored(data).colors) == {0: "red", 1: "purple", 2: NONE_COLOR}


def test_categories_keep_their_colour_whatever_their_number() -> None:
    few = colored(NodeData("t", {0: "float", 1: "int64", 2: "int64"}))
    assert few.legend[0][0] == "int64 (2)"
    assert few.colors[0] != few.colors[1] == few.colors[2]
    many = colored(NodeData("t", {node: f"c{node % 12:02}" for node in range(100)}))
    assert len(set(many.colors.values())) == len(CATEGORY_COLORS) + 1
    assert many.legend[-1][0].startswith("4 others")
    errors = colored(NodeData("t", {0: "error", 1: "warning"}))
    assert errors.colors == {0: "#d55e00", 1: "#e69f00"}


def test_numbers_and_totals_in_words() -> None:
    assert number_text(1.23e9, "count") == "1.23 G"
    assert number_text(12_000, "B") == "12 kB"
    assert number_text(0.5, "") == "0.5"
    assert total_text([1, 2, 3], NodeData("t", {}, "count", sums=True)) == "6"
    assert total_text([1, 2, 3], NodeData("t", {})) == "3"
    assert total_text(["a", "b", "a"], NodeData("t", {})) == "a 2, b 1"


def test_the_heaviest_step_stands_out_from_the_ground_in_both_themes() -> None:
    def lightness(color: str) -> float:
        red, green, blue = (int(color[at : at + 2], 16) for at in (1, 3, 5))
        return 0.299 * red + 0.587 * green + 0.114 * blue

    light, dark = list(map(lightness, SEQUENCE)), [lightness(DARK[color]) for color in SEQUENCE]
    assert light == sorted(light, reverse=True)
    assert dark == sorted(dark)
    assert min(abs(b - a) for steps in (light, dark) for a, b in pairwise(steps)) > 8
