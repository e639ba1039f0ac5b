import type { StreamsInstance } from '../../../runtime/ports/instance.ts'

/** The application's part of the dashboard. */
export interface DashboardPart {
  /** Folder of its page files, which stand for those of the kit with the same names (page/application.ts and others). */
  readonly page: string
  /** Files of libraries that its page imports, by their names below /dashboard/. */
  readonly libraries: Readonly<Record<string, string>>
  readonly sections: readonly DashboardSection[]
}

/** A view of one store over all instances: each reads its own part, and the instance with viewers merges the parts. */
export interface DashboardSection<T = unknown> {
  /** Name of its event in the stream of the page. */
  readonly name: string
  readonly store: string
  /** Pause between two readings, ms. */
  readonly everyMs: number
  /** Makes the function that reads what this process has of it. */
  ownPart(instance: StreamsInstance): () => Promise<T>
  merge(parts: readonly T[]): T
}
