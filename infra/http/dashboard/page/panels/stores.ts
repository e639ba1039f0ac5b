import { byId, el, linkButton, showProblem, table } from '../dom.ts'
import { text, utcSecond } from '../format.ts'
import { getJson } from '../session.ts'

/* These types have the fields of GET /stores that the page shows. */
interface Store {
  readonly name: string
  readonly kind: 'key-value' | 'window' | 'session' | 'versioned'
}
interface Row {
  readonly key: unknown
  readonly window?: { readonly start: number; readonly end: number }
  readonly value: unknown
  readonly timestamp?: number
}
interface Page {
  readonly rows: readonly Row[]
  readonly nextCursor: string | null
}

const ROWS = 20

/** Looks up keys and rows in any store, by the routes below /stores. */
export class Stores {
  readonly #form = byId('stores-form', HTMLFormElement)
  readonly #answer = byId('stores-answer', HTMLElement)
  readonly #choice = byId('stores-choice', HTMLSelectElement)
  #stores: ReadonlyMap<string, Store> | null = null
  #isLoading = false
  /** Number of the latest request, so that a late answer to an older one is not shown. */
  #turn = 0

  constructor() {
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault()
      const fields = new FormData(this.#form)
      const store = this.#stores?.get(String(fields.get('store')))
      if (store !== undefined) void this.#show(store, String(fields.get('key') ?? '').trim(), null)
    })
  }

  /** Fills the list of stores, unless it is there. */
  async load(): Promise<void> {
    if (this.#stores !== null || this.#isLoading) return
    this.#isLoading = true
    try {
      const { rows } = (await getJson('stores')) as { readonly rows: readonly Store[] }
      this.#stores = new Map(rows.map((store) => [store.name, store]))
      this.#choice.replaceChildren(...rows.map(({ name, kind }) => el('option', { value: name }, `${name} (${kind})`)))
      showProblem('stores', rows.length === 0 ? 'the topology has no stores' : null)
    } catch (error) {
      showProblem('stores', messageOf(error))
    } finally {
      this.#isLoading = false
    }
  }

  async #show(store: Store, key: string, cursor: string | null): Promise<void> {
    const turn = ++this.#turn
    let content: readonly Node[]
    try {
      const { rows, nextCursor } = await load(store, key, cursor)
      content = rows.length === 0 ? [el('p', { class: 'note' }, 'no rows')] : [rowTable(rows)]
      if (nextCursor !== null) content = [...content, linkButton('more', () => void this.#show(store, key, nextCursor))]
    } catch (error) {
      content = [el('p', { class: 'problem' }, messageOf(error))]
    }
    const heading = key === '' ? store.name : `${store.name}: ${key}`
    if (turn === this.#turn) this.#answer.replaceChildren(el('h3', {}, heading), ...content)
  }
}

async function load({ name, kind }: Store, key: string, cursor: string | null): Promise<Page> {
  const path = `stores/${encodeURIComponent(name)}`
  const page = `limit=${ROWS}${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`
  if (key === '') return (await getJson(`${path}/rows?${page}`)) as Page
  const one = encodeURIComponent(key)
  // The latest windows are of more interest than the first.
  if (kind === 'window' || kind === 'session')
    return (await getJson(`${path}/${kind}s/${one}?reverse=true&${page}`)) as Page
  return { rows: [(await getJson(`${path}/rows/${one}`)) as Row], nextCursor: null }
}

function rowTable(rows: readonly Row[]): HTMLElement {
  const hasWindows = rows.some(({ window }) => window !== undefined)
  const windows = {
    head: 'Window, UTC',
    cell: ({ window }: Row) =>
      window === undefined ? '' : `${utcSecond(window.start)} to ${utcSecond(window.end).slice(11)}`,
  }
  return table(
    null,
    [
      { head: 'Key', cell: ({ key }: Row) => text(key) },
      ...(hasWindows ? [windows] : []),
      { head: 'Value', cell: ({ value }) => text(value) },
      {
        head: 'Time, UTC',
        cell: ({ timestamp }) => (timestamp === undefined ? '' : utcSecond(timestamp)),
        kind: 'short',
      },
    ],
    rows,
  )
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
