#!/usr/bin/env bash
# The Python SDK against a real gate: client and guard (allowed, denied, held and approved, edited, refused, cut off; blocking and
# not), the documentation's code, the verifier beside `countersign verify`, and the types of all of it.
#
#   COUNTERSIGN_BIN=target/debug/countersign COUNTERSIGN_E2E=target/e2e e2e/python/run.sh
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
# shellcheck source=../tally.sh
. "$here/../tally.sh"
sdk="$here/../../sdk/python" python="$COUNTERSIGN_E2E/venv/bin/python"
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here/..:$here/../../sdk/python"
typed=("$sdk"/countersign/*.py "$sdk/countersign/verify" "$sdk/countersign/adapters/_core.py")
check "its types" "$python" -m mypy --strict --cache-dir "$COUNTERSIGN_E2E/mypy" "${typed[@]}"
check "client and guard" "$python" "$here/run.py"
check "the documentation's code runs" "$python" "$here/documented.py"
check "both verifiers give the same verdicts" "$python" "$here/verdicts.py"
finish
