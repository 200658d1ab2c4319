#!/usr/bin/env bash
# Builds go-check. Usage: build.sh OUTPUT
#
# Needs Debian's golang-go and golang-golang-x-mod-dev: no module is downloaded.
set -euo pipefail
output=$(realpath "$1")
cd "$(dirname "$0")"
GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE="${GOCACHE:-$(dirname "$output")/go-cache}" go build -o "$output" .
