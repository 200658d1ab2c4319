#!/usr/bin/env bash
# Kills a gate under load and checks every answer that it ever gave; then traces its syncs. Takes a minute and a half.
#
#   COUNTERSIGN_BIN=target/release/countersign e2e/crash/run.sh
set -euo pipefail
export COUNTERSIGN_BIN="$(realpath "${COUNTERSIGN_BIN:?the countersign binary}")"
cd "$(dirname "$0")"
python3 crash.py
# The check itself must be able to fail.
if KILLS=1 CLIENTS=2 python3 crash.py --forge >forged.out 2>&1; then
    cat forged.out
    echo "a forged answer was not noticed" >&2
    exit 1
fi
grep -q "^1 problems" forged.out || { cat forged.out; exit 1; }
rm -f forged.out
if command -v strace >/dev/null; then
    python3 durable.py
else
    echo "NOT CHECKED: syncs before answers (strace is not here)"
fi
