import type { FileSystem } from "../disk/FileSystem.ts"
import { readFully } from "../disk/WholeFile.ts"

const chunkBytes = 256 * 1024
const zeroes = new Uint8Array(chunkBytes)

/** A sliding window over one file, for walks that look at each byte about once. */
export class FileWindow {
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0)
  view: DataView<ArrayBuffer> = new DataView(this.bytes.buffer)
  private start = 0
  private room: ArrayBuffer = new ArrayBuffer(0)
  private readonly fs: FileSystem
  private readonly file: number
  readonly size: number

  constructor(fs: FileSystem, file: number, size: number) {
    this.fs = fs
    this.file = file
    this.size = size
  }

  /**
   * Where in `bytes` the byte at `position` of the file is, with at least `length` bytes from there on; −1 when the file
   * ends before. Earlier answers and views are void.
   */
  locate(position: number, length: number): number {
    if (position >= this.start && position + length <= this.start + this.bytes.length)
      return position - this.start
    if (position + length > this.size) return -1
    const wanted = Math.min(this.size - position, Math.max(length, chunkBytes))
    if (this.room.byteLength < wanted) this.room = new ArrayBuffer(wanted)
    const whole = new Uint8Array(this.room, 0, wanted)
    const got = readFully(this.fs, this.file, whole, 0, wanted, position)
    this.bytes = whole.subarray(0, got)
    this.view = new DataView(this.room, 0, got)
    this.start = position
    return got < length ? -1 : 0
  }

  /** True when every byte from `position` to the end of the file is zero. */
  isZeroFrom(position: number): boolean {
    for (let at = position; at < this.size; ) {
      const n = Math.min(this.size - at, chunkBytes)
      const here = this.locate(at, n)
      if (here < 0) return false
      // A file may be megabytes ahead of its batches: compared by the machine, not byte by byte.
      if (Buffer.compare(this.bytes.subarray(here, here + n), zeroes.subarray(0, n)) !== 0) return false
      at += n
    }
    return true
  }
}
