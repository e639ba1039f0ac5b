#!/usr/bin/env bash
# Compiles the Java side (JDK 17+ and Maven) and runs one of its main classes. Usage: run.sh class [arguments]
set -euo pipefail
cd "$(dirname "$0")"
mvn -q -B compile dependency:build-classpath -Dmdep.outputFile=target/classpath -Dmdep.includeScope=runtime
java -Xmx512m -cp "target/classes:$(cat target/classpath)" "differential.$1" "${@:2}" 2> target/record.log ||
  { grep -m 20 -A 3 -E '^(Exception|Caused)' target/record.log >&2; exit 1; }
