import { byId } from './dom.ts'

/* The token, if the instance wants one: in this tab's session storage, sent as a header, never in a URL. */

const KEY = 'ride-streams-token'

/** The server refused: its message and status. */
export class AnswerError extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

let asking: Promise<void> | null = null

/** Fetches with the token. When it is refused, asks the person for one and tries again. Throws AnswerError. */
export async function request(
  path: string,
  { signal, method = 'GET' }: { readonly signal?: AbortSignal; readonly method?: 'GET' | 'POST' } = {},
): Promise<Response> {
  for (;;) {
    const token = sessionStorage.getItem(KEY)
    const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` }
    const response = await fetch(path, { method, headers, cache: 'no-store', ...(signal ? { signal } : {}) })
    if (response.ok) return response
    if (response.status !== 401) throw new AnswerError(response.status, await messageOf(response))
    // Another request may have got a new token in the meantime.
    if (sessionStorage.getItem(KEY) === token) await askForToken(token !== null)
  }
}

export async function getJson(path: string): Promise<unknown> {
  return await (await request(path)).json()
}

/** Sends a request that changes something, and reads its answer. Throws AnswerError. */
export async function post(path: string): Promise<unknown> {
  return await (await request(path, { method: 'POST' })).json()
}

/** Makes links of this server open with the token, which a link by itself does not send. */
export function sendTokenWith(links: Iterable<HTMLAnchorElement>): void {
  for (const link of links) {
    link.addEventListener('click', (event) => {
      if (sessionStorage.getItem(KEY) === null) return
      event.preventDefault()
      void open(link.href)
    })
  }
}

async function open(href: string): Promise<void> {
  try {
    location.assign(URL.createObjectURL(await (await request(href)).blob()))
  } catch {
    // The server's own answer says best why.
    location.assign(href)
  }
}

async function messageOf(response: Response): Promise<string> {
  try {
    const body = (await response.json()) as { error?: { message?: string } } | null
    return body?.error?.message ?? `status ${response.status}`
  } catch {
    // The answer has no error of ours, so its status must do.
    return `status ${response.status}`
  }
}

/** All waiting requests share one dialog. */
function askForToken(refused: boolean): Promise<void> {
  asking ??= new Promise<void>((resolve) => {
    const dialog = byId('token-dialog', HTMLDialogElement)
    const form = byId('token-form', HTMLFormElement)
    const input = byId('token-input', HTMLInputElement)
    byId('token-problem', HTMLElement).hidden = !refused
    // Without a token there is nothing to see behind the dialog.
    dialog.oncancel = (event) => event.preventDefault()
    form.onsubmit = (event) => {
      event.preventDefault()
      sessionStorage.setItem(KEY, input.value.trim())
      input.value = ''
      dialog.close()
      asking = null
      resolve()
    }
    dialog.showModal()
  })
  return asking
}
