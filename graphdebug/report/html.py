"""A comparison as one HTML file that needs nothing else: no network, no other file."""

import base64
import re
from collections import Counter
from datetime import UTC, datetime
from functools import cache

import jinja2

import graphdebug
from graphdebug.compare.records import CompareResult, Row, Status, Tolerance
from graphdebug.compare.verdict import is_one_sided
from graphdebug.model.records import ValueType
from graphdebug.report.picture import Picture
from graphdebug.report.plot import error_plot

_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def to_html(result: CompareResult, picture: Picture | None = None) -> str:
    """Return the report. ``picture`` is the graph around the first bad tensor or a selection, see ``picture.draw``.

    Names from a model are hostile text: everything is escaped, the picture is embedded as an image (nothing in it can
    run), and a content security policy forbids all loading.
    """
    compared = [row for row in result.rows if row.status is not Status.NOT_COMPARED]
    skipped = [row for row in result.rows if row.status is Status.NOT_COMPARED]
    return _template().render(
        result=result,
        compared=compared,
        skipped=sorted(skipped, key=lambda row: not is_one_sided(row)),
        reasons=Counter(row.reason for row in skipped if not is_one_sided(row)).most_common(),
        tolerances=_tolerances(compared),
        plot=error_plot(result.rows),
        picture=picture or Picture(),
        version=graphdebug.__version__,
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def _tolerances(rows: list[Row]) -> dict[str, Tolerance]:
    """Return the tolerance that was applied to each dtype, or pair of dtypes."""
    used: dict[str, Tolerance] = {}
    for row in rows:
        if row.tolerance and row.reference_type and row.candidate_type:
            dtypes = dict.fromkeys((row.reference_type.dtype, row.candidate_type.dtype))
            used.setdefault(" with ".join(dtypes), row.tolerance)
    return used


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("graphdebug.report", "."),
        autoescape=True,
        finalize=_straight,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(number=_number, percent=_percent, type=_type, place=_place, kind=_kind, base64=_base64)
    return environment.get_template("comparison.html.j2")


def _straight(value: object) -> object:
    """Take the marks that turn the direction of writing out of a text: with them a name looks like another one."""
    return _TURNING.sub("", value) if type(value) is str else value


def _base64(text: str) -> str:
    return base64.b64encode(text.encode(errors="replace")).decode()


def _number(value: float | None) -> str:
    """Three significant digits; nothing for a number that does not exist."""
    if value is None:
        return ""
    return "0" if value == 0 else f"{value:.3g}"


def _percent(share: float | None) -> str:
    if share is None:
        return ""
    return "0" if share == 0 else f"{100 * share:.3g} %"


def _type(kind: ValueType | None) -> str:
    """``float 1×64×56×56``."""
    if kind is None:
        return ""
    return f"{kind.dtype} {'×'.join(str(dim) for dim in kind.shape or ())}".strip()


def _place(index: tuple[int, ...]) -> str:
    return f"[{', '.join(str(i) for i in index)}]"


def _kind(row: Row) -> str:
    """The row's colour class."""
    if is_one_sided(row):
        return "nonfinite"
    return "skipped" if row.status is Status.NOT_COMPARED else row.status.value
