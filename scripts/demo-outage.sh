#!/usr/bin/env bash
# The gateway goes away and comes back: envoysim plays the gateway, Enphase's
# login, its cloud and the MQTT broker, envoyd reads it. Ends by itself within
# ten minutes; the last three lines are the verdict, exit 0 only if all held.
set -euo pipefail
cd "$(dirname "$0")/.."

away=${1:-4m}
dir=$(mktemp -d)
sim='' daemon='' play=''
cleanup() {
  trap '' INT TERM
  for pid in $play $daemon $sim; do kill -TERM "$pid" 2>/dev/null || true; done
  for pid in $play $daemon $sim; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

fail() {
  echo "demo-outage: $1" >&2
  tail -n 20 "$dir"/*.log >&2 || true
  exit 1
}

# free prints a port of loopback that nobody listens on.
free() {
  local port
  while port=$((20000 + RANDOM)); (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}
page=127.0.0.1:$(free)
influx=127.0.0.1:$(free)

# Reports are in the cloud at once here; in reality that takes a quarter of an hour.
build/envoysim -noon -listen 127.0.0.1:0 -broker 127.0.0.1:0 -cloud 127.0.0.1:0 \
  -cloud-partner -cloud-upload 0 -cloud-delay 0 >"$dir/sim.out" 2>"$dir/sim.log" &
sim=$!
until grep -q '^enlighten' "$dir/sim.out"; do
  kill -0 "$sim" 2>/dev/null || fail "envoysim ended"
  sleep 0.1
done
read -r _ gateway _ serial _ < <(grep '^gateway' "$dir/sim.out")
read -r _ cloud _ user _ password < <(grep '^cloud' "$dir/sim.out")
read -r _ mqtt < <(grep '^mqtt' "$dir/sim.out")
read -r _ _ _ client _ secret _ key _ < <(grep '^enlighten' "$dir/sim.out")
login=${mqtt#mqtt://}
broker=${login##*@} login=${login%@*}

umask 077
for name in password secret key; do printf '%s' "${!name}" >"$dir/$name"; done
printf '%s' "${login#*:}" >"$dir/mqtt"
printf '%s' roof-top-up >"$dir/installer" # of the simulated installer
cat >"$dir/envoyd.yaml" <<YAML
gateways:
  - {serial: "$serial", name: Demo home, address: "$gateway"}
account: {username: "$user", password_file: $dir/password}
endpoints: {entrez: "$cloud", enlighten: "$cloud", api: "$cloud"}
cloud:
  after: 20s
  enlighten: {app: partner, plan: partner, client_id: "$client", client_secret_file: $dir/secret, api_key_file: $dir/key,
    username: installer@example.com, password_file: $dir/installer}
mqtt: {url: "mqtt://$broker", username: "${login%%:*}", password_file: $dir/mqtt}
influx: {url: "http://$influx", org: home, bucket: solar, token: demo}
store: {path: $dir/state}
http: {listen: "$page"}
YAML
build/envoyd connect enlighten -app partner -config "$dir/envoyd.yaml" >"$dir/connect.log" 2>&1 || fail "no access to the cloud"
build/envoyd run -config "$dir/envoyd.yaml" 2>"$dir/envoyd.log" &
daemon=$!

echo "page  http://$page/"
build/outage-play -page "http://$page" -mqtt "$mqtt" -gateway "${gateway#*://}" -influx "$influx" -away "$away" 2>"$dir/play.log" &
play=$!
if wait "$play"; then play=''; exit 0; fi
play=''
tail -n 20 "$dir"/play.log "$dir"/envoyd.log >&2
exit 1
