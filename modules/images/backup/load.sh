# Loads a dump into a database of the same engine, streamed, and counts what is in it then.
. /usr/local/lib/terrace/common.sh
. /usr/local/lib/terrace/database.sh

# Steady memory, as for files.
export GOGC=20

dump_stream() {
  restic_at /tmp/repository --no-lock dump "$SNAPSHOT" /database.dump 2>>"$WORDS"
}

# All in one transaction: a load that fails leaves the database as it was. pg_restore ends that transaction, and only after it
# has read the dump to its end; of its own it would make one of the large objects in the midst of ours. Its BEGIN finds one
# already begun, which is no more than a warning. Large objects are in no schema.
load_postgres() {
  {
    cat <<'END'
BEGIN;
SET client_min_messages = error;
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
    EXECUTE format('DROP SCHEMA %I CASCADE', name);
  END LOOP;
END $$;
CREATE SCHEMA public;
ALTER SCHEMA public OWNER TO pg_database_owner;
SELECT count(lo_unlink(oid)) FROM pg_largeobject_metadata;
END
    # Where this fails there was no COMMIT, and what psql has done so far is undone when it goes.
    dump_stream | pg_restore --single-transaction --no-owner --no-privileges -f - 2>>"$WORDS" |
      sed '0,/^COPY /s/^CREATE SCHEMA public;$/CREATE SCHEMA IF NOT EXISTS public;/'
  } | psql -Xq -v ON_ERROR_STOP=1 >/dev/null 2>>"$WORDS"
}

count_postgres() {
  count_postgres_query | psql -XAtq -v ON_ERROR_STOP=1 2>>"$WORDS"
}

# This engine cannot do it in one transaction, so the whole dump is read once before anything is dropped.
load_mariadb() {
  dump_stream | tail -c 200 | grep -q 'Dump completed' || {
    echo "the dump has no end" >>"$WORDS"
    return 1
  }
  {
    echo "SET FOREIGN_KEY_CHECKS=0;"
    mariadb_query "SELECT CONCAT('DROP ', IF(table_type = 'VIEW', 'VIEW', 'TABLE'), ' \`', REPLACE(table_name, '\`', '\`\`'), '\`;')
      FROM information_schema.tables WHERE table_schema = DATABASE()
      UNION ALL SELECT CONCAT('DROP ', routine_type, ' IF EXISTS \`', REPLACE(routine_name, '\`', '\`\`'), '\`;')
      FROM information_schema.routines WHERE routine_schema = DATABASE()
      UNION ALL SELECT CONCAT('DROP EVENT \`', REPLACE(event_name, '\`', '\`\`'), '\`;')
      FROM information_schema.events WHERE event_schema = DATABASE()"
  } | mariadb --defaults-extra-file=/tmp/my.cnf "$DB_NAME" 2>>"$WORDS" || return 1
  dump_stream | own | mariadb --defaults-extra-file=/tmp/my.cnf --default-character-set=utf8mb4 --max-allowed-packet=1G "$DB_NAME" 2>>"$WORDS"
}

# Views, triggers, routines and events are defined by a user of the site that was dumped. Only an administrator may make them in
# the name of another user, and the site logs in as another one after each rotation: they belong to the one who loads them. These
# are the ways in which mariadb-dump writes that; a line of data begins with a bracket or INSERT.
own() {
  local name='`([^`]|``)*`' before
  before='(/\*!50(003|106) )?CREATE|/\*!50003 CREATE\*/ /\*!50017|/\*!50106 CREATE\*/ /\*!50117'
  before+='|/\*!50013|/\*!50001 CREATE ALGORITHM=[A-Z]+'
  LC_ALL=C sed -E "s#^(($before) )DEFINER=$name(@$name)?#\1#"
}

mariadb_query() {
  mariadb --defaults-extra-file=/tmp/my.cnf -N -B -r "$DB_NAME" -e "$1" 2>>"$WORDS"
}

count_mariadb() {
  local table
  mariadb_query "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' ORDER BY 1" |
    while IFS= read -r table; do
      printf '%s|%s\n' "$table" "$(mariadb_query "SELECT COUNT(*) FROM \`${table//\`/\`\`}\`")"
    done
}

# A database that was started a moment ago is waited for.
ready() {
  local attempt
  for attempt in $(seq 90); do
    case $DB_ENGINE in
      postgres) psql -XAtqc 'SELECT 1' >/dev/null 2>/tmp/not-ready && return 0 ;;
      mariadb) mariadb --defaults-extra-file=/tmp/my.cnf "$DB_NAME" -e 'SELECT 1' >/dev/null 2>/tmp/not-ready && return 0 ;;
    esac
    sleep 1
  done
  cat /tmp/not-ready >>"$WORDS"
  return 1
}

open_target
open_repository
database_setup
ready || fail connect 1
say "load the database"
"load_$DB_ENGINE" || fail load 1
"count_$DB_ENGINE" >/tmp/tables || fail count 1
about=$(restic_at /tmp/repository --no-lock dump "$FILES_SNAPSHOT" /data/site/backup.json 2>>"$WORDS") || fail about 1
result "$(jq -n --argjson about "$about" --rawfile tables /tmp/tables '
  ($tables | split("\n") | map(select(. != "") | split("|") | {key: .[0], value: (.[1] | tonumber)}) | from_entries) as $now
  | ($about.database.tables // {}) as $before
  | {ok: ($now == $before), stage: "different", tables: $now, before: $before,
     words: "the database holds \($now | length) tables with \([$now[]] | add // 0) rows, the backup had \($before | length) with \([$before[]] | add // 0)"}')"
