import type { LetterDetail, LetterSent, LetterSummary } from '../../sections/index.ts'
import { byId, el, foldName, linkButton, table } from '../dom.ts'
import { utcSecond } from '../format.ts'
import { getJson, post } from '../session.ts'

/** The newest dead letters: where they came from and what was wrong; all of one, and how to send it back. */
export class Letters {
  readonly #body = byId('letters-body', HTMLElement)
  readonly #detail = byId('letters-detail', HTMLElement)
  /** The names in the table. It is drawn anew for other letters only, so that it keeps the focus. */
  #shown = ''
  /** Number of the latest request, so that a late answer to an older one is not shown. */
  #turn = 0
  /** The letter of the detail when it was sent back and has not died again: newer letters may say that it did. */
  #awaited: { readonly letter: string; readonly sent: LetterSent | null } | null = null

  show({ latest }: LetterSummary): void {
    const names = latest.map(({ letter }) => letter).join()
    if (names === this.#shown && this.#body.hasChildNodes()) return
    this.#shown = names
    if (this.#awaited !== null) void this.#open(this.#awaited.letter, this.#awaited.sent)
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

  async #open(letter: string, sent: LetterSent | null = null): Promise<void> {
    const turn = ++this.#turn
    let content: readonly Node[]
    let isAwaited = false
    try {
      const found = (await getJson(pathOf(letter))) as LetterDetail
      isAwaited = found.isRedriven && found.diedAgainAs === null
      content = detail(found, this.#fate(found, sent))
    } catch (error) {
      // Newer letters have pushed it out of the latest; what is known of it stays.
      if (this.#awaited?.letter === letter) return
      content = [problem(error)]
    }
    if (turn !== this.#turn) return
    const isNew = this.#detail.querySelector('h3')?.textContent !== headingOf(letter)
    this.#awaited = isAwaited ? { letter, sent } : null
    const heading = el('h3', { tabindex: -1 }, headingOf(letter))
    const hadFocus = this.#detail.contains(document.activeElement)
    this.#detail.replaceChildren(heading, ...content)
    if (hadFocus) heading.focus({ preventScroll: true })
    if (isNew) this.#detail.scrollIntoView({ block: 'nearest' })
  }

  /** Says whether the record was sent back and what became of it, or offers to send it. */
  #fate({ letter, source, isRedriven, diedAgainAs, mayRedrive }: LetterDetail, sent: LetterSent | null): Node {
    const target = sent?.target == null ? '' : ` to ${sent.target}`
    if (diedAgainAs !== null) {
      const again = linkButton(diedAgainAs, () => void this.#open(diedAgainAs))
      return el('span', {}, `yes${target}; it died again as `, again)
    }
    if (isRedriven) return el('span', {}, `yes${target}; no newer letter says that it died again`)
    if (sent !== null) return el('span', {}, `no: ${sent.result.replace('-', ' ')}`)
    const command = `bin/ride-streams dlq redrive ${letter}`
    if (!mayRedrive) return el('span', {}, `no; to send it back: ${command}`)
    if (source === null) return el('span', {}, 'no, its source is unknown')
    const button = el('button', { type: 'button' }, 'Send back')
    const place = el('span', {}, 'no ', button, ` or ${command}`)
    let isSending = false
    // A button that is disabled would lose the focus.
    const setSending = (sending: boolean): void => {
      isSending = sending
      button.setAttribute('aria-disabled', String(sending))
    }
    button.addEventListener('click', () => {
      if (isSending) return
      setSending(true)
      place.querySelector('.problem')?.remove()
      void this.#redrive(letter).catch((error: unknown) => {
        setSending(false)
        place.append(problem(error))
      })
    })
    return place
  }

  async #redrive(letter: string): Promise<void> {
    const sent = (await post(`${pathOf(letter)}/redrive`)) as LetterSent
    await this.#open(letter, sent)
  }
}

const pathOf = (letter: string): string => `dashboard/letters/${encodeURIComponent(letter)}`
const headingOf = (letter: string): string => `Dead letter ${letter}`

function problem(error: unknown): HTMLElement {
  return el('p', { class: 'problem' }, error instanceof Error ? error.message : String(error))
}

function detail({ diedAt, source, headers, key, value }: LetterDetail, fate: Node): readonly Node[] {
  const fields: ReadonlyArray<readonly [name: string, shown: Node | string]> = [
    ['Died at', diedAt],
    ['Source', source ?? 'unknown'],
    ['Sent back', fate],
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
