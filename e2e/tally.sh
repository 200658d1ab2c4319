# Counts checks in a run.sh: source it, call `check NAME COMMAND…` or `judge NAME STATUS`, and end with `finish`.
# shellcheck shell=bash
passed=0 failed=0

judge() { # NAME STATUS: prints `ok` or `not ok`.
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok - $1"
    else
        failed=$((failed + 1))
        echo "not ok - $1"
    fi
}

check() { # NAME COMMAND…: what the command says is shown only where it fails.
    local name=$1 said status=0
    shift
    said=$("$@" 2>&1) || status=$?
    judge "$name" "$status"
    if [ "$status" -ne 0 ]; then echo "$said" | tail -n 20 | sed 's/^/  # /'; fi
}

objects() { ! "$@"; } # COMMAND…: true where it refuses.

finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
