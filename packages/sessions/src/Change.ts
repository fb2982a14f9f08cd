/** A session: what batch answers, and what the table of a live run holds in the end. */
export interface Session<A> {
  readonly key: string
  readonly sessionId: string
  /** Time of the first event. */
  readonly startMillis: number
  /** Time of the last event. */
  readonly lastMillis: number
  /** How many events it has, each counted once. */
  readonly events: number
  /** What the fold made of them. */
  readonly result: A
}

/** A session as it is given out: the highest revision of a session id is the valid one. */
export interface SessionRow<A> extends Session<A> {
  /** 1, 2, 3 … within a session id. */
  readonly revision: number
  /** `watermark`: nothing that is in time can join any more. `end`: the input ended. `null`: it is open. */
  readonly closedBy: "watermark" | "end" | null
}

/** A session began; provisional, and only told when the specification says `early`. */
export interface Opened<A> extends SessionRow<A> {
  readonly _tag: "Opened"
}

/** A session is complete as far as events in time go: told once a session. */
export interface Closed<A> extends SessionRow<A> {
  readonly _tag: "Closed"
}

/** A session that was told before is different now, after a late event or after it went on. */
export interface Corrected<A> extends SessionRow<A> {
  readonly _tag: "Corrected"
}

/** A session id that was told before names no session any more. */
export interface Retracted {
  readonly _tag: "Retracted"
  readonly key: string
  readonly sessionId: string
  readonly revision: number
  /** The session that holds its events now; `null` when they are quarantined. */
  readonly into: string | null
}

/**
 * An event that came after its session was, or may have been, forgotten: in no session, and in the stream named `late`.
 *
 * That is an event more than the lateness behind the watermark, unless a session that is still kept reaches it.
 */
export interface Late<V> {
  readonly _tag: "Late"
  readonly key: string
  readonly eventId: string
  readonly timeMillis: number
  /** The watermark that it was too late for. */
  readonly watermarkMillis: number
  readonly reason: "beyondLateness"
  readonly value: V
}

/**
 * Events kept out of all sessions.
 *
 * `time`: not a time in whole milliseconds · `future`: too far ahead of its append time · `bot`: the specification says
 * so · `cap`: the session grew over `maxEvents`; told once, later events that join it are only counted.
 */
export interface Quarantined<V> {
  readonly _tag: "Quarantined"
  readonly reason: "time" | "future" | "bot" | "cap"
  readonly key: string
  /** How many events this is about: 1, or all of the session for `cap`. */
  readonly events: number
  /** `null` for `cap`. */
  readonly eventId: string | null
  /** For `cap` the time of the first event; `null` for `time`. */
  readonly timeMillis: number | null
  /** `null` for `cap`. */
  readonly value: V | null
}

/** What a step tells: about sessions (`Opened`, `Closed`, `Corrected`, `Retracted`) or about events left out. */
export type Change<V, A> = Opened<A> | Closed<A> | Corrected<A> | Retracted | Late<V> | Quarantined<V>
