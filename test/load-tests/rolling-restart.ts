import type { AppProcess } from '../support/app-process.ts'

/** When an instance was stopped by SIGTERM and started again; ms since time 0. */
export interface Restart {
  readonly stopAt: number
  readonly endedAt: number
  readonly startAt: number
  /** `/health/ready` is 200: all its tasks are active. */
  readonly readyAt: number
}

export interface RollingRestartOptions {
  readonly instance: AppProcess
  readonly start: () => Promise<AppProcess>
  /** Between the end of the process and its new start: the other one has all the work. */
  readonly pauseMs: number
  /** Ms since time 0. */
  readonly now: () => number
}

/** Stops the instance cleanly and starts it again, as a deployment does. @throws Error when it does not stop cleanly */
export async function rollingRestart({ instance, start, pauseMs, now }: RollingRestartOptions): Promise<Restart> {
  const stopAt = now()
  const code = await instance.end('SIGTERM')
  if (code !== 0) throw new Error(`the instance ended with exit code ${code}:\n${instance.log.slice(-20).join('\n')}`)
  const endedAt = now()
  await new Promise((resolve) => setTimeout(resolve, pauseMs))
  const startAt = now()
  const started = await start()
  await started.ready()
  return { stopAt, endedAt, startAt, readyAt: now() }
}
