# What all jobs share. A job ends with one line `terrace-result {...}` on standard output: what it found, or at which
# stage it failed with which exit code and last words. What that means is decided outside of the container.
set -uo pipefail
shopt -s nullglob

WORDS=/tmp/words
: >"$WORDS"
# restic's collector is to work hard only near the limit of this container (cgroup 2, or 1), not all the time.
limit=$(cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null)
[[ $limit =~ ^[0-9]+$ ]] && export GOMEMLIMIT=$((limit / 2))
export RESTIC_CACHE_DIR=/cache RESTIC_PROGRESS_FPS=0.2 RESTIC_COMPRESSION=auto HOME=/tmp LC_ALL=C.UTF-8

# A job that is told to stop passes that on, so that restic takes its lock away; the result then says so.
STOPPED=
trap 'STOPPED=1; for child in $(jobs -p); do kill -INT "$child" 2>/dev/null; done' TERM INT

# Prints the result: its only argument is a JSON object.
result() {
  printf 'terrace-result %s\n' "$(jq -c . <<<"$1")"
}

# fail STAGE CODE: ends the job.
fail() {
  local code=$2
  [ -n "$STOPPED" ] && code=143
  result "$(jq -n --arg stage "$1" --argjson code "$code" --arg words "$(tail -c 3000 "$WORDS")" \
    '{ok: false, stage: $stage, code: $code, words: $words}')"
  exit 1
}

# say TEXT: progress, for whoever looks on.
say() {
  printf 'terrace-progress %s\n' "$1"
}

# Runs a command whose words are kept for the result; waits for it even while the job is told to stop. The command itself writes
# them: another process in between could still hold some when it has ended, and what they mean is asked at once.
run() {
  # What comes after a stop is not begun: nobody would end it, and who is killed leaves a lock.
  [ -z "$STOPPED" ] || return 143
  EXEC=exec "$@" 2>>"$WORDS" &
  finish $!
}

# finish CHILD: waits for it, also while the job is told to stop, and returns how it ended.
finish() {
  local code
  while :; do
    [ -z "$STOPPED" ] || interrupt "$1"
    wait "$1"
    code=$?
    kill -0 "$1" 2>/dev/null || return "$code"
  done
}

# interrupt CHILD: until it has gone. One that was just started is yet a shell, which ignores that.
interrupt() {
  while kill -INT "$1" 2>/dev/null; do sleep 0.3; done
}

# place PREFIX URL FILE: makes a place ready for restic: what it asks for are the secrets in capitals, those of the second place
# with COPY_ before the name. None reaches an argument. The address goes into the file that restic reads it from.
place() {
  local prefix=$1 url=$2 file=$3 secret name
  local REST_USERNAME='' REST_PASSWORD=''
  for secret in /run/secrets/[A-Z]*; do
    name=$(basename "$secret")
    case $name in
      COPY_*) [ "$prefix" = COPY_ ] || continue ;;
      *) [ -z "$prefix" ] || continue ;;
    esac
    case ${name#"$prefix"} in
      # ssh takes no key without a line end; Terrace keeps values without.
      SFTP_KEY | SFTP_KNOWN_HOSTS) (umask 077 && { cat "$secret" && echo; } >"/tmp/$name") ;;
      CA_CERT) trust "$secret" ;;
      REST_USERNAME) REST_USERNAME=$(cat "$secret") ;;
      REST_PASSWORD) REST_PASSWORD=$(cat "$secret") ;;
      *) export "${name#"$prefix"}=$(cat "$secret")" ;;
    esac
  done
  case $url in
    sftp:*) url=$(ssh_place "$prefix" "$url") ;;
    rest:http*)
      local user
      user=$(REST_USERNAME=$REST_USERNAME REST_PASSWORD=$REST_PASSWORD jq -rn 'env.REST_USERNAME, env.REST_PASSWORD | @uri' | paste -sd :)
      [ -z "$REST_USERNAME" ] || url=${url/:\/\//:\/\/$user@}
      ;;
  esac
  (umask 077 && printf '%s' "$url" >"$file")
}

