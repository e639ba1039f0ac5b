#!/usr/bin/env bash
# Builds the peer once (JDK 17+, Maven) and becomes it. Environment: KAFKA_BROKERS, APPLICATION_ID, STATE_DIR, NUM_STREAM_THREADS (1), STYLE (tuned | plain).
# `run.sh build` only builds.
set -euo pipefail
cd "$(dirname "$0")"
if [ ! -f target/classpath ] || [ -n "$(find pom.xml src -newer target/classpath -print -quit)" ]; then
  mvn -q -B compile dependency:build-classpath -Dmdep.outputFile=target/classpath.new -Dmdep.includeScope=runtime 1>&2
  touch target/classpath.new
  mv target/classpath.new target/classpath
fi
[ "${1:-}" = build ] && exit 0
heap=(-Xms512m -Xmx512m -XX:+UseParallelGC)
[ "${STYLE:-tuned}" = plain ] && heap=() # The JVM's own choice.
exec java "${heap[@]}" -Dorg.slf4j.simpleLogger.defaultLogLevel="${PEER_LOG_LEVEL:-off}" \
  -cp "target/classes:$(cat target/classpath)" peer.Main
