// Started by no-orphans.test.ts: starts a broker, tells about it, and waits to be killed.
import { startJarBroker } from '../../../infra/local-kafka/jar-broker.ts'

const broker = await startJarBroker()
process.stdout.write(`${JSON.stringify({ pid: broker.pid, dataDir: broker.dataDir, bootstrap: broker.bootstrap })}\n`)
setInterval(() => undefined, 60_000)
