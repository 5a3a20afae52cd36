#!/bin/sh
# Runs as a job beside the server, and lets a login in or shuts it out, as the administrator.
#
# login accept USER OWNER   with the password in /run/secrets/password; a USER that is not the OWNER works in its name
# login refuse USER         its connections are closed
set -eu

export PGHOST=db PGUSER=postgres PGDATABASE=postgres PGCONNECT_TIMEOUT=20
PGPASSWORD=$(cat /run/secrets/admin)
export PGPASSWORD

run() {
  psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=user="$1" --set=owner="${2:-}" --file=- >&2
}

case $1 in
accept)
  [ "$2" = "$3" ] || run "$2" "$3" <<'SQL'
SELECT format('CREATE ROLE %I IN ROLE %I', :'user', :'owner') WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'user') \gexec
ALTER ROLE :"user" SET role TO :"owner";
SQL
  run "$2" <<'SQL'
\set password `cat /run/secrets/password`
ALTER ROLE :"user" LOGIN PASSWORD :'password';
SQL
  ;;
refuse)
  run "$2" <<'SQL'
ALTER ROLE :"user" NOLOGIN PASSWORD NULL;
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = :'user' \g /dev/null
SQL
  ;;
esac
