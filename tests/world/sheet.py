"""What the backend keeps outside Redis: spools, who occupies them, and the sessions that happened.

It is the source of truth that survives a restart of either service; locks are Redis' business.
"""

import sqlite3
import threading
from datetime import datetime, timezone

WORKERS = {93: "A. Torres", 94: "B. Rojas", 95: "C. Silva"}

# What must be done before an operation may start.
BEFORE = {"ARM": None, "SOLD": "ARM", "METROLOGIA": "SOLD"}

# Tag and the last operation already done on it.
SPOOLS = {"TEST-01": None, "TEST-02": None, "TEST-03": None, "TEST-04": None, "TEST-07": "ARM", "TEST-08": "SOLD"}


class Sheet:
    """Spools and sessions in one file."""

    def __init__(self, path):
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.executescript(
            """
            create table if not exists spool (tag text primary key, worker integer, operation text);
            create table if not exists done (tag text, operation text, on_date text, result text, primary key (tag, operation));
            create table if not exists session (tag text, worker integer, operation text, what text, at text);
            """
        )
        for tag, last in SPOOLS.items():
            self._db.execute("insert or ignore into spool (tag) values (?)", (tag,))
            while last is not None:
                self._db.execute("insert or ignore into done values (?, ?, '2026-01-05', null)", (tag, last))
                last = BEFORE[last]

    def spool(self, tag):
        """(worker, operation) of the session under way; (None, None) when free; None when there is no such spool."""
        with self._lock:
            return self._db.execute("select worker, operation from spool where tag = ?", (tag,)).fetchone()

    def may_start(self, tag, operation):
        """Whether what must come before `operation` is done."""
        before = BEFORE[operation]
        with self._lock:
            found = self._db.execute("select 1 from done where tag = ? and operation = ?", (tag, before)).fetchone()
        return before is None or found is not None

    def occupy(self, tag, worker, operation):
        with self._lock:
            self._db.execute("update spool set worker = ?, operation = ? where tag = ?", (worker, operation, tag))
            self._record(tag, worker, operation, "TOMAR")

    def release(self, tag, worker, operation, what):
        with self._lock:
            self._db.execute("update spool set worker = null, operation = null where tag = ?", (tag,))
            self._record(tag, worker, operation, what)

    def complete(self, tag, worker, operation, on_date, result):
        self.release(tag, worker, operation, "COMPLETAR")
        with self._lock:
            self._db.execute("insert or replace into done values (?, ?, ?, ?)", (tag, operation, on_date, result))

    def sessions(self, tag):
        columns = ("worker_id", "operacion", "evento", "timestamp")
        with self._lock:
            rows = self._db.execute("select worker, operation, what, at from session where tag = ? order by rowid", (tag,))
            return [dict(zip(columns, row)) for row in rows]

    def _record(self, tag, worker, operation, what):
        at = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        self._db.execute("insert into session values (?, ?, ?, ?, ?)", (tag, worker, operation, what, at))
