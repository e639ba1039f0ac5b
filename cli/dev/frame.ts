import { styleText } from 'node:util'
import wrapAnsi from 'wrap-ansi'
import { visibleText } from '../../infra/terminal/index.ts'
import type { HourlyRevenue } from '../../processors/hourly-revenue/hourly-revenue.ts'
import type { TripStatus } from '../../processors/trip-state/trip-state.ts'
import { bar, number, percent, restoreBar } from '../bar.ts'
import { moneyText } from '../money.ts'
import type { Snapshot } from './dashboard.ts'

/** Facts that do not change while dev runs. */
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
  /** Records that are no valid events among all that dev has ever sent: it sends some on purpose. */
  readonly planted: number
  /** Live rides since the start, which follow the whole month; null: they have not begun. */
  readonly live: number | null
}

export interface FrameInput {
  readonly snapshot: Snapshot
  readonly surroundings: Surroundings
  readonly feed: FeedStatus
  readonly columns: number
  readonly rows: number
  readonly color: boolean
}

const ORDER: readonly TripStatus[] = ['requested', 'accepted', 'started', 'completed', 'cancelled']
const MOST_HOURS = 10
const FEED_BAR_WIDTH = 16
/** Restores take as many lines as the trips, which are not shown meanwhile. */
const MOST_RESTORES = 4

/**
 * The live view as lines of text: none wider than `columns`, since longer ones go on below, and so many that they fit `rows` if
 * that is possible. Pure.
 */
export function renderFrame({ snapshot, surroundings, feed, columns, rows, color }: FrameInput): string[] {
  const paint: Paint = (style, text) => (color ? styleText(style, text, { validateStream: false }) : text)
  const fixed = [
    headSection(snapshot, surroundings, paint),
    feedSection(feed, paint),
    [...restoreSection(snapshot, paint), ...tripSection(snapshot, paint)],
    numbersSection(snapshot, feed, paint),
    lookSection(snapshot, surroundings, paint),
  ].map((section) => section.flatMap((line) => wrapLine(line, columns)))
  const taken = fixed.reduce((sum, section) => sum + section.length, 0)
  const [head = [], fed = [], trips = [], numbers = [], look = []] = fixed
  const hours = Math.max(1, Math.min(MOST_HOURS, rows - taken - 1))
  const revenue = revenueSection(snapshot.hours.slice(-hours), paint).flatMap((line) => wrapLine(line, columns))
  const sections = [head, fed, trips, revenue, numbers, look]
  const airy = taken + MOST_HOURS + sections.length <= rows
  return sections.flatMap((section, index) => (airy && index > 0 ? ['', ...section] : section))
}

type Paint = (style: 'bold' | 'dim' | 'green' | 'yellow' | 'cyan', text: string) => string

const title = (text: string, paint: Paint): string => paint('bold', text.padEnd(13))

function headSection(snapshot: Snapshot, { guarantee, brokers, kafka }: Surroundings, paint: Paint): string[] {
  const { state, silentBrokers } = snapshot
  const shown = paint(state === 'RUNNING' && silentBrokers.length === 0 ? 'green' : 'yellow', state)
  const silence = silentBrokers.length === 0 ? [] : [paint('yellow', noAnswer(silentBrokers))]
  return [...silence, `${paint('bold', 'ride-streams')}  ${shown}  ${guarantee}  ${brokers} (${kafka})`]
}

function feedSection(feed: FeedStatus, paint: Paint): string[] {
  if (feed.live !== null) {
    return [
      `${title('Live rides', paint)} ${number(feed.live)} since the start, stamped now; the month (${number(feed.all)}) is fed`,
    ]
  }
  const share = feed.all === 0 ? 0 : feed.done / feed.all
  return [
    `${title('Rides fed', paint)}${bar(share, FEED_BAR_WIDTH)} ${number(feed.done)} of ${number(feed.all)}  ${feedClock(feed)}`,
  ]
}

function restoreSection({ restore }: Snapshot, paint: Paint): string[] {
  if (restore === null) return []
  const cyan = (text: string): string => paint('cyan', text)
  const stores = [...restore.stores].filter(([, { done, total }]) => done < total).slice(0, MOST_RESTORES)
  return [
    `${title('Restoring', paint)}${restoreBar(restore, cyan)}`,
    ...stores.map(([store, restored]) => `  ${store.slice(0, 17).padEnd(18)}${restoreBar(restored, cyan)}`),
  ]
}

const noAnswer = (brokers: readonly string[]): string => `no answer from Kafka at ${brokers.join(', ')}: still trying`

function tripSection({ trips, silentBrokers }: Snapshot, paint: Paint): string[] {
  if (trips === null) {
    const why = silentBrokers.length === 0 ? 'stores are being restored' : 'stores wait for Kafka'
    return [`${title('Trips', paint)} ${paint('yellow', why)}`]
  }
  const counts = Object.values(trips)
  const most = Math.max(1, ...counts)
  return [
    `${title('Trips', paint)} ${number(counts.reduce((sum, count) => sum + count, 0))}`,
    ...ORDER.map(
      (status) => `  ${status.padEnd(11)}${paint('cyan', bar(trips[status] / most))} ${number(trips[status])}`,
    ),
  ]
}

