import { createRequire } from 'node:module'
import { MissingPackageError } from '../../state/ports/errors.ts'

const { resolve } = createRequire(import.meta.url)

/**
 * Checks that optional packages are installed, before anything loads them.
 * @param what says in plural what needs them
 * @throws MissingPackageError
 */
export function requirePackages(what: string, names: readonly string[]): void {
  const missing = names.filter((name) => !isInstalled(name))
  if (missing.length > 0) throw new MissingPackageError(what, missing)
}

function isInstalled(name: string): boolean {
  try {
    resolve(name)
    return true
  } catch (error) {
    // A package without an entry for require() is there, too.
    return (error as { code?: unknown }).code !== 'MODULE_NOT_FOUND'
  }
}
