import type { joinGroupV9 as JoinGroup } from '@platformatic/kafka'
import { StreamsConfigError } from '../../state/ports/errors.ts'
import type { BrokerConnection } from './broker-connection.ts'
import { call } from './call.ts'
import { ClusterClient } from './cluster-client.ts'
import type { KafkaConnectionConfig } from './kafka-config.ts'
import { heartbeatV4, joinGroupV9, leaveGroupV5, syncGroupV5 } from './protocol.ts'
import { ErrorCode, errorText, isTransportFailure, KafkaFatalError, KafkaResponseError } from './protocol-error.ts'
import { TryAgain } from './retry.ts'

export interface GroupRequestsOptions {
  readonly groupId: string
  readonly groupInstanceId: string | null
  readonly sessionTimeoutMs: number
  /** How long the group waits for its members to release their tasks and come back. */
  readonly rebalanceTimeoutMs: number
}

/** Type and name of the protocol the members agree on. `consumer` lets Kafka's tools read the assignment. */
export const PROTOCOL_TYPE = 'consumer'
export const PROTOCOL_NAME = 'ride-streams'

/** The member id is not of this group, or no longer. Join without one. */
export class UnknownMemberError extends KafkaResponseError {}

/** The generation is over. Join again. */
export class GenerationOverError extends KafkaResponseError {}

const INCONSISTENT_GROUP_PROTOCOL = 23
const INVALID_SESSION_TIMEOUT = 26
const REFUSED: ReadonlySet<number> = new Set([
  24, // INVALID_GROUP_ID
  ErrorCode.GROUP_AUTHORIZATION_FAILED,
  81, // GROUP_MAX_SIZE_REACHED
  ErrorCode.FENCED_INSTANCE_ID,
])

/** The instance id is that of the STATE_DIR. */
const COPIED_HINT =
  ': another process has joined under the same id. Was its state directory copied? Each instance needs one of its own, empty at first'

/** The coordinator's answer to a member when all have joined. */
export type JoinAnswer = Pick<
  JoinGroup.JoinGroupResponse,
  'errorCode' | 'generationId' | 'leader' | 'skipAssignment' | 'memberId'
> & { readonly members: ReadonlyArray<{ readonly memberId: string; readonly metadata: Buffer }> }

/**
 * The group's coordinator, as a member talks to it. What an answer means for the member is thrown: UnknownMemberError,
 * GenerationOverError, KafkaFatalError; TryAgain and transport failures: the same again.
 */
export interface GroupCoordinator {
  /** Fires at close(). */
  readonly closing: AbortSignal
  /** Resolves when all members have joined, or with MEMBER_ID_REQUIRED and the id to join with. */
  join(memberId: string, metadata: Buffer): Promise<JoinAnswer>
  /** The leader sends everybody's assignment, the others none; everybody gets its own. */
  sync(
    memberId: string,
    generation: number,
    assignments: Array<{ memberId: string; assignment: Buffer }>,
  ): Promise<Buffer>
  heartbeat(memberId: string, generation: number): Promise<void>
  /** A static member leaves at once, too: the request names its instance id. */
  leave(memberId: string): Promise<void>
  close(): Promise<void>
}

/** The four requests of a group member, each to the group's coordinator and with its answer judged. */
export class GroupRequests implements GroupCoordinator {
  readonly #cluster: ClusterClient
  readonly #options: GroupRequestsOptions

  constructor(config: KafkaConnectionConfig, options: GroupRequestsOptions) {
    // A heartbeat without an answer must be repeated while the session lives.
    this.#cluster = new ClusterClient(config, Math.max(500, options.sessionTimeoutMs / 2))
    this.#options = options
  }

  get closing(): AbortSignal {
    return this.#cluster.closing
  }

  close(): Promise<void> {
    return this.#cluster.close()
  }

