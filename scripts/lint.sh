#!/usr/bin/env bash
# Runs the linter that make parts installed, else by its pinned version.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -x parts/bin/golangci-lint ]; then
  exec parts/bin/golangci-lint run
fi
exec env GOFLAGS=-mod=mod go run "$1" run
