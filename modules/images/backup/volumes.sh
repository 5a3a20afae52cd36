# Removes volumes of this node by its own engine: those that were made for a moment, on a node that nobody else can ask.
. /usr/local/lib/terrace/common.sh
perl /usr/local/lib/terrace/volumes.pl "$VOLUMES" 2>>"$WORDS" || fail volumes $?
result '{"ok": true}'
