import { type Config, formatHostPort, hostPort } from '../config/index.ts'
import { InstanceProof } from '../proof/instance-proof.ts'

type AddressConfig = Pick<Config, 'applicationId' | 'applicationServer' | 'httpToken'>

/** Makes the APPLICATION_SERVER that this process announces to the group. With HTTP_TOKEN it carries a proof. */
export function announce(config: AddressConfig, processId: string): string | null {
  if (config.applicationServer === null) return null
  const address = formatHostPort(config.applicationServer)
  return proofOf(config)?.signAddress(processId, address) ?? address
}

/** The address in another process's announcement; null when it is missing, or not proven although HTTP_TOKEN is set. */
export function addressIn(config: AddressConfig, processId: string, announced: string): string | null {
  const proof = proofOf(config)
  const address = proof === null ? announced : proof.openAddress(processId, announced)
  return address === null || hostPort.parse(address) === undefined ? null : address
}

function proofOf({ httpToken, applicationId }: AddressConfig): InstanceProof | null {
  return httpToken === null ? null : new InstanceProof(httpToken, applicationId)
}
