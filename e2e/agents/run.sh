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
if ! cmp -s "$here/package.json" "$folder/package.json"; then
    echo "installing npm packages into $folder"
    mkdir -p "$folder"
    # The copy says that all is there: it must not say so after a failure.
    cp "$here/package.json" "$folder/package.json"
    (cd "$folder" && npm install --silent --no-audit --no-fund --ignore-scripts) || rm "$folder/package.json"
fi
exec python3 "$here/run.py" "$@"
