#!/usr/bin/env bash
# Writes logs of several sizes and lets Go's own implementation judge them; then changes one byte at a time and demands
# that it objects.
#
# Needs cargo, and Debian's golang-go and golang-golang-x-mod-dev. Usage: run.sh
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

(cd "$here" && GO111MODULE=off GOPATH=/usr/share/gocode go build -o "$work/go-check" .)
(cd "$here/../.." && cargo build --quiet --release -p countersign-tlog --example write_log)
write_log="${CARGO_TARGET_DIR:-$here/../../target}/release/examples/write_log"

# flip FILE OFFSET: changes one bit of one byte, and back when called again.
flip() {
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1" | tr -d ' ')
    printf "\\x$(printf '%02x' $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# must_object LOG FILE OFFSET
must_object() {
    flip "$2" "$3"
    if "$work/go-check" "$1" "$vkey" >"$work/out" 2>&1; then
        echo "NOT NOTICED: byte $3 of $2" && exit 1
    fi
    flip "$2" "$3"
    flips=$((flips + 1))
}

# flip_some LOG EVERY: first, middle and last byte of every EVERY-th file.
flip_some() {
    local count=0 file size
    while read -r file; do
        count=$((count + 1))
        [ $((count % $2)) -eq 0 ] || continue
        size=$(stat -c %s "$file")
        for offset in 0 $((size / 2)) $((size - 1)); do must_object "$1" "$file" "$offset"; done
    done < <(find "$1" -type f | sort)
}

flips=0
for sizes in 0 1 255 256 257 300 "1 255 256 257 300" "300 65536 70000"; do
    log="$work/log-${sizes// /-}"
    # shellcheck disable=SC2086 # several sizes are several arguments
    vkey=$("$write_log" "$log" $sizes)
    "$work/go-check" "$log" "$vkey"
    flip_some "$log" $(( ${sizes##* } > 1000 ? 60 : 1 ))
    "$work/go-check" "$log" "$vkey" >/dev/null
done

# A reader of an older checkpoint, whose partial tiles have been replaced by full ones.
log="$work/ahead"
vkey=$("$write_log" "$log" 300)
cp "$log/checkpoint" "$work/older"
"$write_log" "$log" 300 600 >/dev/null
rm -r "$log"/tile/0/001.p "$log"/tile/entries/001.p
cp "$work/older" "$log/checkpoint"
"$work/go-check" "$log" "$vkey"
must_object "$log" "$log/tile/0/001" 0
must_object "$log" "$log/tile/entries/001" 300

# Another key, and a file that is missing.
other="example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
if "$work/go-check" "$log" "$other" >/dev/null; then echo "NOT NOTICED: another key" && exit 1; fi
rm "$log/tile/0/000"
if "$work/go-check" "$log" "$vkey" >/dev/null 2>&1; then echo "NOT NOTICED: a missing tile" && exit 1; fi
echo "$flips changed bytes, all noticed"
