#!/bin/sh
# Run one command in a box, then wait for what it left running: payloads like to run detached.
#
#     session.sh LINGER_TENTHS [--then WORDS] COMMAND…
#
# A shell, for it starts in a tenth of an interpreter's time, and no start hook of the package runs
# in it. When this process ends, the box ends, and every process in it. Ends as the command ended.
limit=$1
shift
after=
if [ "$1" = --then ]; then
    after=$2
    shift 2
fi
"$@"
code=$?
# shellcheck disable=SC2086  # words are meant
[ -n "$after" ] && [ "$code" = 0 ] && $after
waited=0
while
    set -- /proc/[0-9]* # the box's first process, this one, and whatever else there is
    [ $# -gt 2 ] && [ "$waited" -lt "$limit" ]
do
    /bin/sleep 0.1 # not by PATH: the package may have one
    waited=$((waited + 1))
done
[ $# -gt 2 ] && echo '{"kind":"lingering","processes":'$(($# - 2))'}' >&3
exit "$code"
