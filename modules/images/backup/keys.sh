# Works on the passwords of a repository, or hands the platform's out sealed.
. /usr/local/lib/terrace/common.sh
case $STEP in
  # Swarm gives no secret back but to a container; it leaves this one only sealed for the recipients.
  export)
    recipients=()
    for recipient in $RECIPIENTS; do recipients+=(-r "$recipient"); done
    sealed=$(age "${recipients[@]}" -a </run/secrets/repository-password 2>>"$WORDS") || fail export $?
    result "$(jq -n --arg sealed "$sealed" '{ok: true, sealed: $sealed}')"
    ;;
  # The next password opens the repository too; the present one goes on to.
  add)
    open_target
    open_repository
    next=/run/secrets/repository-password-1
    if ! RESTIC_PASSWORD_FILE=$next restic_at /tmp/repository --no-lock cat config >/dev/null 2>&1; then
      run restic_at /tmp/repository key add --new-password-file "$next" --host "$HOSTNAME" >/dev/null || fail add $?
    fi
    RESTIC_PASSWORD_FILE=$next run restic_at /tmp/repository --no-lock cat config >/dev/null || fail add $?
    result '{"ok": true}'
    ;;
  # Every password but the one in use now is taken out.
  remove)
    open_target
    open_repository
    run restic_at /tmp/repository key list --json >/tmp/keys.json || fail remove $?
    for key in $(jq -r '.[] | select(.current | not) | .id' /tmp/keys.json); do
      run_removal restic_at /tmp/repository key remove "$key" >/dev/null
      code=$?
      [ "$code" = 77 ] && say "the server removes nothing: the old key opens this repository on" && break
      [ "$code" = 0 ] || fail remove "$code"
    done
    result "$(jq '{ok: true, removed: (map(select(.current | not)) | length)}' /tmp/keys.json)"
    ;;
esac
