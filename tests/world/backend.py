"""A small backend on a real Redis, with the endpoints of the outage this project grew from.

Settings come from the environment: PORT, REDIS_URL, POOL_LIMIT (20), UNHEALTHY_STATUS (200 or 503), SHEET (a file),
CLIENT_NAME, LEAK_AGAIN_AFTER (how many seconds after Redis is up again a leak that its restart ended comes back; unset:
never). It prints plain log lines to stdout.
"""

import json
import os
import select
import threading
from datetime import date, datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import redis

from connections import Leak, Pool, Stream, describe
from sheet import BEFORE, WORKERS, Sheet

CHANNEL = "spools"
LOCK_SECONDS = 3600
UNLOCK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


def log(level, text):
    at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    print(f"{at} {level} {text}", flush=True)


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status, detail):
        super().__init__(detail)
        self.status, self.detail = status, detail


def missing(field):
    return Refused(422, [{"type": "missing", "loc": ["body", field], "msg": "Field required"}])


def invalid(field, why):
    return Refused(422, [{"type": "value_error", "loc": ["body", field], "msg": why}])


class Backend:
    """The endpoints, apart from HTTP."""

    def __init__(self, env):
        self.port = int(env["PORT"])
        self.unhealthy_status = int(env.get("UNHEALTHY_STATUS", "200"))
        self.sheet = Sheet(env["SHEET"])
        self.pool = Pool.from_url(
            env["REDIS_URL"],
            max_connections=int(env.get("POOL_LIMIT", "20")),
            socket_timeout=5,
            socket_connect_timeout=5,
            client_name=env.get("CLIENT_NAME", "backend"),
            decode_responses=True,
        )
        self.redis = redis.Redis(connection_pool=self.pool)
        again = env.get("LEAK_AGAIN_AFTER")
        where = self.pool.connection_kwargs
        self.leak = Leak(
            where["host"],
            where["port"],
            where["client_name"],
            None if again is None else float(again),
            lambda text: log("WARNING", text),
        )
        self._errors = []
        self._errors_lock = threading.Lock()

    def failed(self, error, doing):
        """Logs a Redis error with its true text and keeps it for the statistics until Redis answers again."""
        log("ERROR", f"{doing}: {describe(error)}")
        with self._errors_lock:
            if str(error) not in self._errors:
                self._errors.append(str(error))

    def worked(self):
        with self._errors_lock:
            self._errors.clear()

    def redis_health(self):
        try:
            self.redis.ping()
        except redis.RedisError as error:
            self.failed(error, "redis health check")
            answer = {"status": "unhealthy", "message": f"Redis not responding: {error}", "operational": False}
            return self.unhealthy_status, answer
        self.worked()
        return 200, {"status": "healthy", "operational": True}

    def redis_connection_stats(self):
        stats = self.pool.stats()
        with self._errors_lock:
            errors = list(self._errors)
        full = stats["available_connections"] == 0
        stats["status"] = "exhausted" if full else "degraded" if errors else "healthy"
        stats["errors"] = errors
        return 200, stats

    def health(self):
        # As in the outage: it speaks for the sheet only, and says "healthy" while Redis is down.
        return 200, {"status": "healthy", "operational": True, "sheets_connection": "ok"}

    def workers(self):
        return 200, [{"worker_id": number, "nombre": name, "activo": True} for number, name in WORKERS.items()]

    def history(self, tag):
        if self.sheet.spool(tag) is None:
            raise Refused(404, f"Spool {tag} not found")
        return 200, {"tag_spool": tag, "sessions": self.sheet.sessions(tag)}

    def tomar(self, body):
        tag, worker = self._spool_and_worker(body)
        operation = self._operation(body)
        if not self.sheet.may_start(tag, operation):
            raise Refused(409, f"{operation} needs {BEFORE[operation]} first")
        lock = f"spool:{tag}:lock"
        with self._redis("TOMAR", tag):
            locked = self.redis.set(lock, worker, nx=True, ex=LOCK_SECONDS)
        # Redis may have forgotten a lock in a restart; the sheet has not.
        holder = self.sheet.spool(tag)[0]
        if locked and holder is not None:
            with self._redis("TOMAR", tag):
                self.redis.eval(UNLOCK, 1, lock, worker)
        if not locked or holder is not None:
            raise Refused(409, f"Spool {tag} is occupied")
        self.sheet.occupy(tag, worker, operation)
        self._publish("TOMAR", tag, worker)
        return 200, {"success": True, "tag_spool": tag, "worker_id": worker, "operacion": operation}

    def pausar(self, body):
        tag, worker = self._spool_and_worker(body)
        operation = self._owned(tag, worker)
        self._unlock("PAUSAR", tag, worker)
        self.sheet.release(tag, worker, operation, "PAUSAR")
        self._publish("PAUSAR", tag, worker)
        return 200, {"success": True, "tag_spool": tag, "worker_id": worker, "operacion": operation}

    def completar(self, body):
        tag, worker = self._spool_and_worker(body)
        if "fecha_operacion" not in body:
            raise missing("fecha_operacion")
        try:
            on_date = date.fromisoformat(body["fecha_operacion"])
        except (TypeError, ValueError):
            raise invalid("fecha_operacion", "expected a date, YYYY-MM-DD") from None
        operation = self._owned(tag, worker)
        result = body.get("resultado")
        if operation == "METROLOGIA" and result not in ("APROBADO", "RECHAZADO"):
            raise missing("resultado") if result is None else invalid("resultado", "APROBADO or RECHAZADO")
        self._unlock("COMPLETAR", tag, worker)
        self.sheet.complete(tag, worker, operation, on_date.isoformat(), result)
        self._publish("COMPLETAR", tag, worker)
        return 200, {"success": True, "tag_spool": tag, "worker_id": worker, "operacion": operation}

    def _spool_and_worker(self, body):
        for field in ("tag_spool", "worker_id"):
            if field not in body:
                raise missing(field)
        tag, worker = body["tag_spool"], body["worker_id"]
        if not isinstance(worker, int):
            raise invalid("worker_id", "expected a whole number")
        if not isinstance(tag, str):
            raise invalid("tag_spool", "expected text")
        if self.sheet.spool(tag) is None:
            raise Refused(404, f"Spool {tag} not found")
        if worker not in WORKERS:
            raise Refused(404, f"Worker {worker} not found")
        return tag, worker

    def _operation(self, body):
        if "operacion" not in body:
            raise missing("operacion")
        if body["operacion"] not in BEFORE:
            raise invalid("operacion", "ARM, SOLD or METROLOGIA")
        return body["operacion"]

    def _owned(self, tag, worker):
        holder, operation = self.sheet.spool(tag)
        if holder is None:
            raise Refused(409, f"Spool {tag} is not occupied")
        if holder != worker:
            raise Refused(403, f"Spool {tag} is occupied by another worker")
        return operation

    def _unlock(self, doing, tag, worker):
        with self._redis(doing, tag):
            self.redis.eval(UNLOCK, 1, f"spool:{tag}:lock", worker)

    def _publish(self, what, tag, worker):
        # Losing an announcement must not undo what was done.
        try:
            self.redis.publish(CHANNEL, json.dumps({"evento": what, "tag_spool": tag, "worker_id": worker}))
        except redis.RedisError as error:
            self.failed(error, f"announcing {what} {tag}")

    def _redis(self, doing, tag):
        return RedisWork(self, f"{doing} {tag}")


