import { RunDirectory } from "@troupe/console"
import type { ActorSystem } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type * as Path from "effect/Path"
import * as StorageStory from "./storage/StorageStory.ts"
import * as WalStory from "./wal/WalStory.ts"

/** What a story needs. */
export type Services = ActorSystem | FileSystem.FileSystem | Path.Path

const kills = 3

/** The story of the store as it is told unless somebody asks for other counts. */
export const storage = (options: {
  readonly directory: string
  readonly seed: number
  readonly kill: boolean
  readonly writers?: number
  readonly writes?: number
}) =>
  StorageStory.run({
    directory: options.directory,
    seed: options.seed,
    writers: options.writers ?? 4,
    writes: options.writes ?? 5_000,
    kills: options.kill ? kills : 0
  })

/** The story of the write-ahead log as it is told unless somebody asks for other counts. */
export const wal = (options: {
  readonly directory: string
  readonly seed: number
  readonly killAfter?: number
}) =>
  WalStory.run({
    directory: options.directory,
    seed: options.seed,
    writers: 8,
    killAfter: options.killAfter ?? 3_000
  })

/**
 * Tells a story in a directory that is made for it and removed after it, or in `data`, which is kept and must be empty: a story compares what is
 * there with what it has written itself.
 */
export const inDirectoryOfItsOwn = <A, E, R>(
  tell: (directory: string) => Effect.Effect<A, E, R>,
  data: Option.Option<string> = Option.none()
) =>
  Effect.scoped(
    Effect.flatMap(RunDirectory.acquireEmpty({ app: "analytics", data }), ({ path }) => tell(path))
  )
