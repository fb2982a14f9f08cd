/** `Embedded.layer({ directory, durability })`: the broker on files of this process. */
import * as path from "node:path"
import { Broker, type BrokerError } from "@troupe/broker"
import { makeLocalBroker } from "@troupe/broker/backend"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { makeDirectory } from "./Directories.ts"
import { DirectoryHeld } from "./DirectoryHeld.ts"
import { lockDirectory } from "./DirectoryLock.ts"
import { makeFileStorage } from "./FileStorage.ts"
import { onFiles } from "./StorageErrors.ts"

/** Where the files lie and what an acknowledgement is worth. */
export interface EmbeddedOptions {
  /** Made when it is not there. One process at a time owns it. */
  readonly directory: string
  /**
   * What an acknowledged append survives: `os` the end of the process, kill -9 too; `disk` a power cut, for the price of a
   * sync a group. There is no default.
   */
  readonly durability: "os" | "disk"
  /** Bytes of a topic's records after which the next file begins; dropped records give disk space back a file at a time. Default 64 MiB. */
  readonly segmentBytes?: number
}

const lock = (directory: string) =>
  Effect.acquireRelease(
    onFiles(`open ${directory}`, () => {
      makeDirectory(directory)
      return lockDirectory(directory)
    }).pipe(
      Effect.catchDefect((defect) =>
        defect instanceof DirectoryHeld ? Effect.fail(defect) : Effect.die(defect)
      )
    ),
    (held) => Effect.ignore(onFiles(`unlock ${directory}`, held.release))
  )

/**
 * Opens a directory as a broker, making it when it is not there; closing the layer writes everything and lets go of it.
 *
 * `DirectoryHeld` when another living process has it; `BrokerError` with `StorageFailed` when the disk refuses.
 */
export const layer = (options: EmbeddedOptions): Layer.Layer<Broker, DirectoryHeld | BrokerError> =>
  Layer.effect(
    Broker,
    Effect.gen(function* () {
      const directory = path.resolve(options.directory)
      yield* lock(directory)
      const { durability, segmentBytes = 64 * 1024 * 1024 } = options
      const storage = yield* makeFileStorage({ directory, durability, segmentBytes })
      return yield* makeLocalBroker(storage, { backend: "embedded", durability })
    })
  )
