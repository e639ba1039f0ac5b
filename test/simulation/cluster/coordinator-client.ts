import {
  GenerationOverError,
  type GroupCoordinator,
  type JoinAnswer,
  UnknownMemberError,
} from '../../../infra/kafka/group-requests.ts'
import { ErrorCode, KafkaConnectionError, KafkaFatalError } from '../../../infra/kafka/protocol-error.ts'
import { GroupError, type MemoryGroupCoordinator } from '../../../runtime/memory/group-coordinator.ts'
import { LostError, type Network } from '../../../runtime/memory/network.ts'

export interface CoordinatorClientOptions {
  readonly coordinator: MemoryGroupCoordinator
  readonly network: Network
  readonly client: string
  readonly instanceId: string
}

/** The coordinator over the simulated network. Its answers mean what the real client makes of them. */
export class CoordinatorClient implements GroupCoordinator {
  readonly #options: CoordinatorClientOptions
  readonly #closing = new AbortController()

  constructor(options: CoordinatorClientOptions) {
    this.#options = options
  }

  get closing(): AbortSignal {
    return this.#closing.signal
  }

  async join(memberId: string, metadata: Buffer): Promise<JoinAnswer> {
    const { coordinator, instanceId } = this.#options
    const joined = await this.#ask('join', () => coordinator.join(instanceId, memberId, metadata))
    const { generation, leader, skipAssignment, members } = joined
    return {
      errorCode: 0,
      generationId: generation,
      leader,
      skipAssignment,
      memberId: joined.memberId,
      members,
    }
  }

  sync(
    memberId: string,
    generation: number,
    assignments: Array<{ memberId: string; assignment: Buffer }>,
  ): Promise<Buffer> {
    const { coordinator, instanceId } = this.#options
    return this.#ask('sync', () => coordinator.sync(instanceId, memberId, generation, assignments))
  }

  heartbeat(memberId: string, generation: number): Promise<void> {
    const { coordinator, instanceId } = this.#options
    return this.#ask('heartbeat', async () => coordinator.heartbeat(instanceId, memberId, generation))
  }

  async leave(): Promise<void> {
    const { coordinator, instanceId } = this.#options
    try {
      await this.#ask('leave', async () => coordinator.leave(instanceId))
    } catch (error) {
      // The real coordinator client does the same: being gone already is as good.
      if (!(error instanceof UnknownMemberError)) throw error
    }
  }

  async close(): Promise<void> {
    this.#closing.abort()
  }

  /** The request takes its way, and the answer, which may come much later, its own. */
  async #ask<T>(label: string, operation: () => Promise<T>): Promise<T> {
    const { network, client } = this.#options
    try {
      const { answer } = await network.call(client, label, () => {
        const pending = operation()
        pending.catch(() => undefined) // given to those still there
        return { answer: pending }
      })
      const outcome = await answer.then(
        (value) => ({ value }),
        (error: unknown) => ({ error }),
      )
      await network.call(client, `${label} answered`, () => undefined)
      if ('error' in outcome) throw outcome.error
      return outcome.value
    } catch (error) {
      throw meaningOf(label, error)
    }
  }
}

function meaningOf(action: string, error: unknown): unknown {
  if (error instanceof LostError) return new KafkaConnectionError(`${action}: ${error.message}`)
  if (!(error instanceof GroupError)) return error
  switch (error.error) {
    case 'UNKNOWN_MEMBER_ID':
      return new UnknownMemberError(action, ErrorCode.UNKNOWN_MEMBER_ID)
    case 'ILLEGAL_GENERATION':
      return new GenerationOverError(action, ErrorCode.ILLEGAL_GENERATION)
    case 'REBALANCE_IN_PROGRESS':
      return new GenerationOverError(action, ErrorCode.REBALANCE_IN_PROGRESS)
    case 'FENCED_INSTANCE_ID':
      return new KafkaFatalError(`${action}: FENCED_INSTANCE_ID`)
  }
}
