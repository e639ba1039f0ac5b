#!/usr/bin/env bash
# Records topologies that seeds make through Java's TopologyTestDriver.
# Usage: record-random.sh [directory [first seed [how many]]]
# To look for differences: record-random.sh /tmp/random 1000 500, then
# DIFFERENTIAL_RANDOM=/tmp/random npx vitest run test/differential/random.test.ts
set -euo pipefail
here=$(dirname "$0")
"$here/java/run.sh" RandomMain "$(realpath -m "${1:-$here/recorded-random}")" "${2:-1}" "${3:-60}"
# Topologies that Kafka Streams refuses.
grep '^Exception in random' "$here/java/target/record.log" || true
