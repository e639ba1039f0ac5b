import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atEndOfTestProcess } from '../support/at-end-of-test.ts'

export interface Alert {
  readonly labels: Readonly<Record<string, string>>
  readonly state: 'pending' | 'firing'
}

export interface PrometheusOptions {
  readonly port: number
  readonly rules: string
  /** Job -> host:port. */
  readonly targets: Readonly<Record<string, string>>
}

/** A real Prometheus (Debian's package `prometheus`) that scrapes and judges every second. It dies with the tests. */
export class Prometheus {
  readonly #child: ChildProcess
  readonly #directory: string
  readonly #url: string

  static async start({ port, rules, targets }: PrometheusOptions): Promise<Prometheus> {
    const directory = await mkdtemp(join(tmpdir(), 'ride-prometheus-'))
    const jobs = Object.entries(targets).map(([job_name, target]) => ({
      job_name,
      static_configs: [{ targets: [target] }],
    }))
    const config = {
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
      rule_files: ['alerts.yml'],
      scrape_configs: jobs,
    }
    await writeFile(join(directory, 'alerts.yml'), rules)
    // JSON is YAML.
    await writeFile(join(directory, 'prometheus.yml'), JSON.stringify(config))
    const child = spawn(
      'prometheus',
      [
        `--config.file=${join(directory, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(directory, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=warn',
      ],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    )
    const guard = atEndOfTestProcess('kill -9 "$0"', [String(child.pid)])
    child.once('exit', () => guard.kill('SIGKILL'))
    await once(child, 'spawn')
    const prometheus = new Prometheus(child, directory, `http://127.0.0.1:${port}`)
    await prometheus.#until(async () => (await fetch(`${prometheus.#url}/-/ready`)).ok, 'Prometheus to be ready')
    return prometheus
  }

  private constructor(child: ChildProcess, directory: string, url: string) {
    this.#child = child
    this.#directory = directory
    this.#url = url
  }

  /** Pending and firing. */
  async alerts(): Promise<readonly Alert[]> {
    const response = await fetch(`${this.#url}/api/v1/alerts`)
    return ((await response.json()) as { data: { alerts: Alert[] } }).data.alerts
  }

  async firing(): Promise<readonly string[]> {
    const firing = (await this.alerts()).filter(({ state }) => state === 'firing')
    return [...new Set(firing.map(({ labels }) => labels.alertname ?? ''))].sort()
  }

  /** Resolves with its labels when it fires. */
  async fires(alert: string): Promise<Readonly<Record<string, string>>> {
    let labels: Readonly<Record<string, string>> | undefined
    await this.#until(async () => {
      labels = (await this.alerts()).find(
        (candidate) => candidate.labels.alertname === alert && candidate.state === 'firing',
      )?.labels
      return labels !== undefined
    }, `${alert} to fire`)
    return labels ?? {}
  }

  /** Value of the first sample, null when there is none. */
  async query(expr: string): Promise<number | null> {
    const response = await fetch(`${this.#url}/api/v1/query?query=${encodeURIComponent(expr)}`)
    const { data } = (await response.json()) as { data: { result: { value: [number, string] }[] } }
    const value = data.result[0]?.value[1]
    return value === undefined ? null : Number(value)
  }

  /** Names of all metrics of a job. */
  async metricsOf(job: string): Promise<readonly string[]> {
    const match = encodeURIComponent(`{job="${job}"}`)
    const response = await fetch(`${this.#url}/api/v1/label/__name__/values?match[]=${match}`)
    return ((await response.json()) as { data: string[] }).data
  }

  async until(expr: string, value: number): Promise<void> {
    await this.#until(
      async () => ((await this.query(expr)) ?? Number.NEGATIVE_INFINITY) >= value,
      `${expr} >= ${value}`,
    )
  }

  async stop(): Promise<void> {
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exit
    await rm(this.#directory, { recursive: true, force: true })
  }

  async #until(isSo: () => Promise<boolean>, what: string): Promise<void> {
    const deadline = performance.now() + 90_000
    while (!(await isSo().catch(() => false))) {
      if (performance.now() > deadline) {
        throw new Error(`waited in vain for ${what}; alerts: ${JSON.stringify(await this.alerts().catch(() => null))}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
  }
}
