"""The end-to-end suite: eight workflows against BASE_URL, one line a test, exit 1 when any failed.

Four of them need a lock in Redis; the other four do without.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from http.client import HTTPException

BASE_URL = os.environ["BASE_URL"].rstrip("/")
FIRST, SECOND = 93, 94


class Failed(Exception):
    pass


def call(method, path, body=None):
    raw = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(BASE_URL + path, raw, {"Content-Type": "application/json"}, method=method)
    try:
        try:
            reply = urllib.request.urlopen(request, timeout=20)
        except urllib.error.HTTPError as error:
            reply = error
        with reply:
            return reply.status, json.loads(reply.read())
    except (OSError, HTTPException) as error:
        raise Failed(f"no answer: {getattr(error, 'reason', error)}") from error
    except ValueError as error:
        raise Failed(f"the answer is not JSON: {error}") from error


def expect(reply, *statuses):
    status, body = reply
    if status not in statuses:
        detail = body.get("detail", body) if isinstance(body, dict) else body
        raise Failed(f"{status} instead of {' or '.join(map(str, statuses))}: {detail}")
    return body


def tomar(tag, worker, operation):
    return call("POST", "/api/occupation/tomar", {"tag_spool": tag, "worker_id": worker, "operacion": operation})


def pausar(tag, worker):
    return call("POST", "/api/occupation/pausar", {"tag_spool": tag, "worker_id": worker})


def completar(tag, worker, **more):
    body = {"tag_spool": tag, "worker_id": worker, "fecha_operacion": date.today().isoformat(), **more}
    return call("POST", "/api/occupation/completar", body)


def free(tag):
    """Gives back what an interrupted earlier run may have left occupied."""
    for worker in (FIRST, SECOND):
        expect(pausar(tag, worker), 200, 403, 409, 500)


def assembly():
    free("TEST-01")
    expect(tomar("TEST-01", FIRST, "ARM"), 200)
    expect(pausar("TEST-01", FIRST), 200)
    expect(tomar("TEST-01", FIRST, "ARM"), 200)
    expect(completar("TEST-01", FIRST), 200)


def race():
    free("TEST-03")
    with ThreadPoolExecutor(2) as both:
        replies = list(both.map(lambda worker: tomar("TEST-03", worker, "ARM"), (FIRST, SECOND)))
    for reply in replies:
        expect(reply, 200, 409)
    winners = [worker for worker, (status, _) in zip((FIRST, SECOND), replies) if status == 200]
    if len(winners) != 1:
        raise Failed(f"{len(winners)} workers hold one spool")
    expect(pausar("TEST-03", winners[0]), 200)


def pause_untaken():
    expect(pausar("TEST-04", FIRST), 409)


def unknown_spool():
    expect(tomar("NO-SUCH-SPOOL", FIRST, "ARM"), 404)


def history():
    body = expect(call("GET", "/api/history/TEST-02"), 200)
    if not isinstance(body.get("sessions"), list):
        raise Failed("no list of sessions")


def health():
    body = expect(call("GET", "/api/health"), 200)
    if body.get("status") != "healthy":
        raise Failed(f"status {body.get('status')}")


def welding():
    free("TEST-07")
    expect(tomar("TEST-07", SECOND, "SOLD"), 200)
    expect(completar("TEST-07", SECOND), 200)


def inspection():
    free("TEST-08")
    expect(tomar("TEST-08", FIRST, "METROLOGIA"), 200)
    expect(completar("TEST-08", FIRST, resultado="APROBADO"), 200)


TESTS = [
    ("Assembly: take, pause, take again, complete", assembly),
    ("Two workers take one spool at once", race),
    ("Pausing a spool nobody took is refused", pause_untaken),
    ("An unknown spool is not found", unknown_spool),
    ("History lists the sessions of a spool", history),
    ("Backend health", health),
    ("Welding: take and complete", welding),
    ("Metrology: inspect at once", inspection),
]


def main():
    passed = 0
    for number, (title, test) in enumerate(TESTS, 1):
        try:
            test()
        except Failed as failed:
            print(f"Test {number} FAILED: {title}: {failed}", flush=True)
        else:
            passed += 1
            print(f"Test {number} PASSED: {title}", flush=True)
    print(f"{passed}/{len(TESTS)} passed", flush=True)
    return 0 if passed == len(TESTS) else 1


if __name__ == "__main__":
    sys.exit(main())
