// Started by no-orphans.test.ts: starts a broker, tells about it, and waits to be killed.
import { startLocalKafka } from '../../../infra/local-kafka/resolve.ts'

const broker = await startLocalKafka()
const { kind, dataDir, bootstrap } = broker
process.stdout.write(`${JSON.stringify({ kind, dataDir, bootstrap })}
`)
setInterval(() => undefined, 60_000)
