import { createRequire } from 'node:module'
import type { FastifySchemaCompiler } from 'fastify'

type Compile = FastifySchemaCompiler<unknown>
type Validate = ReturnType<Compile>
type Build = (externalSchemas: object, options: { readonly customOptions: object }) => Compile

/** The instance joins its group and begins to restore before. */
const WARM_UP_DELAY_MS = 1000

/**
 * Validators as fastify makes them. Those of all routes take a third of a second, so a start does not wait for them: each is compiled at
 * its first request, or by warmUp().
 */
export class LazyValidators {
  #compile: Compile | null = null
  readonly #waiting: (() => void)[] = []

  /** A fastify validator compiler. */
  readonly compiler: Compile = (route) => {
    let compiled: Validate | null = null
    const ready = (): Validate => {
      this.#compile ??= fastifyCompiler()
      compiled ??= this.#compile(route)
      return compiled
    }
    const validate: Validate = (data: unknown) => {
      const whole = ready()
      const result = whole(data)
      validate.errors = whole.errors ?? null
      return result
    }
    this.#waiting.push(ready)
    return validate
  }

  /** Compiles what no request has asked for, one validator after another: requests come in between. */
  warmUp(): void {
    const next = (): void => {
      const ready = this.#waiting.pop()
      if (ready === undefined) return
      ready()
      setImmediate(next).unref()
    }
    setTimeout(next, WARM_UP_DELAY_MS).unref()
  }
}

/** The compiler is a dependency of fastify, and may stand below it. */
function fastifyCompiler(): Compile {
  const fastify = createRequire(import.meta.url).resolve('fastify')
  const { AjvCompiler } = createRequire(fastify)('@fastify/ajv-compiler') as { readonly AjvCompiler: () => Build }
  return AjvCompiler()({}, { customOptions: {} })
}
