import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { projectRoot } from '../support/run-cli.ts'

export interface UsedMetric {
  /** Alert or panel. */
  readonly by: string
  readonly metric: string
}

export interface AlertRule {
  readonly alert: string
  readonly expr: string
  readonly for?: string
}

const OPS = join(projectRoot, 'ops')

export async function alertRules(): Promise<readonly AlertRule[]> {
  const text = await readFile(join(OPS, 'prometheus/alerts.yml'), 'utf8')
  return (parse(text) as { groups: { rules: AlertRule[] }[] }).groups.flatMap(({ rules }) => rules)
}

export async function metricsOfAlerts(): Promise<readonly UsedMetric[]> {
  return (await alertRules()).flatMap(({ alert, expr }) => metricsOf(expr).map((metric) => ({ by: alert, metric })))
}

interface Panel {
  readonly title: string
  readonly targets?: readonly { readonly expr: string }[]
}

export async function metricsOfDashboards(): Promise<readonly UsedMetric[]> {
  const directory = join(OPS, 'grafana/dashboards')
  const used: UsedMetric[] = []
  for (const file of await readdir(directory)) {
    const { panels } = JSON.parse(await readFile(join(directory, file), 'utf8')) as { panels: Panel[] }
    for (const { title, targets = [] } of panels) {
      for (const { expr } of targets)
        used.push(...metricsOf(expr).map((metric) => ({ by: `${file}: ${title}`, metric })))
    }
  }
  return used
}

const WORDS = new Set(['by', 'on', 'or', 'and', 'unless', 'offset', 'sum', 'ignoring', 'group_left'])

/** Names in a PromQL expression that are neither functions, keywords nor labels. */
export function metricsOf(expr: string): readonly string[] {
  const bare = expr
    .replace(/\{[^}]*\}|\[[^\]]*\]/g, ' ')
    .replace(/\b(by|on|ignoring|group_left)\s*\([^)]*\)/g, ' ')
    .replace(/\boffset\s+\w+/g, ' ')
  const names = [...bare.matchAll(/[a-zA-Z_:][\w:]*(?!\w*\s*\()/g)].map(([name]) => name)
  return [...new Set(names.filter((name) => !WORDS.has(name)))]
}
