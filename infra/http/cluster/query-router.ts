import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import {
  isUnavailable,
  type KeyQueryMetadata,
  type QueryAnswer,
  StoreUnavailableError,
  type StreamsInstance,
  type TaskHost,
} from '../../../runtime/ports/instance.ts'
import { badRequest, HttpError } from '../errors.ts'
import type { errorSchema } from '../schemas.ts'
import { type PeerAnswer, Peers, PeerUnavailableError } from './peers.ts'

/** Which copy is asked: whoever runs the task, or a standby. */
export type Role = 'active' | 'standby'

/** On a request between instances: answer yourself, in this role, and never pass it on. On answers: who answered. */
export const ROLE_HEADER = 'x-store-role'
/** On a request between instances: the partitions to answer from. */
export const PARTITIONS_HEADER = 'x-store-partitions'
/** On a request between instances: stream time is at least this, epoch ms. */
export const STREAM_TIME_HEADER = 'x-stream-time'

const PEER_TIMEOUT_MS = 2000
/** Headers of the client that whoever answers needs. */
const PASSED_ON = ['x-min-offset', 'accept', STREAM_TIME_HEADER] as const

/** What one process is asked for. */
export interface Share {
  readonly role: Role
  readonly allowStale: boolean
  readonly partitions: readonly number[]
}

export interface Routed<T> extends QueryAnswer<T> {
  /** Of who answered; standby when one of several was. */
  readonly role: Role
}

/** The request as it came, to be sent on. */
export type Asker = Pick<FastifyRequest, 'url' | 'headers'>

/** Reads what is here. */
export type LocalRead<T> = (share: Share) => Promise<QueryAnswer<T>>

interface Candidate {
  readonly host: TaskHost
  readonly role: Role
}

/*
 * Brings a query to whoever has the data.
 * 1. A request that another instance sent is answered here or refused: it never travels twice, so there are no loops.
 * 2. Whoever runs the task comes first; when it cannot answer, its standbys, this process before others. Nobody: StoreUnavailableError.
 * 3. An answer from a standby says so, with the lag it has.
 * 4. The rows of one answer cover every partition exactly once.
 */
export class QueryRouter {
  readonly #instance: StreamsInstance
  readonly #peers: Peers

  constructor(instance: StreamsInstance, token: string | null) {
    this.#instance = instance
    this.#peers = new Peers(token)
  }

