#!/bin/sh
# The least that a D2D program can be: it starts, works, and is killed. No contract socket, not a word about synchronisation.
# Run with `control`, it prints the control variables of the one that works: workload.control_command in beacon.toml.
set -eu
state=$(dirname "$BATON_SAMPLES")/beacon.count
number() { printf '%s' "$1" | sed -n "s/.*\"$2\": *\([0-9.]*\).*/\1/p"; }

if [ "${1:-}" = control ]; then
    printf '{"count": %s, "period_s": %s}\n' "$(cat "$state")" "$(number "$BATON_SETTINGS" period_s)"
    exit
fi
# What was carried over from the other server, or nothing yet.
count=$(number "${BATON_CONTROL:-}" count)
count=${count:-0}
while :; do
    echo "$count" >"$state.new"
    mv "$state.new" "$state"
    sleep "$(number "$BATON_SETTINGS" period_s)"
    count=$((count + 1))
done
