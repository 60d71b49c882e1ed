"""Reads what the file exporter writes: OTLP JSON, one object per line."""

import collections
import json
import urllib.parse

SERVER, CLIENT = 2, 3
_KINDS = {"SPAN_KIND_SERVER": SERVER, "SPAN_KIND_CLIENT": CLIENT}

Span = collections.namedtuple(
    "Span", "trace id parent kind service pid method path status evidence error partial "
            "start_ns end_ns attributes resource", defaults=({}, {}))


def _value(attribute):
    value = attribute.get("value", {})
    for kind, content in value.items():
        return int(content) if kind == "intValue" else content
    return None


def _attributes(owner):
    return {each["key"]: _value(each) for each in owner.get("attributes", ())}


def _span(span, resource):
    attributes = _attributes(span)
    path = attributes.get("url.path")
    if path is None and "url.full" in attributes:
        path = urllib.parse.urlsplit(attributes["url.full"]).path
    kind = span.get("kind", 0)
    return Span(
        trace=span.get("traceId", "").lower(), id=span.get("spanId", "").lower(),
        parent=span.get("parentSpanId", "").lower(), kind=_KINDS.get(kind, kind),
        service=resource.get("service.name", ""), pid=resource.get("process.pid"),
        method=attributes.get("http.request.method"), path=path,
        status=attributes.get("http.response.status_code"),
        evidence=attributes.get("kernspan.link.evidence", ""),
        error=attributes.get("error.type"), partial=attributes.get("kernspan.partial"),
        start_ns=int(span.get("startTimeUnixNano", 0)), end_ns=int(span.get("endTimeUnixNano", 0)),
        attributes=attributes, resource=resource)


def parse_line(line):
    for resource_spans in json.loads(line).get("resourceSpans", ()):
        resource = _attributes(resource_spans.get("resource", {}))
        for scope_spans in resource_spans.get("scopeSpans", ()):
            for span in scope_spans.get("spans", ()):
                yield _span(span, resource)


def read_spans(path):
    """All spans of a file. A last line without its end is left out: it is still being written."""
    spans = []
    try:
        with open(path, "rb") as lines:
            for line in lines:
                if line.endswith(b"\n") and line.strip():
                    spans.extend(parse_line(line))
    except FileNotFoundError:
        pass
    return spans


class SpanFile:
    """Follows a file that grows: each read() returns the spans that were added since the last."""

    def __init__(self, path):
        self.path = path
        self._offset = 0

    def read(self):
        try:
            with open(self.path, "rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        whole = data[:data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [span for line in whole.splitlines() if line.strip() for span in parse_line(line)]
