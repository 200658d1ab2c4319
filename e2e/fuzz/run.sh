#!/usr/bin/env bash
# Runs every property of fuzz/ for a few seconds: with libFuzzer where cargo-fuzz is installed, else in a plain loop.
#
#     FUZZ_SECONDS=30 run.sh [TARGET...]     FUZZ_LOOP=1 for the plain loop in any case
#
# Works on stable Rust: without a sanitizer, cargo-fuzz needs no nightly. A failing input lies in fuzz/artifacts/.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../fuzz"
seconds=${FUZZ_SECONDS:-10}
built=${CARGO_TARGET_DIR:-$here/../../target}
targets=("$@")
[ $# -gt 0 ] || mapfile -t targets < <(find fuzz_targets -name '*.rs' -printf '%f\n' | sed 's/\.rs$//' | sort)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

# One target. What libFuzzer finds goes to the first folder, so that the seeds stay as they are.
with_libfuzzer() {
    mkdir "$work/$1"
    cargo fuzz run -s none "$1" "$work/$1" "corpus/$1" -- \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
}

# In the workspace's target folder and profile, where most of it is built already.
with_loop() {
    CARGO_TARGET_DIR="$built" cargo run --quiet --no-default-features --features smoke --bin smoke -- "$seconds" "$1"
}

if [ -z "${FUZZ_LOOP:-}" ] && cargo fuzz --version >/dev/null 2>&1 && command -v c++ >/dev/null; then
    run=with_libfuzzer
    cargo fuzz build -s none
else
    echo "libFuzzer: SKIPPED (it needs cargo-fuzz 0.13 and a C++ compiler); the same properties run in a plain loop"
    run=with_loop
    CARGO_TARGET_DIR="$built" cargo build --no-default-features --features smoke --bin smoke
fi

if CARGO_TARGET_DIR="$built" cargo test --quiet --no-default-features --features smoke >"$work/out" 2>&1; then
    passed=$((passed + 1))
    echo "ok      the seeds are what they should be"
else
    failed=$((failed + 1))
    echo "FAILED  the seeds"
    tail -n 40 "$work/out" | sed 's|^|    |'
fi
for target in "${targets[@]}"; do
    if "$run" "$target" >"$work/out" 2>&1; then
        passed=$((passed + 1))
        echo "ok      $target: $(grep -E 'number_of_executed_units|: [0-9]+ runs' "$work/out" | tail -1 | grep -oE '[0-9]+' | tail -1) inputs"
    else
        failed=$((failed + 1))
        echo "FAILED  $target"
        tail -n 40 "$work/out" | sed 's|^|    |'
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
