#!/bin/sh
# Installs the pinned clients and servers into $E2E_PARTS (never into the checkout). Safe to run again.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "${E2E_PARTS:?set E2E_PARTS to a folder for the packages}"
mkdir -p "$E2E_PARTS"
cp "$here/package.json" "$here/package-lock.json" "$E2E_PARTS/"
(cd "$E2E_PARTS" && npm ci --ignore-scripts --no-audit --no-fund)
[ -x "$E2E_PARTS/venv/bin/python" ] || python3 -m venv "$E2E_PARTS/venv"
"$E2E_PARTS/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
