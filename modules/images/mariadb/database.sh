#!/bin/sh
# Runs MariaDB on the volume; makes the database in it where the volume is empty.
#
# DATABASE_NAME, DATABASE_USER  the database and its owner; DATABASE_USER_b is the second login, which takes turns with the first
# DATABASE_MEMORY               bytes that the container may use
# /run/secrets/password, admin  the passwords of the owner and of `root`
# /var/lib/mysql                the volume
set -eu

home=/var/lib/mysql
data=$home/data
new=$home/initialising
login=$home/login

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

# Measured out to the memory, in MiB.
tune() {
  memory=$((${DATABASE_MEMORY:-268435456} / 1048576))
  connections=$((memory / 8))
  [ "$connections" -ge 20 ] || connections=20
  [ "$connections" -le 200 ] || connections=200
  echo "--innodb-buffer-pool-size=$((memory * 2 / 5))M --max-connections=$connections"
}

# Runs statements as the administrator in a server that nobody can reach.
closed() {
  # shellcheck disable=SC2046
  mariadbd --datadir="$1" $(tune) --skip-networking --skip-slave-start &
  server=$!
  waited=0
  until mariadb-admin --user=terrace ping >/dev/null 2>&1; do
    kill -0 "$server" 2>/dev/null || return 1
    waited=$((waited + 1))
    # After a crash it may have much to go through: almost as long as the service waits for this container.
    [ "$waited" -lt 2800 ] || return 1
    sleep 0.1
  done
  failed=0
  mariadb --user=terrace --batch >&2 || failed=1
  mariadb-admin --user=terrace shutdown || kill "$server"
  wait "$server" || failed=1
  return "$failed"
}

# A text as a quoted literal. It goes through pipes alone, never through an argument.
quoted() {
  printf "'"
  sed -e 's/\\/\\\\/g' -e "s/'/''/g" "$1" | tr -d '\n'
  printf "'"
}

# What the two logins may do, one statement a line. Each dumps the routines of the other too: to see them takes `mysql.proc`.
grants() {
  # In a grant `_` stands for any letter.
  granted=$(printf %s "$DATABASE_NAME" | sed 's/_/\\_/g')
  for user in "$DATABASE_USER" "${DATABASE_USER}_b"; do
    echo "CREATE USER IF NOT EXISTS '$user'@'%' ACCOUNT LOCK;"
    printf "GRANT ALL PRIVILEGES ON \`%s\`.* TO '%s'@'%%';\n" "$granted" "$user"
    echo "GRANT SELECT ON mysql.proc TO '$user'@'%';"
  done
}

accounts() {
  grants
  # May nothing but come in, from within the container: the health check.
  echo "CREATE USER IF NOT EXISTS 'health'@'127.0.0.1';"
  echo "CREATE USER IF NOT EXISTS 'root'@'%'; GRANT ALL PRIVILEGES ON *.* TO 'root'@'%' WITH GRANT OPTION;"
  # Not by echo, which reads backslashes in its own way.
  printf "ALTER USER 'root'@'%%' IDENTIFIED BY %s;\n" "$(quoted /run/secrets/admin)"
  printf "ALTER USER '%s'@'%%' IDENTIFIED BY %s ACCOUNT UNLOCK;\n" "$DATABASE_USER" "$(quoted /run/secrets/password)"
}

initialise() {
  strange=$(ls -A "$home" | grep -v -x -e initialising -e lock -e login -e lost+found || true)
  [ -z "$strange" ] || fail "refusing to make a database in the volume: it holds something else ($(echo "$strange" | head -n 5 | tr '\n' ' '))"
  say "the volume is empty: making the database $DATABASE_NAME"
  rm -rf "$new"
  mariadb-install-db --datadir="$new" --auth-root-authentication-method=socket --auth-root-socket-user=terrace \
    --skip-test-db >/dev/null || fail "the volume could not be made ready"
  {
    echo "CREATE DATABASE \`$DATABASE_NAME\`;"
    accounts
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
if [ "$(secrets)" != "$(cat "$login" 2>/dev/null)" ]; then
  say "the secrets are other ones than those that the database was made with: setting the passwords"
  accounts | closed "$data" || fail "the passwords could not be set"
  secrets >"$login"
fi
# A database that was made before these grants gets them at its start.
grants >/tmp/grants.sql
# shellcheck disable=SC2046
exec mariadbd $(tune) --bind-address='*' --init-file=/tmp/grants.sql
