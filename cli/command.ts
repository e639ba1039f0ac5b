import { Command, InvalidArgumentError } from 'commander'
import { visibleText } from '../infra/terminal/index.ts'

export interface CommonOptions {
  readonly verbose?: true
}

export interface DataOptions extends CommonOptions {
  readonly json?: true
}

/** A command of ride-streams: usage errors are one line and end the process with 2. */
export function newCommand(name: string, summary: string): Command {
  return new Command(name)
    .description(summary)
    .exitOverride()
    .showSuggestionAfterError(true)
    .allowExcessArguments(false)
    .configureOutput({
      outputError: (text, write) =>
        write(
          `${visibleText(
            text
              .replace(/^error: /, 'ride-streams: ')
              .trim()
              .replaceAll('\n', ' '),
          )}\n`,
        ),
    })
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .option('--verbose', 'print the stack trace of an error')
    .hook('preAction', (_command, action) => refuseBackwards(action))
}

/** A range whose ends are the wrong way round would give nothing, without a word. */
function refuseBackwards(command: Command): void {
  const { from, to } = command.opts<{ readonly from?: string | number; readonly to?: string | number }>()
  if (from === undefined || to === undefined) return
  const at = (end: string | number): number => (typeof end === 'number' ? end : Date.parse(end))
  if (at(from) > at(to)) command.error('error: --from must not be after --to')
}

/** A command that prints data: with --json. */
export function newDataCommand(name: string, summary: string): Command {
  return newCommand(name, summary).option('--json', 'print JSON')
}

/** Parser of a whole-number option in [min, max]. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^-?\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`)
    }
    return value
  }
}

/** Parser of a positive number option. */
export function positiveNumber(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError('Expected a number greater than 0.')
  }
  return value
}

/** Parser of a time option: epoch ms. */
export function dateTime(text: string): number {
  const time = /T.*(Z|[+-]\d\d:?\d\d)$/.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isFinite(time))
    throw new InvalidArgumentError('Expected a time with Z or an offset, like 2025-10-29T10:00:00Z.')
  return time
}

const DURATION = /^P(?=.)(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/
const UNITS_MS = [7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1000]

/** Parser of a duration option: milliseconds of an ISO 8601 duration of weeks, days, hours, minutes and seconds. */
export function duration(text: string): number {
  const parts = DURATION.exec(text)
  if (parts === null)
    throw new InvalidArgumentError('Expected a duration of ISO 8601 without months, like P1D or PT6H30M.')
  return UNITS_MS.reduce((sum, ms, index) => sum + ms * Number(parts[index + 1] ?? 0), 0)
}
