#!/usr/bin/env bash
# "In five minutes" of the pages under docs/, run as it stands there: the blocks marked `sh`, one after the other, in a home folder of
# their own. What a page does in a second terminal runs beside the first.
#
#   COUNTERSIGN_BIN=target/debug/countersign COUNTERSIGN_E2E=target/e2e e2e/walkthrough/run.sh
set -euo pipefail
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$(dirname "$0")/.."
exec "$COUNTERSIGN_E2E/venv/bin/python" "$(dirname "$0")/run.py"