  /**
   * The answer of whoever has the key. `read` is called when that is this process, else `request` is sent to who it is; a body with
   * status 200 goes through `parse`, 404 is null. Any other refusal is thrown as it came.
   */
  async one<T>(
    request: Asker,
    store: string,
    key: unknown,
    read: LocalRead<T | null>,
    parse: (body: string) => T,
  ): Promise<Routed<T | null>> {
    const sent = sentShare(request)
    if (sent !== null) return { ...(await read(sent)), role: sent.role }
    const place = this.#instance.queryMetadataForKey(store, key)
    if (place.active?.isLocal === true) {
      // The usual case without detours.
      try {
        return { ...(await read({ role: 'active', allowStale: false, partitions: [place.partition] })), role: 'active' }
      } catch (error) {
        if (!isUnavailable(error)) throw error
      }
    }
    const [answer] = await this.#ask<T | null>(request, store, [place], read, ({ status, body }) =>
      status === 404 ? null : parse(body),
    )
    return answer as Routed<T | null>
  }

  /**
   * The answers of all who have a part of the store, each for its partitions (invariant 4): `read` for those that are here, the
   * answers of others to the same `request` through `parse`. `lag` is the sum.
   */
  async all<T>(
    request: Asker,
    store: string,
    read: LocalRead<T>,
    parse: (body: string) => T,
  ): Promise<Routed<readonly T[]>> {
    const sent = sentShare(request)
    if (sent !== null) {
      const { result, lag } = await read(sent)
      return { result: [result], lag, role: sent.role }
    }
    const places = this.#instance.streamsMetadataForStore(store)
    const answers = await this.#ask<T>(request, store, places, read, ({ status, body }) => {
      if (status !== 200) throw relayed(status, body)
      return parse(body)
    })
    return {
      result: answers.map(({ result }) => result),
      lag: answers.reduce((sum, { lag }) => sum + lag, 0),
      role: answers.some(({ role }) => role === 'standby') ? 'standby' : 'active',
    }
  }

  close(): Promise<void> {
    return this.#peers.close()
  }

  async #ask<T>(
    request: Asker,
    store: string,
    places: readonly KeyQueryMetadata[],
    read: LocalRead<T>,
    parse: (answer: PeerAnswer) => T,
  ): Promise<Routed<T>[]> {
    const onlyActive = request.headers['x-min-offset'] !== undefined
    let open = places.map(({ partition, ...hosts }) => ({ partition, candidates: this.#candidates(hosts, onlyActive) }))
    const answers: Routed<T>[] = []
    const failures: string[] = []
    while (open.length > 0) {
      const groups = groupBy(open, ({ candidates: [first] }) =>
        first === undefined ? '' : `${first.role} ${first.host.processId}`,
      )
      if (groups.has('')) throw unreachable(store, failures)
      const left: typeof open = []
      await Promise.all(
        [...groups.values()].map(async (group) => {
          const [first] = group
          if (first?.candidates[0] === undefined) return
          const { host, role } = first.candidates[0]
          const partitions = group.map(({ partition }) => partition)
          try {
            const share: Share = { role, allowStale: role === 'standby', partitions }
            if (host.isLocal) answers.push({ ...(await read(share)), role })
            else answers.push(routed(await this.#send(request, host, share), role, parse))
          } catch (error) {
            if (!isUnavailable(error) && !(error instanceof PeerUnavailableError)) throw error
            failures.push((error as Error).message)
            left.push(...group.map(({ partition, candidates }) => ({ partition, candidates: candidates.slice(1) })))
          }
        }),
      )
      open = left
    }
    return answers
  }

  async #send(request: Asker, { processId, endpoint }: TaskHost, { role, partitions }: Share): Promise<PeerAnswer> {
    if (endpoint === null) throw new PeerUnavailableError(`process ${processId} has no APPLICATION_SERVER`)
    const headers: Record<string, string> = { [ROLE_HEADER]: role, [PARTITIONS_HEADER]: partitions.join() }
    for (const name of PASSED_ON) {
      const value = request.headers[name]
      if (typeof value === 'string') headers[name] = value
    }
    return await this.#peers.get({ endpoint, url: request.url, headers, timeoutMs: PEER_TIMEOUT_MS })
  }

  /** Invariant 2; whoever failed to answer a moment ago comes last. */
  #candidates({ active, standbys }: Omit<KeyQueryMetadata, 'partition'>, onlyActive: boolean): Candidate[] {
    const candidates: Candidate[] = active === null ? [] : [{ host: active, role: 'active' }]
    if (onlyActive) return candidates
    const copies = [...standbys].sort((a, b) => Number(b.isLocal) - Number(a.isLocal))
    candidates.push(...copies.map((host): Candidate => ({ host, role: 'standby' })))
    const isDoubtful = ({ host: { isLocal, endpoint } }: Candidate): boolean =>
      !isLocal && endpoint !== null && !this.#peers.isTrusted(endpoint)
    return [...candidates.filter((one) => !isDoubtful(one)), ...candidates.filter(isDoubtful)]
  }
}

/** Invariant 1. null: the request comes from a client. */
export function sentShare({ headers }: Pick<Asker, 'headers'>): Share | null {
  const role = headers[ROLE_HEADER]
  if (role === undefined) return null
  if (role !== 'active' && role !== 'standby') throw badRequest(`${ROLE_HEADER} is for requests between instances`)
  const list = headers[PARTITIONS_HEADER]
  if (typeof list !== 'string' || !/^\d{1,6}(,\d{1,6}){0,9999}$/.test(list)) {
    throw badRequest(`${PARTITIONS_HEADER} is for requests between instances`)
  }
  return { role, allowStale: role === 'standby', partitions: list.split(',').map(Number) }
}

function routed<T>(answer: PeerAnswer, role: Role, parse: (answer: PeerAnswer) => T): Routed<T> {
  if (answer.status !== 200 && answer.status !== 404) throw relayed(answer.status, answer.body)
  return { result: parse(answer), lag: Number(answer.headers['x-store-lag'] ?? 0), role }
}

function relayed(status: number, body: string): HttpError {
  const { error } = JSON.parse(body) as Static<typeof errorSchema>
  return new HttpError(status, error.code, error.message)
}

function unreachable(store: string, failures: readonly string[]): StoreUnavailableError {
  return new StoreUnavailableError(failures.join('; ') || `store ${store} is not ready: nobody has it just now`)
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item])
    else group.push(item)
  }
  return groups
}
