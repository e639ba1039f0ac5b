import type { Flow, LetterSummary } from '../../sections/index.ts'
import { byId, el } from '../dom.ts'
import { count, quantileText, shortCount } from '../format.ts'

interface Tile {
  readonly box: HTMLElement
  readonly value: HTMLElement
  readonly more: HTMLElement
}

const NAMES = {
  rate: 'Records per second',
  lag: 'Lag, records',
  endToEnd: 'End-to-end p99',
  commit: 'Commit p99',
  commits: 'Commits',
  letters: 'Dead letters',
} as const

/** The key numbers, and the state of the instance in the head line. */
export class Tiles {
  readonly #tiles = new Map<keyof typeof NAMES, Tile>()
  readonly #state = byId('state', HTMLElement)

  constructor() {
    const place = byId('tiles', HTMLElement)
    for (const [key, name] of Object.entries(NAMES)) {
      const value = el('div', { class: 'value' }, '–')
      const more = el('div', { class: 'more' })
      const box = el('div', { class: 'tile', id: `tile-${key}` }, el('div', { class: 'name' }, name), value, more)
      this.#tiles.set(key as keyof typeof NAMES, { box, value, more })
      place.append(box)
    }
  }

  show(flow: Flow): void {
    const silent = flow.silentBrokers.join(', ')
    this.#state.textContent = silent === '' ? flow.state : `${flow.state}, no answer from ${silent}`
    const isBad = flow.state === 'ERROR' || flow.isCutOff
    const isGood = flow.state === 'RUNNING' && silent === ''
    this.#state.className = `badge ${isBad ? 'bad' : isGood ? 'good' : ''}`
    const { recordsPerSecond, records, lag, endToEnd, commit, commits, aborts } = flow
    this.#set(
      'rate',
      recordsPerSecond === null ? '–' : count(recordsPerSecond),
      `this instance, ${shortCount(records)} since start`,
    )
    this.#set('lag', lag === null ? 'unknown' : count(lag), 'this instance')
    const isLate = endToEnd.p50 !== null && endToEnd.p50 >= endToEnd.most
    this.#set(
      'endToEnd',
      quantileText(endToEnd.p99, endToEnd.most),
      `this instance, ${isLate ? 'events of the past' : p50(endToEnd)}`,
    )
    this.#set('commit', quantileText(commit.p99, commit.most), `this instance, ${p50(commit)}`)
    this.#set('commits', shortCount(commits), `this instance, ${count(aborts)} aborted`)
  }

  /** Read from the topic, so all instances show the same. */
  showLetters(letters: LetterSummary): void {
    const [reason] = letters.byReason
    const total = `${count(letters.count)}${letters.isComplete ? '' : '+'}`
    this.#set('letters', total, `all instances${reason === undefined ? '' : `, most: ${reason[0]}`}`)
    this.#tiles.get('letters')?.box.classList.toggle('alert', letters.count > 0)
  }

  #set(key: keyof typeof NAMES, value: string, more: string): void {
    const tile = this.#tiles.get(key)
    if (tile === undefined) return
    tile.value.textContent = value
    tile.more.textContent = more
  }
}

const p50 = ({ p50: value, most }: Flow['commit']): string => `p50 ${quantileText(value, most)}`
