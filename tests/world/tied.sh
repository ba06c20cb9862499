#!/bin/sh
# Runs a program and kills it when standard input ends: whoever started it holds the other end of that pipe, so that
# nothing of a test's world outlives the test, even one that was killed.
exec 3<&0
# SIGTERM goes to the whole group; this shell stays to collect the program's end.
trap : TERM
"$@" </dev/null 3<&- &
child=$!
( read -r _ <&3; kill -KILL "$child" ) >/dev/null 2>&1 &
exec 3<&-
while kill -0 "$child" 2>/dev/null; do wait "$child"; done
