#!/usr/bin/env bash
# Plays the demo, then holds its folder to what the README says: any changed byte is found, the index can be deleted, one
# process at a time, a killed server starts again, proofs verify, what was erased is nowhere.
#
#   COUNTERSIGN_BIN=target/debug/countersign COUNTERSIGN_E2E=target/e2e e2e/demo/run.sh
#
# SEED=n repeats the changes of bytes.
set -euo pipefail
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$(dirname "$0")/.."
exec python3 "$(dirname "$0")/demo.py"
