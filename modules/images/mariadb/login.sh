#!/bin/sh
# Runs as a job beside the server, and lets a login in or shuts it out, as the administrator.
#
# login accept USER OWNER   with the password in /run/secrets/password; DATABASE_NAME is the database
# login refuse USER         its connections are closed
set -eu

# A text as a quoted literal. It goes through pipes alone, never through an argument.
quoted() {
  printf "'"
  sed -e 's/\\/\\\\/g' -e "s/'/''/g" "$1" | tr -d '\n'
  printf "'"
}

umask 077
# In an option file a backslash and a quote are escaped by a backslash.
printf '[client]\nhost=db\nuser=root\nconnect-timeout=20\npassword="%s"\n' \
  "$(sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' /run/secrets/admin)" >/tmp/admin.cnf

run() {
  mariadb --defaults-extra-file=/tmp/admin.cnf --batch --skip-column-names "$@"
}

case $1 in
accept)
  # In a grant `_` stands for any letter.
  granted=$(printf %s "$DATABASE_NAME" | sed 's/_/\\_/g')
  {
    printf "CREATE USER IF NOT EXISTS '%s'@'%%' ACCOUNT LOCK;\n" "$2"
    printf "GRANT ALL PRIVILEGES ON \`%s\`.* TO '%s'@'%%';\n" "$granted" "$2"
    # To dump the routines of the other login too.
    printf "GRANT SELECT ON mysql.proc TO '%s'@'%%';\n" "$2"
    printf "ALTER USER '%s'@'%%' IDENTIFIED BY %s ACCOUNT UNLOCK;\n" "$2" "$(quoted /run/secrets/password)"
  } | run
  ;;
refuse)
  echo "ALTER USER '$2'@'%' ACCOUNT LOCK;" | run
  # Not through one pipe: that would hide that they could not be listed.
  connections=$(echo "SELECT CONCAT('KILL ', id, ';') FROM information_schema.processlist WHERE user = '$2';" | run)
  echo "$connections" | run --force
  ;;
esac
