/**
 * Control records: what the log of a partition says beside its events, so that a replay sees it at the same place.
 *
 * A control record is an ordinary record with the header `control` and no data.
 */

/** The input ended: every open session closes. Events that come all the same may still correct sessions. */
export interface EndOfInput {
  readonly _tag: "EndOfInput"
}

/** Nothing happened up to `timeMillis` of event time: the watermark of an idle partition moves on. */
export interface Heartbeat {
  readonly _tag: "Heartbeat"
  readonly timeMillis: number
}

/** What a control record says. */
export type Control = EndOfInput | Heartbeat

/** The headers that make a record a control record. */
export const toHeaders = (control: Control): Readonly<Record<string, string>> =>
  control._tag === "EndOfInput"
    ? { control: "end-of-input" }
    : { control: "heartbeat", "control-time": String(control.timeMillis) }

/** What a record with these headers says; `undefined` when it is no control record. Throws `TypeError` for one that nobody knows. */
export const ofHeaders = (headers: Readonly<Record<string, string>>): Control | undefined => {
  const { control } = headers
  if (control === undefined) return undefined
  if (control === "end-of-input") return { _tag: "EndOfInput" }
  const timeMillis = Number(headers["control-time"] ?? "none")
  if (control === "heartbeat" && Number.isSafeInteger(timeMillis)) return { _tag: "Heartbeat", timeMillis }
  throw new TypeError(
    `a control record says ${JSON.stringify(control)} with time ${JSON.stringify(headers["control-time"])}: ` +
      "known are end-of-input, and heartbeat with a time in whole milliseconds"
  )
}
