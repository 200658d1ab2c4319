#!/usr/bin/env bash
# The test vectors of docs/evidence-format.md, checked by an independent implementation; then each file is changed, and it
# must object.
#
#   COUNTERSIGN_E2E=target/e2e e2e/vectors/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=../tally.sh
. e2e/tally.sh
python="$(realpath "${COUNTERSIGN_E2E:?the folder that scripts/test fills}")/venv/bin/python"
export PYTHONDONTWRITEBYTECODE=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

check "every vector" "$python" sdk/python/verify_vectors.py docs/vectors

# noticed FILE PLACES: of changes at so many places of the file, at least one. Names of cases, and cases that must be refused
# anyway, may take a change; a log or a proof may not, so there one place stands for all.
noticed() {
    local place
    for place in $(seq "$2"); do
        rm -rf "$work/vectors"
        cp -r docs/vectors "$work/vectors"
        "$python" - "$work/vectors/$1" "$place" "$2" <<'END'
import pathlib, sys
path, place, places = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
data = bytearray(path.read_bytes())
start = len(data) * place // (places + 1)
at = next(at for at in range(start, len(data)) if data[at] < 128 and chr(data[at]).isalnum())
data[at] ^= 1
path.write_bytes(data)
END
        if ! "$python" sdk/python/verify_vectors.py "$work/vectors" >/dev/null 2>&1; then return 0; fi
    done
    return 1
}

while read -r file; do
    case "$file" in
        */*) places=1 ;;
        *) places=8 ;;
    esac
    check "a change in $file is noticed" noticed "$file" "$places"
done < <(cd docs/vectors && find . -type f ! -name '*.md' -printf '%P\n' | sort)
finish
