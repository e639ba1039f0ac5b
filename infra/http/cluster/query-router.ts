import type { FastifyRequest } from 'fastify'
import {
  isUnavailable,
  type KeyQueryMetadata,
  type MinOffset,
  type QueryAnswer,
  StoreUnavailableError,
  type StreamsInstance,
  type TaskHost,
} from '../../../runtime/ports/instance.ts'
import { groupedBy } from '../../../state/grouped-by.ts'
import { parseExactJson } from '../../json/index.ts'
import { badRequest, HttpError, isErrorBody } from '../errors.ts'
import { REQUEST_ID_HEADER } from '../request-id.ts'
import { formatMinOffsets, MIN_OFFSET_HEADER, notReached, parseMinOffsets } from './min-offset.ts'
import { PARTITIONS_HEADER, ROLE_HEADER, STREAM_TIME_HEADER } from './peer-headers.ts'
import {
  type PeerAnswer,
  type PeerRequest,
  type PeerStream,
  Peers,
  type PeersOptions,
  PeerUnavailableError,
} from './peers.ts'

/** Selects the copy that is asked: that of the task's owner, or a standby. */
export type Role = 'active' | 'standby'

export { ROLE_HEADER, STREAM_TIME_HEADER }

const PEER_TIMEOUT_MS = 2000
/** Client headers that the answering instance needs. */
const PASSED_ON = [STREAM_TIME_HEADER] as const

/** The part of a question that goes to one process. */
export interface Share {
  readonly role: Role
  readonly allowStale: boolean
  readonly partitions: readonly number[]
  /** Records of the sources that the answer must show. */
  readonly minOffsets: readonly MinOffset[]
}

export interface Routed<T> extends QueryAnswer<T> {
  /** Role of the process that answered; `standby` when one of several was a standby. */
  readonly role: Role
}

/** The original request, to be sent on. */
export type Asker = Pick<FastifyRequest, 'id' | 'url' | 'headers'>

/** Reads the local part. */
export type LocalRead<T> = (share: Share) => Promise<QueryAnswer<T>>

interface Candidate {
  readonly host: TaskHost
  readonly role: Role
}

export interface QueryRouterOptions {
  readonly instance: StreamsInstance
  readonly peers: PeersOptions
  /** How long a request waits for the records it wants to see, ms. */
  readonly minOffsetWaitMs: number
}

/*
 * Sends a query to the process that has the data.
 * 1. A request that another instance sent is answered here or refused: it never travels twice, so there are no loops.
 * 2. Whoever runs the task comes first; when it cannot answer, its standbys, this process before others. Nobody: StoreUnavailableError.
 * 3. An answer from a standby says so, with the lag it has.
 * 4. The rows of one answer cover every partition exactly once.
 * 5. A request that must see a record gets its answer from the owner of the task, once it has passed the record, or 503: a
 *    standby does not know.
 */
export class QueryRouter {
  readonly #instance: StreamsInstance
  readonly #peers: Peers
  readonly #waitMs: number

  constructor({ instance, peers, minOffsetWaitMs }: QueryRouterOptions) {
    this.#instance = instance
    this.#peers = new Peers(peers)
    this.#waitMs = minOffsetWaitMs
  }

