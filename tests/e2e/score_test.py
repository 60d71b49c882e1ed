"""The scorer finds what is wrong: truth and spans of one request, spoilt in one way after another."""

import json
import pathlib
import tempfile
import unittest

import case_report
from otlp_lines import CLIENT, SERVER, Span, SpanFile, read_spans
from score import TruthError, read_truth, score

# service, what it serves, whom it is called by
HOPS = (("nginx", "order", None), ("shop", "checkout", "order"), ("pricing", "price", "checkout"),
        ("inventory", "stock", "price"), ("discounts", "discount", "price"))
PIDS = {"driver": 1, "nginx": 2, "shop": 3, "pricing": 4, "inventory": 5, "discounts": 6}


class Requests:
    """The truth and the right spans of a few requests."""

    def __init__(self, folder, count=2):
        self.folder = pathlib.Path(folder)
        self.records = []
        self.spans = []
        for number in range(count):
            self.add(f"run-{number}")

    def add(self, serial):
        served_by = {what: service for service, what, _ in HOPS}
        driver = {"service": "driver", "client": True, "pid": 1, "id": f"driver-{serial}",
                  "token": serial, "method": "POST", "path": f"/order/{serial}", "status": 200,
                  "start_ns": len(self.records)}
        self.records.append(driver)
        for service, what, caller in HOPS:
            client = served_by.get(caller, "driver")
            record = {"service": service, "pid": PIDS[service], "method": "POST",
                      "path": f"/{what}/{serial}", "status": 200}
            # nginx passes on the driver's body, so shop believes that the driver called it.
            caller_id = f"{client}-{serial}" if client != "nginx" else driver["id"]
            body = {"token": serial, "caller": caller_id}
            if service == "nginx":
                record.update(proxy=True, body=json.dumps(body))
            else:
                record.update(body, id=f"{service}-{serial}")
            self.records.append(record)
            parent = f"s/{caller}/{serial}" if caller else ""
            self.spans.append(self.span(serial, f"c/{what}/{serial}", parent, CLIENT, client, record,
                                        "thread"))
            self.spans.append(self.span(serial, f"s/{what}/{serial}", f"c/{what}/{serial}", SERVER,
                                        service, record, "wire"))

    @staticmethod
    def span(trace, own, parent, kind, service, record, evidence):
        return Span(trace, own, parent, kind, service, PIDS[service], "POST", record["path"], 200,
                    evidence if parent else "", None, None, 1, 2)

    def change(self, span_id, **values):
        self.spans = [span._replace(**values) if span.id == span_id else span for span in self.spans]

    def drop(self, span_id):
        self.spans = [span for span in self.spans if span.id != span_id]

    def score(self, **options):
        with open(self.folder / "all.jsonl", "w", encoding="utf-8") as file:
            file.writelines(json.dumps(record) + "\n" for record in self.records)
        return score(read_truth(self.folder), self.spans, **options)


class ScoreTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.requests = Requests(folder.name)

    def assert_links(self, result, **values):
        for name, value in values.items():
            self.assertEqual(result.total(name), value, name)

    def test_right_traces_are_complete(self):
        result = self.requests.score()
        self.assertEqual((result.requests, result.complete), (2, 2))
        self.assert_links(result, expected=18, right=18, wrong=0, missing=0)
        self.assertEqual(result.evidence["pricing", "client", "thread"], 4)
        self.assertFalse(result.examples)

    def test_missing_parent(self):
        self.requests.change("c/price/run-0", parent="")
        result = self.requests.score()
        self.assertEqual(result.complete, 1)
        self.assert_links(result, right=17, wrong=0, missing=1)
        self.assertEqual(result.links["shop", "client"].recall, 0.5)

    def test_parent_of_another_request(self):
        self.requests.change("c/price/run-0", parent="s/checkout/run-1", trace="run-1")
        result = self.requests.score()
        self.assertEqual(result.complete, 0)
        self.assert_links(result, wrong=2)  # the call, and its server span left in another trace
        self.assertEqual(result.links["shop", "client"].precision, 0.5)

    def test_two_requests_in_one_trace(self):
        self.requests.spans = [span._replace(trace="same") for span in self.requests.spans]
        result = self.requests.score()
        self.assertEqual((result.complete, result.mixed_traces), (0, 1))

    def test_root_with_a_parent(self):
        self.requests.change("c/order/run-0", parent="s/order/run-1")
        result = self.requests.score()
        self.assert_links(result, wrong=1)
        self.assertEqual(result.complete, 1)

    def test_lost_span(self):
        self.requests.drop("s/price/run-0")
        result = self.requests.score()
        self.assertEqual(result.missing_spans, {("pricing", "server"): 1})
        self.assert_links(result, wrong=0, missing=3)  # its own, and those of the two calls behind it
        self.assertEqual(result.complete, 1)

    def test_no_spans_at_all(self):
        self.requests.spans = []
        result = self.requests.score()
        self.assertEqual((result.requests, result.complete, result.recall), (2, 0, 0))

    def test_span_twice(self):
        self.requests.spans.append(self.requests.spans[0]._replace(id="again"))
        result = self.requests.score()
        self.assertEqual(result.extra_spans, {("driver", "client"): 1})
        self.assertEqual(result.complete, 1)

    def test_wrong_values(self):
        self.requests.change("s/price/run-0", status=500)
        self.requests.change("c/stock/run-1", pid=99)
        self.requests.change("c/discount/run-1", evidence="")
        result = self.requests.score()
        self.assertEqual(result.wrong_values, {("pricing", "server", "status"): 1,
                                               ("pricing", "client", "pid"): 1,
                                               ("pricing", "client", "evidence"): 1})
        self.assertEqual(result.complete, 0)

    def test_untraced_driver(self):
        self.requests.spans = [span for span in self.requests.spans if span.service != "driver"]
        self.requests.change("s/order/run-0", parent="", evidence="")
        self.requests.change("s/order/run-1", parent="")
        result = self.requests.score(untraced=("driver",))
        self.assertEqual(result.complete, 2)
        self.assert_links(result, expected=16, right=16)

    def test_requests_after_a_moment(self):
        self.requests.score()
        self.assertEqual(len(read_truth(self.requests.folder, since_ns=1)), 5)
        self.assertEqual(len(read_truth(self.requests.folder, run="run-1")), 5)

    def test_part_of_the_stack(self):
        self.requests.records = [record for record in self.requests.records
                                 if record["service"] in ("inventory", "discounts")]
        result = self.requests.score()
        # The callers kept no truth: any parent will do, but the spans must be there.
        self.assertEqual((result.requests, result.complete), (2, 2))
        self.requests.drop("s/stock/run-0")
        self.assertEqual(self.requests.score().complete, 1)

    def test_spans_of_other_requests(self):
        self.requests.spans.append(self.requests.spans[0]._replace(path="/healthz", trace="other"))
        result = self.requests.score()
        self.assertEqual(result.unrelated_spans, {("driver", "client"): 1})
        self.assertEqual(result.complete, 2)

    def test_truth_that_contradicts_itself(self):
        shop = next(record for record in self.requests.records if record["service"] == "shop")
        shop["token"] = "someone else's"
        with self.assertRaises(TruthError):
            self.requests.score()


class OtlpLinesTest(unittest.TestCase):
    LINE = {"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}},
                                    {"key": "process.pid", "value": {"intValue": "7"}}]},
        "scopeSpans": [{"spans": [{
            "traceId": "AB", "spanId": "01", "parentSpanId": "02", "kind": 3,
            "startTimeUnixNano": "5", "endTimeUnixNano": "9",
            "attributes": [
                {"key": "url.full", "value": {"stringValue": "http://a:1/price/7?x"}},
                {"key": "http.response.status_code", "value": {"intValue": 200}}]}]}]}]}

    def test_fields_and_torn_line(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "spans.jsonl"
            path.write_text(json.dumps(self.LINE) + "\n" + json.dumps(self.LINE)[:50], encoding="utf-8")
            spans = read_spans(path)
        self.assertEqual(len(spans), 1)
        self.assertEqual(spans[0]._replace(evidence="", attributes={}), Span(
            "ab", "01", "02", CLIENT, "shop", 7, None, "/price/7", 200, "", None, None, 5, 9,
            resource={"service.name": "shop", "process.pid": 7}))

    def test_growing_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "spans.jsonl"
            follower = SpanFile(path)
            self.assertEqual(follower.read(), [])
            line = json.dumps(self.LINE) + "\n"
            path.write_text(line + line[:20], encoding="utf-8")
            self.assertEqual(len(follower.read()), 1)
            path.write_text(line + line, encoding="utf-8")
            self.assertEqual(len(follower.read()), 1)


if __name__ == "__main__":
    case_report.main("score_test")
