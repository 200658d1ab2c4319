#!/usr/bin/env bash
# Real MCP clients and servers with the gate between them, over a running `countersign serve` and alone.
#
#   COUNTERSIGN_BIN=target/debug/countersign COUNTERSIGN_E2E=target/e2e e2e/mcp/run.sh
#
# `scripts/test e2e mcp` installs what COUNTERSIGN_E2E must hold.
set -euo pipefail
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$(dirname "$0")/.."
exec "${COUNTERSIGN_E2E:?the folder that scripts/test fills}/venv/bin/python" "$(dirname "$0")/run.py"
