import type { InstanceState } from '../ports/instance.ts'

/** Tells each change of a state once, however often it is asked to look. */
export class StateChanges {
  readonly #read: () => InstanceState
  readonly #onChange: (from: InstanceState, to: InstanceState) => void
  #last: InstanceState

  constructor(read: () => InstanceState, onChange: (from: InstanceState, to: InstanceState) => void) {
    this.#read = read
    this.#onChange = onChange
    this.#last = read()
  }

  look(): void {
    const [from, to] = [this.#last, this.#read()]
    if (from === to) return
    this.#last = to
    this.#onChange(from, to)
  }
}
