# The databases' own tools, streamed. Passwords travel in files and the environment, never as arguments.

# The client's settings for the site's own database, or for one of the same engine at $DB_HOST.
database_setup() {
  local password
  password=$(cat /run/secrets/db-password)
  export PGHOST=$DB_HOST PGUSER=$DB_USER PGDATABASE=$DB_NAME PGPASSWORD=$password PGCONNECT_TIMEOUT=20
  # In an option file a backslash and a quote are escaped by a backslash. The server has the password without line ends.
  (umask 077 && {
    printf '[client]\nhost=%s\nuser=%s\nloose-connect-timeout=20\npassword="' "$DB_HOST" "$DB_USER"
    tr -d '\n' </run/secrets/db-password | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g'
    printf '"\n'
  } >/tmp/my.cnf)
}

# dump_postgres FILE: counts and dump see the same moment, by a snapshot that one transaction exports to the other.
dump_postgres() {
  # The session holds neither end of what the dump goes through: it may outlive a dump that fails, and readers wait for the end.
  coproc SESSION { exec psql -XAtq -v ON_ERROR_STOP=1 2>>"$WORDS" 7>&- 8>&-; }
  # They are unset as soon as it has ended, which may be by now: its words say why.
  local input=${SESSION[1]:-} output=${SESSION[0]:-} moment
  [ -n "$input" ] && [ -n "$output" ] || return 1
  # Written by `cat`, which alone is ended by writing to a session that has gone; a subshell has none of its descriptors.
  cat <<<"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT pg_export_snapshot();" >&"$input"
  read -r -t 60 moment <&"$output" || return 1
  { count_postgres_query && cat <<<'\echo end-of-counts'; } >&"$input"
  : >/tmp/tables
  while read -r -t 3600 line <&"$output"; do
    [ "$line" = end-of-counts ] && break
    echo "$line" >>/tmp/tables
  done
  [ "${line:-}" = end-of-counts ] || return 1
  # Not compressed here: restic does that, and finds what did not change since the last dump.
  pg_dump --format=custom --compress=0 --no-owner --no-privileges --snapshot="$moment" >"$1" 2>>"$WORDS"
  local code=$?
  cat <<<'\q' >&"$input" 2>/dev/null
  return "$code"
}

count_postgres_query() {
  cat <<'END'
SELECT format('%s.%s|%s', table_schema, table_name,
  (xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM %I.%I', table_schema, table_name), false, true, '')))[1])
FROM information_schema.tables
WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')
ORDER BY 1;
END
}

# dump_mariadb FILE: rows are counted in the dump itself, where each stands on a line of its own.
dump_mariadb() {
  mariadb-dump --defaults-extra-file=/tmp/my.cnf --single-transaction --quick --routines --triggers --events \
    --hex-blob --default-character-set=utf8mb4 --no-tablespaces --skip-dump-date "$DB_NAME" 2>>"$WORDS" | tee "$1" |
    perl -ne '
      if (/^CREATE TABLE `((?:[^`]|``)+)`/) { $t = $1; $n{$t} //= 0 }
      elsif (/^INSERT INTO `((?:[^`]|``)+)` VALUES/) { $t = $1; $in = 1; $n{$t}++ if /VALUES\s*\(/ }
      elsif ($in && /^\(/) { $n{$t}++ }
      $in = 0 if /;$/;
      END { print "$_|$n{$_}\n" for sort keys %n }' >/tmp/tables
}

# Streams the dump into a snapshot. restic reads on until its end of the pipe is closed: a dump that fails stops it before
# it has written a snapshot, so that nothing is left that looks like one.
dump_database() {
  local size code pid name=database.dump
  [ -z "$STOPPED" ] || fail dump 143
  database_setup
  mkfifo /tmp/dump /tmp/counted
  EXEC=exec restic_at /tmp/repository backup --json --host "$SITE" --stdin --stdin-filename "$name" \
    --tag terrace --tag "backup=$BACKUP" --tag part=database --tag "kind=$KIND" </tmp/dump \
    2>/tmp/storing >/tmp/dump.json &
  pid=$!
  exec 7>/tmp/dump
  ({ dd bs=1M status=none if=/tmp/counted | tee /dev/fd/9 >&7; } 9>&1 | wc -c >/tmp/size) &
  local pump=$!
  # Open from before the dump begins, so that the pump comes to an end also where nothing is written.
  "dump_$DB_ENGINE" /dev/fd/8 8>/tmp/counted
  code=$?
  # Cut off between the two, it looks whole to whoever made it.
  wait "$pump" || [ "$code" != 0 ] || { code=1 && echo "the dump was cut off on its way" >>"$WORDS"; }
  size=$(cat /tmp/size 2>/dev/null)
  if [ "$code" != 0 ] || [ "${size:-0}" = 0 ] || [ -n "$STOPPED" ]; then
    [ "$code" = 0 ] && echo "the dump is empty" >>"$WORDS"
    # Where restic ended of itself, nobody read the dump, and that is why it failed.
    kill -0 "$pid" 2>/dev/null || stored "$pid"
    interrupt "$pid"
    exec 7>&-
    fail dump "$code"
  fi
  exec 7>&-
  stored "$pid"
  [ -n "$(grep -o '"snapshot_id":"[0-9a-f]*"' /tmp/dump.json)" ] || fail dump-store 1
  DUMP=$(jq -n --arg engine "$DB_ENGINE" --arg name "$DB_NAME" --argjson bytes "$size" --rawfile tables /tmp/tables '
    {engine: $engine, name: $name, bytes: $bytes, tables: ($tables | split("\n") | map(select(. != "") | split("|")
      | {key: .[0], value: (.[1] | tonumber)}) | from_entries)}')
}

# stored CHILD: waits for the restic that takes the dump. From then on its own words count, not those of the tools that lost it.
stored() {
  local code
  finish "$1"
  code=$?
  cp /tmp/storing "$WORDS"
  [ "$code" = 0 ] || fail dump-store "$code"
}
