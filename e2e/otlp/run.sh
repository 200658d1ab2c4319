#!/usr/bin/env bash
# OpenTelemetry in and out, with the real SDK: an agent's spans around a call through the HTTP gateway come in over protobuf and
# JSON and stand beside the action; the action's own span comes out at a real receiver, with the right parents.
#
#   COUNTERSIGN_BIN=target/debug/countersign COUNTERSIGN_E2E=target/e2e e2e/otlp/run.sh
set -euo pipefail
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$(dirname "$0")/.."
exec "$COUNTERSIGN_E2E/venv/bin/python" "$(dirname "$0")/run.py"
