import { type Variable, variables } from './variables.ts'

/** docs/configuration.md, generated from the table of variables (a test compares the file with it). */
export function configurationPage(): string {
  const rows = Object.values<Variable<unknown, unknown>>(variables).map((variable) => {
    const fallback = variable.fallback === null ? 'unset' : `\`${String(variable.fallback)}\``
    const accepts = variable.kind.accepts.replaceAll('|', '\\|')
    const about = variable.secret ? `${variable.about} Secret: never logged.` : variable.about
    return `| \`${variable.env}\` | ${accepts} | ${fallback} | ${about} |`
  })
  return `# Configuration

Environment variables, read and validated once at start. A bad value stops the program with one line on stderr and exit
code 2. An empty variable counts as unset. Times are in milliseconds, sizes in bytes.

<!-- Generated from infra/config/variables.ts: npx vitest run test/infra/config -u writes it again. -->

| variable | accepts | default | meaning |
|---|---|---|---|
${rows.join('\n')}
`
}
