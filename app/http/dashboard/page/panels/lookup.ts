import { byId, el, linkButton, table } from '../dom.ts'
import { money, text } from '../format.ts'
import { AnswerError, getJson } from '../session.ts'

type Row = Readonly<Record<string, unknown>>

/** Conditions of GET /trips, and `reached`: a stage that the trips have reached, whatever their status is now. */
export type TripSearch = Readonly<Partial<Record<(typeof CONDITIONS)[number] | 'reached', string>>>

interface Found {
  readonly found: HTMLElement
  /** Says whether there is more, and gets it. */
  readonly more: HTMLElement
}

const CONDITIONS = ['status', 'driverId', 'passengerId', 'from', 'to'] as const
const PAGE = 10
/** The route has no condition for stages: so many trips are looked through at a time, and so often before someone asks for more. */
const LOOKED_THROUGH = 30
const MOST_LOOKS = 50
const FIRST = '0000-01-01T00:00:00Z'

/** Shows one trip, one driver, trips that match a search or the drivers of a cell, from the JSON routes. */
export class Lookup {
  readonly #answer = byId('lookup-answer', HTMLElement)
  readonly #form = byId('lookup-form', HTMLFormElement)
  readonly #search = byId('search-form', HTMLFormElement)
  /** Number of the latest request, so that a late answer to an older one is not shown. */
  #turn = 0

  constructor() {
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault()
      const fields = new FormData(this.#form)
      void this.#one(fields.get('kind') === 'drivers' ? 'drivers' : 'trips', String(fields.get('id') ?? '').trim())
    })
    this.#search.addEventListener('submit', (event) => {
      event.preventDefault()
      this.trips(searchOf(new FormData(this.#search)))
    })
  }

  /** Trips that match, the latest requests first. */
  trips(search: TripSearch): void {
    const words = Object.entries(search).map(([name, value]) => `${name} ${value}`)
    void this.#show(`Trips: ${words.length === 0 ? 'all' : words.join(', ')}`, async () => {
      const found = el('tbody')
      const more = el('p', { class: 'note' })
      const heads = ['Trip', 'Status', 'Driver', 'Requested, UTC']
      const table = el(
        'table',
        {},
        el('thead', {}, el('tr', {}, ...heads.map((head) => el('th', { scope: 'col' }, head)))),
        found,
      )
      await this.#page(search, '', { found, more })
      return [table, more]
    })
  }

  /** The next page of a search, behind what was found so far. */
  async #page(search: TripSearch, cursor: string, { found, more }: Found): Promise<void> {
    const { rows, nextCursor } = await matching(search, cursor)
    found.append(
      ...rows.map((row) =>
        el(
          'tr',
          {},
          el(
            'td',
            {},
            linkButton(text(row.tripId), () => void this.#one('trips', text(row.tripId))),
          ),
          el('td', {}, text(row.status)),
          el('td', {}, this.#driver(row.driverId)),
          el('td', { class: 'short' }, shortInstant(row.requestedAt)),
        ),
      ),
    )
    if (nextCursor === null) more.replaceChildren(found.childElementCount === 0 ? 'none' : 'no more')
    else {
      const next = linkButton('more', () => {
        more.replaceChildren('…')
        void this.#page(search, nextCursor, { found, more }).catch((error: unknown) =>
          more.replaceChildren(String(error)),
        )
      })
      more.replaceChildren('the latest requests first; ', next)
    }
  }

  /** The drivers in an H3 cell. */
  cell(cell: string, counts: string): void {
    void this.#show(`Cell ${cell}`, async () => {
      const { rows } = await list(`cells/${encodeURIComponent(cell)}?limit=20`)
      return [
        el('p', { class: 'note' }, counts),
        table(
          null,
          [
            { head: 'Driver', cell: (row) => this.#driver(row.driverId) },
            { head: 'Status', cell: (row) => text(row.status), kind: 'short' },
            { head: 'At', cell: (row) => shortInstant(row.at), kind: 'short' },
          ],
          rows,
        ),
      ]
    })
  }

  #driver(id: unknown): HTMLElement | string {
    return typeof id === 'string' ? linkButton(id, () => void this.#one('drivers', id)) : ''
  }

  #one(kind: 'trips' | 'drivers', id: string): Promise<void> {
    if (id === '') return Promise.resolve()
    return this.#show(`${kind === 'trips' ? 'Trip' : 'Driver'} ${id}`, async () => {
      const path = `${kind}/${encodeURIComponent(id)}`
      const row = (await getJson(path)) as Row
      return [fields(row), ...(kind === 'trips' ? [await history(path)] : [])]
    })
  }

  async #show(heading: string, load: () => Promise<readonly Node[]>): Promise<void> {
    const turn = ++this.#turn
    const title = el('h3', {}, heading)
    let content: readonly Node[]
    try {
      content = await load()
    } catch (error) {
      content = [el('p', { class: 'problem' }, error instanceof Error ? error.message : String(error))]
    }
    if (turn === this.#turn) this.#answer.replaceChildren(title, ...content)
  }
}

