# Compares restored volumes with the live ones: each file of equal size and time must be equal byte for byte. What changed
# since the backup is counted and no fault.
. /usr/local/lib/terrace/common.sh
say "compare with the live files"
perl /usr/local/lib/terrace/compare.pl "$VOLUMES" >/tmp/compared 2>>"$WORDS" || fail compare $?
[ "$(jq .different /tmp/compared)" = 0 ] || {
  jq -r .first /tmp/compared >>"$WORDS"
  fail different 1
}
result "$(jq '. + {ok: true}' /tmp/compared)"
