#!/usr/bin/env bash
# Installs envoyd as a service on a Linux with systemd (Raspberry Pi OS,
# Debian, Ubuntu …), or removes it again. Your configuration and history stay.
#
#   sudo scripts/install.sh [PROGRAM]     default: build/envoyd
#   sudo scripts/install.sh --remove
#
# DESTDIR=… puts the files below another root and starts nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
root=${DESTDIR:-}

if [ "$(id -u)" != 0 ]; then
  echo "install: run this with sudo" >&2
  exit 1
fi

if [ "${1:-}" = --remove ]; then
  [ -n "$root" ] || systemctl disable --now envoyd.service || true
  rm -f "$root/usr/local/bin/envoyd" "$root/etc/systemd/system/envoyd.service" "$root/usr/lib/sysusers.d/envoyd.conf"
  [ -n "$root" ] || systemctl daemon-reload
  echo "Removed. /etc/envoyd and /var/lib/envoyd are still there; delete them if you want."
  exit 0
fi

program=${1:-build/envoyd}
if [ ! -x "$program" ]; then
  echo "install: $program is not there; run make build first (on this machine), or give the program copied from another" >&2
  exit 1
fi
if ! "$program" version >/dev/null 2>&1; then
  echo "install: $program does not run on this machine ($(uname -m)); make cross builds one for each kind of Pi" >&2
  exit 1
fi

install -D -m 0755 "$program" "$root/usr/local/bin/envoyd.new"
mv "$root/usr/local/bin/envoyd.new" "$root/usr/local/bin/envoyd"
install -D -m 0644 systemd/envoyd.service "$root/etc/systemd/system/envoyd.service"
install -D -m 0644 systemd/envoyd.sysusers "$root/usr/lib/sysusers.d/envoyd.conf"
if [ -n "$root" ]; then
  install -D -m 0640 configs/envoyd.yaml "$root/etc/envoyd/envoyd.yaml"
  exit 0
fi

systemd-sysusers envoyd.conf
install -d -m 0750 -o root -g envoyd /etc/envoyd
if [ ! -e /etc/envoyd/envoyd.yaml ]; then
  install -m 0640 -o root -g envoyd configs/envoyd.yaml /etc/envoyd/envoyd.yaml
fi
systemctl daemon-reload
systemctl enable envoyd.service
systemctl restart envoyd.service
echo "envoyd runs. Its page: http://127.0.0.1:8099/ on this machine; its log: journalctl -u envoyd"
