#!/usr/bin/env bash
# AuthZEN in front of `serve`: a gateway of somebody else's (httpx) that asks, has a person asked, and executes; its tokens and
# hashes checked by other libraries (PyJWT, rfc8785); another project's client (apparitor); the OpenID Foundation's
# certification scenario (Basic, Batch, Discovery).
#
#   COUNTERSIGN_BIN=target/debug/countersign COUNTERSIGN_E2E=target/e2e e2e/authzen/run.sh
set -euo pipefail
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$(dirname "$0")/.."
exec "$COUNTERSIGN_E2E/venv/bin/python" "$(dirname "$0")/run.py"
