#!/usr/bin/env bash
# Lets Go's own implementation judge logs of several sizes and the log of a real run; then changes one byte at a time and
# demands that it objects. (demo and mcp let it judge theirs, too.)
#
#   COUNTERSIGN_BIN=target/debug/countersign COUNTERSIGN_E2E=target/e2e e2e/go-check/run.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../tally.sh
. "$here/../tally.sh"
countersign=$(realpath "${COUNTERSIGN_BIN:?the countersign binary}")
go_check="$(realpath "${COUNTERSIGN_E2E:?a folder for what is built}")/go-check"
unset "${!COUNTERSIGN_@}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

check "go-check builds" "$here/build.sh" "$go_check"
(cd "$here/../.." && cargo build --quiet --locked -p countersign-tlog --example write_log)
write_log="${CARGO_TARGET_DIR:-$here/../../target}/debug/examples/write_log"

# flip FILE OFFSET: changes one bit of one byte, and back when called again.
flip() {
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
    printf "\\x$(printf '%02x' $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# flips LOG VKEY EVERY: first, middle and last byte of every EVERY-th file; true where each is objected to.
flips() {
    local count=0 file size missed=0
    while read -r file; do
        count=$((count + 1))
        [ $((count % $3)) -eq 0 ] || continue
        size=$(stat -c %s "$file")
        for offset in 0 $((size / 2)) $((size - 1)); do
            flip "$file" "$offset"
            if "$go_check" "$1" "$2" >/dev/null 2>&1; then echo "byte $offset of $file" && missed=1; fi
            flip "$file" "$offset"
        done
    done < <(find "$1" -type f | sort)
    [ "$count" -gt 0 ] && [ "$missed" -eq 0 ] && "$go_check" "$1" "$2"
}

for sizes in 0 1 255 256 257 300 "1 255 256 257 300" "300 65536 70000"; do
    log="$work/log-${sizes// /-}"
    # shellcheck disable=SC2086 # several sizes are several arguments
    vkey=$("$write_log" "$log" $sizes)
    check "a log of $sizes records" "$go_check" "$log" "$vkey"
    check "a log of $sizes records: a changed byte is noticed" flips "$log" "$vkey" $((${sizes##* } > 1000 ? 60 : 1))
done

# The log of a real run.
check "the demo runs" "$countersign" demo "$work/demo" --yes --bundled
log="$work/demo/data/published"
vkey=$(sed -n 's/^log //p' "$work/demo/data/trust")
check "the demo's log" "$go_check" "$log" "$vkey"
rm -rf "$log/vault" # Not in the tree: the envelopes in it commit to the vault.
check "the demo's log: a changed byte is noticed" flips "$log" "$vkey" 1

# A reader of an older checkpoint, whose partial tiles have been replaced by full ones.
log="$work/ahead"
vkey=$("$write_log" "$log" 300)
cp "$log/checkpoint" "$work/older"
"$write_log" "$log" 300 600 >/dev/null
rm -r "$log"/tile/0/001.p "$log"/tile/entries/001.p
cp "$work/older" "$log/checkpoint"
check "an older checkpoint over full tiles" "$go_check" "$log" "$vkey"
flip "$log/tile/0/001" 0
check "a changed byte in a tile ahead" objects "$go_check" "$log" "$vkey"
flip "$log/tile/0/001" 0
flip "$log/tile/entries/001.gz" 300
check "a changed byte in entries ahead" objects "$go_check" "$log" "$vkey"
flip "$log/tile/entries/001.gz" 300
gzip -dc "$log/tile/entries/000.gz" >"$log/tile/entries/000"
check "a full bundle in both forms" objects "$go_check" "$log" "$vkey"
rm "$log/tile/entries/000.gz"
check "a full bundle that is not packed" "$go_check" "$log" "$vkey"
flip "$log/tile/entries/000" 300
check "a changed byte in it" objects "$go_check" "$log" "$vkey"
flip "$log/tile/entries/000" 300

other="example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
check "another key" objects "$go_check" "$log" "$other"
check "nothing else is wrong" "$go_check" "$log" "$vkey"
rm "$log/tile/0/000"
check "a missing tile" objects "$go_check" "$log" "$vkey"
finish
