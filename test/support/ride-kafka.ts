import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Kafka } from 'kafkajs'
import { connectKafka, type KafkaCluster } from '../../infra/kafka/kafka.ts'
import { type BorrowedKafka, borrowKafka } from './kafka.ts'
import type { KafkaProxy } from './kafka-proxy.ts'
import { kafkajs } from './kafkajs.ts'
import { keepRideTopics } from './keep-ride-topics.ts'
import { borrowProxiedKafka } from './proxied-kafka.ts'

/** All that one ride application of a test needs: a broker with the topics of the rides, clients for it, and a directory. */
export interface RideKafka {
  readonly broker: BorrowedKafka
  /** The address that clients use. */
  readonly bootstrap: string
  readonly kafka: Kafka
  readonly cluster: KafkaCluster
  readonly directory: string
  /** Closes the cluster's clients, gives back the broker and removes the directory. */
  close(): Promise<void>
}

export async function borrowRideKafka(applicationId: string): Promise<RideKafka> {
  const broker = await borrowKafka()
  return rideKafka(applicationId, broker, broker.bootstrap)
}

export interface ProxiedRideKafka extends RideKafka {
  readonly proxy: KafkaProxy
}

/** The broker tells everybody the proxy's address, so that connections can be cut at a chosen request. */
export async function borrowProxiedRideKafka(applicationId: string): Promise<ProxiedRideKafka> {
  const { broker, proxy, bootstrap } = await borrowProxiedKafka()
  const rides = await rideKafka(applicationId, broker, bootstrap)
  const close = async () => {
    await proxy.close()
    await rides.close()
  }
  return { ...rides, proxy, close }
}

async function rideKafka(applicationId: string, broker: BorrowedKafka, bootstrap: string): Promise<RideKafka> {
  const directory = await mkdtemp(join(tmpdir(), `ride-${applicationId}-`))
  const cluster = connectKafka({ brokers: [bootstrap], clientId: 'test' })
  await keepRideTopics(bootstrap, applicationId)
  const close = async () => {
    await cluster.close()
    await broker.stop()
    await rm(directory, { recursive: true, force: true })
  }
  return { broker, bootstrap, kafka: kafkajs(bootstrap), cluster, directory, close }
}
