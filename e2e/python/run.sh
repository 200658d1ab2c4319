#!/usr/bin/env bash
# The Python SDK against a real gate: allowed, denied, held and approved, edited, refused, cut off; blocking and not.
#
#   COUNTERSIGN_BIN=target/debug/countersign COUNTERSIGN_E2E=target/e2e e2e/python/run.sh
set -euo pipefail
here="$(dirname "$0")"
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here/..:$here/../../sdk/python"
exec "$COUNTERSIGN_E2E/venv/bin/python" "$here/run.py"
