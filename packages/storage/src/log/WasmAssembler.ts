/**
 * As much of a WebAssembly assembler as a checksum needs: instructions are arrays of bytes, and a module is made of them
 * while the program runs, so no binary is kept in the repository.
 *
 * Source: WebAssembly Core Specification 2.0, chapter 5 (binary format) and the fixed-width SIMD instructions.
 */

/** A run of module bytes. */
export type Code = ReadonlyArray<number>

const unsigned = (value: number): Code => {
  const low = value & 0x7f
  const rest = value >>> 7
  return rest === 0 ? [low] : [low | 0x80, ...unsigned(rest)]
}

const signed = (value: number): Code => {
  const low = value & 0x7f
  const rest = value >> 7
  const isWhole = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0)
  return isWhole ? [low] : [low | 0x80, ...signed(rest)]
}

const section = (id: number, content: Code): Code => [id, ...unsigned(content.length), ...content]
const vector = (items: ReadonlyArray<Code>): Code => [...unsigned(items.length), ...items.flat()]
const i32 = 0x7f

/** The instructions there are. Locals are numbered, parameters first; loads and stores take an offset in bytes. */
export const wasm = {
  get: (local: number): Code => [0x20, ...unsigned(local)],
  set: (local: number): Code => [0x21, ...unsigned(local)],
  constant: (value: number): Code => [0x41, ...signed(value)],
  add: [0x6a],
  subtract: [0x6b],
  isBelow: [0x49],
  load16: (offset: number): Code => [0xfd, 0x00, 0, ...unsigned(offset)],
  store16: (offset: number): Code => [0xfd, 0x0b, 0, ...unsigned(offset)],
  xor16: [0xfd, 0x51],
  /** Runs `body` and again while the `condition` after it is not zero. */
  repeat: (body: Code, condition: Code): Code => [0x03, 0x40, ...body, ...condition, 0x0d, 0x00, 0x0b]
} as const satisfies Record<string, Code | ((...args: never) => Code)>

/** A function of i32 parameters that answers nothing. */
export interface WasmFunction {
  readonly name: string
  readonly parameters: number
  readonly body: Code
}

/** A module of these functions, exported by their names, and a memory of `pages` times 64 KiB, exported as `memory`. */
export const wasmModule = (
  functions: ReadonlyArray<WasmFunction>,
  pages: number
): Uint8Array<ArrayBuffer> => {
  const name = (text: string): Code => vector([...text].map((character) => [character.charCodeAt(0)]))
  const types = functions.map((f) => [0x60, ...vector(Array.from({ length: f.parameters }, () => [i32])), 0])
  const bodies = functions.map((f) => {
    const body = [0, ...f.body, 0x0b]
    return [...unsigned(body.length), ...body]
  })
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector(types)),
    ...section(3, vector(functions.map((_, i) => unsigned(i)))),
    // A maximum equal to the minimum: the memory never moves, so views of it stay good.
    ...section(5, vector([[1, ...unsigned(pages), ...unsigned(pages)]])),
    ...section(
      7,
      vector([[...name("memory"), 2, 0], ...functions.map((f, i) => [...name(f.name), 0, ...unsigned(i)])])
    ),
    ...section(10, vector(bodies))
  ])
}

/** What of the global `WebAssembly` is used; its declarations come with those of browsers only. */
export interface WasmEngine {
  readonly validate: (module: Uint8Array<ArrayBuffer>) => boolean
  readonly Module: new (module: Uint8Array<ArrayBuffer>) => object
  readonly Instance: new (module: object) => { readonly exports: object }
}

/** The engine of this process. Throws `TypeError` where there is none. */
export const wasmEngine = (): WasmEngine => {
  const { WebAssembly: engine } = globalThis as { readonly WebAssembly?: WasmEngine }
  if (engine === undefined) throw new TypeError("there is no WebAssembly here")
  return engine
}
