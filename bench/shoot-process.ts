/* autocannon in a process of its own: its setup is the argument, its result goes to stdout, both JSON. See shoot.ts. */
import autocannon from 'autocannon'
import type { Shot, ShotSetup } from './shoot.ts'

const { url, paths, connections, seconds, perSecond } = JSON.parse(process.argv[2] as string) as ShotSetup
const begun = performance.now()
const shooting = autocannon({
  url,
  connections,
  duration: seconds,
  requests: paths.map((path) => ({ path })),
  ...(perSecond === null ? {} : { overallRate: perSecond }),
})
// It has made the requests of all connections by now, and counts that time in.
const setupSeconds = (performance.now() - begun) / 1000
const { requests, latency, duration, non2xx, errors } = await shooting
const perSecondDone = requests.total / (duration - setupSeconds)
const shot: Shot = { perSecond: perSecondDone, p50: latency.p50, p99: latency.p99, failed: non2xx + errors }
process.stdout.write(JSON.stringify(shot))
