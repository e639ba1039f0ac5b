import { readFile } from 'node:fs/promises'
import { StreamsConfigError } from '../state/index.ts'
import type { TopologyJson } from '../topology/index.ts'

/** Reads what `topology --format json` printed. @throws StreamsConfigError when it is not that */
export async function readTopologyJson(file: string): Promise<TopologyJson> {
  let parsed: unknown
  try {
    parsed = JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    throw new StreamsConfigError(`${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (!isTopology(parsed)) throw new StreamsConfigError(`${file} is not what topology --format json prints`)
  return parsed
}

/** Checks the part of the format that comparing needs. The rest of the file is ignored. */
function isTopology(value: unknown): value is TopologyJson {
  return (
    isListOf(at(value, 'repartitionTopics'), isText) &&
    isListOf(
      at(value, 'subtopologies'),
      (one) =>
        Number.isInteger(at(one, 'id')) &&
        isListOf(at(one, 'nodes'), (node) => isText(at(node, 'name'))) &&
        isListOf(at(one, 'stores'), (store) => isText(at(store, 'name')) && isText(at(store, 'kind'))),
    )
  )
}

const at = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
const isText = (value: unknown): value is string => typeof value === 'string'
const isListOf = (value: unknown, isOne: (one: unknown) => boolean): boolean =>
  Array.isArray(value) && value.every(isOne)
