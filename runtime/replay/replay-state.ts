import { StreamsError } from '../../state/ports/errors.ts'
import { decodeOffsetMetadata, encodeOffsetMetadata } from '../commit/offset-metadata.ts'
import type { CommittedOffset } from '../ports/log.ts'

const EPOCH = '$replay.epoch'
const UNFINISHED = '$replay.unfinished'
const REWOUND = '$replay.rewound'
const RESET = '$replay.reset'

/** Header of output records that a replay wrote. */
export const REPLAY_HEADER = '__streams.replay'

/** `replay` or `reset` was stopped half way, so stores and outputs do not fit together. Run it again. */
export class ReplayUnfinishedError extends StreamsError {
  constructor(applicationId: string, { epoch, isReset }: Pick<ReplayState, 'epoch' | 'isReset'>) {
    const [begun, what] = [new Date(epoch).toISOString(), isReset ? 'reset' : 'replay']
    super(
      'REPLAY_UNFINISHED',
      `the ${what} of ${applicationId} begun at ${begun} is not finished: run ride-streams ${what} again`,
    )
  }
}

/** The stores of this instance are older than the last replay or reset. Start it again. */
export class ReplayedMeanwhileError extends StreamsError {
  constructor(applicationId: string) {
    super('REPLAYED_MEANWHILE', `${applicationId} was replayed or reset while this instance was away: start it again`)
  }
}

/** The state of replays, as a group's committed offsets record it. */
export interface ReplayState {
  /** Start of the last replay, epoch ms; 0 = there was none. Older stores are useless. */
  readonly epoch: number
  /** The replay has begun to write and has not ended. */
  readonly isUnfinished: boolean
  /** A reset did so, and no replay. */
  readonly isReset: boolean
  /** A replay went back in time, so the application has written records again. */
  readonly isRewound: boolean
}

export function replayStateOf(numbersOfTasks: Iterable<ReadonlyMap<string, number>>): ReplayState {
  let epoch = 0
  let isUnfinished = false
  let isReset = false
  let isRewound = false
  for (const numbers of numbersOfTasks) {
    epoch = Math.max(epoch, numbers.get(EPOCH) ?? 0)
    isUnfinished ||= numbers.has(UNFINISHED)
    isReset ||= numbers.has(RESET)
    isRewound ||= numbers.has(REWOUND)
  }
  return { epoch, isUnfinished, isReset, isRewound }
}

export function replayStateOfOffsets(offsets: readonly CommittedOffset[]): ReplayState {
  return replayStateOf(offsets.map(({ metadata }) => decodeOffsetMetadata(metadata).numbers))
}

/** The same offset, with the mark that a replay, or a reset, is writing. */
export function markUnfinished(offset: CommittedOffset, epoch: number, by: 'replay' | 'reset'): CommittedOffset {
  return withNumbers(offset, (numbers) => {
    numbers.set(UNFINISHED, epoch).set(EPOCH, epoch)
    if (by === 'reset') numbers.set(RESET, 1)
    else numbers.delete(RESET)
  })
}

/** The same offset, with the mark that a replay has ended. */
export function markReplayed(
  offset: CommittedOffset,
  { epoch, isRewound }: Pick<ReplayState, 'epoch' | 'isRewound'>,
): CommittedOffset {
  return withNumbers(offset, (numbers) => {
    numbers.delete(UNFINISHED)
    numbers.delete(RESET)
    numbers.set(EPOCH, epoch)
    if (isRewound) numbers.set(REWOUND, 1)
  })
}

function withNumbers(offset: CommittedOffset, change: (numbers: Map<string, number>) => void): CommittedOffset {
  const { partitionTime, numbers } = decodeOffsetMetadata(offset.metadata)
  const changed = new Map(numbers)
  change(changed)
  return { ...offset, metadata: encodeOffsetMetadata({ partitionTime, numbers: changed }) }
}
