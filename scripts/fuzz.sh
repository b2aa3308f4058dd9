#!/usr/bin/env bash
# Fuzzes each parser of outside bytes for the time given (default 10m).
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-10m}
grep -rEl --include='*_test.go' '^func Fuzz' internal cmd | xargs -n1 dirname | sort -u | while read -r dir; do
  go test "./$dir" -list '^Fuzz' | grep '^Fuzz' | while read -r name; do
    echo "fuzz: $dir $name for $time"
    go test "./$dir" -run '^$' -fuzz "^$name\$" -fuzztime "$time" </dev/null
  done
done
