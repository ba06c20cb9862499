"""The backend's connections to Redis: its bounded pool, its event streams, and connections that leak.

Every error text that leaves this file is the true one. The pool's own limit speaks redis-py 5.0.1's words ("Too many
connections"); the server's limit is Redis refusing ("max number of clients reached").
"""

import select
import socket
import threading
import time

import redis


class Pool(redis.ConnectionPool):
    """At most `max_connections` at a time; a connection is closed when its request is over.

    A connection per request is how the backend behaved in the outage: with idle connections kept, it would not notice
    that the server refuses new ones.
    """

    def get_connection(self, command_name, *keys, **options):
        connection = super().get_connection(command_name, *keys, **options)
        if command_name == "pubsub":
            try:
                # For this connection and for its later reconnections: once subscribed, it may not say so any more.
                connection.client_name = "sse"
                name(connection, "sse")
            except BaseException:
                self.release(connection)
                raise
        return connection

    def release(self, connection):
        connection.disconnect()
        connection.client_name = self.connection_kwargs.get("client_name")
        super().release(connection)

    def stats(self):
        """Counts as `/api/redis-connection-stats` shows them; asks no server."""
        with self._lock:
            active = len(self._in_use_connections)
        return {
            "max_connections": self.max_connections,
            "active_connections": active,
            "available_connections": self.max_connections - active,
            "utilization_percent": round(100.0 * active / self.max_connections, 1),
        }


def name(connection, client_name):
    """Says who is connected, for whoever reads CLIENT LIST."""
    connection.send_command("CLIENT", "SETNAME", client_name)
    connection.read_response()


class Stream:
    """One subscription, holding one connection of the pool until `close`."""

    def __init__(self, client, channel):
        self._pubsub = client.pubsub(ignore_subscribe_messages=True)
        try:
            self._pubsub.subscribe(channel)
        except BaseException:
            self._pubsub.close()
            raise

    def socket(self):
        """What to wait on; None while Redis is away."""
        return self._pubsub.connection._sock

    def messages(self):
        """What has arrived, without waiting. Raises redis.ConnectionError when Redis went away."""
        while (message := self._pubsub.get_message(timeout=0)) is not None:
            yield message["data"]
            if not self._pubsub.connection.can_read():
                return

    def lost(self):
        """Drops the dead connection to Redis, but not its slot of the pool."""
        self._pubsub.connection.disconnect()

    def reconnect(self):
        """Subscribes anew in the same slot of the pool: connecting repeats the subscription."""
        self._pubsub.connection.connect()

    def close(self):
        self._pubsub.close()


class Leak:
    """Connections opened outside the pool and never closed.

    Once told to fill the server, it takes every slot that comes free until the server itself drops all of them
    (a restart); then it is over, unless it was told to come back.
    """

    FREE_SLOT_CHECK = 0.05

    def __init__(self, host, port, client_name, again_after, log):
        self._where = {"host": host, "port": port, "client_name": client_name, "lib_name": None, "lib_version": None}
        self._again_after = again_after
        self._log = log
        self._lock = threading.Lock()
        self._held = []
        self._filling = False
        self._refusal = None

    def open(self, count):
        """Opens `count` connections, or fills the server when `count` is None."""
        with self._lock:
            watched = bool(self._held)
            self._filling = self._filling or count is None
            opened = self._open(count)
        if opened and not watched:
            threading.Thread(target=self._watch, daemon=True).start()
        return opened

    def state(self):
        """How many are held, and the server's words if it refused the last one."""
        with self._lock:
            return {"held": len(self._held), "filling": self._filling, "refused": self._refusal}

    def _open(self, count):
        opened = 0
        while count is None or opened < count:
            connection = redis.Connection(**self._where)
            try:
                connection.connect()
            except redis.RedisError as error:
                self._refusal = str(error)
                if opened:
                    self._log(f"leaked {len(self._held)} connections, then {describe(error)}")
                break
            self._held.append(connection)
            self._refusal = None
            opened += 1
        return opened

    def _watch(self):
        while True:
            with self._lock:
                held = [connection for connection in self._held if connection._sock is not None]
            # A leaked connection never says anything: it becomes readable when the server closes it.
            readable, _, _ = select.select([connection._sock for connection in held], [], [], self.FREE_SLOT_CHECK)
            with self._lock:
                for connection in held:
                    if connection._sock in readable:
                        connection.disconnect()
                self._held = [connection for connection in self._held if connection._sock is not None]
                if not self._held:
                    self._filling, self._refusal = False, None
                    break
                if self._filling and not readable:
                    self._open(None)
        self._log("the server dropped every leaked connection")
        if self._again_after is not None:
            self._wait_for_server()
            time.sleep(self._again_after)
            self.open(None)

    def _wait_for_server(self):
        while True:
            try:
                socket.create_connection((self._where["host"], self._where["port"])).close()
                return
            except OSError:
                time.sleep(0.005)


def describe(error):
    """The exception as Python prints it: its class and its text."""
    return f"{type(error).__module__}.{type(error).__qualname__}: {error}"
