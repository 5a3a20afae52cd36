# Restores volumes out of a snapshot, in two steps. `fetch` writes and verifies them beside what the volumes hold, while the
# site goes on; `swap` lets them take its place, within moments. A restore that fails has changed nothing.
. /usr/local/lib/terrace/common.sh

# It needs as much memory for a small site as for a large one, which costs it nothing: it waits for the disk.
export GOGC=20

NEW=.terrace-restore OLD=.terrace-replaced

# Where a volume is within the backup; the pages of a static site count as a volume called @content.
source_of() {
  if [ "$1" = @content ]; then echo /data/content; else echo "/data/volumes/$1"; fi
}

# Takes back what a swap that was cut off left half done, then clears what was written beside.
sweep() {
  local volume=$1
  if [ -d "$volume/$OLD" ]; then
    say "take back a restore that was cut off"
    if [ -e "$volume/$NEW/.replaced" ]; then
      find "$volume" -mindepth 1 -maxdepth 1 ! -name "$NEW" ! -name "$OLD" -exec rm -rf -- {} +
    fi
    find "$volume/$OLD" -mindepth 1 -maxdepth 1 -exec mv -t "$volume" -- {} +
  fi
  rm -rf -- "${volume:?}/$NEW" "${volume:?}/$OLD"
}

fetch() {
  local volume=/data/volumes/$1 path
  path=$(source_of "$1")${SUBPATH:-}
  sweep "$volume"
  say "restore ${path#/data/}"
  mkdir -m 700 "$volume/$NEW" || fail fetch 1
  run restic_at /tmp/repository restore "$SNAPSHOT" --verify --target "$volume/$NEW" \
    --include "$(source_of "$1")${SUBPATTERN:-}" >&2 || fail fetch $?
  if [ ! -e "$volume/$NEW$path" ]; then
    echo "the backup holds no $path" >>"$WORDS"
    fail missing 1
  fi
}

# Everything that the volume holds makes way for what was restored; both are on one file system, so this is moments.
swap_all() {
  local volume=/data/volumes/$1 from
  from=$volume/$NEW$(source_of "$1")
  mkdir -m 700 "$volume/$OLD" || fail swap 1
  find "$volume" -mindepth 1 -maxdepth 1 ! -name "$NEW" ! -name "$OLD" -exec mv -t "$volume/$OLD" -- {} + || fail swap 1
  : >"$volume/$NEW/.replaced"
  find "$from" -mindepth 1 -maxdepth 1 -exec mv -t "$volume" -- {} + || fail swap 1
  { chown --reference="$from" "$volume" && chmod --reference="$from" "$volume"; } || fail swap 1
}

# One file or folder makes way; what is beside it stays.
swap_path() {
  local volume=/data/volumes/$1 from=/data/volumes/$1/$NEW/data/volumes/$1$SUBPATH
  { mkdir -m 700 "$volume/$OLD.path" && mkdir -p "$volume$(dirname "$SUBPATH")"; } || fail swap 1
  if [ -e "$volume$SUBPATH" ]; then mv -- "$volume$SUBPATH" "$volume/$OLD.path/" || fail swap 1; fi
  mv -- "$from" "$volume$SUBPATH" || fail swap 1
  rm -rf -- "${volume:?}/$OLD.path"
}

if [ "$STEP" = fetch ]; then
  open_target
  open_repository
  for volume in $VOLUMES; do fetch "$volume"; done
  result "$(find /data/volumes/*/"$NEW/data" -type f -printf '%s\n' | awk '{ files++; bytes += $1 }
    END { printf "{\"ok\": true, \"files\": %d, \"bytes\": %.0f}", files, bytes }')"
else
  # Half a swap is worse than a late stop.
  trap '' TERM INT
  for volume in $VOLUMES; do
    [ -d "/data/volumes/$volume/$NEW" ] || fail swap 1
    if [ -n "${SUBPATH:-}" ]; then swap_path "$volume"; else swap_all "$volume"; fi
  done
  for volume in $VOLUMES; do
    at=/data/volumes/${volume:?}
    touch --reference="$at" /tmp/time
    [ -n "${SUBPATH:-}" ] || touch --reference="$at/$NEW$(source_of "$volume")" /tmp/time
    rm -rf -- "$at/$NEW" "$at/$OLD"
    touch --reference=/tmp/time "$at"
  done
  result '{"ok": true}'
fi