class RedisWork:
    """Turns a Redis error into the 500 that callers saw, with its true text."""

    def __init__(self, backend, doing):
        self.backend, self.doing = backend, doing

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _trace):
        if isinstance(error, redis.RedisError):
            self.backend.failed(error, self.doing)
            raise Refused(500, f"Redis error: {error}") from error
        if error is None:
            self.backend.worked()
        return False


class Handler(BaseHTTPRequestHandler):
    """HTTP for `Backend`."""

    protocol_version = "HTTP/1.1"
    backend = None

    def do_GET(self):
        path = urlsplit(self.path).path
        if path == "/api/events":
            return self._events()
        if path == "/test/leak":
            return self._send(200, self.backend.leak.state())
        simple = {
            "/api/health": self.backend.health,
            "/api/redis-health": self.backend.redis_health,
            "/api/redis-connection-stats": self.backend.redis_connection_stats,
            "/api/workers": self.backend.workers,
        }.get(path)
        if simple is not None:
            return self._answer(simple)
        if path.startswith("/api/history/"):
            return self._answer(lambda: self.backend.history(unquote(path.removeprefix("/api/history/"))))
        return self._send(404, {"detail": "Not Found"})

    def do_POST(self):
        url = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if url.path == "/test/leak":
            count = parse_qs(url.query).get("n")
            opened = self.backend.leak.open(int(count[0]) if count else None)
            return self._send(200, {"opened": opened, **self.backend.leak.state()})
        action = {
            "/api/occupation/tomar": self.backend.tomar,
            "/api/occupation/pausar": self.backend.pausar,
            "/api/occupation/completar": self.backend.completar,
        }.get(url.path)
        if action is None:
            return self._send(404, {"detail": "Not Found"})
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            return self._send(422, {"detail": [{"type": "json_invalid", "loc": ["body"], "msg": "JSON decode error"}]})
        return self._answer(lambda: action(body))

    def _answer(self, work):
        try:
            status, body = work()
        except Refused as refused:
            status, body = refused.status, {"detail": refused.detail}
        log("INFO", f"{self.command} {urlsplit(self.path).path} {status}")
        self._send(status, body)

    def _send(self, status, body):
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _events(self):
        try:
            stream = Stream(self.backend.redis, CHANNEL)
        except redis.RedisError as error:
            self.backend.failed(error, "event stream")
            return self._send(503, {"detail": f"Redis error: {error}"})
        try:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b": subscribed\n\n")
            self._relay(stream)
        except OSError:
            pass  # the client left in the middle of a message
        finally:
            stream.close()
            self.close_connection = True

    def _relay(self, stream):
        """Until the client leaves. When Redis goes away the stream waits for it and keeps its slot of the pool."""
        client = self.connection
        while True:
            upstream = stream.socket()
            if upstream is None:
                readable, _, _ = select.select([client], [], [], 0.05)
            else:
                readable, _, _ = select.select([client, upstream], [], [])
            if client in readable and client.recv(1024) == b"":
                return
            try:
                if upstream is None:
                    stream.reconnect()
                elif upstream in readable:
                    for data in stream.messages():
                        self.wfile.write(f"data: {data}\n\n".encode())
            except redis.RedisError as error:
                if upstream is not None:
                    self.backend.failed(error, "event stream")
                    stream.lost()

    def log_message(self, *_):
        pass  # requests are logged by `_answer`, with their path only


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def main():
    backend = Backend(os.environ)
    Handler.backend = backend
    server = Server(("127.0.0.1", backend.port), Handler)
    log("INFO", f"listening on {backend.port}")
    server.serve_forever()


if __name__ == "__main__":
    main()
