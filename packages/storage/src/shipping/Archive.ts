import * as Effect from "effect/Effect"
import { FileSystem } from "../disk/FileSystem.ts"
import { ensureDirectory, readWhole, replaceFile } from "../disk/WholeFile.ts"
import { Log } from "../log/Log.ts"
import type { LogError } from "../log/LogError.ts"
import { inDirectory, segmentName } from "../log/LogFiles.ts"
import type { SealedSegment } from "../log/ReadableLog.ts"

/**
 * The `archive` hook of a log that keeps each full segment in `directory` before retention removes it: a whole copy, synced,
 * or none. Archiving a segment again changes nothing.
 */
export const toDirectory = (
  directory: string
): Effect.Effect<(segment: SealedSegment) => Effect.Effect<void, LogError>> =>
  Effect.map(
    FileSystem,
    (fs) => (segment: SealedSegment) =>
      Log.attempt(() => {
        ensureDirectory(fs, directory)
        const name = segmentName(segment.firstSequence)
        if ((fs.list(directory) ?? []).includes(name)) return
        replaceFile(fs, inDirectory(directory, name), readWhole(fs, segment.path))
      })
  )
