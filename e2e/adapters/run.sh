#!/usr/bin/env bash
# Each adapter of the Python SDK with the real framework and a scripted model, against a real gate: allowed, denied, held and
# approved, edited, changed after the approval, no gate. And its types, with the framework's own.
#
#   COUNTERSIGN_BIN=target/debug/countersign COUNTERSIGN_E2E=target/e2e e2e/adapters/run.sh [FRAMEWORK…]
#
# A framework that does not install is skipped, with the reason.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
# shellcheck source=../tally.sh
. "$here/../tally.sh"
sdk="$here/../../sdk/python"
cache="$(realpath "${COUNTERSIGN_E2E:?the folder that scripts/test fills}")/adapters"
export PYTHONDONTWRITEBYTECODE=1
mkdir -p "$cache"
skipped=()

installed() { # NAME REQUIREMENT…: its environment is there, with exactly these requirements.
    local name=$1 place="$cache/$1"
    shift
    [ "$(cat "$place/requirements" 2>/dev/null)" != "$*" ] || return 0
    echo "installing $* into $place"
    rm -rf "$place"
    python3 -m venv "$place" &&
        timeout 900 "$place/bin/pip" install -q --disable-pip-version-check "$@" >"$cache/$name.log" 2>&1 &&
        echo "$*" >"$place/requirements"
}

while read -r name requirements; do
    case "$name" in '' | '#'*) continue ;; esac
    [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
    # shellcheck disable=SC2086 # a list of requirements
    if ! installed "$name" $requirements httpx==0.28.1 mypy==2.4.1; then
        echo "SKIPPED: $name does not install here: $(tail -n 1 "$cache/$name.log")"
        skipped+=("$name")
        continue
    fi
    module="${name//-/_}" python="$cache/$name/bin/python"
    check "$name: every scenario" env PYTHONPATH="$here/..:$sdk:$here" "$python" "$here/with_$module.py"
    check "$name: its types" "$python" -m mypy --strict --cache-dir "$cache/mypy-$name" "$sdk/countersign/adapters/$module.py"
done <"$here/frameworks.txt"
[ ${#skipped[@]} -eq 0 ] || echo "SKIPPED: ${skipped[*]}"
# Where nothing installs, nothing was checked: that is said, and no failure of ours.
[ $((passed + failed)) -gt 0 ] || [ ${#skipped[@]} -eq 0 ] || exit 0
finish
