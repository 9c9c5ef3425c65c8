"""Which entries of a graph fit a condition, and how well. One function for each thing a filter may take."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from graphdebug.model.records import Finding, Severity, ValueType
from graphdebug.view.findable import Findable, Sort, scope_text
from graphdebug.view.layering import Floats
from graphdebug.view.query import FIELDS, QueryError, Term, interval, nearest
from graphdebug.view.reach import Cone, Ends, downstream, upstream, users
from graphdebug.view.texts import EXACT, NOT, START, Ranks, Texts

Mask = npt.NDArray[np.bool_]

ALIASES = {
    "float32": "float",
    "fp32": "float",
    "float64": "double",
    "fp64": "double",
    "fp16": "float16",
    "half": "float16",
    "bf16": "bfloat16",
    "fp8": "float8e4m3fn",
    "boolean": "bool",
    "str": "string",
}
"""Other names of element types → ONNX's."""
_BETWEEN_DIMS = re.compile(r",|×|(?<=[\d?*])x")
"""A symbolic dimension may have an x in its name."""
_NAMED = {
    "name": (Sort.NODE, Sort.GROUP, Sort.INPUT, Sort.OUTPUT, Sort.WEIGHT),
    "tensor": (Sort.VALUE, Sort.INPUT, Sort.OUTPUT, Sort.WEIGHT),
}
"""What the names of which sorts are found by ``name:`` and by ``tensor:``."""


@dataclass(frozen=True, slots=True)
class Around:
    """What filters need to know beside the graph: its findings, and the steps that ``from:`` and ``to:`` may take."""

    findings: tuple[Finding, ...] = ()
    hops: int | None = None


def fits(found: Findable, term: Term, around: Around) -> Ranks:
    """Return how well each entry fits one term. QueryError: it makes no sense for this graph."""
    takes = FIELDS[term.field].takes if term.field else "text"
    # Several places are one: what can be reached from any of them is found by one walk.
    together = takes == "place" or not term.values
    alternatives = [term] if together else [replace(term, values=(value,)) for value in term.values]
    ranks: Ranks = np.minimum.reduce([_FITS[takes](found, each, around) for each in alternatives])
    if not term.negated:
        return ranks
    kept = (ranks == NOT) & _has(found, term)
    return np.where(kept, np.int8(EXACT), np.int8(NOT))


def _has(found: Findable, term: Term) -> Mask:
    """Return the entries that have at all what a term speaks of: the others do not differ from it, they are none."""
    if term.field == "op":
        return np.asarray(found.ops.codes > 0)
    if term.field == "mark":
        return np.asarray(found.marks.codes > 0)
    if term.field in ("dtype", "shape", "rank", "elements"):
        return np.asarray(found.types[0] > 0)
    if term.field in ("attr", "finding", "from", "to", "uses", "inputs", "outputs"):
        return np.asarray(found.sorts == Sort.NODE)
    if term.field in ("params", "macs", "users"):
        return ~np.isnan(_numbers(found, term.field))
    return np.ones(len(found.names), dtype=np.bool_)


def _texts(found: Findable, term: Term, around: Around) -> Ranks:
    word, exactly = term.values[0].casefold(), term.relation == "="
    if term.field == "finding":
        return _ranks(found.of_nodes(_with_findings(found, word, around.findings)))
    if term.field == "mark":
        return _text_ranks(found.marks.distinct, word, exactly)[found.marks.codes]
    ranks = []
    if term.field in ("", "op"):
        ranks.append(_text_ranks(found.ops.distinct, word, exactly)[found.ops.codes])
    if term.field in ("", "scope"):
        within = scope_text(term.values[0])
        scopes = _scope_ranks(found.scopes.distinct, within, exactly)[found.scopes.codes]
        if term.field == "":  # a plain word names a value by its own name only: its node is found by the scope
            scopes[found.sorts == Sort.VALUE] = NOT
        ranks.append(scopes)
    if term.field in ("", "name", "tensor"):
        names = _text_ranks(found.texts, word, exactly)
        if term.field:
            names[~np.isin(found.sorts, _NAMED[term.field])] = NOT
        ranks.append(names)
    if term.field in ("", "op"):
        ranks[0][found.sorts == Sort.VALUE] = NOT
    best: Ranks = np.minimum.reduce(ranks)
    return best


def _text_ranks(texts: Texts, word: str, exactly: bool) -> Ranks:
    ranks = texts.ranks(word)
    return _ranks(ranks == EXACT) if exactly else ranks


