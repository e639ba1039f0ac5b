/** A stream thread keeps its id over restarts: so it fences its own past. */
export function transactionalIdOf(applicationId: string, processId: string, index: number): string {
  return `${applicationId}-${processId}-${index}`
}

/** True for the id of a stream thread of the application, whatever process it is in. Process ids are UUIDs. */
export function isThreadOf(applicationId: string, transactionalId: string): boolean {
  if (!transactionalId.startsWith(`${applicationId}-`)) return false
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-\d+$/.test(transactionalId.slice(applicationId.length + 1))
}
