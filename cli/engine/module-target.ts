import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { loadConfig } from '../../infra/config/index.ts'
import { ensureDeadLetterTopic } from '../../infra/streams/dead-letters/index.ts'
import { type LoadedApp, loadApp } from '../../infra/streams/index.ts'
import { createPlanTopics } from '../../infra/streams/topics/index.ts'
import { StreamsConfigError, StreamsError } from '../../state/index.ts'
import { deadLetterTopic, type Plan } from '../../topology/index.ts'
import { environmentOf, type Target, type TargetOptions, type Targets } from '../target.ts'

/**
 * The application of `--module`, loaded as KafkaStreams loads it. Its id has to be given: nobody should reset or replay the
 * application that happens to have the default one.
 */
export const moduleTargets: Targets = { load, loadPlan }

async function load(options: TargetOptions): Promise<Target> {
  const env = environmentOf(options)
  if (!env.APPLICATION_ID) {
    throw new StreamsConfigError(
      'APPLICATION_ID: is not set, expected the applicationId of the module (or --application-id)',
    )
  }
  const config = loadConfig(env)
  const { applicationId } = config
  const {
    plan,
    exceptionHandlers,
    replayRules = { stores: {}, outputs: {} },
  } = await loadModule(options, applicationId)
  if (plan.applicationId !== applicationId) {
    throw new StreamsConfigError(
      `${options.module} is built for application ${JSON.stringify(plan.applicationId)}, the command was given ${JSON.stringify(applicationId)}`,
    )
  }
  return {
    config,
    plan,
    replayRules,
    exceptionHandlers,
    createTopics: (admin, creation) => createPlanTopics(plan, admin, creation),
    createOwnTopics: (admin) => ensureDeadLetterTopic(admin, deadLetterTopic(applicationId), () => undefined),
  }
}

async function loadPlan(options: TargetOptions): Promise<Plan> {
  const { applicationId } = loadConfig(environmentOf(options))
  return (await loadModule(options, applicationId)).plan
}

async function loadModule({ module }: TargetOptions, applicationId: string): Promise<LoadedApp> {
  if (module === undefined) {
    throw new StreamsConfigError('--module: is not set, expected a module that exports `topology` or buildPlan()')
  }
  try {
    return await loadApp({ module: pathToFileURL(resolve(module)).href, options: { applicationId } })
  } catch (error) {
    if (error instanceof StreamsError) throw error
    throw new StreamsConfigError(`${module} cannot be loaded`, { cause: error })
  }
}
