#!/usr/bin/env bash
# The figures: measures the daemon as its owner has it and prints a table, each
# figure with its aim. Takes about ten minutes; everything is on loopback and
# removed at the end. Root also gets what is written to a block device (a
# loop-mounted ext4).
#
#   scripts/bench.sh              five minutes of polling
#   BENCH_POLLS=3600 scripts/bench.sh    the whole hour
set -euo pipefail
cd "$(dirname "$0")/.."
polls=${BENCH_POLLS:-300}
out=$(mktemp)
trap 'rm -f "$out"' EXIT

run() { # package, benchmark, more
  local package=$1 name=$2
  shift 2
  echo "bench: $name" >&2
  go test -run '^$' -bench "$name" -timeout 3h "$package" "$@" >>"$out" || { cat "$out" >&2; exit 1; }
}
run ./internal/e2e/bench '^BenchmarkStart$' -benchtime 5x
run ./internal/e2e/bench '^BenchmarkHour$' -benchtime 1x -polls "$polls"
run ./internal/store '^BenchmarkBytesPerReading$' -benchtime 1x
run ./internal/store '^BenchmarkBlockDevice$' -benchtime 1x

# A line of go test is: name, runs, then pairs of value and unit.
awk '
  /^Benchmark/ { name = $1; sub(/-[0-9]+$/, "", name); sub(/^Benchmark/, "", name)
    for (i = 3; i < NF; i += 2) v[name, $(i + 1)] = $i }
  function row(what, value, unit, aim) {
    printf "%-58s %10s %-8s %s\n", what, value == "" ? "-" : value, unit, aim == "" ? "" : "aim " aim }
  END {
    printf "%d polls, one a second, with MQTT, InfluxDB (a double) and the page\n\n", v["Hour", "polls"]
    row("answer to message at a subscriber, p50", v["Hour", "ms-p50"], "ms")
    row("answer to message at a subscriber, p99", v["Hour", "ms-p99"], "ms", "2")
    row("  broker and subscriber of this machine alone, p50", v["Hour", "control-ms-p50"], "ms")
    row("  broker and subscriber of this machine alone, p99", v["Hour", "control-ms-p99"], "ms")
    row("CPU time per 1,000 polls", v["Hour", "cpu-s/1000polls"], "s")
    row("resident memory at the start", v["Hour", "MiB-start"], "MiB")
    row("resident memory at the end", v["Hour", "MiB-end"], "MiB", "25")
    row("  its own", v["Hour", "MiB-anon-end"], "MiB")
    row("  pages of the program file", v["Hour", "MiB-file-end"], "MiB")
    row("on disk per reading", v["BytesPerReading", "B/reading"], "bytes", "300")
    row("written per day at the block device", v["BlockDevice/ram=dev/shm", "MB/day"], "MB", "150")
    row("  without a RAM disk", v["BlockDevice/ram=-", "MB/day"], "MB")
    row("start to first reading, the very first (with login)", v["Start", "ms-first"], "ms", "1000")
    row("start to first reading, later", v["Start", "ms-later"], "ms", "1000")
  }' "$out"
