"""Node data as colours: steps of a scale, or categories, with a legend."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graphdebug.model.units import size_text
from graphdebug.view.node_data import NodeData, Value

SCALES = ("auto", "linear", "logarithmic", "quantiles")
SEQUENCE = ("#f2dd8c", "#efbd55", "#e8963a", "#d36a28", "#ac431e", "#742217")
"""From little to much: lightness falls all the way, so that every kind of colour vision tells the steps apart."""
NONE_COLOR = "#8b929c"
"""For zero, and for what is none of the named categories."""
CATEGORY_COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#332288")
"""After Okabe & Ito."""
_MEANINGS = {"error": "#d55e00", "warning": "#e69f00", "info": "#0072b2", "not quantised": NONE_COLOR}
"""Categories whose colour means the same everywhere."""
_WIDE = 50.0
"""From this quotient of the largest and the smallest number on, ``auto`` is logarithmic."""


@dataclass(frozen=True, slots=True)
class Colored:
    """Colour, text and weight by node (of the nodes in a group the heaviest colours it); legend: label, colour."""

    colors: Mapping[int, str]
    texts: Mapping[int, str]
    weights: Mapping[int, float]
    legend: tuple[tuple[str, str], ...]


def colored(data: NodeData, scale: str = "auto", limits: Sequence[float] = ()) -> Colored:
    """Return how ``data`` is coloured.

    Args:
        data: numbers or categories; colours and limits that it brings along are kept where nothing else is asked for.
        scale: one of `SCALES`: how the steps are found.
        limits: upper bounds of the steps instead, ascending; what is larger than all has a step of its own.
    """
    numbers = {node: value for node, value in data.values.items() if not isinstance(value, str)}
    if len(numbers) < len(data.values):
        return _by_category(data)
    steps = [(limit, "") for limit in limits] or list(data.limits)
    if not steps:
        steps = [(limit, "") for limit in step_limits(list(numbers.values()), scale)]
    bounds = [limit for limit, _ in steps]
    colors = [color or _shade(at, len(steps) + 1) for at, (_, color) in enumerate(steps)]
    colors.append(NONE_COLOR if data.limits and not limits else _shade(len(steps), len(steps) + 1))
    at = {node: _step(value, bounds) for node, value in numbers.items()}
    used = sorted(set(at.values()))
    only = number_text(max(numbers.values(), default=0.0), data.unit)
    legend = [(_range(bounds, step, data.unit) or only, colors[step]) for step in used if step >= 0]
    if -1 in used:
        legend.insert(0, (number_text(0.0, data.unit), NONE_COLOR))
    return Colored(
        {node: data.colors.get(node) or (colors[step] if step >= 0 else NONE_COLOR) for node, step in at.items()},
        {node: number_text(value, data.unit) for node, value in numbers.items()},
        numbers,
        tuple(legend),
    )


def step_limits(numbers: Sequence[float], scale: str) -> list[float]:
    """Return upper bounds of all steps but the last, at most one fewer than `SEQUENCE` has colours; round numbers."""
    apart = sorted({value for value in numbers if value})
    if len(apart) < 2:
        return []
    most, low, high = len(SEQUENCE) - 1, apart[0], apart[-1]
    if scale == "quantiles":
        ordered = sorted(value for value in numbers if value)
        found = {ordered[len(ordered) * step // len(SEQUENCE)] for step in range(1, len(SEQUENCE))}
        return sorted(limit for limit in found if limit < high)
    if low > 0 and (scale == "logarithmic" or (scale == "auto" and high / low >= _WIDE)):
        exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for mantissas in ((1, 2, 5), (1, 3), (1,)):
            rounds = [mantissa * 10.0**exponent for exponent in exponents for mantissa in mantissas]
            rounds = [limit for limit in rounds if low < limit < high]
            if len(rounds) <= most:
                return rounds
        return rounds[:: -(-len(rounds) // most)]
    width = (high - low) / len(SEQUENCE)
    unit = 10.0 ** math.floor(math.log10(width))
    width = next(unit * each for each in (1, 2, 2.5, 5, 10) if unit * each >= width)
    first = math.floor(low / width) + 1
    rounds = [first * width + step * width for step in range(most)]
    return [limit for limit in rounds if low < limit < high]


def number_text(value: float, unit: str) -> str:
    """Return a number in words: ``1.2 G`` for counts, ``12 kB`` for bytes, else three digits."""
    if unit == "B":
        return size_text(value)
    if unit == "count":
        return size_text(value).removesuffix("B").rstrip()
    return f"{value:.3g}"


def _step(value: float, bounds: Sequence[float]) -> int:
    """Return the step of a value: the first whose bound it does not exceed; −1 for zero among larger numbers."""
    if value == 0 and (not bounds or bounds[0] > 0):
        return -1
    return next((at for at, bound in enumerate(bounds) if value <= bound), len(bounds))


def _shade(step: int, steps: int) -> str:
    if steps == 1:
        return SEQUENCE[len(SEQUENCE) // 2]
    return SEQUENCE[round(step * (len(SEQUENCE) - 1) / (steps - 1))]


def _range(bounds: Sequence[float], step: int, unit: str) -> str:
    """Return a step in words; nothing where there is but one, of equal numbers."""
    if not bounds:
        return ""
    if step == len(bounds):
        return f"more than {number_text(bounds[-1], unit)}"
    return f"up to {number_text(bounds[step], unit)}"


def _by_category(data: NodeData) -> Colored:
    """Give the most frequent categories a colour each, in an order that depends on their names alone."""
    names = {node: value if isinstance(value, str) else f"{value:g}" for node, value in data.values.items()}
    counts = Counter(names.values())
    free = [name for name, _ in counts.most_common() if name not in _MEANINGS]
    named = sorted(free[: len(CATEGORY_COLORS)])
    colors = {name: _MEANINGS[name] for name in counts if name in _MEANINGS}
    colors |= dict(zip(named, CATEGORY_COLORS, strict=False))
    legend = [(f"{name} ({counts[name]:,})", colors[name]) for name in sorted(colors, key=lambda each: -counts[each])]
    others = sum(count for name, count in counts.items() if name not in colors)
    if others:
        legend.append((f"{len(counts) - len(colors)} others ({others:,})", NONE_COLOR))
    return Colored(
        {node: data.colors.get(node) or colors.get(name, NONE_COLOR) for node, name in names.items()},
        names,
        {node: float(name not in ("not quantised",)) / counts[name] for node, name in names.items()},
        tuple(legend),
    )


def total_text(values: Sequence[Value], data: NodeData) -> str:
    """Return what stands for a group of nodes: the sum or the largest number, or the categories with their counts."""
    numbers = [value for value in values if not isinstance(value, str)]
    if len(numbers) == len(values):
        return number_text(sum(numbers) if data.sums else max(numbers), data.unit)
    counts = Counter(map(str, values))
    return ", ".join(f"{name} {count}" for name, count in counts.most_common(4))
