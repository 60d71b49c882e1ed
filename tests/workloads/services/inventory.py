"""inventory: a plain WSGI application under gunicorn's sync workers, which close the connection after
each response."""

from truth import TruthLog

truth = TruthLog("inventory")


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/healthz":
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "3")])
        return [b"ok\n"]
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    call = truth.begin(body, environ["REQUEST_METHOD"], path)
    answer = call.answer(200, in_stock=int(call.token, 16) % 100)
    start_response("200 OK", [("Content-Type", "application/json"),
                              ("Content-Length", str(len(answer)))])
    return [answer]
