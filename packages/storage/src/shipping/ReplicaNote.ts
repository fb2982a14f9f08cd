import type { FileSystem } from "../disk/FileSystem.ts"
import { readWhole, replaceFile } from "../disk/WholeFile.ts"
import { crc32c } from "../log/Crc32c.ts"
import { readU64, writeU64 } from "../log/LittleEndian.ts"
import { inDirectory } from "../log/LogFiles.ts"

/** What a replica must not forget beside its log. */
export interface ReplicaNote {
  /** The largest epoch it has promised to follow: nothing older is taken any more. */
  readonly epoch: number
  /** Everything below was acknowledged when this was written: never cut it. */
  readonly committed: number
}

/** Name of the file, in the log's directory. */
export const replicaNoteName = "replica.note"

/** The first eight bytes of the file: `TROUPREP`. */
export const replicaNoteMagic: Uint8Array = Uint8Array.from([0x54, 0x52, 0x4f, 0x55, 0x50, 0x52, 0x45, 0x50])

/** Where each field is; `docs/shipping-format.md` is checked against this. */
export const replicaNoteAt = {
  magic: 0,
  epoch: 8,
  reserved: 12,
  committed: 16,
  reserved2: 24,
  crc: 28
} as const

/** Bytes of the file. */
export const replicaNoteBytes = 32

/** Reads the note; a directory without one has promised nothing. Throws when it is damaged, and what the disk throws. */
export const readReplicaNote = (fs: FileSystem, directory: string): ReplicaNote => {
  if (!(fs.list(directory) ?? []).includes(replicaNoteName)) return { epoch: 0, committed: 0 }
  const bytes = readWhole(fs, inDirectory(directory, replicaNoteName))
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const at = replicaNoteAt
  const isGood =
    bytes.length === replicaNoteBytes &&
    view.getUint32(at.crc, true) === crc32c(bytes, 0, at.crc) &&
    replicaNoteMagic.every((byte, i) => bytes[i] === byte)
  if (!isGood)
    throw Object.assign(new Error(`${directory}/${replicaNoteName} is damaged`), {
      code: "EBADMSG",
      syscall: "read"
    })
  return { epoch: view.getUint32(at.epoch, true), committed: readU64(view, at.committed) }
}

/** Keeps the note, durably. Throws what the disk throws. */
export const writeReplicaNote = (fs: FileSystem, directory: string, note: ReplicaNote): void => {
  const bytes = new Uint8Array(replicaNoteBytes)
  const view = new DataView(bytes.buffer)
  bytes.set(replicaNoteMagic, replicaNoteAt.magic)
  view.setUint32(replicaNoteAt.epoch, note.epoch, true)
  writeU64(view, replicaNoteAt.committed, note.committed)
  view.setUint32(replicaNoteAt.crc, crc32c(bytes, 0, replicaNoteAt.crc), true)
  replaceFile(fs, inDirectory(directory, replicaNoteName), bytes)
}
