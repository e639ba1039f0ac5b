/* Elements made from our own names and from text of others: text only ever becomes a text node or an attribute of ours. */

type Attributes = Readonly<Record<string, string | number>>
type Child = Node | string

const SVG = 'http://www.w3.org/2000/svg'

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  element.append(...children)
  return element
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  element.append(...children)
  return element
}

/** The element of index.html with that id. */
export function byId<T extends Element>(id: string, type: new () => T): T {
  const found = document.getElementById(id)
  if (!(found instanceof type)) throw new TypeError(`index.html has no ${type.name} #${id}`)
  return found
}

/** A button that looks like a link. */
export function linkButton(text: string, onClick: () => void): HTMLButtonElement {
  const button = el('button', { type: 'button', class: 'link' }, text)
  button.addEventListener('click', onClick)
  return button
}

/** Shows what is wrong with a section, or hides the line again. */
export function showProblem(section: string, problem: string | null): void {
  const line = byId(`${section}-problem`, HTMLElement)
  line.hidden = problem === null
  line.textContent = problem ?? ''
}

/** Long lists are open where there is room, and folded on a phone until someone opens them. */
export function foldOnPhones(): void {
  const phone = matchMedia('(max-width: 700px)')
  const fold = (): void => {
    for (const list of document.querySelectorAll<HTMLDetailsElement>('details.fold')) list.open = !phone.matches
  }
  phone.addEventListener('change', fold)
  fold()
}

/** Buttons of which one is chosen, under a common name. */
export function choice<T>(
  name: string,
  options: ReadonlyArray<readonly [words: string, value: T]>,
  chosen: T,
  onChosen: (value: T) => void,
): HTMLElement {
  const buttons = options.map(([words, value]) => {
    const button = el('button', { type: 'button', 'aria-pressed': String(value === chosen) }, words)
    button.addEventListener('click', () => {
      for (const other of buttons) other.setAttribute('aria-pressed', String(other === button))
      onChosen(value)
    })
    return button
  })
  return el('div', { class: 'choice', role: 'group', 'aria-label': name }, ...buttons)
}

/** The words on a folded list. */
export function foldName(list: string, words: string): void {
  const summary = byId(`${list}-fold`, HTMLElement).querySelector('summary')
  if (summary !== null && summary.textContent !== words) summary.textContent = words
}

export interface Column<T> {
  readonly head: string
  readonly cell: (row: T) => Child
  readonly kind?: 'number' | 'short'
}

/** A table that becomes a list of cards on a narrow screen. */
export function table<T>(caption: string | null, columns: readonly Column<T>[], rows: readonly T[]): HTMLTableElement {
  const head = columns.map(({ head, kind }) => el('th', { scope: 'col', ...classOf(kind) }, head))
  const body = rows.map((row) =>
    el(
      'tr',
      {},
      ...columns.map(({ head, cell, kind }) => {
        const content = cell(row)
        const empty = content === '' ? 'empty' : undefined
        return el('td', { 'data-label': head, ...classOf(kind, empty) }, content)
      }),
    ),
  )
  return el(
    'table',
    { class: 'cards' },
    ...(caption === null ? [] : [el('caption', {}, caption)]),
    el('thead', {}, el('tr', {}, ...head)),
    el('tbody', {}, ...body),
  )
}

function classOf(...names: ReadonlyArray<string | undefined>): Attributes {
  const given = names.filter((name) => name !== undefined).join(' ')
  return given === '' ? {} : { class: given }
}
