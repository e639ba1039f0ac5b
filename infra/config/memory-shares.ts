import { totalmem } from 'node:os'

const MIB = 1024 * 1024

/** How much memory each part of an instance may take, in bytes. */
export interface MemoryShares {
  /** Committed rows as objects, over all threads. */
  readonly cacheMaxBytes: number
  /** Write buffers and read blocks of the stores on disk, over all threads. */
  readonly buffersMaxBytes: number
  /** Rows that wait for the stores on disk, over all threads. */
  readonly writeBehindMaxBytes: number
  /** Input and output of one epoch of one thread; two epochs are held at most, and buffers for the output of a third. */
  readonly maxEpochBytes: number
  /** One answer of a broker to one thread: it stays whole while a record of it waits. */
  readonly fetchMaxBytes: number
  /**
   * Memory for young objects of one thread: V8 makes three semi-spaces of it, whose size is a power of two. A larger one costs memory and
   * longer pauses, and saves no CPU (BENCHMARKS.md).
   */
  readonly youngGenerationBytes: number
}

/** The shares without a memory limit. */
const FULL: MemoryShares = {
  cacheMaxBytes: 64 * MIB,
  buffersMaxBytes: 128 * MIB,
  writeBehindMaxBytes: 48 * MIB,
  maxEpochBytes: 16 * MIB,
  fetchMaxBytes: 2 * MIB,
  youngGenerationBytes: 48 * MIB,
}

const LEAST: MemoryShares = {
  cacheMaxBytes: 4 * MIB,
  buffersMaxBytes: 8 * MIB,
  writeBehindMaxBytes: 4 * MIB,
  maxEpochBytes: 2 * MIB,
  fetchMaxBytes: MIB / 2,
  youngGenerationBytes: 12 * MIB,
}

/** Memory of an idle instance, measured: code, the main thread's heap, connections. */
const PROCESS_BYTES = 200 * MIB
/** Memory of an idle stream thread: its code and old objects. */
const THREAD_BYTES = 64 * MIB
/** A cached row takes about this many times the bytes it is counted with. */
const OBJECTS_PER_BYTE = 2
/** Epochs of a thread whose buffers are there: one that is filled, one that is sent, one in the pool. */
const EPOCHS = 3
/** Answers of brokers that records of some partition wait in, measured. */
const ANSWERS = 12
const SEMI_SPACES = 3

/**
 * Shares out a limit: every share is cut by the same factor where the full ones do not fit.
 * @param limitBytes of the whole process
 */
export function memoryShares(limitBytes: number, threads: number): MemoryShares {
  const wanted =
    FULL.cacheMaxBytes * OBJECTS_PER_BYTE +
    FULL.buffersMaxBytes +
    FULL.writeBehindMaxBytes +
    threads * (EPOCHS * FULL.maxEpochBytes + ANSWERS * FULL.fetchMaxBytes + FULL.youngGenerationBytes)
  const left = limitBytes - PROCESS_BYTES - threads * THREAD_BYTES
  const factor = Math.min(1, Math.max(0, left / wanted))
  const share = (name: keyof MemoryShares): number => Math.max(LEAST[name], Math.floor(FULL[name] * factor))
  return {
    cacheMaxBytes: share('cacheMaxBytes'),
    buffersMaxBytes: share('buffersMaxBytes'),
    writeBehindMaxBytes: share('writeBehindMaxBytes'),
    maxEpochBytes: share('maxEpochBytes'),
    fetchMaxBytes: share('fetchMaxBytes'),
    youngGenerationBytes: wholeSemiSpaces(share('youngGenerationBytes')),
  }
}

/** V8 rounds the size of a semi-space up to a power of two: rounded down before, it stays within the share. */
function wholeSemiSpaces(bytes: number): number {
  return SEMI_SPACES * 2 ** Math.floor(Math.log2(bytes / SEMI_SPACES))
}

/** Memory limit of this process's container (cgroup), else the machine's memory, in bytes. */
export function availableMemory(): number {
  const constrained = process.constrainedMemory()
  // Without a limit the value is 0, or more than any machine has.
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}
