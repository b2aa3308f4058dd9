#!/usr/bin/env bash
# The gateway goes away and comes back: envoysim plays the gateway, Enphase's
# login, its cloud and the MQTT broker, envoyd reads it. Ends by itself within
# ten minutes; the last three lines are the verdict, exit 0 only if all held.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/home.sh
trap 'exit 1' INT TERM

away=${1:-4m}
# free prints an address of loopback where nobody listens.
free() {
  local address
  while address=127.0.0.1:$((20000 + RANDOM)); listens "$address"; do :; done
  echo "$address"
}
page=$(free)
influx=$(free)

start_sim 127.0.0.1:0
start_daemon "$page" "influx: {url: \"http://$influx\", org: home, bucket: solar, token: demo}"

echo "page  http://$page/"
build/outage-play -page "http://$page" -mqtt "$mqtt" -gateway "${gateway#*://}" -influx "$influx" -away "$away" 2>"$dir/play.log" &
play=$!
pids+=("$play")
if wait "$play"; then exit 0; fi
tail -n 20 "$dir"/play.log "$dir"/envoyd.log >&2
exit 1
