import type { LetterDetail, LetterSummary } from '../../sections/index.ts'
import { byId, el, foldName, linkButton, table } from '../dom.ts'
import { utcSecond } from '../format.ts'
import { getJson } from '../session.ts'

/** The newest dead letters: where they came from and what was wrong; and all of one. */
export class Letters {
  readonly #body = byId('letters-body', HTMLElement)
  readonly #detail = byId('letters-detail', HTMLElement)
  /** The names in the table. It is drawn anew for other letters only, so that it keeps the focus. */
  #shown = ''
  /** Number of the latest request, so that a late answer to an older one is not shown. */
  #turn = 0

  show({ latest }: LetterSummary): void {
    const names = latest.map(({ letter }) => letter).join()
    if (names === this.#shown && this.#body.hasChildNodes()) return
    this.#shown = names
    foldName('letters', latest.length === 0 ? 'None' : `The latest ${latest.length}`)
    if (latest.length === 0) {
      this.#body.replaceChildren(el('p', { class: 'note' }, 'None. Records that cannot be processed are listed here.'))
      return
    }
    this.#body.replaceChildren(
      table(
        null,
        [
          { head: 'Letter', cell: ({ letter }) => linkButton(letter, () => void this.#open(letter)), kind: 'short' },
          { head: 'Died at, UTC', cell: ({ diedAt }) => utcSecond(diedAt), kind: 'short' },
          { head: 'Source', cell: ({ source }) => source ?? '' },
          { head: 'Key', cell: ({ key }) => key ?? 'null' },
          { head: 'Reason', cell: ({ reason }) => reason, kind: 'short' },
          { head: 'Message', cell: ({ message }) => message },
        ],
        latest,
      ),
    )
  }

  async #open(letter: string): Promise<void> {
    const turn = ++this.#turn
    let content: readonly Node[]
    try {
      content = detail((await getJson(`dashboard/letters/${encodeURIComponent(letter)}`)) as LetterDetail)
    } catch (error) {
      content = [el('p', { class: 'problem' }, error instanceof Error ? error.message : String(error))]
    }
    if (turn !== this.#turn) return
    this.#detail.replaceChildren(el('h3', {}, `Dead letter ${letter}`), ...content)
    this.#detail.scrollIntoView({ block: 'nearest' })
  }
}

function detail({ letter, diedAt, source, headers, key, value, isRedriven }: LetterDetail): readonly Node[] {
  const fields: ReadonlyArray<readonly [name: string, shown: Node | string]> = [
    ['Died at', diedAt],
    ['Source', source ?? 'unknown'],
    ['Sent back', isRedriven ? 'yes' : `no; to send it back: bin/ride-streams dlq redrive ${letter}`],
    ['Key', bytesText(key)],
    ['Value', el('pre', {}, bytesText(value))],
    ...headers.map((header) => [header.key, el('pre', {}, bytesText(header))] as const),
  ]
  return [
    el('dl', { class: 'fields' }, ...fields.flatMap(([name, shown]) => [el('dt', {}, name), el('dd', {}, shown)])),
  ]
}

/** The bytes as they are: a letter is often here because its JSON is broken or has numbers beyond JavaScript's. */
function bytesText({ text, hex }: LetterDetail['value']): string {
  return text ?? (hex === undefined ? 'null' : `hex ${hex}`)
}
