import type { LetterSummary } from '../../sections/index.ts'
import { byId, el, foldName, table } from '../dom.ts'
import { utcSecond } from '../format.ts'

/** The newest dead letters: where they came from and what was wrong. */
export class Letters {
  readonly #body = byId('letters-body', HTMLElement)

  show({ latest }: LetterSummary): void {
    foldName('letters', latest.length === 0 ? 'None' : `The latest ${latest.length}`)
    if (latest.length === 0) {
      this.#body.replaceChildren(el('p', { class: 'note' }, 'None. Records that cannot be processed are listed here.'))
      return
    }
    this.#body.replaceChildren(
      table(
        null,
        [
          { head: 'Letter', cell: ({ letter }) => letter, kind: 'short' },
          { head: 'Died at, UTC', cell: ({ diedAt }) => utcSecond(diedAt), kind: 'short' },
          { head: 'Source', cell: ({ source }) => source ?? '' },
          { head: 'Key', cell: ({ key }) => key ?? 'null' },
          { head: 'Reason', cell: ({ reason }) => reason, kind: 'short' },
          { head: 'Message', cell: ({ message }) => message },
        ],
        latest,
      ),
      el(
        'p',
        { class: 'note' },
        'To see one in full: bin/ride-streams dlq show LETTER. To send it back to its topic: bin/ride-streams dlq redrive LETTER.',
      ),
    )
  }
}
