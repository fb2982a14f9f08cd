import { Broker, layerMemory } from "@troupe/broker"
import { Embedded } from "@troupe/broker-embedded"
import { JetStream } from "@troupe/broker-jetstream"
import { NatsServer } from "@troupe/nats"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { DirectoryUnusable, type RunDirectory } from "./RunDirectory.ts"

/** The brokers an app can run on. */
export const BrokerName = Schema.Literals(["embedded", "memory", "nats"])
export type BrokerName = typeof BrokerName.Type

/** The stream prefix of a run on NATS, chosen once and kept in the run's directory: no run sees another one's records. */
const prefixOf = Effect.fnUntraced(function* (directory: string) {
  const files = yield* FileSystem.FileSystem
  const file = `${directory}/nats-prefix`
  const fresh = `run-${crypto.randomUUID().slice(0, 13)}`
  yield* files.writeFileString(file, fresh, { flag: "wx" }).pipe(
    Effect.catchIf(
      (error) => error.reason._tag === "AlreadyExists",
      () => Effect.void
    )
  )
  return yield* files.readFileString(file)
})

/** A run that nobody can go on with leaves no streams behind on a server that it does not own. */
const removingTopics = Layer.effectDiscard(
  Effect.flatMap(Broker, (broker) =>
    Effect.addFinalizer(() =>
      Effect.flatMap(broker.topics, (names) =>
        Effect.forEach(names, (name) => broker.deleteTopic(name), { discard: true })
      ).pipe(Effect.ignore({ log: true }))
    )
  )
)

/** JetStream at `NATS_URL`; without it on a server of its own, which keeps its store in the run's directory and dies with this process. */
const nats = ({ isKept, path }: RunDirectory) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const prefix = yield* Effect.mapError(
        prefixOf(path),
        (error) => new DirectoryUnusable({ directory: path, detail: error.message })
      )
      const url = yield* Config.option(Config.String("NATS_URL"))
      if (Option.isNone(url)) {
        const server = yield* NatsServer.start({ directory: `${path}/nats` })
        return JetStream.layer({ servers: server.servers.join(","), prefix })
      }
      const there = JetStream.layerConfig({ prefix })
      return isKept ? there : Layer.provideMerge(removingTopics, there)
    })
  )

/** Why a run has no broker; each says what to do. */
export type BrokerFailure =
  | Layer.Error<ReturnType<typeof nats>>
  | Layer.Error<ReturnType<typeof Embedded.layer>>

/** The broker of a run. Embedded and NATS survive the end of the process (class `os`); memory does not. */
export const layer = (options: {
  readonly broker: BrokerName
  readonly directory: RunDirectory
}): Layer.Layer<Broker, BrokerFailure, FileSystem.FileSystem> => {
  switch (options.broker) {
    case "memory":
      return layerMemory
    case "embedded":
      return Embedded.layer({ directory: `${options.directory.path}/topics`, durability: "os" })
    case "nats":
      return nats(options.directory)
  }
}
