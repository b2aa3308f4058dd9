#!/usr/bin/env bash
# Fuzzes each parser of outside bytes for the time given (default 10m). With a
# second time, only the parsers of the gateway's answers get the first, all
# others the second. Two at a time, so that `make test` can afford it.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-10m}
others=${2:-$time}
grep -rEl --include='*_test.go' '^func Fuzz' internal cmd | xargs -n1 dirname | sort -u | while read -r dir; do
  for_this=$others
  case $dir in internal/answer | internal/gateway | internal/derive | internal/ledger) for_this=$time ;; esac
  go test "./$dir" -list '^Fuzz' | grep '^Fuzz' | sed "s|^|$dir $for_this |"
done | xargs -P 2 -L 1 bash -c '
  echo "fuzz: $0 $2 for $1"
  log=$(mktemp)
  if ! go test "./$0" -run "^\$" -fuzz "^$2\$" -fuzztime "$1" -parallel 1 >"$log" 2>&1 </dev/null; then
    cat "$log"; rm -f "$log"; exit 255
  fi
  rm -f "$log"'
