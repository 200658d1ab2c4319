#!/usr/bin/env bash
# The test vectors of docs/evidence-format.md, checked by an independent implementation and by the TypeScript SDK's verifier; then
# each file is changed, and they must object.
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

checkers=("$python sdk/python/verify_vectors.py" "node --no-warnings sdk/typescript/verify_vectors.js")
for checker in "${checkers[@]}"; do
    # shellcheck disable=SC2086 # a command and its file
    check "every vector: $(basename "${checker##* }")" $checker docs/vectors
done

# What the TypeScript verifier does not read: it has no keys, and judges no folders.
unread() { [[ "$1" == node* && "$2" =~ ^(keys.json|packed.json|vault.json|log/vault/.*|log/tile/[01]/.*|log/tile/entries/000.p/.*)$ ]]; }

# noticed CHECKER FILE PLACES: of changes at so many places of the file, at least one. Names of cases, and cases that must be refused
# anyway, may take a change; a log or a proof may not, so there one place stands for all.
noticed() {
    local place
    for place in $(seq "$3"); do
        rm -rf "$work/vectors"
        cp -r docs/vectors "$work/vectors"
        "$python" - "$work/vectors/$2" "$place" "$3" <<'END'
import pathlib, sys
path, place, places = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
data = bytearray(path.read_bytes())
start = len(data) * place // (places + 1)
at = next(at for at in range(start, len(data)) if data[at] < 128 and chr(data[at]).isalnum())
data[at] ^= 1
path.write_bytes(data)
END
        # shellcheck disable=SC2086 # as above
        if ! $1 "$work/vectors" >/dev/null 2>&1; then return 0; fi
    done
    return 1
}

while read -r file; do
    case "$file" in
        */*) places=1 ;;
        *) places=8 ;;
    esac
    for checker in "${checkers[@]}"; do
        unread "$checker" "$file" || check "a change in $file is noticed: $(basename "${checker##* }")" noticed "$checker" "$file" "$places"
    done
done < <(cd docs/vectors && find . -type f ! -name '*.md' -printf '%P\n' | sort)
finish
