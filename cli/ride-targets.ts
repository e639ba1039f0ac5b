import type { Plan } from '../topology/index.ts'
import { environmentOf, type Target, type TargetOptions, type Targets } from './target.ts'

/** The ride-hailing application, or that of `--module`. */
export const rideTargets: Targets = {
  async load(options) {
    return options.module === undefined ? await rides(options) : await (await modules()).load(options)
  },
  async loadPlan(options) {
    return options.module === undefined ? await ridePlan(options) : await (await modules()).loadPlan(options)
  },
}

async function modules(): Promise<Targets> {
  return (await import('./engine/module-target.ts')).moduleTargets
}

async function rides(options: TargetOptions): Promise<Target> {
  const { loadRideConfig } = await import('../app/config/ride-config.ts')
  const { createRideTopics } = await import('../app/topics/create-topics.ts')
  const { rideReplayRules } = await import('../processors/replay-rules.ts')

  const config = loadRideConfig(environmentOf(options))
  const { applicationId, outputRetentionMs } = config
  return {
    config,
    plan: await ridePlan(options),
    replayRules: rideReplayRules,
    exceptionHandlers: undefined,
    createTopics: (admin, { keepForever }) =>
      createRideTopics(admin, { applicationId, outputRetentionMs, keepForever }),
    async createOwnTopics(admin) {
      await createRideTopics(admin, { applicationId, outputRetentionMs, roles: ['output', 'dead-letter'] })
    },
  }
}

async function ridePlan(options: TargetOptions): Promise<Plan> {
  const { loadRideConfig } = await import('../app/config/ride-config.ts')
  const { buildRideTopology } = await import('../processors/ride-topology.ts')

  const config = loadRideConfig(environmentOf(options))
  return buildRideTopology(config).build({ applicationId: config.applicationId })
}
