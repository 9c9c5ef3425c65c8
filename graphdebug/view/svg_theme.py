"""The colours of a picture on paper and on a dark ground; those of the browser's view are in ``js/theme.js``."""

from collections.abc import Mapping
from dataclasses import dataclass

_HUES = {
    "convolution": "#0072b2",
    "matmul": "#3f88c5",
    "normalization": "#009e73",
    "activation": "#d55e00",
    "pooling": "#e69f00",
    "elementwise": "#cc79a7",
    "reduction": "#999933",
    "shape": "#7b8794",
    "indexing": "#44aa99",
    "quantization": "#aa4499",
    "control": "#882255",
    "recurrent": "#332288",
    "constant": "#ddaa33",
    "function": "#6f5fc7",
    "custom": "#882255",
    "other": "#8a8f98",
}
"""The hues of the browser's view, after Okabe & Ito and Tol: told apart with any colour vision."""
_DARK_HUES = {**_HUES, "control": "#c2679b", "recurrent": "#8f84dd", "custom": "#c2679b", "quantization": "#c97dc0"}
"""Those that are too dark for a dark ground are lighter there."""


@dataclass(frozen=True, slots=True)
class Theme:
    """CSS colours of a picture; pairs are fill and border. ``severity`` by number, 0 is none."""

    ground: str
    text: str
    muted: str
    line: str
    frame: tuple[str, str]
    group: tuple[str, str]
    node: tuple[str, str]
    input: tuple[str, str]
    output: tuple[str, str]
    severity: tuple[str, str, str, str]
    hues: Mapping[str, str]

    @property
    def style(self) -> str:
        """The style sheet of the picture's texts and lines."""
        return (
            f"text{{font-family:system-ui,-apple-system,'Segoe UI',sans-serif;fill:{self.text}}}"
            f".o{{font-size:12px;font-weight:600}}.s{{font-size:10px;fill:{self.muted}}}.m{{text-anchor:middle}}"
            f".h{{paint-order:stroke;stroke:{self.ground};stroke-width:3px}}.c{{fill:{self.text}}}"
            f".e{{fill:none;stroke:{self.line};stroke-width:1.2;marker-end:url(#a)}}"
        )


THEMES: Mapping[str, Theme] = {
    "light": Theme(
        ground="#fff",
        text="#1f2430",
        muted="#667085",
        line="#98a2b3",
        frame=("#3b6cf6", "#c3cbe0"),
        group=("#eef2fc", "#8fa3d8"),
        node=("#fbfcfe", "#c6ccd8"),
        input=("#e3f0f8", "#0072b2"),
        output=("#e1f4ee", "#009e73"),
        severity=("", "#0072b2", "#e69f00", "#d1351b"),
        hues=_HUES,
    ),
    "dark": Theme(
        ground="#0e1117",
        text="#eceff5",
        muted="#a9b2c3",
        line="#5f6b80",
        frame=("#9db2f5", "#3d4760"),
        group=("#242c3f", "#5a6b96"),
        node=("#1b212c", "#3d4657"),
        input=("#123a55", "#56b4e9"),
        output=("#0f3f30", "#4cc29a"),
        severity=("", "#56b4e9", "#e69f00", "#ff6b57"),
        hues=_DARK_HUES,
    ),
}
