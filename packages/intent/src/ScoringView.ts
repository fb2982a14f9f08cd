import type { ClickEvent } from "@troupe/clickstream"
import { Control, Sessions, type ViewRecord } from "@troupe/sessions"
import { Codec, View } from "@troupe/views"
import * as ModelBlob from "./ModelBlob.ts"
import { accept, initial, type Output, type Scoring, type ScoringState } from "./Scoring.ts"

/** Changes when the engine may answer differently for the same input. */
const engine = "intent-1"

/** A view of scores. */
export interface ScoringViewOptions {
  readonly name: string
  readonly version: number
  readonly scoring: Scoring
  /** The click in a record; `undefined` for a record that is about something else. A throw stops the partition. */
  readonly decode: (record: ViewRecord) => ClickEvent | undefined
  /** Raise it when `decode` or `isBot` answers differently. */
  readonly codeVersion?: string
}

/**
 * A versioned view whose fold scores sessions and whose outputs are scores and changes of sessions.
 *
 * The digest covers the models, bit for bit: another model is another version, run side by side with the old one over the
 * same log. Control records end the input or move an idle partition's watermark, as for any view of sessions.
 */
export const view = (options: ScoringViewOptions): View.View<ScoringState, Output> => {
  const { decode, name, scoring, version } = options
  const { spec } = scoring
  const sessions = Sessions.view({
    name,
    version,
    spec,
    decode: () => undefined,
    codeVersion: `${engine} ${options.codeVersion ?? ""}`
  })
  return View.define<ScoringState, Output>({
    name,
    version,
    codeVersion: sessions.codeVersion,
    config: {
      sessions: sessions.config,
      champion: ModelBlob.checksum(scoring.champion),
      challenger: scoring.challenger === undefined ? null : ModelBlob.checksum(scoring.challenger),
      fromClicks: scoring.fromClicks
    },
    initial,
    fold: (state, chunk) => {
      const outputs: Array<Output> = []
      for (const record of chunk) {
        const control = Control.ofHeaders(record.headers)
        if (control === undefined) {
          const event = decode(record)
          if (event !== undefined) accept(scoring, state, { event, appendMillis: record.timeMillis }, outputs)
          continue
        }
        const told =
          control._tag === "EndOfInput"
            ? Sessions.end(spec, state)[1]
            : Sessions.step(spec, state, [], control.timeMillis - spec.delayMillis)[1]
        for (const change of told) outputs.push(change)
      }
      return { state, outputs }
    },
    state: sessions.state,
    output: Codec.plainJson<Output>()
  })
}
