// Started by no-orphans.test.ts: starts a broker (argument: its data directory), reports it, and waits to be killed.
import { startLocalKafka } from '../../../infra/local-kafka/resolve.ts'
import { QUICK_JVM } from '../../support/quick-jvm.ts'

const broker = await startLocalKafka({ dataDir: process.argv[2], jvmOptions: QUICK_JVM })
const { kind, dataDir, bootstrap } = broker
process.stdout.write(`${JSON.stringify({ kind, dataDir, bootstrap })}
`)
setInterval(() => undefined, 60_000)
