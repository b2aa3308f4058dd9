#!/usr/bin/env bash
# Installs the real programs the tests run against. Debian packages come with
# apt; what Debian does not have is built from its source with go install, at
# a pinned version, into parts/bin. No service is left started or enabled.
set -euo pipefail
cd "$(dirname "$0")/.."

influxd=github.com/influxdata/influxdb/cmd/influxd@v1.8.10
lint=github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# program package, one a line: the package is installed when the program is missing.
wanted='
gcc gcc
mosquitto mosquitto
mosquitto_sub mosquitto-clients
victoria-metrics victoria-metrics
avahi-daemon avahi-daemon
avahi-publish avahi-utils
dbus-daemon dbus
ip iproute2
unshare util-linux
chromium chromium
qemu-arm-static qemu-user-static
systemd-analyze systemd
systemd-nspawn systemd-container
debootstrap debootstrap
mkfs.ext4 e2fsprogs
jq jq
'

have() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1; }

packages=()
while read -r program package; do
  [ -n "$program" ] || continue
  have "$program" || packages+=("$package")
done <<<"$wanted"
[ -e /usr/include/stdlib.h ] || packages+=(libc6-dev)

if [ "${1:-}" = --missing ]; then # only say what is not there
  [ -x parts/bin/influxd ] || have influxd || packages+=(influxd)
  echo "${packages[*]}"
  exit 0
fi

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# Debian starts a service when its package is installed, unless this file
# says no. It is only there while we install.
policy=/usr/sbin/policy-rc.d
install_packages() {
  local made=
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
    made=yes
  fi
  trap '[ -z "'"$made"'" ] || as_root rm -f "$policy"' EXIT
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}"
}

# The tests start what they need themselves: a service that came with a package
# of ours shall not start with the machine either. What was there before stays.
quiet_services() {
  have systemctl || return 0
  local package unit
  for package in "${packages[@]}"; do
    case $package in
      mosquitto | victoria-metrics | avahi-daemon) ;;
      *) continue ;;
    esac
    for unit in $(dpkg -L "$package" | sed -nE 's,^(/usr)?/lib/systemd/system/([^/@]+\.(service|socket))$,\2,p'); do
      as_root systemctl --quiet disable "$unit" >/dev/null 2>&1 || echo "parts: $unit could not be disabled; do it by hand"
    done
  done
}

if [ "${#packages[@]}" -gt 0 ]; then
  have apt-get || { echo "parts: install these yourself: ${packages[*]}" >&2; exit 1; }
  if [ "$(id -u)" != 0 ] && ! have sudo; then
    echo "parts: run as root: apt-get install --no-install-recommends ${packages[*]}" >&2
    exit 1
  fi
  echo "parts: installing ${packages[*]}"
  install_packages
  quiet_services
fi

mkdir -p parts/bin
build() { # name, module
  [ -x "parts/bin/$1" ] && return
  echo "parts: building $1"
  GOFLAGS=-mod=mod GOBIN="$PWD/parts/bin" go install "$2"
}
build influxd "$influxd"
build golangci-lint "$lint"
echo "parts: complete"
