#!/bin/sh
# Runs Caddy and keeps its configuration up to date. Ends when Caddy ends.
#
# EDGE_CONFIG_URL  where the configuration is fetched, gzip of JSON; each half second it is looked whether the name leads to a new server
# EDGE_CONFIG_ASK  every so many half seconds all servers are asked, new or not (20)
# /data            the last configuration that was good, and Caddy's certificates
# /run/secrets     ca.pem: certificate and private key of the internal root
set -u

socket=/tmp/caddy-admin.sock
good=/data/last-good.json
fetched=/tmp/fetched.json
settle=15 # seconds in which a configuration that was just replaced doesn't come back
root=/tmp/root
loaded=/tmp/loaded # holds the revision that runs, for who asks
again=60  # seconds after which a refused configuration is tried again
every=${EDGE_CONFIG_ASK:-20}
whole=20  # every so many rounds the configuration is fetched whether or not it seems to have changed

say() {
  printf '{"level":"%s","ts":"%s","logger":"edge","msg":"%s"}\n' "$1" "$(date -u +%FT%TZ)" "$2" >&2
}

# Caddy wants certificate and key in a file each.
# It takes the root from the files that its configuration names, but 2.6, when it renews its intermediate certificate, every five
# and a half days, looks for the root in its own store, and makes a new one that nobody trusts where it finds none. So the store
# points to the files. What an earlier root has signed is worth nothing any more.
lay_out_root() {
  secret=/run/secrets/ca.pem
  root=/tmp/root
  authority=/data/caddy/pki/authorities/local
  [ -r "$secret" ] || say error "the internal root, $secret, is missing"
  (
    umask 077
    mkdir -p "$root"
    sed -n '/-----BEGIN CERTIFICATE-----/,/-----END CERTIFICATE-----/p' "$secret" >"$root/ca.crt"
    sed -n '/-----BEGIN [A-Z ]*PRIVATE KEY-----/,/-----END [A-Z ]*PRIVATE KEY-----/p' "$secret" >"$root/ca.key"
  )
  if ! cmp -s "$root/ca.crt" /data/root.crt; then
    rm -rf "$authority" /data/caddy/certificates/local
    cp "$root/ca.crt" /data/root.crt
  fi
  mkdir -p "$authority"
  ln -sf "$root/ca.crt" "$authority/root.crt"
  ln -sf "$root/ca.key" "$authority/root.key"
}

admin() {
  curl -s --max-time 60 --unix-socket "$socket" "$@"
}

# Loads a file. Caddy keeps what it runs when it can't use the new one; its reason is then in /tmp/answer.
load() {
  # A configuration without our socket would work, and be the last one that could ever be loaded.
  grep -q "unix/$socket" "$1" || { echo "it takes the administration away" >/tmp/answer; return 1; }
  status=$(admin -o /tmp/answer -w '%{http_code}' -H 'Content-Type: application/json' --data-binary "@$1" http://localhost/load)
  [ "$status" = 200 ] || return 1
  # Only now the servers of the older configuration take no connection any more.
  printf %s "$(revision "$1")" >/tmp/revision.new && mv /tmp/revision.new "$loaded/revision"
}

revision() {
  grep -o '"handler":"vars","revision":"[0-9a-f]\{12\}"' "$1" | head -n 1 | cut -d '"' -f 8
}

reason() {
  tr -d '\n\r\t' </tmp/answer | tr '"\\' "''" | cut -c 1-600
}

digest() {
  sha256sum <"$1" | cut -c 1-64
}

pull() {
  running= replaced= refused= refused_at=0 etag= round=0 heard=
  if [ -s "$good" ]; then
    if load "$good"; then
      running=$(digest "$good")
      say info "running $(revision "$good"), the last good configuration"
    else
      say error "the last good configuration was refused: $(reason)"
    fi
  fi
  while :; do
    sleep 0.5
    round=$((round + 1))
    # The server's ETag is made of time and size: two that were written within one second can look the same.
    [ $((round % whole)) -ne 0 ] || etag=
    # Something new comes from a new server, beside the old one or in its place. Looking for it costs far less than asking.
    found=$(servers)
    [ "$found" != "$heard" ] || [ $((round % every)) -eq 0 ] || continue
    heard=$found
    for server in $found; do ask "$server" || heard=; done
  done
}

# The addresses behind the name in EDGE_CONFIG_URL.
servers() {
  host=${EDGE_CONFIG_URL#*://} host=${host%%[:/]*}
  getent ahostsv4 "$host" | while read -r address kind _; do
    case $kind in STREAM*) echo "$address" ;; esac
  done
}

# Loads what a server has where it is new. Fails where it is to be asked again.
ask() {
  got=$(curl -s --max-time 3 --max-filesize 8000000 -H "If-None-Match: $etag" -o /tmp/fetched.gz \
    -w '%{http_code} %header{etag}' --connect-to "::$1:" "$EDGE_CONFIG_URL") || return 1
  [ "${got%% *}" != 304 ] || return 0
  [ "${got%% *}" = 200 ] || return 1
  gzip -dc </tmp/fetched.gz >"$fetched" 2>/dev/null || return 1
  next=$(digest "$fetched")
  now=$(date +%s)
  ! is_old "$next" || return 1
  etag=${got#* }
  [ "$next" != "$running" ] || return 0
  [ "$next" != "$refused" ] || [ $((now - refused_at)) -ge "$again" ] || return 1
  if load "$fetched"; then
    cp "$fetched" "$good.new" && mv "$good.new" "$good" || say error "could not keep the configuration in /data"
    replaced=$(printf '%s\n' "$running:$now" $replaced | head -n 5)
    running=$next refused=
    say info "running $(revision "$fetched")"
  else
    refused=$next refused_at=$now
    say error "refused $(revision "$fetched"): $(reason)"
    return 1
  fi
}

# Whether a configuration was replaced a moment ago: the old server still hands it out.
is_old() {
  for each in $replaced; do
    [ "${each%:*}" != "$1" ] || [ $((now - ${each#*:})) -ge "$settle" ] || return 0
  done
  return 1
}

lay_out_root
rm -rf "$loaded" && mkdir "$loaded"
caddy run --config /usr/share/terrace/start.json &
caddy=$!

(
  until admin -f -o /dev/null http://localhost/config/; do sleep 0.05; done
  # Caddy tidies its store right after its start, and takes a certificate that is just being made for rubbish.
  sleep 0.3
  [ -n "${EDGE_CONFIG_URL:-}" ] || say error "EDGE_CONFIG_URL is not set"
  while [ -n "${EDGE_CONFIG_URL:-}" ]; do
    (pull)
    say error "the loop that fetches the configuration ended; starting it again"
    sleep 1
  done
) &

asked=no
# Caddy stops gracefully on TERM only; QUIT, to it, means at once.
trap 'asked=yes; kill -TERM "$caddy" 2>/dev/null' TERM INT QUIT
while :; do
  wait "$caddy"
  code=$?
  kill -0 "$caddy" 2>/dev/null || break
done
[ "$asked" = yes ] && exit 0
say error "Caddy ended with $code"
[ "$code" -ne 0 ] || code=1
exit "$code"
