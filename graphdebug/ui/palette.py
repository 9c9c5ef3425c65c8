"""Colours that carry a meaning: readable on a light and on a dark page and apart for colour-blind eyes (Okabe, Ito)."""

from graphdebug.compare.records import Status

STATUS_COLOR = {Status.MATCH: "#2E86C1", Status.DIFFER: "#D55E00", Status.NOT_COMPARED: "#8B929C"}
STATUS_SYMBOL = {Status.MATCH: "circle", Status.DIFFER: "diamond", Status.NOT_COMPARED: "x-thin-open"}

NONFINITE = "#C2185B"
ACCENT = "#3B82C4"
SEQUENTIAL = "Cividis"
"""Scale for values of one sign."""
DIVERGING = "RdBu_r"
"""Scale for values of both signs, zero in the middle."""
