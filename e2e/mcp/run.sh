#!/bin/sh
# Runs every script against a countersign binary and a data folder whose active policy is ./policy.
#
#     E2E_PARTS=/some/folder ./run.sh COUNTERSIGN DATA
#
# E2E_REVIEWER holds further options for `countersign review approve ACTION --data DATA`, if it needs any.
set -u
here=$(cd "$(dirname "$0")" && pwd)
: "${E2E_PARTS:?set E2E_PARTS to the folder that setup.sh filled}"
export E2E_PARTS PYTHONDONTWRITEBYTECODE=1
python="$E2E_PARTS/venv/bin/python"
failed=0
for script in fidelity.py files.py dual_era.py; do
  echo "# $script"
  "$python" "$here/$script" "$@" || failed=1
done
echo "# everything.mjs"
node "$here/everything.mjs" "$@" || failed=1
exit $failed
