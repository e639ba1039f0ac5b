#!/usr/bin/env bash
# Records test/differential/recorded/*.json anew through Java's TopologyTestDriver.
# Usage: record.sh [part of a case name [directory [seed]]]
# Another directory and seed try other inputs: DIFFERENTIAL_RECORDED=<directory> npx vitest run test/differential
set -euo pipefail
here=$(dirname "$0")
"$here/java/run.sh" Main "$(realpath -m "${2:-$here/recorded}")" "${1:-}" "${3:-0}"