  /**
   * Returns the answer of the instance that has the key. Calls `read` when that is this process, else sends `request` to the
   * owner. A body with status 200 goes through `parse`, and 404 gives null. Any other refusal is thrown unchanged.
   */
  async one<T>(
    request: Asker,
    store: string,
    key: unknown,
    read: LocalRead<T | null>,
    parse: (body: string) => T,
  ): Promise<Routed<T | null>> {
    const sent = sentShare(request)
    if (sent !== null) return await this.#read(store, sent, read)
    const place = this.#instance.queryMetadataForKey(store, key)
    const minOffsets = await this.#minOffsets(request, store)
    if (place.active?.isLocal === true) {
      // The usual case without detours.
      try {
        const partitions = [place.partition]
        return await this.#read(store, { role: 'active', allowStale: false, partitions, minOffsets }, read)
      } catch (error) {
        if (!isUnavailable(error)) throw error
      }
    }
    const [answer] = await this.#ask<T | null>(request, { store, minOffsets }, [place], read, ({ status, body }) =>
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
      const { result, lag, role } = await this.#read(store, sent, read)
      return { result: [result], lag, role }
    }
    const minOffsets = await this.#minOffsets(request, store)
    const places = this.#instance.streamsMetadataForStore(store)
    const answers = await this.#ask<T>(request, { store, minOffsets }, places, read, ({ status, body }) => {
      if (status !== 200) throw relayed(status, body)
      return parse(body)
    })
    return {
      result: answers.map(({ result }) => result),
      lag: answers.reduce((sum, { lag }) => sum + lag, 0),
      role: answers.some(({ role }) => role === 'standby') ? 'standby' : 'active',
    }
  }

  /** The process to ask for a stream of the key; null is this process. @throws StoreUnavailableError when nobody runs the task */
  owner(asker: Asker, store: string, key: unknown): TaskHost | null {
    if (sentShare(asker) !== null) return null
    const { active } = this.#instance.queryMetadataForKey(store, key)
    if (active === null) throw unreachable(store, [])
    return active.isLocal ? null : active
  }

  /** The stream with which another instance answers the request. Its refusals are thrown unchanged. */
  async stream(asker: Asker, store: string, key: unknown, host: TaskHost): Promise<PeerStream['body']> {
    const { partition } = this.#instance.queryMetadataForKey(store, key)
    const minOffsets = await this.#minOffsets(asker, store)
    const request = this.#peerRequest(asker, host, {
      role: 'active',
      allowStale: false,
      partitions: [partition],
      minOffsets,
    })
    try {
      const { status, body } = await this.#peers.stream(request)
      if (status !== 200) throw relayed(status, await body.text())
      return body
    } catch (error) {
      throw error instanceof PeerUnavailableError ? unreachable(store, [error.message]) : error
    }
  }

  close(): Promise<void> {
    return this.#peers.close()
  }

  async #ask<T>(
    request: Asker,
    { store, minOffsets }: Pick<Share, 'minOffsets'> & { readonly store: string },
    places: readonly KeyQueryMetadata[],
    read: LocalRead<T>,
    parse: (answer: PeerAnswer) => T,
  ): Promise<Routed<T>[]> {
    const onlyActive = minOffsets.length > 0
    let open = places.map(({ partition, ...hosts }) => ({ partition, candidates: this.#candidates(hosts, onlyActive) }))
    const answers: Routed<T>[] = []
    const failures: string[] = []
    while (open.length > 0) {
      const groups = groupedBy(open, ({ candidates: [first] }) =>
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
            const share: Share = { role, allowStale: role === 'standby', partitions, minOffsets }
            if (host.isLocal) answers.push(await this.#read(store, share, read))
            else answers.push(routed(await this.#peers.get(this.#peerRequest(request, host, share)), role, parse))
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

  #peerRequest(asker: Asker, { processId, endpoint }: TaskHost, { role, partitions, minOffsets }: Share): PeerRequest {
    if (endpoint === null) throw new PeerUnavailableError(`process ${processId} has no APPLICATION_SERVER`)
    const headers: Record<string, string> = {
      [REQUEST_ID_HEADER]: asker.id,
      [ROLE_HEADER]: role,
      [PARTITIONS_HEADER]: partitions.join(),
    }
    for (const name of PASSED_ON) {
      const value = asker.headers[name]
      if (typeof value === 'string') headers[name] = value
    }
    if (minOffsets.length > 0) headers[MIN_OFFSET_HEADER] = formatMinOffsets(minOffsets)
    const timeoutMs = PEER_TIMEOUT_MS + (minOffsets.length > 0 ? this.#waitMs : 0)
    return { endpoint, url: asker.url, headers, timeoutMs }
  }

  /** Invariant 5. */
  async #read<T>(store: string, share: Share, read: LocalRead<T>): Promise<Routed<T>> {
    const { minOffsets, partitions, role } = share
    if (minOffsets.length > 0) {
      const isPassed = await this.#instance.passed(store, minOffsets, { partitions, timeoutMs: this.#waitMs })
      if (!isPassed) throw notReached()
    }
    return { ...(await read(share)), role }
  }

  async #minOffsets({ headers }: Asker, store: string): Promise<readonly MinOffset[]> {
    const offsets = parseMinOffsets(headers[MIN_OFFSET_HEADER], false)
    if (offsets.length === 0) return offsets
    try {
      const sources = await this.#instance.sourceOffsets(store, offsets, this.#waitMs)
      if (sources === null) throw notReached()
      return sources
    } catch (error) {
      throw error instanceof RangeError ? badRequest(`${MIN_OFFSET_HEADER}: ${error.message}`) : error
    }
  }

  /** Invariant 2; an instance that failed to answer a moment ago comes last. */
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
  const minOffsets = parseMinOffsets(headers[MIN_OFFSET_HEADER], true)
  return { role, allowStale: role === 'standby', partitions: list.split(',').map(Number), minOffsets }
}

function routed<T>(answer: PeerAnswer, role: Role, parse: (answer: PeerAnswer) => T): Routed<T> {
  if (answer.status !== 200 && answer.status !== 404) throw relayed(answer.status, answer.body)
  return { result: parse(answer), lag: Number(answer.headers['x-store-lag'] ?? 0), role }
}

function relayed(status: number, body: string): Error {
  const refusal: unknown = parseExactJson(body)
  if (!isErrorBody(refusal)) return new StoreUnavailableError(`an instance answered ${status}`)
  return new HttpError(status, refusal.error.code, refusal.error.message)
}

function unreachable(store: string, failures: readonly string[]): StoreUnavailableError {
  return new StoreUnavailableError(
    failures.join('; ') || `store ${store} is not ready: no instance has it at the moment`,
  )
}