# An authority of one's own beside the ones that everybody knows.
trust() {
  [ -e /tmp/authorities ] || cat /etc/ssl/certs/ca-certificates.crt >/tmp/authorities
  { cat "$1" && echo; } >>/tmp/authorities
}

# ssh_place PREFIX URL: tells ssh of a place under a name of its own, and prints the address by that. ssh takes what it is given and
# asks nobody: an unknown host is refused.
ssh_place() {
  local prefix=$1 rest=${2#sftp:} name=${1:+copy-}place at path port=22
  if [[ $rest == //* ]]; then
    rest=${rest#//}
    at=${rest%%/*} path=${rest#*/}
    [[ $at == *:* ]] && port=${at##*:} at=${at%:*}
  else
    at=${rest%%:*} path=${rest#*:}
  fi
  cat >>/tmp/ssh_config <<END
Host $name
  HostName ${at#*@}
  User ${at%%@*}
  Port $port
  BatchMode yes
  ConnectTimeout 20
  ServerAliveInterval 15
  StrictHostKeyChecking yes
  UserKnownHostsFile /tmp/${prefix}SFTP_KNOWN_HOSTS
  IdentityFile /tmp/${prefix}SFTP_KEY
  IdentitiesOnly yes
END
  printf 'sftp:%s:%s' "$name" "$path"
}

# restic_at FILE ARGUMENTS: restic on the repository whose address is in the file.
restic_at() {
  local file=$1 options=()
  shift
  [ -e /tmp/authorities ] && options=(--cacert /tmp/authorities)
  # In the background this takes the place of the shell, so that a signal reaches restic itself.
  ${EXEC:-} restic --repository-file "$file" "${options[@]}" "$@"
}

open_target() {
  place "" "$REPOSITORY" /tmp/repository
  reach "$REPOSITORY" || fail open 1
}

# reach URL: whether anybody listens there. restic itself would try for minutes, and for a quarter of an hour where packets
# are lost.
reach() {
  local url=$1 rest port=22 attempt
  case $url in
    sftp://*) rest=${url#sftp://} ;;
    sftp:*) rest=${url#sftp:} && rest=${rest%%:*} ;;
    *:https://*) rest=${url#*://} port=443 ;;
    *:http://*) rest=${url#*://} port=80 ;;
    *) return 0 ;;
  esac
  rest=${rest%%/*}
  rest=${rest##*@}
  [[ $rest =~ ^(.*):([0-9]+)$ ]] && rest=${BASH_REMATCH[1]} port=${BASH_REMATCH[2]}
  rest=${rest#[} rest=${rest%]}
  for attempt in 1 2 3; do
    # shellcheck disable=SC2016
    timeout 10 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$rest" "$port" 2>/tmp/unreached && return 0
    [ "$attempt" = 3 ] || sleep 1
  done
  echo "nobody answers at $rest port $port: $(grep -o '[^:]*$' /tmp/unreached | head -n 1 || true)" >>"$WORDS"
  return 1
}

# Like `run`, for what removes: a server that only takes refuses that, and restic would try again for minutes. Returns 77 then.
run_removal() {
  [[ $REPOSITORY == rest:* ]] || { run "$@"; return; }
  [ -z "$STOPPED" ] || return 143
  EXEC=exec "$@" 2>>"$WORDS" &
  local child=$! code
  while kill -0 "$child" 2>/dev/null; do
    if [ -n "$STOPPED" ] || grep -q '403 Forbidden' "$WORDS"; then kill -INT "$child" 2>/dev/null; fi
    sleep 0.3
  done
  wait "$child"
  code=$?
  grep -q '403 Forbidden' "$WORDS" && return 77
  return "$code"
}

# mark_failed: the backup $BACKUP turned out to be none to rely on. It is taken only by its name from then on, and keeps no
# good one's place. Where nothing can be removed, the mark stands beside what it marks.
mark_failed() {
  local ids id code
  ids=$(restic_at /tmp/repository --no-lock snapshots --json --host "$SITE" \
    --tag "terrace,part=files,kind=regular,backup=$BACKUP" 2>>"$WORDS" | jq -r '.[].id') || return
  for id in $ids; do
    run_removal restic_at /tmp/repository tag --remove kind=regular --add kind=failed "$id" >&2
    code=$?
    [ "$code" = 0 ] || [ "$code" = 77 ] || return "$code"
  done
}

# Chooses the password that opens the repository: while it is being changed there are two. Makes the repository where
# there has never been one. Deriving a key takes half a second, so nothing is asked that what follows will find out itself.
open_repository() {
  local code=1 file
  export RESTIC_PASSWORD_FILE=/run/secrets/repository-password
  if [ ! -e /run/secrets/repository-password-1 ] && [ -z "${ASK:-}" ] && seen; then
    own_locks /tmp/repository "$REPOSITORY"
    return
  fi
  for file in /run/secrets/repository-password*; do
    export RESTIC_PASSWORD_FILE=$file
    : >"$WORDS"
    run restic_at /tmp/repository --no-lock cat config >/dev/null
    code=$?
    [ "$code" = 0 ] && break
    grep -q 'wrong password' "$WORDS" || break
  done
  if [ "$code" != 0 ] && [ "${FIRST:-}" = yes ] && grep -qE 'Is there a repository|unable to open config' "$WORDS"; then
    say "make the repository"
    : >"$WORDS"
    export RESTIC_PASSWORD_FILE=/run/secrets/repository-password
    run restic_at /tmp/repository init >/dev/null
    code=$?
    # While the key is being changed, a new repository has both from the beginning.
    file=/run/secrets/repository-password-1
    if [ "$code" = 0 ] && [ -e "$file" ]; then
      run restic_at /tmp/repository key add --new-password-file "$file" --host "$HOSTNAME" >/dev/null
      code=$?
    fi
  fi
  [ "$code" = 0 ] || fail open "$code"
  : >"$WORDS"
  own_locks /tmp/repository "$REPOSITORY"
}

# Whether the repository can be taken to be there: it was used before, or its folder shows it.
seen() {
  [ "${FIRST:-}" != yes ] || [ -e "$REPOSITORY/config" ]
}

# unfinished FILE URL: what restic had not written to its end when it was killed lies under a name of its own, which it never looks at.
unfinished() {
  local file=$1 url=$2 at
  case $url in
    /*) find "$url" -type f -name '*-tmp-*' -delete ;;
    sftp:*)
      at=$(cat "$file") at=${at#sftp:}
      # A `-` before a command: it may find nothing to remove. Looking through 256 folders takes minutes where answers come slowly.
      timeout 900 sftp -q -b - "${at%%:*}" >&2 <<END || say "what a killed job had written halfway could not be looked for"
-rm ${at#*:}/*/*-restic-temp-*
-rm ${at#*:}/data/*/*-restic-temp-*
END
      ;;
  esac
}

# own_locks FILE URL: locks of jobs that were killed. One job at a time has the site, so a lock of this very host name is nobody's;
# a lock of another host is left, and whoever holds it is waited for by failing.
own_locks() {
  local file=$1 url=$2 lock locks=("$2"/locks/*)
  [[ $url == /* && ${#locks[@]} = 0 ]] && return 0
  for lock in $(restic_at "$file" --no-lock list locks 2>/dev/null); do
    if [ "$(restic_at "$file" --no-lock cat lock "$lock" 2>/dev/null | jq -r .hostname)" != "$HOSTNAME" ]; then
      return 0
    fi
    say "remove the lock of a job that was killed"
    unfinished "$file" "$url"
    run restic_at "$file" unlock --remove-all >/dev/null
    return 0
  done
  return 0
}
