# Backs a site up: first the database's dump, then the files. The snapshot of the files comes last and so is the mark
# that the backup is complete; a dump without one belongs to a backup that failed.
. /usr/local/lib/terrace/common.sh
. /usr/local/lib/terrace/database.sh

open_target
# A database is not asked for a dump that cannot be kept.
ASK=${DB_ENGINE:-}
open_repository

# A new cluster must not go on in the repository of a lost one as if nothing had been lost.
if [ -n "${FOREIGN_UNTIL:-}" ]; then
  run restic_at /tmp/repository --no-lock snapshots --json --tag terrace,part=files,kind=regular >/tmp/before.json || fail open $?
  foreign=$(jq -r --arg until "$FOREIGN_UNTIL" '[.[] | select(.time[0:19] < $until[0:19])] | select(length > 0)
    | "the repository holds \(length) backups from before this cluster, the last of \(map(.time) | max | .[0:16]) UTC"' /tmp/before.json)
  if [ -n "$foreign" ]; then
    echo "$foreign: put it back by \`terrace restore $SITE\`, or go on without by \`terrace backup run $SITE --accept\`" >>"$WORDS"
    fail foreign 1
  fi
fi

DUMP=null
if [ -n "${DB_ENGINE:-}" ]; then
  say "dump the database"
  dump_database
fi

mkdir -p /data/site
base64 -d <<<"$SITE_FILE" | gzip -dc >/data/site/site.yaml || fail meta 1
jq -n --argjson about "$ABOUT" --argjson dump "$DUMP" '$about + {database: $dump}' >/data/site/backup.json || fail meta 1

say "back the files up"
paths=(/data/site)
[ -d /data/content ] && paths+=(/data/content)
[ -d /data/volumes ] && paths+=(/data/volumes)
run restic_at /tmp/repository backup --json --host "$SITE" --ignore-ctime --ignore-inode \
  --tag terrace --tag "backup=$BACKUP" --tag part=files --tag "kind=$KIND" \
  --exclude '/data/volumes/*/.terrace-*' --exclude '/data/volumes/*/lost+found' "${paths[@]}" \
  >/tmp/files.json
code=$?
# Files that went away between being listed and being read are no fault: the site goes on working.
gone=$(grep -c '"message_type":"error".*\(no such file or directory\|"Err":2[,}]\)' "$WORDS")
wrong=$(grep '"message_type":"error"' "$WORDS" | grep -vc '\(no such file or directory\|"Err":2[,}]\)')
if [ "$code" = 3 ] && [ "$wrong" = 0 ] && [ "$gone" -gt 0 ]; then code=0; fi
if [ "$code" = 3 ]; then
  # restic keeps what it could read. Why it could not read the rest is what is told.
  cp "$WORDS" /tmp/unread
  # Also where the job was told to stop meanwhile: it would pass for a good one.
  told=$STOPPED STOPPED=
  mark_failed >/dev/null 2>&1 || say "what was stored could not be marked as failed"
  STOPPED=${STOPPED:-$told}
  cp /tmp/unread "$WORDS"
fi
[ "$code" = 0 ] || fail files "$code"

summary=$(grep '"message_type":"summary"' /tmp/files.json | tail -n 1)
[ -n "$summary" ] || fail files 1
own=$(($(stat -c %s /data/site/site.yaml) + $(stat -c %s /data/site/backup.json)))
result "$(jq -n --argjson s "$summary" --argjson dump "$DUMP" --argjson own "$own" --argjson gone "$gone" '{
  ok: true, snapshot: $s.snapshot_id, files: ($s.total_files_processed - 2),
  bytes: ($s.total_bytes_processed - $own), added: $s.data_added, seconds: $s.total_duration, gone: $gone, database: $dump}')"
