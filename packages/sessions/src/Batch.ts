import type { CanonicalJson } from "@troupe/views"
import type { Session } from "./Change.ts"
import { sessionId } from "./SessionId.ts"
import type { SessionSpec } from "./SessionSpec.ts"

/**
 * The truth: the sessions of these events, in whatever order they are given, sorted by start and key.
 *
 * Written to be obviously right and to share no code with `step`: group by key, sort, cut at the gaps. It knows no watermark,
 * so nothing is late; events that `step` would skip or quarantine are left out by the same rules.
 */
export const batch = <Event, V extends CanonicalJson.Json, A>(
  spec: SessionSpec<Event, V, A>,
  events: Iterable<Event>
): ReadonlyArray<Session<A>> => {
  const byKey = new Map<string, Array<Event>>()
  for (const event of events) {
    const key = spec.key(event)
    if (key === null || key === undefined || isRefused(spec, event)) continue
    const group = byKey.get(key)
    if (group === undefined) byKey.set(key, [event])
    else group.push(event)
  }
  const sessions: Array<Session<A>> = []
  for (const [key, group] of byKey) {
    for (const members of cut(spec, group)) {
      if (members.length > spec.maxEvents) continue
      const first = members[0] as Event
      let folding = spec.fold.init()
      for (const event of members) folding = spec.fold.add(folding, spec.value(event), spec.timeMillis(event))
      sessions.push({
        key,
        sessionId: sessionId(key, spec.timeMillis(first), spec.eventId(first)),
        startMillis: spec.timeMillis(first),
        lastMillis: spec.timeMillis(members[members.length - 1] as Event),
        events: members.length,
        result: spec.fold.done(folding)
      })
    }
  }
  return sessions.sort(
    (a, b) => a.startMillis - b.startMillis || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)
  )
}

/** The events of one key, without duplicates, divided where a gap is too long. */
const cut = <Event, V extends CanonicalJson.Json, A>(
  spec: SessionSpec<Event, V, A>,
  group: ReadonlyArray<Event>
): ReadonlyArray<ReadonlyArray<Event>> => {
  const sorted = [...group].sort((a, b) => {
    const byTime = spec.timeMillis(a) - spec.timeMillis(b)
    if (byTime !== 0) return byTime
    return spec.eventId(a) < spec.eventId(b) ? -1 : spec.eventId(a) > spec.eventId(b) ? 1 : 0
  })
  const sessions: Array<Array<Event>> = []
  let current: Array<Event> = []
  let ids = new Set<string>()
  let last = 0
  for (const event of sorted) {
    const timeMillis = spec.timeMillis(event)
    const apart = timeMillis - last
    const joins = spec.boundary === "inclusive" ? apart <= spec.gapMillis : apart < spec.gapMillis
    if (current.length === 0 || !joins) {
      current = []
      ids = new Set()
      sessions.push(current)
    } else if (ids.has(spec.eventId(event))) {
      continue
    }
    current.push(event)
    ids.add(spec.eventId(event))
    last = timeMillis
  }
  return sessions
}

const isRefused = <Event, V extends CanonicalJson.Json, A>(
  spec: SessionSpec<Event, V, A>,
  event: Event
): boolean => {
  const timeMillis = spec.timeMillis(event)
  if (!Number.isSafeInteger(timeMillis)) return true
  const appended = spec.appendMillis?.(event)
  if (appended !== undefined && timeMillis > appended + spec.maxFutureMillis) return true
  return spec.isBot?.(event) === true
}
