/*
 * Sends a receipt for each completed trip. Start the program several times: the instances share the partitions. When one
 * dies, the others go on where it had committed. A receipt that cannot be sent is tried again, and then becomes a dead
 * letter in `receipts.dlq`; the receipts behind it go on.
 */
import { type EventConsumer, openEventConsumer } from 'ride-streams/events'

export interface Receipt {
  readonly tripId: string
  readonly fare: number
  /** The same text when the same receipt is sent once more. */
  readonly idempotencyKey: string
}

/** `send` is the mail service. A test hands in one of its own. */
export function openReceipts(
  brokers: string,
  send: (receipt: Receipt) => Promise<void>,
  sessionTimeoutMs = 10_000,
): Promise<EventConsumer<'trip.completed'>> {
  return openEventConsumer(
    { brokers: [brokers], clientId: 'receipts' },
    {
      groupId: 'receipts',
      topics: ['trip.completed'],
      sessionTimeoutMs,
      retry: { attempts: 5, backoffMs: 200 },
      handle: async ({ event, idempotencyKey }) => {
        const { tripId, finalFare: fare } = event.data
        await send({ tripId, fare, idempotencyKey })
      },
      onDeadLetter: ({ topic, partition, offset, reason }) => {
        process.stderr.write(`no receipt for ${topic}-${partition}@${offset}: ${reason}\n`)
      },
    },
  )
}

async function print({ tripId, fare }: Receipt): Promise<void> {
  process.stdout.write(`receipt for ${tripId}: ${fare.toFixed(2)}\n`)
}

if (import.meta.main) {
  const consumer = await openReceipts(process.env.KAFKA_BROKERS ?? 'localhost:9092', print)
  process.once('SIGTERM', () => {
    // Finishes the receipt at hand, commits and leaves the group; rejects when the receipt takes too long.
    consumer.close().catch((error: unknown) => {
      process.stderr.write(`${String(error)}\n`)
      process.exitCode = 1
    })
  })
  await consumer.closed
}
