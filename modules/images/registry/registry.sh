#!/bin/sh
# One of the three parts of the registry:
#
# store           keeps the images, in /data; once a day it is stopped for a moment, and what no image is made of any more is removed
# share UPSTREAM  answers on a socket in /relay with what the store says, over the control network
# listen ADDRESS  answers on an address of the node itself with what that socket says
set -eu

relay() {
  sed -e "s|LISTEN|$1|" -e "s|UPSTREAM|$2|" /usr/share/terrace/relay.conf >/tmp/relay.conf
  exec nginx -e stderr -c /tmp/relay.conf -g "daemon off;"
}

case "$1" in
store)
  settings=/usr/share/terrace/registry.yml
  # Empty while it is cleared: then there is none to end.
  registry=
  trap '[ -z "$registry" ] || { kill "$registry"; wait "$registry" || true; }; exit 0' TERM INT
  while :; do
    # Only while nothing can be pushed: a layer whose image is still on its way would go too.
    [ ! -d /data/docker ] || docker-registry garbage-collect "$settings" >/dev/null || true
    timeout 86400 docker-registry serve "$settings" &
    registry=$!
    ended=0
    wait "$registry" || ended=$?
    # 124: its day is over.
    [ "$ended" = 124 ] || exit "$ended"
    registry=
  done
  ;;
share)
  # One that was killed leaves its socket behind.
  rm -f /relay/registry.sock
  relay unix:/relay/registry.sock "$2"
  ;;
listen)
  relay "$2" unix:/relay/registry.sock:
  ;;
esac
