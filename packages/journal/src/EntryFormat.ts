import { Subject, type TopicRecord } from "@troupe/broker"
import type { History, JournalEntry } from "@troupe/runtime"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"

/** Header with the id of the command that the entry answers, as a subject token. */
const commandHeader = "Troupe-Command"

const Body = Schema.Struct({
  events: Schema.Array(Schema.Json),
  /** The answer to the command; there is one exactly when the command header is there. */
  reply: Schema.optionalKey(Schema.Json)
})
const decodeBody = Schema.decodeUnknownExit(Body)

const utf8 = new TextEncoder()
const text = new TextDecoder("utf-8", { fatal: true })

/** JSON as UTF-8 bytes. */
export const toBytes = (json: unknown): Uint8Array => utf8.encode(JSON.stringify(json))

/** The JSON value of UTF-8 bytes, or what is wrong with them. */
export const fromBytes = (data: Uint8Array): Result.Result<unknown, unknown> =>
  Result.try({ try: (): unknown => JSON.parse(text.decode(data)), catch: (cause) => cause })

/** The subject of a history: `<actor>.<id>`, each one token. */
export const subjectOf = (history: History): string =>
  `${Subject.encodeToken(history.actor)}.${Subject.encodeToken(history.id)}`

/** The record of an entry: `{"events":[…]}` as data; a command adds its answer there and its id as a header. */
export const encodeEntry = (
  entry: Omit<JournalEntry, "sequence">
): { readonly data: Uint8Array; readonly headers: Record<string, string> } => {
  const { events, command } = entry
  return command === undefined
    ? { data: toBytes({ events }), headers: {} }
    : {
        data: toBytes({ events, reply: command.reply }),
        headers: { [commandHeader]: Subject.encodeToken(command.id) }
      }
}

/** The entry of a record, or what is wrong with it. */
export const decodeEntry = (record: TopicRecord): Result.Result<JournalEntry, unknown> =>
  Result.flatMap(fromBytes(record.data), (json) => {
    const body = decodeBody(json)
    if (Exit.isFailure(body)) return Result.fail(body.cause)
    const { events, reply } = body.value
    const command = record.headers[commandHeader]
    if ((command === undefined) !== (reply === undefined)) return Result.fail("a command without its answer")
    const entry = { sequence: record.sequence, events }
    return command === undefined || reply === undefined
      ? Result.succeed(entry)
      : Result.map(
          Result.try({ try: () => Subject.decodeToken(command), catch: (cause) => cause }),
          (id) => ({ ...entry, command: { id, reply } })
        )
  })