  /** Takes up to the rebalance timeout. */
  async join(memberId: string, metadata: Buffer): Promise<JoinAnswer> {
    const { groupId, groupInstanceId, sessionTimeoutMs, rebalanceTimeoutMs } = this.#options
    const answer = await this.#send('join', rebalanceTimeoutMs + 10_000, (connection) =>
      call(
        joinGroupV9.api,
        connection,
        groupId,
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        memberId,
        groupInstanceId,
        PROTOCOL_TYPE,
        [{ name: PROTOCOL_NAME, metadata }],
      ),
    )
    if (answer.errorCode !== ErrorCode.MEMBER_ID_REQUIRED) this.#judge('join', answer.errorCode)
    return answer
  }

  async sync(
    memberId: string,
    generation: number,
    assignments: Array<{ memberId: string; assignment: Buffer }>,
  ): Promise<Buffer> {
    const { groupId, groupInstanceId, rebalanceTimeoutMs } = this.#options
    const answer = await this.#send('join', rebalanceTimeoutMs + 10_000, (connection) =>
      call(
        syncGroupV5.api,
        connection,
        groupId,
        generation,
        memberId,
        groupInstanceId,
        PROTOCOL_TYPE,
        PROTOCOL_NAME,
        assignments,
      ),
    )
    this.#judge('synchronise', answer.errorCode)
    return answer.assignment
  }

  async heartbeat(memberId: string, generation: number): Promise<void> {
    const { groupId, groupInstanceId } = this.#options
    const answer = await this.#send('heartbeat', undefined, (connection) =>
      call(heartbeatV4.api, connection, groupId, generation, memberId, groupInstanceId),
    )
    this.#judge('heartbeat', answer.errorCode)
  }

  async leave(memberId: string): Promise<void> {
    const { groupId, groupInstanceId } = this.#options
    const answer = await this.#send('heartbeat', undefined, (connection) =>
      call(leaveGroupV5.api, connection, groupId, [{ memberId, groupInstanceId, reason: 'closed' }]),
    )
    const errorCode = answer.errorCode || (answer.members[0]?.errorCode ?? ErrorCode.NONE)
    if (errorCode !== ErrorCode.UNKNOWN_MEMBER_ID) this.#judge('leave', errorCode)
  }

  async #send<T>(
    role: string,
    requestTimeoutMs: number | undefined,
    request: (connection: BrokerConnection) => Promise<T>,
  ): Promise<T> {
    const { groupId } = this.#options
    try {
      return await request(await this.#cluster.coordinator('group', groupId, role, requestTimeoutMs))
    } catch (error) {
      if (isTransportFailure(error)) this.#cluster.forgetCoordinator('group', groupId)
      throw error
    }
  }

  /** Throws what the member must do; TryAgain: repeat. */
  #judge(verb: string, errorCode: number): void {
    if (errorCode === ErrorCode.NONE) return
    const { groupId, groupInstanceId, sessionTimeoutMs } = this.#options
    this.#cluster.checkCoordinator('group', groupId, errorCode)
    const action = `${verb} group ${groupId}`
    if (errorCode === ErrorCode.UNKNOWN_MEMBER_ID) throw new UnknownMemberError(action, errorCode)
    if (errorCode === ErrorCode.ILLEGAL_GENERATION || errorCode === ErrorCode.REBALANCE_IN_PROGRESS) {
      throw new GenerationOverError(action, errorCode)
    }
    if (errorCode === INVALID_SESSION_TIMEOUT) {
      throw new StreamsConfigError(
        `${action}: the brokers do not allow a session timeout of ${sessionTimeoutMs} ms (group.min.session.timeout.ms)`,
      )
    }
    if (errorCode === INCONSISTENT_GROUP_PROTOCOL) {
      throw new StreamsConfigError(`${action}: the members of the group are another kind of program`)
    }
    if (REFUSED.has(errorCode)) {
      const instance = groupInstanceId === null ? '' : ` (instance ${groupInstanceId})`
      const hint = errorCode === ErrorCode.FENCED_INSTANCE_ID ? COPIED_HINT : ''
      throw new KafkaFatalError(`${action}${instance}: ${errorText(errorCode)}${hint}`)
    }
    throw new TryAgain(`${action}: ${errorText(errorCode)}`)
  }
}
