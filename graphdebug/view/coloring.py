"""Node data as colours: steps of a scale, or categories, with a legend."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graphdebug.model.units import size_text
from graphdebug.view.node_data import Apart, NodeData, Value

SCALES = ("auto", "linear", "logarithmic", "quantiles")
SEQUENCE = ("#f2dd8c", "#efbd55", "#e8963a", "#d36a28", "#ac431e", "#742217")
"""From little to much: lightness falls all the way, so that every kind of colour vision tells the steps apart."""
_SEQUENCE_DARK = ("#5d3560", "#8c2f5b", "#bb4a4f", "#de7338", "#f2a82f", "#f7e07a")
"""The same steps on a dark ground: lightness rises all the way (after matplotlib's ``inferno``), so that what is
heaviest stands out there, too."""
NONE_COLOR = "#8b929c"
"""For zero, and for what is none of the named categories."""
CATEGORY_COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#332288")
"""After Okabe & Ito."""
NONFINITE = "#C2185B"
_MEANINGS = {
    "error": "#d55e00",
    "warning": "#e69f00",
    "info": "#0072b2",
    "not quantised": NONE_COLOR,
    "match": "#2e86c1",
    "differ": "#d55e00",
    "not compared": NONE_COLOR,
    "finite": "#2e86c1",
    "NaN or infinity": NONFINITE,
}
"""Categories whose colour means the same everywhere."""
_WEIGHTS = {
    "match": -2.0,
    "finite": -2.0,
    "not compared": -1.0,
    "not quantised": -1.0,
    "info": 2.0,
    "warning": 3.0,
    "error": 4.0,
    "differ": 4.0,
    "NaN or infinity": 4.0,
}
"""How much these say of a group they are in; others at most 1, the rarer the more."""
DARK = {**dict(zip(SEQUENCE, _SEQUENCE_DARK, strict=True)), NONFINITE: "#ff6fa3"}
"""What takes a colour's place on a dark ground, where it is not the same."""
_WIDE = 50.0
"""From this quotient of the largest and the smallest number on, ``auto`` is logarithmic."""


@dataclass(frozen=True, slots=True)
class Colored:
    """Colour, text and weight by node (of the nodes in a group the heaviest colours it); legend: label, colour.

    Nodes with a text but without a colour are neutral, and so is a legend's colour ``""``.
    """

    colors: Mapping[int, str]
    texts: Mapping[int, str]
    weights: Mapping[int, float]
    legend: tuple[tuple[str, str], ...]


def colored(data: NodeData, scale: str = "auto", limits: Sequence[float] = ()) -> Colored:
    """Return how ``data`` is coloured.

    Args:
        data: numbers or categories; limits that it brings along hold as long as nothing else is asked for.
        scale: one of `SCALES`: how the steps are found.
        limits: upper bounds of the steps instead, ascending; what is larger than all has a step of its own.
    """
    numbers = {node: value for node, value in data.values.items() if not isinstance(value, str)}
    made = _by_number(data, numbers, scale, limits) if len(numbers) == len(data.values) else _by_category(data)
    return _with_those_apart(made, data.apart)


def _with_those_apart(made: Colored, apart: Sequence[Apart]) -> Colored:
    """Add the nodes that have no value: after all others in the legend, in groups before or behind all others."""
    colors, texts, weights, legend = dict(made.colors), dict(made.texts), dict(made.weights), list(made.legend)
    for each in apart:
        if not each.nodes:
            continue
        legend.append((f"{each.label} ({len(each.nodes):,})", each.color))
        texts |= dict.fromkeys(each.nodes, each.label)
        if each.color:
            colors |= dict.fromkeys(each.nodes, each.color)
            weights |= dict.fromkeys(each.nodes, math.inf if each.heavy else -math.inf)
    return Colored(colors, texts, weights, tuple(legend))


def _by_number(data: NodeData, numbers: Mapping[int, float], scale: str, limits: Sequence[float]) -> Colored:
    steps = [(limit, "") for limit in limits]
    own = () if limits or scale != "auto" else data.limits
    if not steps:
        steps = list(own)
    if not steps:
        steps = [(limit, "") for limit in step_limits(list(numbers.values()), scale)]
    bounds = [limit for limit, _ in steps]
    colors = [color or _shade(at, len(steps) + 1) for at, (_, color) in enumerate(steps)]
    colors.append(NONE_COLOR if own else _shade(len(steps), len(steps) + 1))
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
    apart = sorted({value for value in numbers if value and math.isfinite(value)})
    if len(apart) < 2:
        return []
    most, low, high = len(SEQUENCE) - 1, apart[0], apart[-1]
    if scale == "quantiles":
        ordered = sorted(value for value in numbers if value and math.isfinite(value))
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
    """Return a number in words: ``1.2 G`` for counts, ``12 kB`` for bytes, ``35 µs`` for seconds, else three digits."""
    if unit == "B":
        return size_text(value)
    if unit == "count":
        return size_text(value).removesuffix("B").rstrip()
    if unit == "s":
        return seconds_text(value)
    return f"{value:.3g}{unit}"


_UNITS = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_UNITS |= {f"{prefix}B": factor for prefix, factor in _UNITS.items()}
_UNITS |= {"": 1.0, "B": 1.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "×": 1.0, "x": 1.0}
_NUMBER = re.compile(r"([-+0-9.eE]+) ?([^\s\d,;]*)")


def limits_in(text: str) -> tuple[float, ...]:
    """Return the thresholds in a text, ascending: numbers with or without a unit of ours, such as ``1 ms, 10 kB, 3M``.

    Raises:
        ValueError: there is something else in it, or a number that is not finite.
    """
    found = {float(number) * _UNITS[unit] for number, unit in _NUMBER.findall(text) if unit in _UNITS}
    rest = _NUMBER.sub(lambda each: "" if each[2] in _UNITS else "?", text)
    if rest.strip(" ,;\t") or not all(map(math.isfinite, found)):
        raise ValueError(f"{text!r} are no numbers")
    return tuple(sorted(found))


def seconds_text(value: float) -> str:
    """Return a duration with three digits: ``35 µs``, ``1.2 ms``, ``3 s``."""
    for factor, unit in ((1e6, "µs"), (1e3, "ms")):
        if abs(value) * factor < 999.5:
            return f"{value * factor:.3g} {unit}"
    return f"{value:.3g} s"


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
    if step < len(bounds) and bounds[step] == 0:
        return number_text(0.0, unit)
    if step == len(bounds) or math.isinf(bounds[step]):
        return f"more than {number_text(bounds[step - 1], unit)}"
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
        {node: _WEIGHTS.get(name, 1 / counts[name]) for node, name in names.items()},
        tuple(legend),
    )


def total_text(values: Sequence[Value], data: NodeData) -> str:
    """Return what stands for a group of nodes: the sum or the largest number, or the categories with their counts."""
    numbers = [value for value in values if not isinstance(value, str)]
    if len(numbers) == len(values):
        return number_text(sum(numbers) if data.sums else max(numbers), data.unit)
    counts = Counter(map(str, values))
    return ", ".join(f"{name} {count}" for name, count in counts.most_common(4))
