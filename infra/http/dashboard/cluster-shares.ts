import { StoreUnavailableError, type StreamsInstance, type TaskHost } from '../../../runtime/ports/instance.ts'
import { StreamsError } from '../../../state/ports/errors.ts'
import { type Peers, PeerUnavailableError } from '../cluster/peers.ts'
import type { DashboardSection } from './application.ts'
import { atMostEvery } from './at-most-every.ts'
import type { Share } from './local-share.ts'
import type { InstanceTasks, SectionData, TaskRow, TopicRate } from './sections/index.ts'

/** Path at which an instance answers its share, below the prefix of its routes. */
export const SHARE_PATH = '/dashboard/share'

export interface ClusterSharesOptions {
  readonly instance: StreamsInstance
  /** Reads the share of this process. */
  readonly own: () => Promise<Share>
  readonly peers: Peers
  /** Path at which each instance answers its share. */
  readonly path: string
}

interface HostShare {
  readonly host: TaskHost
  readonly share: Share | null
  /** Reason why there is no data. */
  readonly problem: string
}

/** Part of the data is not known at the moment. */
class ShareMissingError extends StreamsError {
  constructor(message: string) {
    super('SHARE_MISSING', message)
  }
}

const NOT_KNOWN: SectionData<unknown> = { data: null, problem: null }

const EVERY_MS = 900
const TIMEOUT_MS = 3000

/*
 * Owns the latest shares of all instances.
 * 1. Each instance counts only what it runs; none reads another's rows. Each gets one request a second, while this dashboard has viewers.
 * 2. A sum is of every partition exactly once, or it is not answered.
 */
export class ClusterShares {
  readonly #options: ClusterSharesOptions
  readonly #read: () => Promise<readonly HostShare[]>

  constructor(options: ClusterSharesOptions) {
    this.#options = options
    this.#read = atMostEvery(EVERY_MS, () => Promise.all(this.#hosts().map((host) => this.#shareOf(host))))
  }

  /** The parts of everybody who runs some of its store, merged. @throws ShareMissingError, StoreUnavailableError, NoSuchStoreError */
  async merged({ name, store, merge }: DashboardSection): Promise<unknown> {
    const shares = await this.#read()
    const owners = new Set<string>()
    for (const { active, partition } of this.#options.instance.streamsMetadataForStore(store)) {
      if (active === null)
        throw new StoreUnavailableError(`no instance runs partition ${partition} of ${store} at the moment`)
      owners.add(active.processId)
    }
    const parts = [...owners].map((owner) => {
      const found = shares.find(({ host }) => host.processId === owner)
      if (found === undefined) throw new StoreUnavailableError(`store ${store} has just moved`)
      if (found.share === null) throw new ShareMissingError(found.problem)
      const { data, problem } = found.share[name] ?? NOT_KNOWN
      if (data === null) throw new ShareMissingError(problem ?? 'not known')
      return data
    })
    return merge(parts)
  }

  async tasks(): Promise<readonly InstanceTasks[]> {
    const shares = await this.#read()
    return shares.map(({ host, share, problem }) => ({
      instance: nameOf(host, shares.length),
      tasks: (share?.tasks?.data ?? []) as readonly TaskRow[],
      problem: share === null ? problem : (share.tasks?.problem ?? null),
    }))
  }

  /** Added up over the instances that answer. */
  async rates(): Promise<readonly TopicRate[]> {
    const sums = new Map<string, [read: number, written: number]>()
    for (const { share } of await this.#read()) {
      for (const [topic, read, written] of (share?.rates?.data ?? []) as readonly TopicRate[]) {
        const sum = sums.get(topic) ?? [0, 0]
        sums.set(topic, [sum[0] + read, sum[1] + written])
      }
    }
    return [...sums].map(([topic, [read, written]]) => [topic, read, written])
  }

  /** This process first. */
  #hosts(): readonly TaskHost[] {
    const { instance } = this.#options
    const hosts = new Map<string, TaskHost>()
    // A process that has a part of any store is one of our instances.
    const stores = (instance.plan()?.subtopologies ?? []).flatMap((one) => one.stores)
    for (const { spec } of stores) {
      for (const { active, standbys } of instance.streamsMetadataForStore(spec.name)) {
        for (const host of active === null ? standbys : [active, ...standbys]) hosts.set(host.processId, host)
      }
    }
    const others = [...hosts.values()].filter(({ isLocal }) => !isLocal)
    const own = [...hosts.values()].find(({ isLocal }) => isLocal)
    others.sort((a, b) => ((a.endpoint ?? a.processId) < (b.endpoint ?? b.processId) ? -1 : 1))
    return [own ?? { processId: '', endpoint: null, isLocal: true }, ...others]
  }

  async #shareOf(host: TaskHost): Promise<HostShare> {
    if (host.isLocal) return { host, share: await this.#options.own(), problem: '' }
    const failed = (problem: string): HostShare => ({ host, share: null, problem })
    const { endpoint, processId } = host
    const { path, peers } = this.#options
    if (endpoint === null) return failed(`process ${processId} has no APPLICATION_SERVER: it cannot be asked`)
    try {
      const request = { endpoint, url: path, headers: {}, timeoutMs: TIMEOUT_MS }
      const { status, body } = await peers.get(request)
      if (status !== 200) return failed(`${endpoint} answers ${status}`)
      return { host, share: JSON.parse(body) as Share, problem: '' }
    } catch (error) {
      if (error instanceof PeerUnavailableError) return failed(error.message)
      throw error
    }
  }
}

function nameOf({ endpoint, isLocal, processId }: TaskHost, instances: number): string {
  if (!isLocal) return endpoint ?? `process ${processId}`
  return endpoint === null || instances === 1 ? 'this instance' : `${endpoint}, this one`
}
