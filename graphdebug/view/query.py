r"""What one can write into the search box: words and filters. docs/search.md explains it to users.

    query = term*                       all of them must fit
    term  = ["-"] (word | filter)       "-": must not
    word  = text                        in a name, an operator, a tensor or a scope
    filter = field relation value ("|" value)*
    relation = ":" | "=" | ":=" | ">" | ">=" | "<" | "<="       ":" holds, "=" is exactly, the others compare
    value = text | '"' text '"'         quoted: spaces, bars and all; in quotes, \" is a quotation mark and \\ a \

Nothing here knows of a model.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice

MOST_TERMS = 24
LONGEST = 2_000
"""Terms and characters of one query."""


class QueryError(ValueError):
    """A query that makes no sense; the message is one sentence that says what to write instead."""


@dataclass(frozen=True, slots=True)
class Field:
    """A filter: what it takes (``text``, ``choice``, ``number``, ``shape``, ``attribute`` or ``place``), what it finds
    in a few words, and an example."""

    takes: str
    meaning: str
    example: str


FIELDS: dict[str, Field] = {
    "op": Field("text", "operator, or class of a group", "op:Conv"),
    "name": Field("text", "name of a node, group, input, output or weight", 'name:"stem/conv 1"'),
    "tensor": Field("text", "name of a tensor", "tensor:hidden_states"),
    "scope": Field("text", "module path around it", "scope:encoder.3"),
    "mark": Field("text", "name that graphdebug.mark gave a tensor in PyTorch", "mark:after_attention"),
    "kind": Field("choice", "node, value, group, input, output or weight", "kind:weight"),
    "dtype": Field("choice", "element type of what it makes", "dtype:float16"),
    "shape": Field("shape", "shape of what it makes: ? is any dimension, * any number of them", "shape:?,64,*"),
    "rank": Field("number", "number of dimensions", "rank>4"),
    "elements": Field("number", "elements of its largest tensor", "elements>1M"),
    "params": Field("number", "parameters that it uses", "params>1e6"),
    "macs": Field("number", "multiply-accumulates", "macs>1G"),
    "inputs": Field("number", "inputs that are given", "inputs>2"),
    "outputs": Field("number", "outputs that are made", "outputs>1"),
    "users": Field("number", "nodes that use what it makes", "users>1"),
    "attr": Field("attribute", "attribute that is set, and its value", "attr:axis=1"),
    "finding": Field("text", "problem: any, error, warning, info, or words of it", "finding:error"),
    "from": Field("place", "lies downstream of this node, tensor or group", "from:Conv_12"),
    "to": Field("place", "lies upstream of it", "to:Softmax_80"),
    "uses": Field("place", "uses this tensor or weight directly", 'uses:"fc.weight"'),
    "hops": Field("number", "steps that from: and to: may take", "hops:3"),
}

_LONGEST_TYPED, _MOST_TYPED = 40, 500
"""Characters of words that may have been mistyped, and how many are looked at: names are as long as a file likes."""
_TOKEN = re.compile(r'(?:"(?:\\.|[^"\\])*"?|[^\s"])+', re.DOTALL)
_FILTER = re.compile(r"([A-Za-z]+)(:?(?:>=|<=|=|>|<)|:)(.*)", re.DOTALL)
_ATTRIBUTE = re.compile(r"([^=<>]+)(?:(>=|<=|=|>|<)(.*))?", re.DOTALL)
_ALTERNATIVE = re.compile(r'((?:"(?:\\.|[^"\\])*"?|[^|"])*)(?:\||$)', re.DOTALL)
_QUOTED = re.compile(r'"((?:\\.|[^"\\])*)"?', re.DOTALL)
_NUMBER = re.compile(r"(\d+(?:\.\d*)?(?:e[+-]?\d+)?)([kmgt]?)", re.IGNORECASE)
_UNITS = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12}
_RELATIONS = {
    "text": (":", "="),
    "choice": (":", "="),
    "number": (":", "=", ">", ">=", "<", "<="),
    "shape": (":", "="),
    "attribute": (":",),
    "place": (":", "="),
}


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. ``field`` is "" for a plain word; any of ``values`` will do. ``key`` is an attribute's name."""

    field: str
    relation: str
    values: tuple[str, ...]
    negated: bool = False
    key: str = ""


@dataclass(frozen=True, slots=True)
class Interval:
    """Numbers from ``low`` to ``high``, with or without the ends."""

    low: float = -math.inf
    high: float = math.inf
    with_low: bool = True
    with_high: bool = True