def _scope_ranks(scopes: Texts, word: str, exactly: bool) -> Ranks:
    """Like ``_text_ranks``; exactly in a scope is also what lies deeper in it."""
    if not exactly:
        return scopes.ranks(word)
    return _ranks((scopes.ranks(word) == EXACT) | (scopes.ranks(f"{word}.") <= START))


def _with_findings(found: Findable, word: str, findings: Iterable[Finding]) -> Mask:
    nodes = np.zeros(len(found.index.nodes), dtype=np.bool_)
    for each in findings:
        if each.graph != found.index.path:
            continue
        is_severity = word in (*Severity, "any")
        if not (word in (each.severity, "any") if is_severity else word in f"{each.code} {each.message}".casefold()):
            continue
        if each.node is not None:
            nodes[each.node] = True
        elif each.tensor is not None:
            maker = found.index.producer.get(each.tensor)
            nodes[users(found.index, each.tensor) if maker is None else [maker]] = True
    return nodes


def _choices(found: Findable, term: Term, around: Around) -> Ranks:
    value = term.values[0].casefold()
    if term.field == "kind":
        sorts = [sort.name.lower() for sort in Sort]
        if value not in sorts:
            raise QueryError(f"{term.values[0][:80]!r} is no kind; there are {', '.join(sorts)}.")
        return _ranks(found.sorts == sorts.index(value))
    dtype = ALIASES.get(value, value)
    codes, types = found.types
    there = sorted({each.dtype for outputs in types for each in outputs if each.dtype})
    if dtype not in there:
        near = nearest(dtype, there)
        said = f"did you mean {near}?" if near else f"there are {', '.join(there) or 'none known'}."
        raise QueryError(f"Nothing here has the element type {term.values[0][:80]!r}; {said}")
    return _ranks(_of_types(types, lambda each: each.dtype == dtype)[codes])


def _shapes(found: Findable, term: Term, around: Around) -> Ranks:
    wanted = shape_pattern(term.values[0])
    codes, types = found.types
    return _ranks(_of_types(types, lambda each: each.shape is not None and _is_shape(each.shape, wanted))[codes])


def shape_pattern(text: str) -> tuple[str, ...]:
    """Read ``?,64``, ``1x3x*`` or ``scalar``: dimensions, ``?`` for any one, ``*`` for any number of them."""
    if text.casefold() in ("scalar", "[]", "()"):
        return ()
    plain = re.sub(r"[\s\[\]()]", "", text.casefold()).replace("...", "*").replace("…", "*")
    wanted = tuple(_BETWEEN_DIMS.split(plain))
    if not all(wanted):
        raise QueryError(f"A shape is a list of dimensions, like {FIELDS['shape'].example}; a scalar is shape:scalar.")
    if wanted.count("*") > 1:
        raise QueryError("A shape has one * at most.")
    return wanted


def _is_shape(shape: Sequence[int | str | None], wanted: tuple[str, ...]) -> bool:
    if "*" in wanted:
        at = wanted.index("*")
        missing = len(shape) - (len(wanted) - 1)
        if missing < 0:
            return False
        wanted = (*wanted[:at], *["?"] * missing, *wanted[at + 1 :])
    if len(shape) != len(wanted):
        return False
    return all(want in ("?", str(dim).casefold()) for dim, want in zip(shape, wanted, strict=True))


def _of_types(types: Sequence[tuple[ValueType, ...]], fit: Callable[[ValueType], bool]) -> Mask:
    return np.array([any(map(fit, outputs)) for outputs in types], dtype=np.bool_)


def _in_numbers(found: Findable, term: Term, around: Around) -> Ranks:
    if term.field == "hops":
        return _ranks(np.ones(len(found.names), dtype=np.bool_))
    wanted = interval(term, term.values[0])
    numbers = _numbers(found, term.field)
    low = numbers >= wanted.low if wanted.with_low else numbers > wanted.low
    high = numbers <= wanted.high if wanted.with_high else numbers < wanted.high
    return _ranks(low & high)


def _numbers(found: Findable, field: str) -> Floats:
    """Return a number for each entry, NaN for those that have none."""
    if field == "params":
        return found.params
    if field == "macs":
        return found.macs
    if field == "users":
        return found.users
    if field in ("inputs", "outputs"):
        return found.inputs if field == "inputs" else found.outputs
    measure = _rank if field == "rank" else _elements
    codes, types = found.types
    of_types = [max((measure(each) for each in outputs), default=np.nan) for outputs in types]
    return np.array(of_types, dtype=np.float64)[codes]