/** The next trips of a search: a page of them or some more, and fewer when MOST_LOOKS did not find a page. */
async function matching({ reached, ...conditions }: TripSearch, from: string): Promise<Page> {
  // Without a condition the route goes by id.
  const isAny = Object.keys(conditions).length === 0
  const limit = String(reached === undefined ? PAGE : LOOKED_THROUGH)
  const query = new URLSearchParams({ ...(isAny ? { from: FIRST } : conditions), limit, reverse: 'true' })
  const rows: Row[] = []
  let cursor: string | null = from
  for (let looks = 0; looks < MOST_LOOKS && rows.length < PAGE && cursor !== null; looks++) {
    if (cursor !== '') query.set('cursor', cursor)
    const page = await list(`trips?${query}`)
    rows.push(...page.rows.filter((row) => reached === undefined || hasReached(row, reached)))
    cursor = page.nextCursor
  }
  return { rows, nextCursor: cursor }
}

/** Without a request a trip is in no stage. The route has such a trip by the time of another event. */
function hasReached(row: Row, stage: string): boolean {
  return typeof row.requestedAt === 'string' && typeof row[`${stage}At`] === 'string'
}

interface Page {
  readonly rows: readonly Row[]
  readonly nextCursor: string | null
}

async function list(path: string): Promise<Page> {
  const { rows, nextCursor = null } = (await getJson(path)) as Partial<Page>
  if (!Array.isArray(rows)) throw new TypeError('the answer has no rows')
  return { rows: rows as readonly Row[], nextCursor }
}

/** The events of a trip, or why they are not known: they are kept for a while, by a processor that may not run. */
async function history(trip: string): Promise<HTMLElement> {
  try {
    const { rows } = await list(`${trip}/history`)
    return table(
      'Events',
      [
        { head: 'Event', cell: (row) => text(row.eventType) },
        { head: 'At, UTC', cell: (row) => shortInstant(row.timestamp), kind: 'short' },
      ],
      rows,
    )
  } catch (error) {
    if (!(error instanceof AnswerError)) throw error
    return el('p', { class: 'note' }, error.message)
  }
}

function searchOf(given: FormData): TripSearch {
  const named = CONDITIONS.map((name) => [name, String(given.get(name) ?? '').trim()] as const)
  // The browser's fields have no zone; the labels say which one is meant.
  const inUtc = (name: string, value: string): string => (name === 'from' || name === 'to' ? `${value}Z` : value)
  return Object.fromEntries(
    named.filter(([, value]) => value !== '').map(([name, value]) => [name, inUtc(name, value)]),
  )
}

/** The fields of the row, name by name. */
function fields(row: Row): HTMLElement {
  const known = Object.entries(row).filter(([, value]) => value !== null)
  return el(
    'dl',
    { class: 'fields' },
    ...known.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, valueText(name, value))]),
  )
}

const valueText = (name: string, value: unknown): string =>
  name.endsWith('Fare') && typeof value === 'number' ? money(value) : text(value)

/** 2019-03-01 10:00:05 */
const shortInstant = (value: unknown): string => text(value).slice(0, 19).replace('T', ' ')
