/** A small social feed, a temporary directory, and a disk that ends its user at one write. */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { type AppendRequest, Subject, type Topic, type TopicRecord } from "@troupe/broker"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { nodeDisk } from "../src/Disk.ts"
import { Columns, type Disk } from "../src/index.ts"

/** A like of a post about a tag. */
export interface Like {
  readonly id: string
  readonly tag: string
  /** When it happened, in ms since 1970. */
  readonly at: number
  readonly weight: number
}

const utf8 = new TextEncoder()
const text = new TextDecoder()

export const likeOf = (record: TopicRecord): Like => JSON.parse(text.decode(record.data))

export const columns = Columns.define(
  { id: "text", tag: "text", at: "integer", weight: "integer" },
  (record) => (record.subject.startsWith("p.") ? likeOf(record) : undefined)
)

/** The `index`-th like of a fixed sequence: 11 tags, a minute apart, ids with every kind of character. */
export const like = (index: number): Like => ({
  id: `id-${index}`,
  tag: index % 11 === 0 ? `tag "é\\${String.fromCharCode(index % 32)}` : `tag${(index * 7) % 11}`,
  at: 1_700_000_000_000 + index * 60_000,
  weight: 1 + ((index * 31) % 17)
})

export const request = (like: Like, partitions: number): AppendRequest => ({
  subject: Subject.partitionSubject(Subject.partitionOf(like.tag, partitions)),
  data: utf8.encode(JSON.stringify(like)),
  messageId: like.id,
  headers: { zone: "UTC", app: "feed" }
})

/** Appends likes `from` … `to` − 1. */
export const fill = (topic: Topic, partitions: number, from: number, to: number) =>
  Effect.gen(function* () {
    for (let at = from; at < to; at += 500) {
      const indexes = Array.from({ length: Math.min(500, to - at) }, (_, offset) => at + offset)
      yield* topic.appendAll(indexes.map((index) => request(like(index), partitions)))
    }
  })

/** An empty directory, removed when the scope closes. */
export const directory = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "batch-"))),
  (made) => Effect.sync(() => fs.rmSync(made, { recursive: true, force: true }))
)

/** A disk that stops its user at one change, as kill -9 does: nothing after it happens. */
export const deadlyDisk = (at: number, when: "during" | "after") => {
  const reached = Deferred.makeUnsafe<void>()
  let changes = 0
  const writes = new Set<number>()
  const die = Effect.suspend(() => {
    Deferred.doneUnsafe(reached, Effect.void)
    return Effect.never
  })
  const tear = (file: string) =>
    Effect.sync(() => fs.truncateSync(file, Math.floor(fs.statSync(file).size / 2)))
  const change = <A, E>(call: Effect.Effect<A, E>, file?: string): Effect.Effect<A, E> =>
    Effect.suspend((): Effect.Effect<A, E> => {
      changes++
      if (file !== undefined) writes.add(changes)
      if (changes > at) return Effect.never
      if (changes < at) return call
      if (when === "during" && file !== undefined)
        return call.pipe(Effect.andThen(tear(file)), Effect.andThen(die))
      return Effect.andThen(call, die)
    })
  const disk: Disk = {
    ...nodeDisk,
    makeDirectory: (made) => change(nodeDisk.makeDirectory(made)),
    write: (file, bytes) => change(nodeDisk.write(file, bytes), file),
    writeBy: (file, writer) => change(nodeDisk.writeBy(file, writer), file),
    rename: (from, to) => change(nodeDisk.rename(from, to)),
    link: (from, to) => change(nodeDisk.link(from, to)),
    remove: (file) => change(nodeDisk.remove(file)),
    syncDirectory: (synced) => change(nodeDisk.syncDirectory(synced))
  }
  return {
    disk,
    killed: Deferred.await(reached),
    changes: () => changes,
    isWrite: (change: number) => writes.has(change)
  }
}
