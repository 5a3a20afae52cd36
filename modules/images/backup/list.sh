# Lists the backups that a repository has; with $ABOUT_SNAPSHOT, what one of them says of itself.
. /usr/local/lib/terrace/common.sh
open_target
open_repository
run restic_at /tmp/repository --no-lock snapshots --json --tag terrace >/tmp/snapshots.json || fail list $?
about=null file=
if [ -n "${ABOUT_SNAPSHOT:-}" ]; then
  about=$(restic_at /tmp/repository --no-lock dump "$ABOUT_SNAPSHOT" /data/site/backup.json 2>>"$WORDS") || fail about 1
  file=$(restic_at /tmp/repository --no-lock dump "$ABOUT_SNAPSHOT" /data/site/site.yaml 2>>"$WORDS" | base64 -w0) || fail about 1
fi
result "$(jq -c --argjson about "$about" --arg file "$file" \
  '{ok: true, about: $about, file: $file, snapshots: [.[] | {id, time, tags}]}' /tmp/snapshots.json)"
