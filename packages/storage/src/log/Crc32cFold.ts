import { crc32cByTable } from "./Crc32cTable.ts"
import { type WasmFunction, wasm, wasmEngine, wasmModule } from "./WasmAssembler.ts"

/**
 * CRC-32C of long inputs by folding with sparse multiples of its polynomial, in WebAssembly SIMD.
 *
 * When x^c + x^(c−a) + x^(c−b) + 1 is a multiple of the polynomial, a bit of the input may be taken out if the bits a, b
 * and c places after it are flipped: the checksum stays. The eighth power of that multiple has only exponents that are
 * multiples of 8, so what is true of bits is true of bytes, and of 16 bytes at a time. So each 16 bytes of the input cost
 * three exclusive ors with what came a, b and c bytes before, no table and no multiplication, until c bytes are left. A
 * second multiple with nearer places shortens those to some hundred, and the table does the rest.
 *
 * Source: Russell, "Chorba: A novel CRC32 implementation" (2024), who does it for CRC-32 with other multiples.
 * `test/Crc32c.test.ts` shows that these are multiples of the polynomial of CRC-32C.
 */

/** Places after a byte that are flipped when it is taken out, ascending. All are far: what was just stored is slow to load. */
export const foldPlaces = { far: [1747, 2830, 5321], near: [454, 505, 510, 532, 563] } as const

const step = 64
const far = foldPlaces.far[2]
const near = foldPlaces.near[4]

// The memory: what was folded last, right behind it the block to fold next; zeroes, right behind them the tail; the rest.
const blockBytes = 16 * 1024
const block = 6 * 1024
const history = block - far
const tail = 24 * 1024
const rest = 32 * 1024
const pages = 1
const pageBytes = 64 * 1024

const { add, constant, get, isBelow, load16, repeat, set, store16, subtract, xor16 } = wasm

/** `fold(at, end)`: takes each 16 bytes of `[at, end)` out, in place. Before `at` lie the bytes folded before, or zeroes. */
const fold = (name: string, places: ReadonlyArray<number>): WasmFunction => {
  const farthest = Math.max(...places)
  const vectors = Array.from({ length: step / 16 }, (_, i) => i * 16)
  const body = repeat(
    vectors.flatMap((i) => [
      ...get(0),
      ...get(0),
      ...load16(farthest + i),
      ...places.flatMap((place) => [...get(0), ...load16(farthest - place + i), ...xor16]),
      ...store16(farthest + i)
    ]),
    [...get(0), ...constant(step), ...add, ...set(0), ...get(0), ...get(1), ...isBelow]
  )
  // Loads and stores have no negative offsets: count from the farthest place on.
  const moved = [0, 1].flatMap((local) => [...get(local), ...constant(farthest), ...subtract, ...set(local)])
  return { name, parameters: 2, body: [...moved, ...body] }
}

/** `foldFrom(at, end, to)`: the same, but takes the bytes from where they lie and leaves them as they are; folded, they lie at `to`. */
const foldFrom = (name: string, places: ReadonlyArray<number>): WasmFunction => {
  const farthest = Math.max(...places)
  const vectors = Array.from({ length: step / 16 }, (_, i) => i * 16)
  const forward = (local: number) => [...get(local), ...constant(step), ...add, ...set(local)]
  const body = repeat(
    vectors.flatMap((i) => [
      ...get(2),
      ...get(0),
      ...load16(i),
      ...places.flatMap((place) => [...get(2), ...load16(farthest - place + i), ...xor16]),
      ...store16(farthest + i)
    ]),
    [...forward(2), ...forward(0), ...get(0), ...get(1), ...isBelow]
  )
  const moved = [...get(2), ...constant(farthest), ...subtract, ...set(2)]
  return { name, parameters: 3, body: [...moved, ...body] }
}

