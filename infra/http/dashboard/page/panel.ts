/** Shows one section of the event stream. */
export interface Panel {
  /** Name of the section's event. */
  readonly section: string
  /** The element `<place>-problem` says what is wrong with the section; null: nobody says it. */
  readonly place: string | null
  show(data: unknown): void
}
