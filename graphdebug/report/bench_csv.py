"""A benchmark as CSV: one line a measurement, safe to open in a spreadsheet."""

import csv
import io

from graphdebug.bench.records import BenchResult, Measurement
from graphdebug.report.csv import inert
from graphdebug.runtime.timing import PHASES

_SPREAD = ("count", "minimum", "mean", "median", "std", "p90", "p95", "p99", "maximum")
COLUMNS = (
    *("backend", "dims", "streams"),
    *_SPREAD,
    *("throughput", "first", "prepare", "memory", *(f"{phase}_median" for phase in PHASES)),
    *("ratio", "ratio_low", "ratio_high", "failure"),
)
"""The header. Times are in seconds, throughput in runs a second, memory in bytes; what does not exist is empty."""


def bench_csv(result: BenchResult) -> str:
    """Return all measurements as CSV with a header and ``\\r\\n`` line ends (RFC 4180)."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(_cells(result, each) for each in result.measurements)
    return text.getvalue()


def _cells(result: BenchResult, each: Measurement) -> list[object]:
    side, place = result.sides[each.backend], (each.backend, each.dims, each.streams)
    found = next((ratio for ratio in result.ratios if (ratio.backend, ratio.dims, ratio.streams) == place), None)
    return [
        inert(side.spec),
        inert(" ".join(f"{name}={length}" for name, length in each.dims.items())),
        each.streams,
        *(getattr(each.latency, name) if each.latency else None for name in _SPREAD),
        each.throughput,
        each.first,
        side.prepare,
        each.memory,
        *(each.phases[phase].median if phase in each.phases else None for phase in PHASES),
        *((found.ratio, found.low, found.high) if found else (None, None, None)),
        inert(each.failure),
    ]
