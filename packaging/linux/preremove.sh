#!/bin/sh
set -e
# dpkg calls it with "remove", rpm with the number of versions that are left; an upgrade leaves it running.
case "$1" in
  remove | 0)
    if [ -d /run/systemd/system ]; then
      systemctl disable --now blit-daemon.service
    elif command -v systemctl >/dev/null; then
      systemctl disable blit-daemon.service
    fi
    ;;
esac
