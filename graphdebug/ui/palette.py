"""How plots show statuses and values; the colours that reports share are in ``report/colors.py``."""

from graphdebug.compare.records import Status

STATUS_SYMBOL = {Status.MATCH: "circle", Status.DIFFER: "diamond", Status.NOT_COMPARED: "x-thin-open"}

ACCENT = "#3B82C4"
SEQUENTIAL = "Cividis"
"""Scale for values of one sign."""
DIVERGING = "RdBu_r"
"""Scale for values of both signs, zero in the middle."""
