#!/usr/bin/env bash
# A living home on this machine: envoysim plays the gateway, Enphase's login
# and the MQTT broker, envoyd reads it. Runs until Ctrl-C and leaves nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

page=127.0.0.1:8099
if (exec 3<>"/dev/tcp/${page%:*}/${page#*:}") 2>/dev/null; then
  echo "demo: $page is busy: another program (perhaps another envoyd) uses port ${page#*:}; stop it first" >&2
  exit 1
fi

dir=$(mktemp -d)
sim= daemon=
cleanup() {
  trap '' INT TERM
  for pid in $daemon $sim; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in $daemon $sim; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 0' INT TERM

fail() {
  echo "demo: $1" >&2
  tail -n 20 "$dir"/*.log >&2 || true
  exit 1
}

build/envoysim -noon -listen 127.0.0.1:0 -broker 127.0.0.1:0 -cloud 127.0.0.1:0 >"$dir/sim.out" 2>"$dir/sim.log" &
sim=$!
until grep -q '^mqtt' "$dir/sim.out" && grep -q '^cloud' "$dir/sim.out" && grep -q '^gateway' "$dir/sim.out"; do
  kill -0 "$sim" 2>/dev/null || fail "envoysim ended"
  sleep 0.1
done
read -r _ gateway _ serial _ < <(grep '^gateway' "$dir/sim.out")
read -r _ cloud _ user _ password < <(grep '^cloud' "$dir/sim.out")
read -r _ mqtt < <(grep '^mqtt' "$dir/sim.out")
login=${mqtt#mqtt://}
broker=${login##*@} login=${login%@*}

umask 077
printf '%s' "$password" >"$dir/account"
printf '%s' "${login#*:}" >"$dir/mqtt"
cat >"$dir/envoyd.yaml" <<YAML
gateways:
  - {serial: "$serial", name: Demo home, address: "$gateway"}
account: {username: "$user", password_file: $dir/account}
endpoints: {entrez: "$cloud", enlighten: "$cloud", api: "$cloud"}
mqtt: {url: "mqtt://$broker", username: "${login%%:*}", password_file: $dir/mqtt}
store: {path: $dir/state}
http: {listen: "$page"}
YAML
build/envoyd run -config "$dir/envoyd.yaml" 2>"$dir/envoyd.log" &
daemon=$!
until [ "$( (exec 3<>"/dev/tcp/${page%:*}/${page#*:}" && echo up) 2>/dev/null)" = up ]; do
  kill -0 "$daemon" 2>/dev/null || fail "envoyd ended"
  sleep 0.1
done

echo "page  http://$page/"
echo "mqtt  $mqtt"
echo "read  $PWD/build/envoyd read -config $dir/envoyd.yaml"
set +e
wait -n "$sim" "$daemon"
fail "a program ended by itself"
