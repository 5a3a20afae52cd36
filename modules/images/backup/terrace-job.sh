#!/bin/bash
# terrace-job ACTION: one job on one site's repository; everything else comes in the environment and as secrets.
action=$1
case $action in
  backup | restore | retention | check | copy | list | keys | compare | load | mark | visit | volumes) exec bash "/usr/local/lib/terrace/$action.sh" ;;
  # A part of `restore`, under a name that older images refuse.
  sweep) exec bash /usr/local/lib/terrace/restore.sh ;;
  *)
    echo "terrace-job knows no $action" >&2
    exit 64
    ;;
esac
