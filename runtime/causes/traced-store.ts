import type { StoreSpec } from '../../state/ports/store-spec.ts'
import type { StateStore, Windowed } from '../../state/ports/stores.ts'

/** Hears of every row that goes in or out of a store. */
export interface RowListener {
  readonly isOn: boolean
  read(key: unknown, row: unknown): void
  wrote(key: unknown, before: unknown, after: unknown): void
}

type Method = (...args: unknown[]) => unknown
type Methods = Readonly<Record<string, Method>>

/** The store's API, in front of which a listener hears what is read and written. Each call answers what the store answers. */
export function tracedStore(store: StateStore, spec: StoreSpec, listener: RowListener): StateStore {
  const own = methodsOf(store)
  const traced = TRACED[spec.kind](own, listener, spec)
  return new Proxy(store, {
    get(target, name) {
      const member = Reflect.get(target, name, target) as unknown
      if (typeof member !== 'function' || typeof name !== 'string') return member
      return (...args: unknown[]) => ((listener.isOn ? traced[name] : undefined) ?? own(name))(...args)
    },
  })
}

type Own = (name: string) => Method

const methodsOf = (store: StateStore): Own => {
  const methods = store as unknown as Methods
  return (name) =>
    (...args) =>
      methods[name]?.apply(store, args)
}

const TRACED = { 'key-value': keyValue, window: windows, session: sessions, versioned: versions }

function keyValue(own: Own, listener: RowListener): Methods {
  const [get, put] = [own('get'), own('put')]
  const rows = (name: string): Method => rowsOf(own(name), (key) => key, listener)
  return {
    get: (key) => noted(listener, key, get(key)),
    put(key, value) {
      const before = get(key)
      put(key, value)
      listener.wrote(key, before, value)
    },
    putIfAbsent(key, value) {
      const found = own('putIfAbsent')(key, value)
      if (found === null) listener.wrote(key, null, value)
      else listener.read(key, found)
      return found
    },
    delete(key) {
      const found = own('delete')(key)
      listener.wrote(key, found, null)
      return found
    },
    range: rows('range'),
    reverseRange: rows('reverseRange'),
    all: rows('all'),
    prefixScan: rows('prefixScan'),
  }
}

function windows(own: Own, listener: RowListener, spec: StoreSpec): Methods {
  const [fetch, put] = [own('fetch'), own('put')]
  const place = (key: unknown, windowStart: unknown) => ({ key, windowStart })
  const ofKey =
    (name: string): Method =>
    (key, ...args) =>
      rowsOf(own(name), (start) => place(key, start), listener)(key, ...args)
  const ofAll = (name: string): Method =>
    rowsOf(own(name), (at) => place((at as Windowed<unknown>).key, (at as Windowed<unknown>).window.start), listener)
  return {
    fetch: (key, start) => noted(listener, place(key, start), fetch(key, start)),
    put(key, value, start) {
      // A duplicate stands beside the others.
      const before = spec.kind === 'window' && spec.retainDuplicates ? null : fetch(key, start)
      put(key, value, start)
      listener.wrote(place(key, start), before, value)
    },
    fetchRange: ofKey('fetchRange'),
    backwardFetchRange: ofKey('backwardFetchRange'),
    fetchAll: ofAll('fetchAll'),
    all: ofAll('all'),
  }
}

function sessions(own: Own, listener: RowListener): Methods {
  const fetchSession = own('fetchSession')
  const rows = (name: string): Method => rowsOf(own(name), (key) => key, listener)
  const put = (session: Windowed<unknown>, value: unknown): void => {
    const { key, window } = session
    const before = fetchSession(key, window.start, window.end)
    own('put')(session, value)
    listener.wrote(session, before, value)
  }
  return {
    put: (session, value) => put(session as Windowed<unknown>, value),
    remove: (session) => put(session as Windowed<unknown>, null),
    fetchSession: (key, start, end) => noted(listener, { key, window: { start, end } }, fetchSession(key, start, end)),
    findSessions: rows('findSessions'),
    fetch: rows('fetch'),
    all: rows('all'),
  }
}

function versions(own: Own, listener: RowListener): Methods {
  const get = own('get')
  const changed = (name: string): Method => {
    const change = own(name)
    return (key, ...args) => {
      const before = get(key)
      const answer = change(key, ...args)
      listener.wrote(key, before, get(key))
      return answer
    }
  }
  return {
    get: (key) => noted(listener, key, get(key)),
    getAsOf: (key, time) => noted(listener, key, own('getAsOf')(key, time)),
    put: changed('put'),
    delete: changed('delete'),
  }
}

function noted(listener: RowListener, key: unknown, row: unknown): unknown {
  listener.read(key, row)
  return row
}

/** Only rows that the reader takes are heard of. */
function rowsOf(read: Method, keyOf: (given: unknown) => unknown, listener: RowListener): Method {
  return (...args) => {
    const rows = read(...args) as Iterable<readonly [unknown, unknown]>
    return (function* () {
      for (const row of rows) {
        listener.read(keyOf(row[0]), row[1])
        yield row
      }
    })()
  }
}
