"""Two loads at the same time, by `oha`: people who ask, and browsers that keep an event stream open.

Prints one JSON object: {"workers": …, "streams": …}, each as `oha --output-format json` prints it. The address comes from
BASE_URL; the arguments are workers, streams and seconds. Ends with 1 when a tool could not be run to its end.
"""

import json
import os
import subprocess
import sys

workers, streams, seconds = (int(argument) for argument in sys.argv[1:4])
base = os.environ["BASE_URL"].rstrip("/")


def load(connections, path, *more):
    argv = ["oha", "--no-tui", "--output-format", "json", "-z", f"{seconds}s", "-c", str(connections), *more, base + path]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


# A stream never ends by itself: one that is still open when the time is over is counted as aborted, which is what it should be.
running = {
    "workers": load(workers, "/api/redis-health"),
    "streams": load(streams, "/api/events"),
}
found = {}
for name, process in running.items():
    out, err = process.communicate(timeout=seconds + 60)
    if process.returncode != 0:
        sys.exit(f"oha for {name} ended with {process.returncode}: {err.strip() or out.strip()}")
    found[name] = json.loads(out)
print(json.dumps(found, indent=1))
