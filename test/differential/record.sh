#!/usr/bin/env bash
# Records test/differential/recorded/*.json anew through Java's TopologyTestDriver (JDK 17+ and Maven).
# Usage: record.sh [part of a case name [directory [seed]]]
# Another directory and seed try other inputs: DIFFERENTIAL_RECORDED=<directory> npx vitest run test/differential
set -euo pipefail
directory=$(realpath -m "${2:-$(dirname "$0")/recorded}")
cd "$(dirname "$0")/java"
mvn -q -B compile dependency:build-classpath -Dmdep.outputFile=target/classpath -Dmdep.includeScope=runtime
java -Xmx512m -cp "target/classes:$(cat target/classpath)" differential.Main "$directory" "${1:-}" "${3:-0}" 2> target/record.log ||
  { grep -m 20 -A 3 -E '^(Exception|Caused)' target/record.log >&2; exit 1; }
