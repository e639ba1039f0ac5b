import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** On a request between instances: `time nonce proof`. */
export const REQUEST_PROOF = 'x-instance-request'
/** On the answer to one: the answerer has the key, and saw this request. */
export const ANSWERER_PROOF = 'x-instance-answerer'
/** On an answer that is sent as a whole: status, lag and body are as the answerer sent them. */
export const ANSWER_PROOF = 'x-instance-answer'

/** How far the clocks of two instances may be apart, and how long a recorded request can be repeated. */
const MAX_AGE_MS = 300_000

export interface SignedRequest {
  /** host:port of the instance that is asked. */
  readonly endpoint: string
  /** Path and query. */
  readonly url: string
  /** Headers that decide what is answered, in a fixed order; absent ones are ''. */
  readonly headers: readonly string[]
}

export interface ProvenAnswer {
  readonly status: number
  /** x-store-lag; '' when absent. */
  readonly lag: string
  readonly body: string | Buffer
}

/*
 * How the instances of an application know each other, from the HTTP_TOKEN they share. The token itself is never sent to an instance.
 * 1. An announced address carries a proof over application, process and address: only who knows the token can be asked.
 * 2. A request carries a proof over the address it is meant for, so that nobody can pass it on to another instance.
 * 3. An answer carries a proof over the request's own: it is of now, and nobody can make one up. Of a stream that is its beginning.
 * Keys are derived, one per purpose (HMAC-SHA256 of the token), so no proof of one kind serves as another.
 */
export class InstanceProof {
  readonly #token: string
  readonly #applicationId: string

  constructor(token: string, applicationId: string) {
    this.#token = token
    this.#applicationId = applicationId
  }

  signAddress(processId: string, address: string): string {
    return `${address} ${this.#proof('address', processId, address)}`
  }

  /** The address, when its process announced it with the token; null otherwise. */
  openAddress(processId: string, announced: string): string | null {
    const [address = '', proof = ''] = announced.split(' ')
    return isSame(proof, this.#proof('address', processId, address)) ? address : null
  }

  signRequest(request: SignedRequest): string {
    const time = String(Date.now())
    const nonce = randomBytes(16).toString('hex')
    return `${time} ${nonce} ${this.#requestProof(request, time, nonce)}`
  }

  isRequest(header: string, request: SignedRequest): boolean {
    const [time = '', nonce = '', proof = ''] = header.split(' ')
    // Not NaN: that is never within the age.
    const isRecent = Math.abs(Date.now() - Number(time)) <= MAX_AGE_MS
    return isSame(proof, this.#requestProof(request, time, nonce)) && isRecent
  }

  /** `request`: its REQUEST_PROOF. */
  signAnswerer(request: string): string {
    return this.#proof('answerer', request)
  }

  isAnswerer(header: unknown, request: string): boolean {
    return typeof header === 'string' && isSame(header, this.signAnswerer(request))
  }

  signAnswer(request: string, { status, lag, body }: ProvenAnswer): string {
    return this.#proof('answer', request, String(status), lag, createHash('sha256').update(body).digest('hex'))
  }

  isAnswer(header: unknown, request: string, answer: ProvenAnswer): boolean {
    return typeof header === 'string' && isSame(header, this.signAnswer(request, answer))
  }

  #requestProof({ endpoint, url, headers }: SignedRequest, time: string, nonce: string): string {
    return this.#proof('request', endpoint, url, time, nonce, ...headers)
  }

  /** JSON keeps the parts apart, whatever is in them. */
  #proof(purpose: string, ...parts: readonly string[]): string {
    const key = createHmac('sha256', this.#token).update(`ride-streams ${purpose}`).digest()
    return createHmac('sha256', key)
      .update(JSON.stringify([this.#applicationId, ...parts]))
      .digest('hex')
  }
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
