# Restores volumes out of a snapshot, in two steps. `fetch` writes and verifies them beside what the volumes hold, while the
# site goes on; `swap` lets them take its place, within moments. A restore that fails has changed nothing. What one that was
# killed left half done is taken back by the next, or by `sweep` alone. No backup holds what lies beside: nothing stays there.
. /usr/local/lib/terrace/common.sh

# It needs as much memory for a small site as for a large one, which costs it nothing: it waits for the disk.
export GOGC=20

NEW=.terrace-restore OLD=.terrace-replaced

# Where a volume is within the backup. What is no volume counts as one: the pages of a static site as @content, its file as @site.
source_of() {
  case $1 in
    @*) echo "/data/${1#@}" ;;
    *) echo "/data/volumes/$1" ;;
  esac
}

# A link that leads nowhere is there too.
exists() {
  [ -e "$1" ] || [ -L "$1" ]
}

# Takes back what swaps that were cut off left half done, then clears what was written beside. Each step may be cut off in turn.
sweep() {
  local volume code=0
  for volume in $VOLUMES; do
    volume=/data/volumes/${volume:?}
    take_back_all "$volume" && take_back_path "$volume" &&
      rm -rf -- "$volume/$OLD" "$volume/$OLD.path" "$volume/$NEW" || code=1
  done
  return "$code"
}

# undo STAGE CODE: ends the job, with the volumes as they were and nothing beside, which would keep a full disk full.
undo() {
  sweep || echo "what the volumes held could not be put back: it is in their folders $OLD*" >>"$WORDS"
  fail "$1" "$2"
}

take_back_all() {
  local volume=$1 name
  [ -d "$volume/$OLD" ] || return 0
  say "take back a restore that was cut off"
  if [ -e "$volume/$NEW/.replaced" ]; then
    find "$volume" -mindepth 1 -maxdepth 1 ! -name "$NEW" ! -name "$OLD" -exec rm -rf -- {} + || return 1
    # From here on nothing in the volume is new.
    rm -- "$volume/$NEW/.replaced" || return 1
  fi
  # A site that was started meanwhile may have begun the same anew.
  while IFS= read -r -d '' name; do
    ! exists "$volume/$name" || rm -rf -- "${volume:?}/${name:?}" || return 1
  done < <(find "$volume/$OLD" -mindepth 1 -maxdepth 1 -printf '%f\0')
  find "$volume/$OLD" -mindepth 1 -maxdepth 1 -exec mv -t "$volume" -- {} +
}

# The new one came into its place where it is no longer beside; then what it replaced goes with the rest.
take_back_path() {
  local volume=$1 path
  path=$(readlink -- "$volume/$OLD.path/where") || return 0
  exists "$volume/$OLD.path/was" && exists "$volume/$NEW$(source_of "${volume##*/}")$path" || return 0
  say "take back a restore that was cut off"
  rm -rf -- "${volume:?}${path:?}" && mv -T -- "$volume/$OLD.path/was" "$volume$path"
}

fetch() {
  local volume=/data/volumes/$1 path
  path=$(source_of "$1")${SUBPATH:-}
  say "restore ${path#/data/}"
  mkdir -m 700 "$volume/$NEW" || undo fetch 1
  run restic_at /tmp/repository restore "$SNAPSHOT" --verify --target "$volume/$NEW" \
    --include "$(source_of "$1")${SUBPATTERN:-}" >&2 || undo fetch $?
  if ! exists "$volume/$NEW$path"; then
    echo "the backup holds no $path" >>"$WORDS"
    undo missing 1
  fi
}

# Everything that the volume holds makes way for what was restored; both are on one file system, so this is moments.
swap_all() {
  local volume=/data/volumes/$1 from
  from=$volume/$NEW$(source_of "$1")
  mkdir -m 700 "$volume/$OLD" &&
    find "$volume" -mindepth 1 -maxdepth 1 ! -name "$NEW" ! -name "$OLD" -exec mv -t "$volume/$OLD" -- {} + &&
    : >"$volume/$NEW/.replaced" &&
    find "$from" -mindepth 1 -maxdepth 1 -exec mv -t "$volume" -- {} + &&
    chown --reference="$from" "$volume" && chmod --reference="$from" "$volume"
}

# One file or folder makes way; what is beside it stays. A link tells where it was: it is made at once, also on a full disk.
swap_path() {
  local volume=/data/volumes/$1 from parent=${SUBPATH%/*}
  from=$volume/$NEW$(source_of "$1")$SUBPATH
  # A link on the way to it could lead out of the volume.
  if [ "$(realpath -m -- "$volume$parent")" != "$volume$parent" ]; then
    echo "on the way to $SUBPATH the volume has a link" >>"$WORDS"
    return 1
  fi
  mkdir -p -- "$volume$parent" && mkdir -m 700 "$volume/$OLD.path" && ln -s -- "$SUBPATH" "$volume/$OLD.path/where" || return 1
  ! exists "$volume$SUBPATH" || mv -T -- "$volume$SUBPATH" "$volume/$OLD.path/was" || return 1
  mv -T -- "$from" "$volume$SUBPATH"
}

swap() {
  local volume at
  for volume in $VOLUMES; do
    [ -d "/data/volumes/$volume/$NEW" ] || undo swap 1
    if [ -n "${SUBPATH:-}" ]; then swap_path "$volume"; else swap_all "$volume"; fi || undo swap 1
  done
  # With this what was restored holds, all volumes together: from here on there is nothing to take back.
  for volume in $VOLUMES; do
    at=/data/volumes/$volume
    [ ! -d "$at/$OLD" ] || mv -T -- "$at/$OLD" "$at/$NEW/.was" || undo swap 1
  done
  for volume in $VOLUMES; do
    at=/data/volumes/${volume:?}
    touch --reference="$at" /tmp/time
    [ -n "${SUBPATH:-}" ] || touch --reference="$at/$NEW$(source_of "$volume")" /tmp/time
    rm -rf -- "$at/$OLD.path" "$at/$NEW"
    touch --reference=/tmp/time "$at"
  done
}

# Half a swap is worse than a late stop.
[ "$STEP" = fetch ] || trap '' TERM INT
case $STEP in
  fetch)
    open_target
    open_repository
    sweep || fail sweep 1
    for volume in $VOLUMES; do fetch "$volume"; done
    result "$(find /data/volumes/*/"$NEW/data" -type f -printf '%s\n' | awk '{ files++; bytes += $1 }
      END { printf "{\"ok\": true, \"files\": %d, \"bytes\": %.0f}", files, bytes }')"
    ;;
  swap)
    swap
    result '{"ok": true}'
    ;;
  sweep)
    sweep || fail sweep 1
    result '{"ok": true}'
    ;;
esac
