#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi
# Certificate and tokens go only where everything is asked to go. The user stays: files may be its own.
if [ "$1" = purge ]; then
  rm -rf /var/lib/blit-daemon /var/cache/blit-daemon
fi
