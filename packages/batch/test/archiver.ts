/**
 * Archives the topic of an embedded broker in a process of its own, to be killed: `node archiver.ts <broker directory> <archive directory>`.
 * Says `change` before each change of the disk, and `done` with what the archive covers at the end.
 */
import { Broker } from "@troupe/broker"
import { Embedded } from "@troupe/broker-embedded"
import * as Effect from "effect/Effect"
import { nodeDisk } from "../src/Disk.ts"
import { Archive, Disk } from "../src/index.ts"
import { columns } from "./feed.ts"

const [, , brokerDirectory = "", archiveDirectory = ""] = process.argv

const say = (line: string) => Effect.sync(() => void process.stdout.write(`${line}\n`))
const told: Disk = {
  ...nodeDisk,
  write: (file, bytes) => Effect.andThen(say("change"), nodeDisk.write(file, bytes)),
  writeBy: (file, writer) => Effect.andThen(say("change"), nodeDisk.writeBy(file, writer)),
  rename: (from, to) => Effect.andThen(say("change"), nodeDisk.rename(from, to)),
  link: (from, to) => Effect.andThen(say("change"), nodeDisk.link(from, to)),
  remove: (file) => Effect.andThen(say("change"), nodeDisk.remove(file))
}

const program = Effect.gen(function* () {
  const topic = yield* (yield* Broker).topic({ name: "likes" })
  const archive = yield* Archive.open({ topic, directory: archiveDirectory, columns, segmentRecords: 100 })
  yield* archive.run()
  yield* say(`done ${yield* archive.verify}`)
}).pipe(
  Effect.scoped,
  Effect.provideService(Disk, told),
  Effect.provide(Embedded.layer({ directory: brokerDirectory, durability: "os" }))
)

await Effect.runPromise(program)