def parse(text: str) -> tuple[Term, ...]:
    """Read a query; QueryError when it makes no sense."""
    if len(text) > LONGEST:
        raise QueryError(f"This search is too long: {LONGEST:,} characters are read.")
    tokens = _TOKEN.findall(text)
    if len(tokens) > MOST_TERMS:
        raise QueryError(f"A search has up to {MOST_TERMS} words and filters; put quotes around what belongs together.")
    return tuple(term for term in map(_term, tokens) if term.field or term.values[0])


def quoted(text: str) -> str:
    """Return ``text`` as a value that means exactly itself."""
    if re.fullmatch(r"[\w./:-]+", text):
        return text
    return '"{}"'.format(text.replace("\\", "\\\\").replace('"', '\\"'))


def interval(term: Term, value: str) -> Interval:
    """Return the numbers that a number filter lets through; QueryError when ``value`` is no number."""
    low, dots, high = value.partition("..")
    if dots and term.relation in (":", "="):
        return Interval(_number(term, low) if low else -math.inf, _number(term, high) if high else math.inf)
    number = _number(term, value)
    return {
        ":": Interval(number, number),
        "=": Interval(number, number),
        ">": Interval(low=number, with_low=False),
        ">=": Interval(low=number),
        "<": Interval(high=number, with_high=False),
        "<=": Interval(high=number),
    }[term.relation]


def looks_like_filter(text: str) -> str:
    """Return what to say of words that look like filters and are none, "" when there are none."""
    for token in _TOKEN.findall(text):
        match = _FILTER.fullmatch(token.removeprefix("-"))
        if match and match[1].casefold() not in FIELDS:
            near = nearest(match[1].casefold(), FIELDS)
            there_are = f"Did you mean {near}:" if near else f"There are {', '.join(FIELDS)}"
            return f"Nothing found: {match[1][:80]}: is no filter. {there_are}{'?' if near else '.'}"
    return ""


def nearest(word: str, words: Iterable[str]) -> str:
    """Return what somebody may have meant who wrote ``word``, "" when nothing is near; of many ``words`` the first."""
    short = (each for each in words if len(each) <= _LONGEST_TYPED)
    return next(iter(get_close_matches(word[:_LONGEST_TYPED], islice(short, _MOST_TYPED), n=1)), "")


def last_word(text: str) -> tuple[str, str, str, str, str]:
    """Split a query being typed: what stands before its last word, "-" or "", and that word's field, relation and
    value; of a word that is no filter (yet) all is value."""
    tokens = list(_TOKEN.finditer(text))
    if not tokens or tokens[-1].end() < len(text):
        return text, "", "", "", ""
    token = tokens[-1][0]
    minus = "-" if token.startswith("-") else ""
    match = _FILTER.fullmatch(token.removeprefix("-"))
    if match is None or match[1].casefold() not in FIELDS:
        return text[: tokens[-1].start()], minus, "", "", _unquoted(token.removeprefix("-"))
    return text[: tokens[-1].start()], minus, match[1].casefold(), match[2], _unquoted(match[3])


def _term(token: str) -> Term:
    negated = len(token) > 1 and token.startswith("-")
    token = token[1:] if negated else token
    match = _FILTER.fullmatch(token)
    if match is None or match[1].casefold() not in FIELDS:
        return Term("", ":", (_unquoted(token),), negated)
    name, relation, rest = match[1].casefold(), match[2], match[3]
    relation = relation.removeprefix(":") or ":"
    field = FIELDS[name]
    key = ""
    if field.takes == "attribute" and relation == ":":
        key, relation, rest = _attribute(rest)
    elif relation not in _RELATIONS[field.takes]:
        raise QueryError(f"{name} cannot be compared by {relation}; write {field.example}.")
    values = tuple(filter(None, map(_unquoted, _ALTERNATIVE.findall(rest))))
    if not values and not key:
        raise QueryError(f"Write what to look for after {name}{match[2]} as in {field.example}.")
    term = Term(name, relation, values, negated, key)
    if field.takes == "number":
        for value in values:
            interval(term, value)
    return term


def _attribute(rest: str) -> tuple[str, str, str]:
    match = _ATTRIBUTE.fullmatch(rest)
    if match is None:
        raise QueryError(f"Write an attribute's name after attr: as in {FIELDS['attr'].example}.")
    if match[2] and not match[3]:
        raise QueryError(f"Write a value after attr:{match[1]}{match[2]} as in {FIELDS['attr'].example}.")
    return _unquoted(match[1]).casefold(), match[2] or ":", match[3] or ""


def _unquoted(text: str) -> str:
    return _QUOTED.sub(lambda match: re.sub(r"\\(.)", r"\1", match[1], flags=re.DOTALL), text)


def _number(term: Term, text: str) -> float:
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        name = term.key or term.field
        raise QueryError(f"{name} takes a number, like {name}>1e6, {name}<=3 or {name}:1k..2M.")
    return float(match[1]) * _UNITS[match[2].casefold()]
