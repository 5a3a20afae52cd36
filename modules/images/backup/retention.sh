# Removes what is kept no longer. Snapshots of files decide, because they stand for whole backups; the dump of a backup goes
# with it, and so does a dump whose backup never came to its end.
. /usr/local/lib/terrace/common.sh
open_target
open_repository

read -ra keep <<<"$KEEP"
forget() {
  run restic_at /tmp/repository forget --json --dry-run --group-by '' --host "$SITE" --tag "terrace,part=files,kind=$1" "${@:2}"
}
forget regular "${keep[@]}" >/tmp/plan.json || fail plan $?
run restic_at /tmp/repository --no-lock snapshots --json --host "$SITE" --tag terrace >/tmp/all.json || fail plan $?
# Those made before a restore, of what it replaced, and those that failed.
for kind in safety failed; do
  if grep -q "\"kind=$kind\"" /tmp/all.json; then forget "$kind" --keep-within 14d >>/tmp/plan.json || fail plan $?; fi
done
removed=$(jq -r --slurpfile plan /tmp/plan.json '
  def backup: .tags[]? | select(startswith("backup="));
  ($plan | map(select(type == "array")) | add // [] | map(.remove // []) | add // [] | map(backup)) as $old
  | ([.[] | select(.tags | index("part=files")) | backup]) as $complete
  | .[] | select(backup as $b | ($old | index($b)) or ($complete | index($b) | not)) | .id' /tmp/all.json) || fail plan $?
if [ -n "$removed" ]; then
  say "remove $(wc -w <<<"$removed") snapshots"
  # shellcheck disable=SC2086
  run_removal restic_at /tmp/repository forget --prune --max-unused 5% $removed >&2
  code=$?
  if [ "$code" = 77 ]; then
    # What it is for: who has taken a site over cannot take its past away.
    say "the server removes nothing"
    result '{"ok": true, "removed": 0, "refused": true}'
    exit 0
  fi
  [ "$code" = 0 ] || fail remove "$code"
fi
result "$(jq -n --arg removed "$removed" '{ok: true, removed: ($removed | split("\n") | map(select(. != "")) | length)}')"
