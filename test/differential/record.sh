#!/usr/bin/env bash
# Records test/differential/recorded/*.json anew through Java's TopologyTestDriver (JDK 17+ and Maven).
# Usage: record.sh [part of a case name]
set -euo pipefail
cd "$(dirname "$0")"
mvn -q -B -f java/pom.xml compile dependency:build-classpath -Dmdep.outputFile=target/classpath -Dmdep.includeScope=runtime
java -Xmx512m -cp "java/target/classes:$(cat java/target/classpath)" differential.Main recorded "${1:-}" 2> java/target/record.log