/** `settle(end, into)`: flips in what comes after what bytes folded up to `end` left to it. At `end` lie 16 zeroes. */
const settle = (name: string, places: ReadonlyArray<number>): WasmFunction => {
  const farthest = Math.max(...places)
  const body = places.flatMap((place) => {
    // One parameter more counts: the bytes of this place that are done.
    const source = [...get(0), ...get(2), ...add]
    const target = [...get(1), ...get(2), ...add]
    return [
      ...constant(0),
      ...set(2),
      ...repeat(
        [
          ...target,
          ...target,
          ...load16(0),
          ...source,
          ...load16(farthest - place),
          ...xor16,
          ...store16(0),
          ...get(2),
          ...constant(16),
          ...add,
          ...set(2)
        ],
        [...get(2), ...constant(place), ...isBelow]
      )
    ]
  })
  return { name, parameters: 3, body: [...get(0), ...constant(farthest), ...subtract, ...set(0), ...body] }
}

interface Folder {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly foldFar: (at: number, end: number) => void
  readonly foldFarFrom: (at: number, end: number, to: number) => void
  readonly foldNear: (at: number, end: number) => void
  readonly settleFar: (end: number, into: number, count: number) => void
  readonly settleNear: (end: number, into: number, count: number) => void
}

/** The module's bytes, as assembled here, with a memory of this many pages. */
export const foldModule = (memoryPages = pages): Uint8Array<ArrayBuffer> =>
  wasmModule(
    [
      fold("foldFar", foldPlaces.far),
      foldFrom("foldFarFrom", foldPlaces.far),
      fold("foldNear", foldPlaces.near),
      settle("settleFar", foldPlaces.far),
      settle("settleNear", foldPlaces.near)
    ],
    memoryPages
  )

/** Inputs below this many bytes are the table's: what folding leaves is nearly as long. */
export const foldBytesMin = 1024

/** The same function as `crc32cByTable` for inputs of at least `foldBytesMin` bytes. Throws where there is no WebAssembly SIMD. */
export const makeCrc32cByFolding = (): typeof crc32cByTable => foldingWith(pages).crc32c

/** Memory of `length` bytes whose bytes `crc32c` folds where they are, without a copy. Throws where there is no WebAssembly SIMD. */
export const makeFoldingRoom = (
  length: number
): { readonly room: Uint8Array<ArrayBuffer>; readonly crc32c: typeof crc32cByTable } => {
  const { buffer, crc32c } = foldingWith(pages + Math.ceil(length / pageBytes))
  return { room: new Uint8Array(buffer, pages * pageBytes, length), crc32c }
}

const foldingWith = (
  memoryPages: number
): { readonly buffer: ArrayBuffer; readonly crc32c: typeof crc32cByTable } => {
  const engine = wasmEngine()
  const { exports } = new engine.Instance(new engine.Module(foldModule(memoryPages)))
  const { foldFar, foldFarFrom, foldNear, memory, settleFar, settleNear } = exports as Folder
  const { buffer } = memory
  const heap = new Uint8Array(buffer)
  const words = new Int32Array(buffer)
  const crc32c: typeof crc32cByTable = (bytes, start, end, seed) => {
    const isHere = bytes.buffer === buffer
    let at = start
    const bulk = at + Math.floor(Math.max(0, end - at - far) / step) * step
    if (bulk > at) {
      heap.fill(0, history, block)
      for (let first = true; at < bulk; first = false) {
        const length = Math.min(bulk - at, blockBytes)
        if (isHere && !first) {
          const from = bytes.byteOffset + at
          foldFarFrom(from, from + length, block)
        } else {
          heap.set(bytes.subarray(at, at + length), block)
          if (first) words[block / 4] = (words[block / 4] as number) ^ ~seed
          foldFar(block, block + length)
        }
        heap.copyWithin(history, history + length, block + length)
        at += length
      }
    }
    heap.set(bytes.subarray(at, end), tail)
    if (at === start) words[tail / 4] = (words[tail / 4] as number) ^ ~seed
    else {
      heap.fill(0, block, block + 16)
      settleFar(block, tail, 0)
    }
    const length = end - at
    const folded = tail + Math.floor((length - near) / step) * step
    foldNear(tail, folded)
    const left = tail + length - folded
    heap.copyWithin(rest, folded, tail + length)
    heap.fill(0, folded, folded + 16)
    settleNear(folded, rest, 0)
    // The seed is in the bytes already: go on from a register of zero.
    return crc32cByTable(heap, rest, rest + left, 0xffff_ffff)
  }
  return { buffer, crc32c }
}
