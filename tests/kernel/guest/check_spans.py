"""Checks that every request of the guest's traffic is one linked trace in the file exporter's output.

    check_spans.py FILE REQUESTS

Each request /item/N is: curl CLIENT -> nginx SERVER -> nginx CLIENT -> Python SERVER.
"""

import json
import sys

SERVER, CLIENT = 2, 3
CHAIN = [("curl", CLIENT), ("nginx", SERVER), ("nginx", CLIENT), ("upstream", SERVER)]


def attributes(holder):
    return {a["key"]: next(iter(a["value"].values())) for a in holder.get("attributes", [])}


def read_spans(path):
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            for resource_spans in json.loads(line)["resourceSpans"]:
                service = attributes(resource_spans["resource"]).get("service.name", "")
                for scope_spans in resource_spans["scopeSpans"]:
                    for span in scope_spans["spans"]:
                        yield service, span


def fault_of(chain):
    """What is wrong with the spans of one request, or None."""
    if len(chain) != len(CHAIN):
        return f"{len(chain)} spans instead of {len(CHAIN)}"
    found = {}
    for service, span in chain:
        found[service, int(span["kind"])] = span
    parent = None
    for hop in CHAIN:
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


def main():
    path, requests = sys.argv[1], int(sys.argv[2])
    by_path = {}
    for service, span in read_spans(path):
        by_path.setdefault(attributes(span).get("url.path")
                           or attributes(span).get("url.full", "").rpartition("127.0.0.1:8080")[2]
                           .rpartition("127.0.0.1:8081")[2], []).append((service, span))
    wrong = 0
    for number in range(requests):
        fault = fault_of(by_path.pop(f"/item/{number}", []))
        if fault:
            print(f"/item/{number}: {fault}")
            wrong += 1
    for path, chain in by_path.items():
        print(f"{len(chain)} spans of {path!r}, which nobody asked for")
        wrong += 1
    print(f"{requests - wrong}/{requests} traces complete")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
