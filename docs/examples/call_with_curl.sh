#!/bin/sh
# Call an application, press 99, wait for the end of the call, and draw the ladder. Fails if the application did not hang up.
set -eu
server=${ANYRELAY_SERVER_URL:-http://127.0.0.1:4010}

ask() {
    curl -fsS -H 'Content-Type: application/json' "$@"
}

new_call='{"context": "default", "press": "99", "wait_for_subscriber": 30}'
call=$(ask "$server/v1/calls" -d "$new_call" | sed 's/^{"id":"\([^"]*\)".*/\1/')

tries=0
until ask "$server/v1/calls/$call" | grep -q '"state":"ended"'; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { echo "the call did not end" >&2; exit 1; }
    sleep 0.2
done

ask "$server/v1/calls/$call/ladder?format=text"
ask "$server/v1/frames?call_id=$call&method=calling.end" | grep -q '"role":"command"'
