#!/bin/sh
# Whether the worker has shown within the last 30 s that it is `alive`, or `ready` for jobs:
#
#   sh deploy/probe.sh alive
#
# `alive` does not depend on Redis or the vendor, so it may decide about a restart. It fails, too,
# when the loop that takes messages has stood still for a minute although Redis answers.
file="${REVIO_HEARTBEAT_DIR:?names the directory of the worker's heartbeat}/${1:-alive}"
test -n "$(find "$file" -newermt '30 seconds ago' 2>/dev/null)"
