import type { Command } from 'commander'
import { counted } from '../../state/index.ts'
import { newTargetCommand, type TargetOptions, type Targets } from '../target.ts'

export function groupsCommand(targets: Targets): Command {
  return newTargetCommand(
    'groups',
    "the application's group: its state, its members, their tasks, partitions and lag",
  ).action(async (options: TargetOptions) => groups(targets, options))
}

async function groups(targets: Targets, options: TargetOptions): Promise<void> {
  const { applicationLag, groupTasks, hostOf, planOnCluster } = await import('../../infra/streams/topics/index.ts')
  const { CommandFailedError } = await import('../errors.ts')
  const { withKafka } = await import('../kafka-clients.ts')
  const { printJson, printLine, printTable } = await import('../output.ts')

  const { config, plan: loaded } = await targets.load(options)
  const { applicationId } = config
  const { group, lag, plan } = await withKafka(config, async ({ admin }) => {
    const plan = await planOnCluster(loaded, admin)
    // First: it gives up sooner than a look-up of the coordinator when no broker answers.
    const lag = await applicationLag(admin, plan)
    const described = await admin.describeGroup(applicationId)
    if (described === null) throw new CommandFailedError(`there is no group ${applicationId}: it has never run here`)
    return { group: described, plan, lag }
  })
  const rows = groupTasks(plan, group, lag.rows)
  const members = group.members.map((member) => ({
    memberId: member.memberId,
    processId: member.groupInstanceId,
    host: hostOf(member),
    clientId: member.clientId,
    active: member.assignment?.active ?? [],
    standby: member.assignment?.standby ?? [],
    lag: rows.filter(({ memberId }) => memberId === member.memberId).reduce((sum, row) => sum + row.lag, 0),
  }))
  if (options.json) {
    printJson({ rows, nextCursor: null, group: applicationId, state: group.state, members, total: lag.total })
    return
  }
  printLine(`group ${applicationId} is ${group.state}, ${counted(members.length, 'member')}, total lag ${lag.total}`)
  printTable(members, [
    { head: 'MEMBER', value: ({ memberId }) => memberId },
    { head: 'HOST', value: ({ host }) => host },
    { head: 'TASKS', value: ({ active }) => active.length, right: true },
    { head: 'COPIES', value: ({ standby }) => standby.length, right: true },
    { head: 'LAG', value: (row) => row.lag, right: true },
  ])
  printLine()
  printTable(rows, [
    { head: 'TASK', value: ({ taskId }) => taskId },
    { head: 'TOPIC', value: ({ topic }) => topic },
    { head: 'PARTITION', value: ({ partition }) => partition, right: true },
    { head: 'COMMITTED', value: ({ committed }) => committed ?? '-', right: true },
    { head: 'END', value: ({ end }) => end, right: true },
    { head: 'LAG', value: (row) => row.lag, right: true },
    { head: 'MEMBER', value: ({ memberId }) => memberId ?? '-' },
    { head: 'SERVER', value: ({ applicationServer }) => applicationServer ?? '-' },
  ])
}
