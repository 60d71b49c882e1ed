"""shop: a Flask application under gunicorn with several threads per worker. Calls pricing over one
kept-alive connection per thread."""

import http.client
import json
import os
import threading

import flask

from truth import TruthLog

app = flask.Flask(__name__)
truth = TruthLog("shop")
connections = threading.local()


def post_to_pricing(path, body):
    if not hasattr(connections, "pricing"):
        connections.pricing = http.client.HTTPConnection(
            os.environ["PRICING_HOST"], int(os.environ["PRICING_PORT"]), timeout=30)
    try:
        connections.pricing.request("POST", path, body, {"Content-Type": "application/json"})
        response = connections.pricing.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        connections.pricing.close()
        return 502, b"{}"


@app.get("/healthz")
def healthz():
    return "ok\n"


@app.post("/checkout/<serial>")
def checkout(serial):
    request = flask.request
    call = truth.begin(request.get_data(), request.method, request.path)
    status, answer = post_to_pricing(f"/price/{serial}", call.body_for_callee())
    if status != 200 or json.loads(answer)["token"] != call.token:
        return flask.Response(call.answer(502), 502, content_type="application/json")
    total = json.loads(answer)["total"]
    return flask.Response(call.answer(200, total=total), 200, content_type="application/json")
