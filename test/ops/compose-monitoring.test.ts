import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { composeServices } from '../infra/local-kafka/compose-services.ts'
import { projectRoot } from '../support/run-cli.ts'
import { alertRules } from './used-metrics.ts'

const read = (path: string): string => readFileSync(join(projectRoot, path), 'utf8')

it('the profile `monitoring` of docker-compose.yaml mounts and scrapes what exists', async () => {
  const services = await composeServices()
  const monitoring = Object.entries(services).filter(([, { profiles }]) => profiles?.includes('monitoring') === true)
  expect(monitoring.map(([name]) => name).sort()).toEqual(['alertmanager', 'grafana', 'kafka-exporter', 'prometheus'])
  const mounts = monitoring.flatMap(([, { volumes = [] }]) => volumes).filter((volume) => volume.startsWith('./'))
  expect(mounts.length).toBe(5)
  for (const mount of mounts) {
    const [path = '', , mode] = mount.split(':')
    expect([mount, existsSync(join(projectRoot, path)), mode]).toEqual([mount, true, 'ro'])
  }

  const { scrape_configs: jobs } = parse(read('ops/prometheus/prometheus.yml')) as {
    scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[]
  }
  expect(jobs.flatMap(({ job_name, static_configs }) => [job_name, ...(static_configs[0]?.targets ?? [])])).toEqual([
    ...['ride-streams', 'host.docker.internal:8080'],
    ...['kafka', 'kafka-exporter:5556'],
  ])
  expect(services['kafka-exporter']?.command?.join(' ')).toContain('.jar 5556 /etc/jmx/kafka.yml')
  const { hostPort } = parse(read('ops/jmx/kafka.yml')) as { hostPort: string }
  const { KAFKA_JMX_HOSTNAME: host, KAFKA_JMX_PORT: port } = services.kafka?.environment ?? {}
  expect(hostPort).toBe(`${host}:${port}`)
})

it('Prometheus sends alerts to the address of Alertmanager, whose muted alerts exist', async () => {
  const { alerting } = parse(read('ops/prometheus/prometheus.yml')) as {
    alerting: { alertmanagers: { static_configs: { targets: string[] }[] }[] }
  }
  expect(alerting).toEqual({ alertmanagers: [{ static_configs: [{ targets: ['alertmanager:9093'] }] }] })
  const { alertmanager } = await composeServices()
  expect(alertmanager?.ports).toEqual(['127.0.0.1:9093:9093'])
  const file = alertmanager?.command?.find((argument) => argument.startsWith('--config.file=/etc/alertmanager/'))
  const {
    route,
    receivers,
    inhibit_rules: rules,
  } = parse(read(`ops/alertmanager/${file?.split('/').at(-1)}`)) as {
    route: { receiver: string }
    receivers: { name: string }[]
    inhibit_rules: { source_matchers: string[]; target_matchers: string[] }[]
  }
  expect(receivers.map(({ name }) => name)).toEqual([route.receiver])
  const known = (await alertRules()).map(({ alert }) => alert)
  const named = rules
    .flatMap((rule) => [...rule.source_matchers, ...rule.target_matchers])
    .flatMap((matcher) => (/=~?\s*"?([^"]+)"?$/.exec(matcher)?.[1] ?? '').split('|'))
  expect(named.length).toBeGreaterThan(2)
  expect(named.filter((name) => !known.includes(name))).toEqual([])
})

it('the panels of Grafana use the provisioned data source', () => {
  const { datasources } = parse(read('ops/grafana/provisioning/datasources/prometheus.yaml')) as {
    datasources: { uid: string; url: string }[]
  }
  expect(datasources).toMatchObject([{ uid: 'prometheus', url: 'http://prometheus:9090' }])
  const { panels } = JSON.parse(read('ops/grafana/dashboards/ride-streams.json')) as {
    panels: { id: number; datasource: { uid: string } }[]
  }
  expect(new Set(panels.map(({ datasource }) => datasource.uid))).toEqual(new Set(['prometheus']))
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
})
