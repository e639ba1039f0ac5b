import { createRequire } from 'node:module'
import { MissingPackageError } from './ports/errors.ts'

const require = createRequire(import.meta.url)

/**
 * Loads an optional package that is CommonJS (or may be required). Its callers are synchronous, so this is no import().
 * @param what says in plural what needs it
 * @throws MissingPackageError
 */
export function optionalPackage<M>(what: string, name: string, entry: string = name): M {
  try {
    return require(entry) as M
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'MODULE_NOT_FOUND') throw error
    throw new MissingPackageError(what, [name])
  }
}
