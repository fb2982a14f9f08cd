import type { BrokerError } from "@troupe/broker"
import * as Effect from "effect/Effect"
import { asking, changing, isAbsent, isNoMessage } from "./ApiFailure.ts"
import type { Connection } from "./Connection.ts"
import { noticeConfig, noticeSubject, type Place } from "./StreamLayout.ts"

/**
 * The records that a subscription skipped because their deliveries were used up. NATS tells of each once, to whoever
 * listens; a stream beside the topic's listens always, so that nothing is missed while no process runs.
 */

/** Makes the stream that listens; before the first subscription which can use up deliveries. */
export const listen = (
  connection: Connection,
  place: Place,
  replicas: 1 | 3
): Effect.Effect<void, BrokerError> =>
  Effect.asVoid(
    changing(`open ${place.topic}`, () => connection.manager.streams.add(noticeConfig(place, replicas)))
  )

interface Notice {
  /** Where the notice lies in its own stream. */
  readonly at: number
  readonly sequence: number
}

const none: ReadonlyArray<Notice> = []

const notices = (
  connection: Connection,
  place: Place,
  subscription: string
): Effect.Effect<ReadonlyArray<Notice>, BrokerError> =>
  asking(`information on ${place.topic}`, async () => {
    const { manager } = connection
    const next_by_subj = noticeSubject(place, subscription)
    const found: Array<Notice> = []
    try {
      const { state } = await manager.streams.info(place.noticeStream)
      for (let seq = state.first_seq; seq <= state.last_seq && state.messages > 0; ) {
        const before = found.length
        for await (const message of await manager.direct.getBatch(place.noticeStream, {
          seq,
          batch: 500,
          next_by_subj
        })) {
          found.push({ at: message.seq, sequence: message.json<{ stream_seq: number }>().stream_seq })
        }
        if (found.length === before) break
        seq = (found.at(-1)?.at ?? 0) + 1
      }
      return found
    } catch (cause) {
      if (isNoMessage(cause)) return found
      if (isAbsent(cause)) return none
      throw cause
    }
  })

/** Sequences of the topic, rising, each once. */
export const sequences = (
  connection: Connection,
  place: Place,
  subscription: string
): Effect.Effect<ReadonlyArray<number>, BrokerError> =>
  Effect.map(notices(connection, place, subscription), (found) =>
    [...new Set(found.map(({ sequence }) => sequence))].sort((a, b) => a - b)
  )

/** Forgets those from `sequence` on: they are to be delivered again. */
export const forget = (
  connection: Connection,
  place: Place,
  subscription: string,
  sequence: number
): Effect.Effect<void, BrokerError> =>
  Effect.flatMap(notices(connection, place, subscription), (found) =>
    Effect.forEach(
      found.filter((notice) => notice.sequence >= sequence),
      ({ at }) =>
        changing(`reset ${subscription} of ${place.topic}`, () =>
          connection.manager.streams.deleteMessage(place.noticeStream, at, false)
        ),
      { concurrency: 16, discard: true }
    )
  )
