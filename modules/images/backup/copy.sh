# Copies every backup that the second place has not got yet. Nothing is removed there. A repository is made only where there has never
# been one: one that is gone is told.
. /usr/local/lib/terrace/common.sh
open_target
open_repository
place COPY_ "$COPY_REPOSITORY" /tmp/copy
from=(--from-repository-file /tmp/repository --from-password-file "$RESTIC_PASSWORD_FILE")
reach "$COPY_REPOSITORY" || fail copy-open 1
if ! run restic_at /tmp/copy --no-lock cat config >/dev/null; then
  [ "$COPY_FIRST" = yes ] && grep -qE 'Is there a repository|unable to open config' "$WORDS" || fail copy-open 1
  : >"$WORDS"
  say "make the second repository"
  # Cut into the same pieces as the first, or nothing would be found to be there already.
  run restic_at /tmp/copy init --copy-chunker-params "${from[@]}" >/dev/null || fail copy-init $?
fi
: >"$WORDS"
own_locks /tmp/copy "$COPY_REPOSITORY"
say "copy"
# As in a backup, the snapshot of the files is the mark that all of it is there: dumps go before.
for tags in terrace,part=database terrace; do
  run restic_at /tmp/copy copy "${from[@]}" --host "$SITE" --tag "$tags" >&2 || fail copy $?
done
result '{"ok": true}'
