#!/usr/bin/env bash
# The real coding agents' clients under the gate, against a scripted model on loopback.
#
#   COUNTERSIGN_BIN=target/debug/countersign COUNTERSIGN_E2E=target/e2e e2e/agents/run.sh [CLIENT…]
#
# They are not free software and weigh a gigabyte: they are tools of this test, fetched on first use into
# $COUNTERSIGN_E2E/npm-agents, and a client that does not install or run here is skipped with a reason.
set -euo pipefail
here="$(dirname "$0")"
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here/.."
folder="${COUNTERSIGN_E2E:?the folder that scripts/test fills}/npm-agents"
if ! cmp -s "$here/package-lock.json" "$folder/package-lock.json"; then
    echo "installing npm packages into $folder"
    mkdir -p "$folder"
    cp "$here/package.json" "$here/package-lock.json" "$folder/"
    if ! (cd "$folder" && timeout 900 npm ci --loglevel=error --no-audit --no-fund --ignore-scripts >npm.log 2>&1); then
        # The copied lock says that all is there: it must not say so after a failure.
        rm "$folder/package-lock.json"
        echo "SKIPPED: the clients do not install here: $(head -n 3 "$folder/npm.log" | tr '\n' ' ')"
    fi
fi
exec python3 "$here/run.py" "$@"
