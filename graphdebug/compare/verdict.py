"""The answer of a comparison in a sentence or three, most important first."""

from collections import Counter
from collections.abc import Sequence

from graphdebug.compare.records import ObserverEffect, Row, Status, Verdict

NON_FINITE = "non-finite on one side"
"""How the reason of a row begins whose sides are NaN or infinite at different places."""


def give_verdict(rows: Sequence[Row], observer: Sequence[ObserverEffect] = ()) -> Verdict:
    """Sum up the rows (in topological order).

    A tensor that is NaN or infinite on one side only is not compared, yet makes the outcome *differ*.
    """
    count = Counter(row.status for row in rows)
    bad = [row for row in rows if row.status is Status.DIFFER or is_one_sided(row)]
    if bad:
        outcome, sentence = "differ", _differ_sentence(bad, rows, count)
    elif count[Status.MATCH]:
        outcome, sentence = "match", _match_sentence(rows, count)
    else:
        outcome, sentence = "nothing compared", _nothing_sentence(rows)
    both = [row for row in rows if row.metrics is not None and row.metrics.nonfinite]
    if both:
        sentence += f" Beware: {_plural(len(both), 'tensor')} NaN or infinite on both sides, first {both[0].name}."
    changed = [effect for effect in observer if not effect.identical and effect.max_abs is not None]
    if changed:
        worst = max(changed, key=lambda effect: effect.max_abs or 0.0)
        sentence += (
            f" Tapping changed the result: {worst.output} of the {worst.side} moved by up to {_number(worst.max_abs)}."
        )
    return Verdict(
        outcome=outcome,
        sentence=sentence,
        first=bad[0].name if bad else None,
        matched=count[Status.MATCH],
        differing=count[Status.DIFFER],
        not_compared=count[Status.NOT_COMPARED],
    )


def is_one_sided(row: Row) -> bool:
    """Say whether a row was not compared because one side only is NaN or infinite there."""
    return row.status is Status.NOT_COMPARED and row.reason.startswith(NON_FINITE)


def _differ_sentence(bad: list[Row], rows: Sequence[Row], count: Counter[Status]) -> str:
    one_sided = [row for row in bad if is_one_sided(row)]
    first_differing = next((row for row in bad if row.status is Status.DIFFER), None)
    said = []
    if one_sided:
        row, tensors = one_sided[0], _plural(len(one_sided), "tensor")
        detail = row.reason.removeprefix(NON_FINITE).lstrip(": ")
        said.append(f"{tensors} NaN or infinite on one side only, first {row.name}{_where(row)}: {detail}.")
    if first_differing is not None:
        row = first_differing
        said.append(f"First tensor out of tolerance: {row.name}{_where(row)}: {_errors(row)}.")
    said.append(_coverage(rows, count))
    outputs = [row for row in rows if row.is_output]
    if outputs and all(row.status is Status.MATCH for row in outputs):
        said.append("Yet all outputs of the model match.")
    return " ".join(said)


def _match_sentence(rows: Sequence[Row], count: Counter[Status]) -> str:
    measured = [row for row in rows if row.metrics is not None and row.metrics.max_abs > 0]
    if not measured:
        return f"All compared tensors are identical. {_coverage(rows, count)}"
    worst = max(measured, key=_relative_to_scale)
    assert worst.metrics is not None
    return (
        f"All compared tensors match; the largest error for its size is {_number(worst.metrics.max_abs)} "
        f"in {worst.name}{_where(worst)}. {_coverage(rows, count)}"
    )


def _nothing_sentence(rows: Sequence[Row]) -> str:
    if not rows:
        return "Nothing was compared: the two sides have no tensor in common."
    reason, times = Counter(row.reason for row in rows).most_common(1)[0]
    return (
        f"Nothing was compared: of {_plural(len(rows), 'tensor')}, {times} {_were(times)} left out because: {reason}."
    )


def _coverage(rows: Sequence[Row], count: Counter[Status]) -> str:
    matched, total, skipped = count[Status.MATCH], len(rows), count[Status.NOT_COMPARED]
    sentence = f"{matched} of {_plural(total, 'tensor')} {'matches' if matched == 1 else 'match'}"
    return f"{sentence}, {skipped} {_were(skipped)} not compared." if skipped else f"{sentence}."


def _errors(row: Row) -> str:
    share = "" if row.share_outside is None else f"{_percent(row.share_outside)} of elements"
    if row.metrics is None:
        return f"{share} differ"
    place = ",".join(str(i) for i in row.metrics.worst_index)
    at = f" at [{place}]" if place else ""
    return f"max error {_number(row.metrics.max_abs)}{at}, {share} outside"


def _where(row: Row) -> str:
    """`` (MatMul in encoder.layer.3, modeling_bert.py:214)``, as much of it as is known."""
    scope = f" in {row.scope}" if row.scope else ""
    source = f", {row.source.rpartition('/')[2]}" if row.source else ""
    return f" ({row.op}{scope}{source})" if row.op else ""


def _relative_to_scale(row: Row) -> float:
    assert row.metrics is not None
    return row.metrics.max_abs / row.metrics.reference_rms if row.metrics.reference_rms else float("inf")


def _number(value: float | None) -> str:
    return "an unknown amount" if value is None else f"{value:.2g}"


def _percent(share: float) -> str:
    percent = 100 * share
    return f"{percent:.0f} %" if percent >= 1 else f"{percent:.2g} %"


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"
