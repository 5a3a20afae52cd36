#!/bin/sh
# One of the three parts of the registry:
#
# store           keeps the images, in /data
# share UPSTREAM  answers on a socket in /relay with what the store says, over the control network
# listen ADDRESS  answers on an address of the node itself with what that socket says
set -eu

relay() {
  sed -e "s|LISTEN|$1|" -e "s|UPSTREAM|$2|" /usr/share/terrace/relay.conf >/tmp/relay.conf
  exec nginx -e stderr -c /tmp/relay.conf -g "daemon off;"
}

case "$1" in
store)
  exec docker-registry serve /usr/share/terrace/registry.yml
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
