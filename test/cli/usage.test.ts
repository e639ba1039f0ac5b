import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import { describe, expect, it, vi } from 'vitest'
import { describeError } from '../../cli/errors.ts'
import { buildProgram } from '../../cli/program.ts'
import { run } from '../../cli/run.ts'
import { type CliResult, isRunnable, projectRoot, resultOf, runCli, spawnCli } from '../support/run-cli.ts'

const ONE_LINE = /^ride-streams: [^\n]+\n$/

/** A command line in this process: what needs no process of its own is faster without. */
async function runHere(args: readonly string[], env: Record<string, string> = {}): Promise<CliResult> {
  const result = { stdout: '', stderr: '' }
  const kept = process.env
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
      result[name] += String(chunk)
      return true
    }),
  )
  process.env = { PATH: kept.PATH, ...env }
  try {
    return { code: await run(buildProgram(), args), signal: null, ...result }
  } finally {
    process.env = kept
    for (const spy of spies) spy.mockRestore()
  }
}

function allCommands(command: Command, path: readonly string[] = []): string[][] {
  const own = isRunnable(command) ? [[...path]] : []
  return own.concat(command.commands.flatMap((child) => allCommands(child, [...path, child.name()])))
}

describe('--help', () => {
  it('lists the commands that the pages name', () => {
    expect(allCommands(buildProgram()).map((words) => words.join(' '))).toEqual(
      expect.arrayContaining(
        ['dev', 'start', 'simulate', 'topics create', 'topology', 'kafka up', 'kafka down', 'kafka status'].concat(
          'rebuild-trip',
          'lag',
          'groups',
          'reset',
          'topics list',
          'verify',
          'dlq list',
          'dlq show',
          'dlq redrive',
          ...['query trip', 'query driver', 'query cell', 'query revenue'],
        ),
      ),
    )
  })

  it.each(allCommands(buildProgram()).map((words) => [words]))('is printed for %j', async (words) => {
    const { code, stdout, stderr } = await runHere([...words, '--help'])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(new RegExp(`^Usage: ride-streams ${words.join(' ')} `))
  })

  it('is printed by the executable in a process of its own', async () => {
    const { code, stdout, stderr } = await runCli(['--help'])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^Usage: ride-streams /)
  })
})

describe('wrong usage is one line on stderr and exit code 2', () => {
  const wrong = [
    ['nope'],
    ['topology', '--format', 'xml'],
    ['topology', 'extra'],
    ['topology', '--nope'],
    ['rebuild-trip'],
    ['kafka', 'sideways'],
    ['kafka', 'up', '--port', '99999'],
    ['kafka', 'down', '--data', '/data', '--all'],
    ['simulate', '--rate', 'fast'],
    ['simulate', '--speed', '0'],
    ['simulate', '--trips', '1.5'],
    ['simulate', '--source', 'paris'],
    ['verify', '--limit', '-1'],
    ['dlq', 'list', '--limit', 'many'],
    ['dlq', 'show'],
    ['dlq', 'show', '17'],
    ['dlq', 'redrive'],
    ['dlq', 'redrive', '0:1', '--all'],
    ['dlq', 'redrive', '0:1', '--topic', 'trip.completed'],
    ['dlq', 'redrive', '0:1', '1-2'],
    ['query', 'trip'],
    ['query', 'trip', 't', '--url', 'localhost'],
    ['query', 'revenue', '--from', 'yesterday'],
    ['query', 'revenue', '--corrections', '--since', '2019-03-02T06:00:00Z', '--by', 'day'],
    ['query', 'revenue', '--corrections', '--since', '2019-03-02T06:00:00Z', '--from', '2019-03-01T00:00:00Z'],
    ['simulate', '--for', 'P60D'],
  ]
  it.each(wrong.map((args) => [args]))('for %j', async (args) => {
    const { code, stdout, stderr } = await runHere(args)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(ONE_LINE)
  })

  it('also in a process of its own', async () => {
    const { code, stdout, stderr } = await runCli(['nope'])
    expect([code, stdout, stderr]).toEqual([2, '', "ride-streams: unknown command 'nope'\n"])
  })

  it.each([
    [['simulat'], "unknown command 'simulat' (Did you mean simulate?)"],
    [['kafka', 'dwon'], "unknown command 'dwon' (Did you mean down?)"],
    [['verify', '--limt', '3'], "unknown option '--limt' (Did you mean --limit?)"],
  ])('names what was meant by %j', async (args, message) => {
    expect(await runHere(args)).toMatchObject({ code: 2, stderr: `ride-streams: ${message}\n` })
  })
})

