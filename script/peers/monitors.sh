#!/usr/bin/env bash
# Puts prometheus-blackbox-exporter and monit, Debian's packages, into the folder $1: unpacked, not installed, so that nothing is started.
set -euo pipefail
work=$1
mkdir -p "$work"
cd "$work"
for package in prometheus-blackbox-exporter monit; do
  if [ ! -e "$package.unpacked" ]; then
    apt-get download --quiet "$package"
    dpkg -x "$package"_*.deb .
    touch "$package.unpacked"
  fi
done
