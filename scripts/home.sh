#!/usr/bin/env bash
# For the demos to source: envoysim plays the gateway, Enphase's login, its
# cloud and the MQTT broker, envoyd reads them. What a demo starts it adds to
# pids; nothing of it stays.

demo=$(basename "$0" .sh)
dir=$(mktemp -d)
pids=()
cleanup() {
  trap '' INT TERM
  local i
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do kill -TERM "${pids[i]}" 2>/dev/null || true; done
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do wait "${pids[i]}" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap cleanup EXIT

fail() {
  echo "$demo: $1" >&2
  tail -n 20 "$dir"/*.log >&2 2>/dev/null || true
  exit 1
}

# listens says whether somebody listens at host:port.
listens() { (exec 3<>"/dev/tcp/${1%:*}/${1#*:}") 2>/dev/null; }

# start_sim starts the simulated home, its gateway at an address, and learns its
# logins. Reports are in the cloud at once here; in reality that takes a quarter
# of an hour.
start_sim() {
  : >"$dir/sim.out"
  build/envoysim -noon -listen "$1" -broker 127.0.0.1:0 -cloud 127.0.0.1:0 \
    -cloud-partner -cloud-upload 0 -cloud-delay 0 >"$dir/sim.out" 2>"$dir/sim.log" &
  sim=$!
  pids+=("$sim")
  until grep -q '^enlighten' "$dir/sim.out"; do # the last line
    kill -0 "$sim" 2>/dev/null || fail "envoysim ended"
    sleep 0.1
  done
  read -r _ gateway _ serial _ < <(grep '^gateway' "$dir/sim.out")
  read -r _ cloud _ user _ password < <(grep '^cloud' "$dir/sim.out")
  read -r _ mqtt < <(grep '^mqtt' "$dir/sim.out")
  read -r _ _ _ client _ secret _ key _ < <(grep '^enlighten' "$dir/sim.out")
}

# start_daemon writes the configuration, with more lines if there are, gets
# access to the cloud and starts envoyd with its page at an address.
start_daemon() {
  local login=${mqtt#mqtt://} broker file
  broker=${login##*@} login=${login%@*}
  umask 077
  for file in password secret key; do printf '%s' "${!file}" >"$dir/$file"; done
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
store: {path: $dir/state}
http: {listen: "$1"}
${2:-}
YAML
  build/envoyd connect enlighten -app partner -config "$dir/envoyd.yaml" >"$dir/connect.log" 2>&1 || fail "no access to the cloud"
  build/envoyd run -config "$dir/envoyd.yaml" 2>"$dir/envoyd.log" &
  daemon=$!
  pids+=("$daemon")
  until listens "$1"; do
    kill -0 "$daemon" 2>/dev/null || fail "envoyd ended"
    sleep 0.1
  done
}
