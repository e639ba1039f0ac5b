import type { VariableTable } from './variable.ts'

/** The settings as a table of Markdown, for a page. */
export function variablesTable(table: VariableTable): string {
  const rows = Object.entries(table).map(([name, variable]) => {
    const fallback = variable.fallback === null ? 'unset' : `\`${String(variable.fallback)}\``
    const { accepts, acceptsInCode } = variable.kind
    const inCode = acceptsInCode === undefined ? '' : `; in code ${acceptsInCode}`
    const about = variable.secret ? `${variable.about} Secret: never logged.` : variable.about
    const kafka = variable.kafka === undefined ? '' : `\`${variable.kafka}\``
    const cells = [`\`${name}\``, `\`${variable.env}\``, kafka, accepts + inCode, fallback, about]
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  })
  return `| in code | variable | Kafka Streams | accepts | default | meaning |\n|---|---|---|---|---|---|\n${rows.join('\n')}`
}