function revenueSection(hours: Snapshot['hours'], paint: Paint): string[] {
  const head = paint('bold', 'Revenue per hour, UTC')
  if (hours.length === 0) return [head, paint('dim', '  no completed trip yet')]
  const amounts = hours.map(({ revenue }) => Number(plainNumber(revenue)))
  const most = Math.max(1, ...amounts)
  const line = ({ hour, revenue, trips }: HourlyRevenue, index: number): string => {
    const amount = amounts[index] ?? 0
    const when = hour.slice(5, 16).replace('T', ' ')
    return `  ${when}${paint('green', bar(amount / most))} $${moneyText(revenue)}  ${number(trips)} ${trips === 1 ? 'trip' : 'trips'}`
  }
  return [head, ...hours.map(line)]
}

function numbersSection(snapshot: Snapshot, { planted }: FeedStatus, paint: Paint): string[] {
  const { eventsPerSecond, eventsTotal, lag, commitP50, commitP99, deadLetters } = snapshot
  return [
    `${title('Events', paint)} ${number(eventsPerSecond)}/s  lag ${lag === null ? 'unknown' : number(lag)}  ${number(eventsTotal)} since start`,
    `${title('Commit', paint)} p50 ${millis(commitP50)}  p99 ${millis(commitP99)}`,
    ...letterLines(deadLetters, paint),
    `${title('', paint)} ${paint('dim', plantedWords(planted))}`,
  ]
}

function letterLines(letters: Snapshot['deadLetters'], paint: Paint): string[] {
  if (letters === null) return [`${title('Dead letters', paint)} not read yet`]
  const reasons = letters.byReason.map(([reason, count]) => `${visibleText(reason)} ${number(count)}`)
  const dead = paint(letters.count > 0 ? 'yellow' : 'dim', letterCount(letters))
  return [`${title('Dead letters', paint)} ${dead} in the topic  ${paint('dim', reasons.join('  '))}`.trimEnd()]
}

const letterCount = ({ count, isComplete }: NonNullable<Snapshot['deadLetters']>): string =>
  `${number(count)}${isComplete ? '' : ' or more'}`

/** Why there are dead letters in a program that works. */
const plantedWords = (planted: number): string =>
  planted === 0
    ? 'the demo will send some invalid events on purpose'
    : `the demo sent ${planted === 1 ? 'one invalid event' : `${number(planted)} invalid events`} on purpose: see dlq list`

function lookSection({ exampleTripId }: Snapshot, { url, brokers, logFile }: Surroundings, paint: Paint): string[] {
  return [
    `${title('Look', paint)} ${paint('bold', `${url}/`)}  the live dashboard, in a browser`,
    `${title('', paint)} ${url}/trips?status=started  /revenue/hourly`,
    `${title('Try', paint)} export KAFKA_BROKERS=${brokers}`,
    `${title('', paint)} bin/ride-streams dlq list  bin/ride-streams lag`,
    `${title('', paint)} bin/ride-streams rebuild-trip ${exampleTripId ?? 'TRIP_ID'} --events`,
    `${title('Log', paint)} ${logFile}`,
    paint('dim', 'Ctrl-C stops everything; the next start continues here.'),
  ]
}

/** Where to look, for output that is not a terminal. */
export function renderPlainHeader({ brokers, kafka, url, logFile }: Surroundings): string {
  return `Kafka ${brokers} (${kafka}); HTTP ${url}; dashboard ${url}/; log ${logFile}`
}

/** The same in one line, for output that is not a terminal. */
export function renderPlainLine(snapshot: Snapshot, feed: FeedStatus): string {
  const { trips } = snapshot
  const restoring = snapshot.restore === null ? 'restoring' : `restoring ${percent(snapshot.restore)}`
  const counts = trips === null ? restoring : ORDER.map((status) => `${status} ${trips[status]}`).join(', ')
  const silence = snapshot.silentBrokers.length === 0 ? '' : `, ${noAnswer(snapshot.silentBrokers)}`
  const live = feed.live === null ? '' : `, live ${feed.live}`
  const latest = snapshot.hours.at(-1)
  const revenue = latest === undefined ? '' : `; revenue of ${latest.hour} ${moneyText(latest.revenue)}`
  return (
    `${snapshot.state}${silence}; rides fed ${feed.done}/${feed.all}${live}; trips: ${counts}${revenue}; ` +
    `${Math.round(snapshot.eventsPerSecond)} events/s, lag ${snapshot.lag ?? 'unknown'}, commit p99 ${millis(snapshot.commitP99)}, ` +
    `dead letters ${snapshot.deadLetters === null ? 'not read yet' : letterCount(snapshot.deadLetters)} (${feed.planted} sent on purpose)`
  )
}

const plainNumber = (money: unknown): string => JSON.stringify(money)

function millis(seconds: number | null): string {
  if (seconds === null) return '-'
  return seconds < 0.01 ? `${(seconds * 1000).toFixed(1)} ms` : `${Math.round(seconds * 1000)} ms`
}

function feedClock({ at, speed }: FeedStatus): string {
  if (at === null) return ''
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC, ${number(speed)}x`
}

/** A line that is too wide goes on in the next one; colour codes take no room. */
const wrapLine = (line: string, columns: number): string[] =>
  wrapAnsi(line, columns, { hard: true, trim: false }).split('\n')
