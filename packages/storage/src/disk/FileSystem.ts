import * as Context from "effect/Context"
import { nodeFileSystem } from "./NodeFileSystem.ts"

/** How a file is opened: only to read, to read and write what is there, or to make it (empty when it is there). */
export type OpenMode = "read" | "write" | "create"

/**
 * Everything the engines do to a disk: a dozen calls, so that a simulator can stand in for all of it.
 *
 * Calls are synchronous, because a call into the page cache takes a microsecond and a trip through the thread pool
 * twenty; `syncData` and `syncDirectoryLater` alone run on the pool, because they take as long as the device likes. Calls throw what
 * `node:fs` throws: an `Error` with a `code`.
 */
export interface FileSystem {
  /** Makes one directory; false when it was there. Not durable before `syncDirectory` of its parent. */
  readonly makeDirectory: (path: string) => boolean
  /** Names in a directory, in no order; `undefined` when there is no such directory. */
  readonly list: (directory: string) => ReadonlyArray<string> | undefined
  readonly open: (path: string, mode: OpenMode) => number
  readonly close: (file: number) => void
  /** Bytes in the file. */
  readonly size: (file: number) => number
  /** Reads up to `length` bytes at `position`; answers how many there were. */
  readonly read: (file: number, into: Uint8Array, at: number, length: number, position: number) => number
  /** Writes up to `length` bytes at `position`; answers how many were taken. */
  readonly write: (file: number, from: Uint8Array, at: number, length: number, position: number) => number
  readonly truncate: (file: number, size: number) => void
  /** Waits until content and size are on the device. */
  readonly sync: (file: number) => void
  /** The same off the thread: `done(undefined)`, or `done(error)`. What was written before the call is covered, no more. */
  readonly syncData: (file: number, done: (error: unknown) => void) => void
  /** Makes the names in a directory durable: files made, renamed or removed in it. */
  readonly syncDirectory: (directory: string) => void
  /** The same off the thread: `done(undefined)`, or `done(error)`. Names changed before the call are covered, no more. */
  readonly syncDirectoryLater: (directory: string, done: (error: unknown) => void) => void
  readonly rename: (from: string, to: string) => void
  readonly remove: (path: string) => void
}

/** The disk the engines of this package run on: the real one unless a test provides another. */
export const FileSystem: Context.Reference<FileSystem> = Context.Reference<FileSystem>(
  "@troupe/storage/disk/FileSystem",
  { defaultValue: () => nodeFileSystem }
)
