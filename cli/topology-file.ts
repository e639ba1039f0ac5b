import { readFile } from 'node:fs/promises'
import Type from 'typebox'
import { Compile } from 'typebox/compile'
import { StreamsConfigError } from '../state/index.ts'
import type { TopologyJson } from '../topology/index.ts'

// The part of the format that comparing needs. The rest of the file is ignored.
const TOPOLOGY = Compile(
  Type.Object({
    repartitionTopics: Type.Array(Type.String()),
    subtopologies: Type.Array(
      Type.Object({
        id: Type.Integer(),
        nodes: Type.Array(Type.Object({ name: Type.String() })),
        stores: Type.Array(Type.Object({ name: Type.String(), kind: Type.String() })),
      }),
    ),
  }),
)

/** Reads what `topology --format json` printed. @throws StreamsConfigError when it is not that */
export async function readTopologyJson(file: string): Promise<TopologyJson> {
  let parsed: unknown
  try {
    parsed = JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    throw new StreamsConfigError(`${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (!TOPOLOGY.Check(parsed)) throw new StreamsConfigError(`${file} is not what topology --format json prints`)
  return parsed as unknown as TopologyJson
}
