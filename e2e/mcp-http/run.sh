#!/usr/bin/env bash
# The MCP gateway over HTTP in front of real servers of both eras: real clients, the conformance suite, people who decide.
#
#   COUNTERSIGN_BIN=target/debug/countersign COUNTERSIGN_E2E=target/e2e e2e/mcp-http/run.sh
set -euo pipefail
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$(dirname "$0")/.."
exec "$COUNTERSIGN_E2E/venv/bin/python" "$(dirname "$0")/run.py"
