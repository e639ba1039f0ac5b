import type { InstanceTasks, TaskRow } from '../../sections/index.ts'
import { byId, el, foldName, table } from '../dom.ts'
import { count, plural } from '../format.ts'

/** The tasks of one sub-topology on one instance. */
interface Group {
  readonly subtopology: string
  readonly tasks: readonly TaskRow[]
}

/** Restores shown by name; the others are only counted. */
const RESTORES_SHOWN = 6

/** Shows the tasks of each instance, how far they are behind, and the progress of their restores. */
export class Tasks {
  readonly #body = byId('tasks-body', HTMLElement)

  show(instances: readonly InstanceTasks[]): void {
    const all = instances.reduce((sum, { tasks }) => sum + tasks.length, 0)
    foldName('tasks', `${plural(all, 'task')} of ${plural(instances.length, 'instance')}`)
    this.#body.replaceChildren(...instances.map(instanceTable))
  }
}

function instanceTable({ instance, tasks, problem }: InstanceTasks): HTMLElement {
  if (problem !== null) {
    return el('div', {}, el('h3', {}, instance), el('p', { class: 'problem' }, problem))
  }
  const of = (state: TaskRow['state']): number => tasks.filter((task) => task.state === state).length
  const words = `${instance}: ${of('running')} running, ${of('restoring')} restoring, ${of('standby')} standby`
  return table(
    words,
    [
      { head: 'Sub-topology', cell: ({ subtopology }) => subtopology, kind: 'short' },
      { head: 'Tasks', cell: chips },
      { head: 'Lag', cell: (group) => count(group.tasks.reduce((sum, task) => sum + lagOf(task), 0)), kind: 'number' },
      { head: 'Reads', cell: readsOf },
      { head: 'Restore', cell: restoresOf },
    ],
    groupsOf(tasks),
  )
}

function groupsOf(tasks: readonly TaskRow[]): readonly Group[] {
  const groups = new Map<string, TaskRow[]>()
  for (const task of tasks) {
    const subtopology = task.taskId.split('_', 1)[0] ?? ''
    const group = groups.get(subtopology) ?? []
    groups.set(subtopology, group)
    group.push(task)
  }
  return [...groups].map(([subtopology, some]) => ({ subtopology, tasks: some }))
}

function chips({ tasks }: Group): HTMLElement {
  const chip = (task: TaskRow): HTMLElement => {
    const places = task.partitions.map(
      ({ topic, partition, position }) => `${topic}-${partition} at ${count(position)}`,
    )
    const words = [`${task.state}, thread ${task.thread}`, ...places].join('\n')
    return el('span', { class: `chip ${task.state}`, title: words }, task.taskId)
  }
  return el('span', { class: 'chips' }, ...tasks.map(chip))
}

const lagOf = ({ partitions }: TaskRow): number =>
  partitions.reduce((sum, { position, endOffset }) => sum + Math.max(0, endOffset - position), 0)

function readsOf({ tasks }: Group): string {
  const topics = tasks.flatMap(({ partitions }) => partitions.map(({ topic }) => topic))
  return [...new Set(topics)].join(', ')
}

function restoresOf({ tasks }: Group): HTMLElement | string {
  const open = tasks.flatMap(({ taskId, restore }) =>
    restore.filter(({ remaining }) => remaining > 0).map((progress) => ({ taskId, ...progress })),
  )
  if (open.length === 0) return ''
  const lines = open.slice(0, RESTORES_SHOWN).map(({ taskId, store, remaining, total, recordsPerSecond }) => {
    const words = `${taskId} ${store}: ${count(remaining)} left of ${count(total)}, ${count(recordsPerSecond)}/s`
    const bar = el('progress', { max: Math.max(1, total), value: total - remaining, 'aria-label': words })
    return el('div', {}, bar, ` ${words}`)
  })
  const rest = open.length - lines.length
  return el('div', {}, ...lines, ...(rest > 0 ? [el('div', {}, `and ${rest} more`)] : []))
}
