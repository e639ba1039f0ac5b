import type { Command } from 'commander'
import type { Config } from '../infra/config/index.ts'
import type { KafkaAdmin } from '../infra/kafka/index.ts'
import type { ExceptionHandlers } from '../infra/streams/index.ts'
import type { CreatedTopic } from '../infra/streams/topics/index.ts'
import type { Plan, ReplayRules } from '../topology/index.ts'
import { type DataOptions, newDataCommand } from './command.ts'

/** The options that name an application. */
export interface TargetOptions extends DataOptions {
  readonly module?: string
  readonly applicationId?: string
}

export interface TopicCreation {
  readonly keepForever: boolean
  /** Partitions of topics that are created; null: what the application says, else the broker. */
  readonly partitions: number | null
}

/** The application that a command works on. */
export interface Target {
  readonly config: Config
  readonly plan: Plan
  /** They say what "differs" means for stores and outputs that are no plain tables. */
  readonly replayRules: ReplayRules
  /** Handlers that are functions. */
  readonly exceptionHandlers: ExceptionHandlers | undefined
  /** Creates the missing ones of the topics that the application reads and writes, beside its internal ones. */
  createTopics(admin: KafkaAdmin, creation: TopicCreation): Promise<readonly CreatedTopic[]>
  /** Creates the missing topics that a start of the application creates, beside its internal ones. */
  createOwnTopics(admin: KafkaAdmin): Promise<void>
}

/** The applications that the commands of a program work on. Both calls throw StreamsConfigError. */
export interface Targets {
  load(options: TargetOptions): Promise<Target>
  /** Loads the topology alone, which needs neither brokers nor an application id. */
  loadPlan(options: TargetOptions): Promise<Plan>
}

/** A command that prints data about an application: with --json, and options that name the application. */
export function newTargetCommand(name: string, summary: string): Command {
  return newDataCommand(name, summary)
    .option('--module <file>', 'the application: a module that exports `topology` or buildPlan(), like ./topology.js')
    .option('--application-id <id>', 'its application id (default: APPLICATION_ID)')
}

/** The environment, with what the options say. */
export function environmentOf({ applicationId }: TargetOptions): NodeJS.ProcessEnv {
  return applicationId === undefined ? process.env : { ...process.env, APPLICATION_ID: applicationId }
}
