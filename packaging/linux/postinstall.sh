#!/bin/sh
set -e
if command -v systemd-sysusers >/dev/null; then
  systemd-sysusers blit-daemon.conf
elif ! getent passwd blit-daemon >/dev/null; then
  useradd --system --user-group --home-dir /var/lib/blit-daemon --shell /usr/sbin/nologin blit-daemon
fi
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  # After an upgrade. A new one has nothing to serve until its configuration says so.
  systemctl try-restart blit-daemon.service
fi
