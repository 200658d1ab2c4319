#!/usr/bin/env bash
# The console in a real browser: people sign in with passkeys and passwords, decide, change, sign, and cannot do what they
# must not.
#
#   COUNTERSIGN_BIN=target/debug/countersign COUNTERSIGN_E2E=target/e2e e2e/console/run.sh
#
# SCREENSHOTS=docs/screenshots takes the pictures of the README as well.
set -euo pipefail
exec node "$(dirname "$0")/run.mjs"
