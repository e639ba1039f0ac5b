import type { Command, Option } from 'commander'
import { expect, it } from 'vitest'
import { buildEngineProgram } from '../../cli/engine/program.ts'
import { buildProgram } from '../../cli/program.ts'
import { runCli } from '../support/run-cli.ts'

interface NamedOption {
  readonly name: string
  readonly command: Command
  readonly option: Option
}

function optionsOf(command: Command, path: readonly string[] = []): NamedOption[] {
  const own = command.options
    .filter((option) => option.required || option.optional)
    .map((option) => ({ name: [...path, option.long].join(' '), command, option }))
  return own.concat(command.commands.flatMap((child) => optionsOf(child, [...path, child.name()])))
}

const valueOptions = [...optionsOf(buildProgram()), ...optionsOf(buildEngineProgram(), ['engine'])]

/** The program's reading of each value that a help text names in words. */
const NAMED: Readonly<Record<string, readonly (readonly [text: string, value: unknown])[]>> = {
  'simulate --rate': [
    ['500/s', 500],
    ['0.5', 0.5],
    ['max', Number.POSITIVE_INFINITY],
  ],
  'simulate --speed': [
    ['1', 1],
    ['3600', 3600],
  ],
  'simulate --for': [['PT10M', 600_000]],
  'verify --limit': [['0', 0]],
  'engine verify --limit': [['0', 0]],
  'replay --limit': [['0', 0]],
  'engine replay --limit': [['0', 0]],
  'dlq list --limit': [['0', 0]],
  'engine dlq list --limit': [['0', 0]],
  'reset --by-duration': [['PT6H', 21_600_000]],
  'engine reset --by-duration': [['PT6H', 21_600_000]],
  'reset --shift-by': [['-5', -5]],
  'engine reset --shift-by': [['-5', -5]],
  'topics create --partitions': [['12', 12]],
  'engine topics create --partitions': [['12', 12]],
}

/** Texts that name a value: an alternative, a meaning of a number, an example. */
const NAMES_A_VALUE = /: N\/s|, or max|\d+ = |\blike [A-Z0-9]|\(-n\)/

function parsed({ command, option }: NamedOption, text: string): unknown {
  const { unknown } = command.parseOptions([option.long ?? '', text])
  expect(unknown).toEqual([])
  return command.getOptionValue(option.attributeName())
}

it('every option whose help names a value is listed here', () => {
  const naming = valueOptions.filter(({ option }) => NAMES_A_VALUE.test(option.description))
  expect(naming.map(({ name }) => name).filter((name) => NAMED[name] === undefined)).toEqual([])
})

it.each(valueOptions.flatMap((named) => (NAMED[named.name] ?? []).map(([text, value]) => ({ ...named, text, value }))))(
  '$name $text means what the help says',
  ({ text, value, ...named }) => {
    expect(parsed(named, text)).toEqual(value)
  },
)

const choices = valueOptions.flatMap((named) => (named.option.argChoices ?? []).map((choice) => ({ ...named, choice })))

it.each(choices)('$name takes its choice $choice', ({ choice, ...named }) => {
  expect(parsed(named, choice)).toBe(choice)
})

it('every command with --from and --to refuses a range whose ends are the wrong way round', async () => {
  const ranged = valueOptions.filter(({ name }) => name.endsWith(' --from'))
  expect(ranged.map(({ name }) => name)).toEqual(['query revenue --from', 'export --from', 'audit --from'])
  for (const { name, command } of ranged) {
    const path = name.split(' ').slice(0, -1)
    const needed = command.registeredArguments.map(() => 'trip.state')
    const range = ['--from', '2019-03-02T00:00:00+01:00', '--to', '2019-03-01T22:59:59Z']
    expect(await runCli([...path, ...needed, ...range])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: 'ride-streams: --from must not be after --to\n',
    })
  }
})
