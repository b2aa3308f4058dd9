#!/usr/bin/env bash
# A living home on this machine: envoysim plays the gateway, Enphase's login
# and cloud and the MQTT broker, envoyd reads it. Runs until Ctrl-C and leaves
# nothing. The gateway is told to be silent at a port that does not change:
#
#   curl -X POST 'http://127.0.0.1:8098/_sim/refuse?for=2m'
set -euo pipefail
cd "$(dirname "$0")/.."

source scripts/home.sh
trap 'exit 0' INT TERM

page=127.0.0.1:8099 at=127.0.0.1:8098
for address in "$page" "$at"; do
  if listens "$address"; then
    fail "$address is busy: another program (perhaps another envoyd) uses port ${address#*:}; stop it first"
  fi
done
start_sim "$at"
start_daemon "$page"

echo "page  http://$page/"
echo "mqtt  $mqtt"
echo "read  $PWD/build/envoyd read -config $dir/envoyd.yaml"
set +e
wait -n "$sim" "$daemon"
fail "a program ended by itself"
