#!/usr/bin/env bash
# Writes members.json: the public methods and settings of Kafka Streams, read from its classes with javap (JDK 17+ and Maven).
# Usage: record.sh
set -euo pipefail
here=$(realpath "$(dirname "$0")")
cd "$here/../differential/java"
mvn -q -B dependency:build-classpath -Dmdep.outputFile=target/classpath -Dmdep.includeScope=runtime
"$here/../../node_modules/.bin/node" "$here/record.ts" "$(cat target/classpath)" > "$here/members.json"
