import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

const BIN = new URL('../../bin/ride-streams', import.meta.url).pathname

export interface AppProcessOptions {
  readonly maxFileKiB?: number
  readonly cgroup?: string
  readonly ownGroup?: boolean
  readonly command?: readonly [string, ...string[]]
}

/** `ride-streams start` as a child process, as an operator runs it; or another program that logs its URL as that one does. */
export class AppProcess {
  /** URL of its HTTP server. */
  readonly url: string
  /** Resolves when it has ended, for whatever reason. */
  readonly ended: Promise<unknown>
  readonly #child: ChildProcess
  readonly #log: string[]

  /**
   * Resolves when HTTP is up (stores may still restore). Rejects with the log when it exits before.
   * @param maxFileKiB no file it writes may grow beyond: what a full disk is like, on any machine
   * @param cgroup directory of a control group that it joins before it starts (Linux, root)
   * @param command program and arguments, default `ride-streams start`
   * @param ownGroup Ctrl-C of the caller's terminal does not reach it: the caller has to end it
   */
  static async start(
    env: Readonly<Record<string, string>>,
    { maxFileKiB, cgroup, ownGroup = false, command = [BIN, 'start'] }: AppProcessOptions = {},
  ): Promise<AppProcess> {
    const steps = [
      ...(maxFileKiB === undefined ? [] : [`ulimit -f ${maxFileKiB * 2}`]),
      ...(cgroup === undefined ? [] : [`echo $$ > ${cgroup}/cgroup.procs`]),
      'exec "$0" "$@"',
    ]
    const child = spawn('/bin/sh', ['-c', steps.join(' && '), ...command], {
      env: {
        ...process.env,
        HTTP_PORT: '0',
        // The signal would end the process before the error of the limit arrives.
        ...(maxFileKiB !== undefined && { NODE_OPTIONS: "--import=data:text/javascript,process.on('SIGXFSZ',()=>{})" }),
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: ownGroup,
    })
    const log: string[] = []
    const started = new Promise<string>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream as NodeJS.ReadableStream }).on('line', (line) => {
          log.push(line)
          const url = /"url":"([^"]+)"/.exec(line)?.[1]
          if (url !== undefined) resolve(url)
        })
      }
      child.once('exit', (code) => reject(new Error(`start exited with ${code}:\n${log.join('\n')}`)))
    })
    return new AppProcess(child, log, await started)
  }

  private constructor(child: ChildProcess, log: string[], url: string) {
    this.#child = child
    this.#log = log
    this.url = url
    this.ended = this.isRunning ? new Promise((resolve) => child.once('exit', resolve)) : Promise.resolve()
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** False once it has ended, for whatever reason. */
  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  get log(): readonly string[] {
    return this.#log
  }

  /** Resolves when every owned store is restored and tasks run. */
  async ready(): Promise<void> {
    for (;;) {
      if (!this.isRunning) throw new Error(`the app has stopped:\n${this.#log.join('\n')}`)
      // No answer: it is on its way out, and the exit code comes with the next look.
      const response = await fetch(`${this.url}/health/ready`).catch(() => null)
      if (response?.status === 200) return
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal)
  }

  /** Waits for the end, which comes by itself; the exit code. */
  async exit(): Promise<number | null> {
    if (this.isRunning) await once(this.#child, 'close')
    return this.#child.exitCode
  }

  /** Signals and waits for the end; the exit code, null when killed. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    if (!this.isRunning) return this.#child.exitCode
    const exit = once(this.#child, 'exit')
    this.#child.kill(signal)
    const [code] = (await exit) as [number | null]
    return code
  }
}
