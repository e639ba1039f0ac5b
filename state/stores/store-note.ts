/** Facts about the committed rows of a store. The backend keeps them beside the position. */
export interface StoreNote {
  /** Greatest time put into the store, -1 before the first. Rows alone do not tell it: the latest may have been deleted. */
  readonly observed: number
  /** False for a versioned store that has rows of the changelog's former form (versioned-changelog.ts). */
  readonly isPresentForm: boolean
  /** When the store was last known to be at the end of its changelog (ManagedStore.asOf); null: not known. */
  readonly asOf: number | null
  /** JSON of the kept numbers; null: the store keeps none. */
  readonly numbers: string | null
}

const NEW_STORE: StoreNote = { observed: -1, isPresentForm: true, asOf: null, numbers: null }

/** `<observed>`, `v` for the present form, `@<as of>`, a space and the numbers. All but the first may be absent. */
export function noteText({ observed, isPresentForm, asOf, numbers }: StoreNote): string {
  return `${observed}${isPresentForm ? 'v' : ''}${asOf === null ? '' : `@${asOf}`}${numbers === null ? '' : ` ${numbers}`}`
}

/** Reads what `noteText` wrote. @param text null: nothing was written yet */
export function readNote(text: string | null): StoreNote {
  const parts = text === null ? null : /^(-?\d+)(v?)(?:@(\d+))?(?: (.*))?$/s.exec(text)
  if (parts === null) return NEW_STORE
  const [, observed, form, asOf, numbers] = parts
  return {
    observed: Number(observed),
    isPresentForm: form === 'v',
    asOf: asOf === undefined ? null : Number(asOf),
    numbers: numbers ?? null,
  }
}
