# Reads every byte of the repository and checks it.
. /usr/local/lib/terrace/common.sh
open_target
open_repository
say "read and check all data"
run restic_at /tmp/repository check --read-data >&2 || fail check $?
result '{"ok": true}'
