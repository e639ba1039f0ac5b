import type { VariableTable } from './variable.ts'

/** The variables as a table of Markdown, for a page. */
export function variablesTable(table: VariableTable): string {
  const rows = Object.values(table).map((variable) => {
    const fallback = variable.fallback === null ? 'unset' : `\`${String(variable.fallback)}\``
    const accepts = variable.kind.accepts.replaceAll('|', '\\|')
    const about = variable.secret ? `${variable.about} Secret: never logged.` : variable.about
    return `| \`${variable.env}\` | ${accepts} | ${fallback} | ${about} |`
  })
  return `| variable | accepts | default | meaning |\n|---|---|---|---|\n${rows.join('\n')}`
}
