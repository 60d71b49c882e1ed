"""Checks that every request of the guest's traffic is one linked trace in the file exporter's output.

    check_spans.py FILE KIND=COUNT...

There are COUNT requests of a kind: /KIND/0, /KIND/1 and so on; see KINDS.
"""

import json
import sys
import urllib.parse

SERVER, CLIENT = 2, 3


def hops(client, version):
    """What a request to nginx becomes in that version of HTTP: spans, each the next one's parent."""
    return [(client, CLIENT, version), ("nginx", SERVER, version)]


# What nginx asks of the Python server.
UPSTREAM = [("nginx", CLIENT, "1.0"), ("upstream", SERVER, "1.0")]
# The kinds of requests: the spans of one, and whether all come over one connection.
KINDS = {
    "item": (hops("curl", "1.1") + UPSTREAM, False),
    "http2": (hops("curl", "2") + UPSTREAM, False),
    "sequence": (hops("h2load", "2") + UPSTREAM, True),
    "streams": (hops("h2load", "2"), True),
    "container": (hops("curl", "1.1") + UPSTREAM, False),
}


def attributes(holder):
    return {a["key"]: next(iter(a["value"].values())) for a in holder.get("attributes", [])}


def read_spans(path):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            for resource_spans in json.loads(line)["resourceSpans"]:
                resource = attributes(resource_spans["resource"])
                service = resource.get("service.name", "")
                for scope_spans in resource_spans["scopeSpans"]:
                    for span in scope_spans["spans"]:
                        span["container"] = resource.get("container.id", "")
                        yield service, span


def path_of(span):
    values = attributes(span)
    return values.get("url.path") or urllib.parse.urlsplit(values.get("url.full", "")).path


def fault_of(chain, expected):
    """What is wrong with the spans of one request, or None."""
    if len(chain) != len(expected):
        return f"{len(chain)} spans instead of {len(expected)}"
    found = {}
    for service, span in chain:
        version = attributes(span).get("network.protocol.version", "")
        found[service, int(span["kind"]), version] = span
    parent = None
    for hop in expected:
        span = found.get(hop)
        if span is None:
            return f"no span {hop}; there are {sorted(found)}"
        if span.get("parentSpanId", "") != (parent["spanId"] if parent else ""):
            return f"{hop} has the wrong parent"
        if parent and span["traceId"] != parent["traceId"]:
            return f"{hop} is in another trace"
        if parent and int(span["startTimeUnixNano"]) < int(parent["startTimeUnixNano"]):
            return f"{hop} starts before its parent"
        if int(span["endTimeUnixNano"]) < int(span["startTimeUnixNano"]):
            return f"{hop} ends before it starts"
        if int(attributes(span).get("http.response.status_code", 0)) != 200:
            return f"{hop} has the wrong status"
        parent = span
    return None


def container_fault(kind, number, chain):
    """run_case's containers are numbered as their requests; all other programs are in none."""
    expected = f"{number:064x}" if kind == "container" else ""
    for service, span in chain:
        if span["container"] != (expected if service == "curl" else ""):
            return f"{service} is in the container '{span['container']}'"
    return None


def connections_of(chains):
    """How many connections the requests came to nginx over."""
    return len({attributes(span).get("network.peer.port")
                for chain in chains for service, span in chain
                if (service, int(span["kind"])) == ("nginx", SERVER)})


def main():
    path = sys.argv[1]
    by_path = {}
    for service, span in read_spans(path):
        by_path.setdefault(path_of(span), []).append((service, span))
    faults = 0
    totals = []
    for kind, count in (argument.split("=") for argument in sys.argv[2:]):
        requests = int(count)
        expected, is_one_connection = KINDS[kind]
        chains = [by_path.pop(f"/{kind}/{number}", []) for number in range(requests)]
        wrong = 0
        for number, chain in enumerate(chains):
            fault = fault_of(chain, expected) or container_fault(kind, number, chain)
            if fault:
                print(f"/{kind}/{number}: {fault}")
                wrong += 1
        connections = 1 if is_one_connection else requests
        if not wrong and connections_of(chains) != connections:
            print(f"/{kind}: {connections_of(chains)} connections instead of {connections}")
            faults += 1
        faults += wrong
        totals.append(f"{kind} {requests - wrong}/{requests}")
    for path, chain in by_path.items():
        print(f"{len(chain)} spans of {path!r}, which nobody asked for")
        faults += 1
    print(f"traces complete: {', '.join(totals)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
