"""Which metrics, labels and values of labels an expression of PromQL asks for. The grammar itself is promtool's
to check; this reads the words of an expression that is valid."""

import re

_TOKEN = re.compile(r"""
    (?P<space>\s+|\#[^\n]*)
  | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)
  | (?P<number>0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?:ms|[smhdwy])?(?:\d+(?:ms|[smhdwy]))*)
  | (?P<word>[a-zA-Z_:][a-zA-Z0-9_:]*)
  | (?P<operator>=~|!~|!=|==|<=|>=|[-+*/%^=<>(){}\[\],:@])
""", re.VERBOSE)
_GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}
_OPERATORS = {"and", "or", "unless", "bool", "offset", "atan2", "start", "end", "inf", "nan"}
_AGGREGATIONS = {"sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values",
                 "bottomk", "topk", "quantile"}


class Names:
    """What expressions ask for."""

    def __init__(self):
        self.metrics = {}    # metric -> the (label, operator, value) of its matchers
        self.grouping = set()  # labels by which is grouped or matched
        self.made = set()      # labels that label_replace and the like make


def _tokens(expression):
    at = 0
    while at < len(expression):
        found = _TOKEN.match(expression, at)
        if not found:
            raise ValueError(f"not understood: {expression[at:at + 30]!r} in {expression!r}")
        at = found.end()
        if found.lastgroup != "space":
            yield found.lastgroup, found.group()


def read_names(expression, names=None):
    """Adds what `expression` asks for to `names`."""
    names = names or Names()
    tokens = [*_tokens(expression), ("end", "")]
    metric, at = None, 0
    while tokens[at][0] != "end":
        kind, text = tokens[at]
        at += 1
        following = tokens[at][1]
        if text == "{":
            at = _read_matchers(tokens, at, names.metrics.setdefault(metric or "", []))
        elif kind == "word" and text.lower() in _GROUPING and following == "(":
            at += 1
            while tokens[at][1] != ")":
                if tokens[at][0] == "word":
                    names.grouping.add(tokens[at][1])
                at += 1
        elif kind == "word" and text == "label_replace":
            names.made |= {value[1:-1] for what, value in tokens[at:at + 400] if what == "string"}
        elif kind == "word" and following != "(" and text.lower() not in (
                _OPERATORS | _GROUPING | _AGGREGATIONS):
            metric = text
            names.metrics.setdefault(metric, [])
            continue
        metric = None
    return names


def _read_matchers(tokens, at, matchers):
    while tokens[at][1] != "}":
        if tokens[at][0] == "word":
            matchers.append((tokens[at][1], tokens[at + 1][1], tokens[at + 2][1][1:-1]))
            at += 3
        else:
            at += 1
    return at + 1
