#!/bin/sh
# Runs PostgreSQL on the volume; makes the database in it where the volume is empty.
#
# DATABASE_NAME, DATABASE_USER  the database and its owner; DATABASE_USER_b is the second login, which takes turns with the first
# DATABASE_MEMORY               bytes that the container may use
# /run/secrets/password, admin  the passwords of the owner and of `postgres`
# /var/lib/postgresql           the volume
set -eu

home=/var/lib/postgresql
data=$home/data
new=$home/initialising
login=$home/login
sockets=/run/postgresql

say() {
  echo "database: $1" >&2
}

fail() {
  say "$1"
  exit 1
}

# Changes when the secrets do.
secrets() {
  cat /run/secrets/password /run/secrets/admin | sha256sum | cut -c 1-64
}

# Options that hold whether or not visitors can come in; measured out to the memory, in MiB.
tune() {
  memory=$((${DATABASE_MEMORY:-268435456} / 1048576))
  connections=$((memory / 8))
  [ "$connections" -ge 20 ] || connections=20
  [ "$connections" -le 200 ] || connections=200
  work=$((memory / 4 / connections))
  [ "$work" -ge 1 ] || work=1
  set -- max_connections="$connections" shared_buffers=$((memory / 4))MB effective_cache_size=$((memory / 2))MB \
    work_mem="$work"MB maintenance_work_mem=$((memory / 16))MB wal_buffers=1MB \
    min_wal_size=32MB max_wal_size=$((memory * 2))MB checkpoint_completion_target=0.9 \
    max_worker_processes=4 max_parallel_workers=2 max_parallel_workers_per_gather=0 autovacuum_max_workers=2 \
    fsync=on full_page_writes=on synchronous_commit=on jit=off huge_pages=off dynamic_shared_memory_type=mmap \
    password_encryption=scram-sha-256 hba_file=/usr/share/terrace/pg_hba.conf ssl=off \
    unix_socket_directories="$sockets" unix_socket_permissions=0700 \
    logging_collector=off log_destination=stderr log_min_duration_statement=5000 log_checkpoints=off \
    timezone=UTC log_timezone=UTC idle_in_transaction_session_timeout=10min
  for option; do printf -- '-c %s ' "$option"; done
}

# Runs a statement file as the administrator in a server that nobody can reach. After a crash it may have a log of hours to go
# through first: it is waited for almost as long as the service waits for this container, not for the minute of pg_ctl.
closed() {
  export PGCTLTIMEOUT=280
  pg_ctl --pgdata="$1" --silent --wait --options="$(tune) -c listen_addresses=''" start >&2
  psql --host="$sockets" --username=postgres --dbname=postgres --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --file=- >&2 || {
    pg_ctl --pgdata="$1" --silent --wait --mode=immediate stop >&2 || true
    return 1
  }
  pg_ctl --pgdata="$1" --silent --wait --mode=fast stop >&2
}

# The passwords reach psql by file, never by argument; psql quotes them.
passwords() {
  cat <<SQL
\\set password \`cat /run/secrets/password\`
\\set admin \`cat /run/secrets/admin\`
ALTER ROLE postgres PASSWORD :'admin';
ALTER ROLE "$DATABASE_USER" LOGIN PASSWORD :'password';
SQL
}

initialise() {
  strange=$(ls -A "$home" | grep -v -x -e initialising -e lock -e login -e lost+found || true)
  [ -z "$strange" ] || fail "refusing to make a database in the volume: it holds something else ($(echo "$strange" | head -n 5 | tr '\n' ' '))"
  say "the volume is empty: making the database $DATABASE_NAME"
  rm -rf "$new"
  initdb --pgdata="$new" --username=postgres --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 \
    --data-checksums --no-instructions >/dev/null
  {
    # The second login works in the name of the first, so that all belongs to one owner whoever made it.
    cat <<SQL
CREATE ROLE "$DATABASE_USER";
CREATE ROLE "${DATABASE_USER}_b" IN ROLE "$DATABASE_USER";
ALTER ROLE "${DATABASE_USER}_b" SET role TO "$DATABASE_USER";
CREATE DATABASE "$DATABASE_NAME" OWNER "$DATABASE_USER";
REVOKE ALL ON DATABASE "$DATABASE_NAME" FROM PUBLIC;
SQL
    passwords
  } | closed "$new" || fail "the database could not be made"
  secrets >"$login"
  sync
  mv "$new" "$data"
}

[ -r /run/secrets/password ] && [ -r /run/secrets/admin ] || fail "the secrets password and admin are missing"
: "${DATABASE_NAME:?}" "${DATABASE_USER:?}"
umask 077
# The lock lives as long as the server, which inherits it: no second one ever writes to this volume.
exec 9>"$home/lock"
flock -w 30 9 || fail "another server is at work in this volume"
[ -d "$data" ] || initialise
version=$(cat "$data/PG_VERSION")
[ "$version" = 15 ] || fail "the volume holds data of PostgreSQL $version, and this is PostgreSQL 15"
# Left by a server that was killed; that none runs is what the lock says.
rm -f "$data/postmaster.pid"
if [ "$(secrets)" != "$(cat "$login" 2>/dev/null)" ]; then
  say "the secrets are other ones than those that the database was made with: setting the passwords"
  passwords | closed "$data" || fail "the passwords could not be set"
  secrets >"$login"
fi
# shellcheck disable=SC2046
exec postgres -D "$data" $(tune) -c listen_addresses='*'
