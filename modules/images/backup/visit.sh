# Asks a site for its home page, as the edge would: $UPSTREAM_HOST, $UPSTREAM_PORT, $SITE_HOST.
. /usr/local/lib/terrace/common.sh
say "ask for the home page"
status= answers=0
for attempt in $(seq 60); do
  if exec 5<>"/dev/tcp/$UPSTREAM_HOST/$UPSTREAM_PORT"; then
    printf 'GET / HTTP/1.1\r\nHost: %s\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: %s\r\nConnection: close\r\n\r\n' "$SITE_HOST" "$SITE_HOST" >&5
    IFS=' ' read -r -t 15 _ status _ <&5
    exec 5>&-
    [[ $status =~ ^[23][0-9][0-9]$ ]] && break
    # It is up, so what it answers is its word; a few more times all the same, in case it is still warming up. 502 to 504 say so.
    [[ $status =~ ^[45][0-9][0-9]$ && ! $status =~ ^50[234]$ ]] && [ "$((answers += 1))" -ge 15 ] && break
  fi 2>/dev/null
  sleep 1
done
[[ $status =~ ^[23][0-9][0-9]$ ]] || {
  echo "the home page answered ${status:-nothing}" >>"$WORDS"
  fail visit 1
}
result "{\"ok\": true, \"status\": $status}"
