import { byId, el, linkButton, table } from '../dom.ts'
import { text } from '../format.ts'
import { getJson } from '../session.ts'

type Row = Readonly<Record<string, unknown>>

/** Shows one trip, one driver, the trips of a status or the drivers of a cell, from the JSON routes. */
export class Lookup {
  readonly #answer = byId('lookup-answer', HTMLElement)
  readonly #form = byId('lookup-form', HTMLFormElement)
  /** Number of the latest request, so that a late answer to an older one is not shown. */
  #turn = 0

  constructor() {
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault()
      const fields = new FormData(this.#form)
      void this.#one(fields.get('kind') === 'drivers' ? 'drivers' : 'trips', String(fields.get('id') ?? '').trim())
    })
  }

  /** Some trips of that status. */
  trips(status: string): void {
    const heading = `Trips: ${status}`
    void this.#show(heading, async () => {
      const { rows } = await list(`trips?status=${encodeURIComponent(status)}&limit=10&reverse=true`)
      if (rows.length === 0) return [el('p', { class: 'note' }, 'none')]
      const id = (row: Row) => linkButton(text(row.tripId), () => void this.#one('trips', text(row.tripId)))
      return [
        table(
          null,
          [
            { head: 'Trip', cell: id },
            { head: 'Driver', cell: (row) => this.#driver(row.driverId) },
            { head: 'Updated', cell: (row) => shortInstant(row.updatedAt), kind: 'short' },
          ],
          rows,
        ),
        el('p', { class: 'note' }, 'the latest requests'),
      ]
    })
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
      const row = (await getJson(`${kind}/${encodeURIComponent(id)}`)) as Row
      return [fields(row)]
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

async function list(path: string): Promise<{ readonly rows: readonly Row[] }> {
  const { rows } = (await getJson(path)) as { rows?: unknown }
  if (!Array.isArray(rows)) throw new TypeError('the answer has no rows')
  return { rows: rows as readonly Row[] }
}

/** The fields of the row, name by name. */
function fields(row: Row): HTMLElement {
  const known = Object.entries(row).filter(([, value]) => value !== null)
  return el(
    'dl',
    { class: 'fields' },
    ...known.flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, text(value))]),
  )
}

/** 2019-03-01 10:00:05 */
const shortInstant = (value: unknown): string => text(value).slice(0, 19).replace('T', ' ')
