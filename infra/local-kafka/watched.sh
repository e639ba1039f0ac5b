#!/bin/sh
# Runs a command that must not outlive its owner: `watched.sh PID_FILE TEMPORARY_DIR CONTAINER COMMAND...`
# The owner holds the write end of this script's stdin. When the owner is gone, for whatever reason (kill -9 too),
# stdin ends and the command is stopped; then TEMPORARY_DIR ('' = none) is removed, CONTAINER ('' = none) as well.
pid_file=$1 temporary=$2 container=$3
shift 3
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
echo "$child" >"$pid_file"
(
  cat <&3 >/dev/null
  trap '' TERM # from here on the work is finished, whatever the script below thinks
  if [ -n "$container" ]; then docker rm -f -v "$container" >/dev/null 2>&1; fi
  # Temporary data needs no clean shutdown.
  if [ -n "$temporary" ]; then kill -9 "$child" 2>/dev/null; else kill "$child" 2>/dev/null; fi
  waited=0
  while kill -0 "$child" 2>/dev/null && [ $waited -lt 100 ]; do sleep 0.1; waited=$((waited + 1)); done
  kill -9 "$child" 2>/dev/null
  if [ -n "$temporary" ]; then rm -rf -- "$temporary"; fi
) >/dev/null 2>&1 &
watcher=$!
wait "$child"
status=$?
# A pid may be given away again: the watcher must not live longer than the child it would kill.
kill "$watcher" 2>/dev/null
exit $status
