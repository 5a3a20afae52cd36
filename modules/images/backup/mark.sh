# Marks a backup that held too little as one that failed.
. /usr/local/lib/terrace/common.sh
open_target
open_repository
mark_failed || fail mark $?
result '{"ok": true}'
