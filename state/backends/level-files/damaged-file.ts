/** A file of a LevelDB or RocksDB does not hold what was written there. */
export class DamagedFileError extends Error {
  /** Name within the directory of the database. */
  readonly file: string

  constructor(file: string, what: string, options?: { cause?: unknown }) {
    super(`${file} ${what}`, options)
    this.file = file
  }
}
