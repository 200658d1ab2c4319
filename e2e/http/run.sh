#!/usr/bin/env bash
# The HTTP gateway in front of a real API (Starlette on uvicorn), called by a real client (httpx): allowed, denied, held and
# approved, cut off, verified.
#
#   COUNTERSIGN_BIN=target/debug/countersign COUNTERSIGN_E2E=target/e2e e2e/http/run.sh
set -euo pipefail
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$(dirname "$0")/.."
exec "$COUNTERSIGN_E2E/venv/bin/python" "$(dirname "$0")/run.py"