describe('wrong configuration is one line on stderr and exit code 2', () => {
  it.each([
    [['start'], {}, 'KAFKA_BROKERS'],
    [['lag'], {}, 'KAFKA_BROKERS'],
    [['topics', 'create'], {}, 'KAFKA_BROKERS'],
    [['simulate'], {}, 'KAFKA_BROKERS'],
    [['rebuild-trip', 't'], {}, 'KAFKA_BROKERS'],
    [['verify'], {}, 'KAFKA_BROKERS'],
    [['dlq', 'list'], {}, 'KAFKA_BROKERS'],
    [['query', 'trip', 't'], { HTTP_PORT: '0' }, 'HTTP_PORT'],
    [['start'], { KAFKA_BROKERS: 'localhost' }, 'KAFKA_BROKERS'],
    [['dev'], { HTTP_PORT: '80000' }, 'HTTP_PORT'],
    [['topology'], { H3_RESOLUTION: '16' }, 'H3_RESOLUTION'],
  ])('for %j with %j', async (args, env, variable) => {
    const { code, stdout, stderr } = await runHere(args, env as Record<string, string>)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(ONE_LINE)
    expect(stderr).toContain(`${variable}: `)
  })

  it('also in a process of its own', async () => {
    const env = { KAFKA_BROKERS: 'localhost:9092', NUM_STREAM_THREADS: 'many' }
    const { code, stdout, stderr } = await runCli(['start'], env)
    expect([code, stdout, stderr]).toEqual([
      2,
      '',
      'ride-streams: NUM_STREAM_THREADS: "many" is not accepted, expected a whole number from 1 to 128\n',
    ])
  })
})

it('only --verbose prints the stack trace of an error', async () => {
  const env = { H3_RESOLUTION: 'x' }
  const [plain, verbose] = [await runHere(['topology'], env), await runHere(['topology', '--verbose'], env)]
  expect(plain.stderr).not.toContain('    at ')
  expect(verbose.stderr).toContain('    at ')
  expect([plain.code, verbose.code]).toEqual([2, 2])
})

it('SIGTERM ends a start that waits for brokers at once, with exit code 0', async () => {
  const child = spawnCli(['start'], { KAFKA_BROKERS: '127.0.0.1:1', HTTP_PORT: '0' })
  const result = resultOf(child)
  child.stdout?.once('data', () => child.kill('SIGTERM'))
  expect(await result).toMatchObject({ code: 0, signal: null, stderr: '' })
})

describe('topology', () => {
  it("is printed as Kafka Streams' text, JSON and Mermaid", async () => {
    const text = await runHere(['topology'])
    const json = await runHere(['topology', '--format', 'json'])
    const alias = await runHere(['topology', '--json'])
    const mermaid = await runHere(['topology', '--format', 'mermaid'])
    expect(text.stdout).toMatch(/^Topologies:\n {3}Sub-topology: 0\n {4}Source: /)
    expect(text.stdout).toContain('Sink: trip-state-sink (topic: trip.state)')
    expect(JSON.parse(json.stdout)).toHaveProperty('subtopologies')
    expect(alias.stdout).toBe(json.stdout)
    expect(mermaid.stdout).toMatch(/^(flowchart|graph) /)
    for (const result of [text, json, alias, mermaid]) expect([result.code, result.stderr]).toEqual([0, ''])
  })
})

it('--version is the version of the packages', async () => {
  const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string }
  expect(await runCli(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' })
})

describe('completion', () => {
  /** Asks as the shell's script does at TAB; the last line is no word. */
  const completions = async (words: readonly string[]): Promise<readonly string[]> =>
    (await runCli(['complete', '--', ...words])).stdout
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith(':'))
      .map((line) => line.split('\t')[0] ?? '')

  it('knows commands, options and their choices', async () => {
    expect(await completions(['sim'])).toEqual(['simulate'])
    expect(await completions(['kafka', ''])).toEqual(['up', 'down', 'status'])
    expect(await completions(['simulate', '--s'])).toEqual(['--source', '--speed', '--seed'])
    expect(await completions(['simulate', '--source', ''])).toEqual(['nyc', 'synthetic'])
  })

  it.each(['bash', 'zsh', 'fish', 'powershell'])('prints a script for %s', async (shell) => {
    const { code, stdout, stderr } = await runCli(['completion', shell])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/ride-streams complete --|CommandName 'ride-streams'/)
  })
})

describe('describeError', () => {
  it('adds the message of each cause once', () => {
    const deep = new Error('connect ECONNREFUSED')
    const middle = new Error('cannot reach a', { cause: deep })
    expect(describeError(new Error('gave up: cannot reach a', { cause: middle }))).toBe(
      'gave up: cannot reach a: connect ECONNREFUSED',
    )
    expect(describeError(new AggregateError([deep, middle]))).toBe('AggregateError: connect ECONNREFUSED')
    expect(describeError('text')).toBe('text')
  })
})