def _rank(each: ValueType) -> float:
    return np.nan if each.shape is None else float(len(each.shape))


def _elements(each: ValueType) -> float:
    """Return the elements of a tensor; NaN when a dimension is not known."""
    count = 1.0
    for dim in (None,) if each.shape is None else each.shape:
        count *= dim if isinstance(dim, int) else np.nan
    return count


def _attributes(found: Findable, term: Term, around: Around) -> Ranks:
    settings = found.settings.get(term.key)
    if settings is None:
        near = nearest(term.key, found.settings)
        said = f" Did you mean attr:{near}?" if near else ""
        raise QueryError(f"No node here sets an attribute {term.key[:80]!r}.{said}")
    nodes = np.zeros(len(found.index.nodes), dtype=np.bool_)
    if term.relation in (":", "="):
        wanted = term.values[0].casefold().translate(str.maketrans("", "", "[]() ")) if term.values else None
        number = _number(wanted or "")
        hits = [
            each.node
            for each in settings
            if wanted is None or each.text == wanted or (number is not None and each.number == number)
        ]
    else:
        number = _number(term.values[0])
        if number is None:
            raise QueryError(f"attr:{term.key}{term.relation} takes a number.")
        compare = {">": float.__gt__, ">=": float.__ge__, "<": float.__lt__, "<=": float.__le__}[term.relation]
        hits = [each.node for each in settings if each.number is not None and compare(each.number, number)]
    nodes[hits] = True
    return _ranks(found.of_nodes(nodes))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _places(found: Findable, term: Term, around: Around) -> Ranks:
    ends = places(found, term.values)
    if term.field == "uses":
        nodes = np.zeros(len(found.index.nodes), dtype=np.bool_)
        made = (name for node in ends.nodes for name in found.index.nodes[node].output)
        for name in (*ends.values, *made):
            nodes[users(found.index, name)] = True
        return _ranks(found.of_nodes(nodes))
    walk = downstream if term.field == "from" else upstream
    return _ranks(_in_cone(found, walk(found.index, found.links, ends, around.hops)))


def _in_cone(found: Findable, cone: Cone) -> Mask:
    reached = np.append(cone.levels >= 0, False)
    is_in = np.zeros(len(found.names), dtype=np.bool_)
    made = found.sorts <= Sort.VALUE
    is_in[made] = reached[found.things[made]]
    for sort, names in ((Sort.INPUT, cone.inputs), (Sort.OUTPUT, cone.outputs)):
        for entry in np.flatnonzero(found.sorts == sort).tolist():
            is_in[entry] = found.names[entry] in names
    return is_in


def places(found: Findable, texts: Iterable[str]) -> Ends:
    """Return what several places mean together. QueryError: one of them is nowhere here."""
    ends = [place(found, text) for text in texts]
    return Ends(tuple(node for end in ends for node in end.nodes), tuple(name for end in ends for name in end.values))


def place(found: Findable, text: str) -> Ends:
    """Return what a place means: a box's id (``n:12``, ``v:x``, ``s:encoder``), or the name of nodes, a tensor or a
    group. QueryError: nothing here is called so."""
    index, kind, name = found.index, text[:2], text[2:]
    if kind == "n:" and name.isdecimal() and len(name) < 12 and int(name) < len(index.nodes):
        return Ends(nodes=(int(name),))
    if kind == "s:" and text in found.known.groups:
        return Ends(nodes=tuple(found.known.groups[text].all_nodes()))
    if kind in ("v:", "i:", "o:") and _is_value(found, name):
        return Ends(values=(name,))
    nodes = tuple(node for node, each in enumerate(index.names) if each == text)
    if nodes:
        return Ends(nodes=nodes)
    if _is_value(found, text):
        return Ends(values=(text,))
    scope = scope_text(text)
    for group in found.known.groups.values():
        if scope_text(group.id) == scope:
            return Ends(nodes=tuple(group.all_nodes()))
    raise QueryError(
        f"Nothing in this graph is called {text[:80]!r}: write a node's or tensor's whole name, or an id like n:12."
    )


def _is_value(found: Findable, name: str) -> bool:
    index = found.index
    return index.defines(name) or name in index.consumers or name in index.captured or name in index.outputs


def _ranks(fitting: Mask) -> Ranks:
    return np.where(fitting, np.int8(EXACT), np.int8(NOT))


_FITS: dict[str, Callable[[Findable, Term, Around], Ranks]] = {
    "text": _texts,
    "choice": _choices,
    "shape": _shapes,
    "number": _in_numbers,
    "attribute": _attributes,
    "place": _places,
}
