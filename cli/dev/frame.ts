import { styleText } from 'node:util'
import type { TripStatus } from '../../processors/trip-state.ts'
import type { Snapshot } from './dashboard.ts'

/** What does not change while dev runs. */
export interface Surroundings {
  /** Bootstrap addresses and where they come from. */
  readonly brokers: string
  readonly kafka: string
  readonly url: string
  readonly logFile: string
  readonly guarantee: string
}

export interface FeedStatus {
  /** Event time the feed has reached, epoch ms; null before the first event. */
  readonly at: number | null
  readonly done: number
  readonly all: number
  /** Event seconds per second. */
  readonly speed: number
  /** All of the month went out. */
  readonly finished: boolean
}

export interface FrameInput {
  readonly snapshot: Snapshot
  readonly surroundings: Surroundings
  readonly feed: FeedStatus
  readonly columns: number
  readonly color: boolean
}

const ORDER: readonly TripStatus[] = ['requested', 'accepted', 'started', 'completed', 'cancelled']
const BAR_WIDTH = 32

/** The live view as lines of text, none wider than `columns`. Pure. */
export function renderFrame({ snapshot, surroundings, feed, columns, color }: FrameInput): string[] {
  const paint = (style: 'bold' | 'dim' | 'green' | 'yellow' | 'cyan' | 'red', text: string): string =>
    color ? styleText(style, text, { validateStream: false }) : text
  const title = (text: string): string => paint('bold', text.padEnd(13))
  const { trips, hours } = snapshot
  const state = paint(snapshot.state === 'RUNNING' ? 'green' : 'yellow', snapshot.state)
  const reasons = [...snapshot.deadLettersByReason].map(([reason, count]) => `${reason} ${number(count)}`)
  const base = surroundings.url

  const lines = [
    `${paint('bold', 'ride-streams')}  ${state}  ${surroundings.guarantee}  Kafka ${surroundings.brokers} (${surroundings.kafka})`,
    '',
    `${title('Rides fed')}${bar(feed.all === 0 ? 0 : feed.done / feed.all)} ${number(feed.done)} of ${number(feed.all)}  ${feedClock(feed)}`,
    '',
  ]
  if (trips === null) lines.push(`${title('Trips')}${paint('yellow', 'stores are being restored')}`)
  else {
    const most = Math.max(1, ...Object.values(trips))
    lines.push(`${title('Trips')}${number(Object.values(trips).reduce((sum, count) => sum + count, 0))}`)
    for (const status of ORDER) {
      lines.push(`  ${status.padEnd(11)}${paint('cyan', bar(trips[status] / most))} ${number(trips[status])}`)
    }
  }
  lines.push('', title('Revenue').trimEnd())
  const best = Math.max(1, ...hours.map(({ revenue }) => Number(plainNumber(revenue))))
  for (const { hour, revenue, trips: count } of hours) {
    const amount = Number(plainNumber(revenue))
    const when = hour.slice(5, 16).replace('T', ' ')
    lines.push(`  ${when}${paint('green', bar(amount / best))} $${amount.toFixed(2)}  ${number(count)} trips`)
  }
  if (hours.length === 0) lines.push(paint('dim', '  no completed trip yet'))
  lines.push(
    '',
    `${title('Events')}${number(snapshot.eventsPerSecond)}/s  ${number(snapshot.eventsTotal)} since start  lag ${number(snapshot.lag)}`,
    `${title('Commit')}p50 ${millis(snapshot.commitP50)}  p99 ${millis(snapshot.commitP99)}`,
    `${title('Dead letters')}${paint(snapshot.deadLetters > 0 ? 'yellow' : 'dim', number(snapshot.deadLetters))}  ${paint('dim', reasons.join('  '))}`,
    '',
    `${title('Look')}${base}/trips?status=started`,
    `${title('')}${base}/revenue/hourly  ${base}/lag  ${base}/metrics`,
    `${title('Try')}export KAFKA_BROKERS=${surroundings.brokers}`,
    `${title('')}bin/ride-streams lag`,
    `${title('')}bin/ride-streams rebuild-trip ${snapshot.exampleTripId ?? 'TRIP_ID'} --events`,
    `${title('Log')}${surroundings.logFile}`,
    paint('dim', 'Ctrl-C stops everything; the next start continues here.'),
  )
  return lines.map((line) => cutLine(line, columns))
}

/** Where to look, for output that is not a terminal. */
export function renderPlainHeader({ brokers, kafka, url, logFile }: Surroundings): string {
  return `Kafka ${brokers} (${kafka}); HTTP ${url}; log ${logFile}`
}

/** The same in one line, for output that is not a terminal. */
export function renderPlainLine(snapshot: Snapshot, feed: FeedStatus): string {
  const { trips } = snapshot
  const counts = trips === null ? 'restoring' : ORDER.map((status) => `${status} ${trips[status]}`).join(', ')
  const latest = snapshot.hours.at(-1)
  const revenue = latest === undefined ? '' : `; revenue of ${latest.hour} ${plainNumber(latest.revenue)}`
  return (
    `${snapshot.state}; rides fed ${feed.done}/${feed.all}; trips: ${counts}${revenue}; ` +
    `${Math.round(snapshot.eventsPerSecond)} events/s, lag ${snapshot.lag}, commit p99 ${millis(snapshot.commitP99)}, ` +
    `dead letters ${snapshot.deadLetters}`
  )
}

const number = (value: number): string => Math.round(value).toLocaleString('en-US')
const plainNumber = (money: unknown): string => JSON.stringify(money)

function millis(seconds: number | null): string {
  if (seconds === null) return '-'
  return seconds < 0.01 ? `${(seconds * 1000).toFixed(1)} ms` : `${Math.round(seconds * 1000)} ms`
}

function feedClock({ at, speed, finished }: FeedStatus): string {
  if (finished) return 'the whole month is in'
  if (at === null) return ''
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC, ${number(speed)} times real time`
}

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** A bar for a share of 0..1, to an eighth of a character, padded to its full width. */
export function bar(share: number, width = BAR_WIDTH): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8)
  const text = '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]
  return ` ${text.padEnd(width)}`
}

/** Cuts a line to `columns` visible characters; colour codes take no room and end with the line. */
export function cutLine(line: string, columns: number): string {
  let visible = 0
  let cut = ''
  // biome-ignore lint/suspicious/noControlCharactersInRegex: ANSI colour codes begin with ESC
  for (const part of line.split(/(\u001b\[[0-9;]*m)/)) {
    if (part.startsWith('\u001b[')) cut += part
    else {
      cut += part.slice(0, Math.max(0, columns - visible))
      visible += part.length
    }
  }
  return cut
}
