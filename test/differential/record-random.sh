#!/usr/bin/env bash
# Records topologies that seeds make through Java's TopologyTestDriver (JDK 17+ and Maven).
# Usage: record-random.sh [directory [first seed [how many]]]
# To look for differences: record-random.sh /tmp/random 1000 500, then
# DIFFERENTIAL_RANDOM=/tmp/random npx vitest run test/differential/random.test.ts
set -euo pipefail
directory=$(realpath -m "${1:-$(dirname "$0")/recorded-random}")
cd "$(dirname "$0")/java"
mvn -q -B compile dependency:build-classpath -Dmdep.outputFile=target/classpath -Dmdep.includeScope=runtime
java -Xmx512m -cp "target/classes:$(cat target/classpath)" differential.RandomMain "$directory" "${2:-1}" "${3:-60}" 2> target/record.log ||
  { grep -m 20 -A 3 -E '^(Exception|Caused)' target/record.log >&2; exit 1; }
grep '^Exception in random' target/record.log || true
