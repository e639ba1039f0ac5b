/** Name of the topic of recorded answers of a node that makes calls, without the application id. */
export function answersTopicOf(node: string): string {
  return `${node}-answers`
}
