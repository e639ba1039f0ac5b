import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, describe, expect, it } from 'vitest'
import { type CliResult, resultOf, spawnCli } from '../support/run-cli.ts'

const stateDir = mkdtempSync(join(tmpdir(), 'ride-streams-dev-'))
const running = new Set<ChildProcess>()

afterAll(() => {
  for (const child of running) child.kill('SIGKILL')
  rmSync(stateDir, { recursive: true, force: true })
})

interface Dev {
  readonly child: ChildProcess
  readonly result: Promise<CliResult>
  /** The first line of output that matches. */
  line(pattern: RegExp): Promise<RegExpExecArray>
}

function startDev(): Dev {
  const child = spawnCli(['dev', '--speed', '2000'], { STATE_DIR: stateDir, HTTP_PORT: '0' })
  running.add(child)
  child.once('exit', () => running.delete(child))
  const result = resultOf(child)
  const seen: string[] = []
  const wanted: Array<(line: string) => void> = []
  if (child.stdout !== null) {
    createInterface({ input: child.stdout }).on('line', (line) => {
      seen.push(line)
      for (const look of [...wanted]) look(line)
    })
  }
  const line = (pattern: RegExp): Promise<RegExpExecArray> => {
    const found = new Promise<RegExpExecArray>((resolve) => {
      const look = (text: string): void => {
        const match = pattern.exec(text)
        if (match !== null) resolve(match)
      }
      wanted.push(look)
      seen.forEach(look)
    })
    const ended = result.then(({ code, stderr }) => Promise.reject(new Error(`dev ended with ${code}: ${stderr}`)))
    return Promise.race([found, ended])
  }
  return { child, result, line }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    // No such process.
    return false
  }
}

const feedFile = join(stateDir, 'dev-feed.json')
const fed = (): { events: number } => JSON.parse(readFileSync(feedFile, 'utf8'))
const fedEvents = (): number => fed().events

/** The next start finds that some rides have gone out before, and that they were all of the month. */
async function endMonth(): Promise<void> {
  if (!existsSync(feedFile)) {
    const first = startDev()
    await first.line(/RUNNING; .* completed [1-9]/)
    first.child.kill('SIGINT')
    await first.result
  }
  writeFileSync(feedFile, JSON.stringify({ ...fed(), finished: true }))
}

/** Null when the broker runs in a container. */
function brokerPid(): number | null {
  try {
    return Number(readFileSync(join(stateDir, 'kafka', 'kafka.pid'), 'utf8'))
  } catch {
    // A container leaves no pid file.
    return null
  }
}

describe('dev', () => {
  /** It still runs after the test that started it; the last test can use it. */
  let left: Dev | undefined

  it('turns real rides into trips and revenue, leaves no process running, and continues at the next start until its own Kafka ends', async () => {
    const first = startDev()
    const [, url] = await first.line(/HTTP (\S+);/)
    await first.line(/RUNNING; .* completed [1-9].*; revenue of 2019-03-/)
    const trips = (await (await fetch(`${url}/trips?status=completed&limit=1`)).json()) as {
      rows: { tripId: string }[]
    }
    expect(trips.rows[0]?.tripId).toMatch(/^nyc-\d{4}/)
    const pid = brokerPid()
    first.child.kill('SIGINT')
    expect(await first.result).toMatchObject({ code: 0, signal: null })
    expect(pid !== null && isAlive(pid)).toBe(false)
    await expect(fetch(`${url}/health/live`)).rejects.toThrow()

    const fedBefore = fedEvents()
    const second = startDev()
    const [, again] = await second.line(/HTTP (\S+);/)
    await second.line(/RUNNING; .* completed [1-9]/)
    const kept = await fetch(`${again}/trips/${trips.rows[0]?.tripId}`)
    expect(kept.status).toBe(200)
    await expect.poll(fedEvents).toBeGreaterThan(fedBefore)
    const its = brokerPid()
    // No test of a container.
    if (its !== null) process.kill(its, 'SIGKILL')
    else second.child.kill('SIGTERM')
    const { code, stderr } = await second.result
    const [, said = ''] = /^ride-streams: (.*)/m.exec(stderr) ?? []
    expect([code, said]).toEqual(
      its === null ? [0, ''] : [1, expect.stringMatching(/^the local Kafka \S+ has ended, with status 137 \(/)],
    )
  })

  it('of two starts at once one runs, and the other says at once where its dashboard is', async () => {
    await endMonth()
    const both = [startDev(), startDev()]
    const first = await Promise.race(both.map(async (dev) => ({ dev, ended: await dev.result })))
    expect(first.ended).toMatchObject({ code: 1, stdout: '' })
    const other = both.find((dev) => dev !== first.dev)
    const [, url] = (await other?.line(/HTTP (\S+);/)) ?? []
    const [, pid, where] =
      /^ride-streams: dev runs on STATE_DIR \S+ already, in process (\d+); (.*)\n$/.exec(first.ended.stderr) ?? []
    expect(Number(pid)).toBe(other?.child.pid)
    // The other one may be as far as that, when this one was slow to look.
    expect(['it is starting', `its dashboard is at ${url}/`]).toContain(where)
    const late = await startDev().result
    expect(late.stderr).toContain(`; its dashboard is at ${url}/`)
    left = other
  })

  it('goes on with live rides after the month; leaves no process running when it is killed', async () => {
    if (left === undefined) await endMonth()
    const dev = left ?? startDev()
    const [, url] = await dev.line(/HTTP (\S+);/)
    await dev.line(/, live [1-9]/)
    // The topic has as many as the demo has sent, before this start too.
    await dev.line(/, dead letters (\d+) \(\1 sent on purpose\)$/)
    const minuteAgo = new Date(Date.now() - 60_000).toISOString()
    const newTrips = async () => (await fetch(`${url}/trips?from=${minuteAgo}&limit=1`)).text()
    await expect.poll(newTrips, { timeout: 20_000 }).toContain('"tripId":"live-')
    const pid = brokerPid()
    dev.child.kill('SIGKILL')
    expect(await dev.result).toMatchObject({ signal: 'SIGKILL' })
    await expect.poll(() => pid !== null && isAlive(pid)).toBe(false)
  })
})
