/**
 * The file format of models: a JSON description, then arrays of numbers, under one checksum. Little-endian.
 *
 * | offset | bytes | |
 * | --- | --- | --- |
 * | 0 | 4 | `TRPI` |
 * | 4 | 2 | format version, 1 |
 * | 6 | 2 | 0 |
 * | 8 | 4 | length h of the description |
 * | 12 | h | description, JSON in UTF-8: `kind`, `name`, `meta`, `arrays` (type and length of each) |
 * | 12 + h | | the arrays, one after the other, packed: `f32` or `f64` |
 * | end − 4 | 4 | CRC-32 of everything before |
 */
import { crc32 } from "./Crc32.ts"
import { ModelInvalid } from "./ModelInvalid.ts"

/** What a blob says of a model. */
export interface Parts {
  readonly kind: string
  readonly name: string
  /** Whole numbers that give the arrays their meaning. */
  readonly meta: Readonly<Record<string, number>>
  readonly arrays: ReadonlyArray<Float32Array | Float64Array>
}

/** The format version this code writes, and the newest it reads. */
export const formatVersion = 1

const magic = Uint8Array.from("TRPI", (character) => character.charCodeAt(0))
const headLength = 12

/** The bytes of a model's parts: equal parts have equal bytes. */
export const encode = ({ arrays, kind, meta, name }: Parts): Uint8Array => {
  const description = new TextEncoder().encode(
    JSON.stringify({
      kind,
      name,
      meta,
      arrays: arrays.map((array) => [array instanceof Float32Array ? "f32" : "f64", array.length])
    })
  )
  const numbers = arrays.reduce((length, array) => length + array.byteLength, 0)
  const bytes = new Uint8Array(headLength + description.length + numbers + 4)
  const view = new DataView(bytes.buffer)
  bytes.set(magic)
  view.setUint16(4, formatVersion, true)
  view.setUint32(8, description.length, true)
  bytes.set(description, headLength)
  let at = headLength + description.length
  for (const array of arrays) {
    const single = array instanceof Float32Array
    for (const value of array) {
      if (single) view.setFloat32(at, value, true)
      else view.setFloat64(at, value, true)
      at += array.BYTES_PER_ELEMENT
    }
  }
  view.setUint32(at, crc32(bytes.subarray(0, at)), true)
  return bytes
}

/** The parts in these bytes; throws `ModelInvalid`. */
export const decode = (bytes: Uint8Array): Parts => {
  if (bytes.length < headLength + 4 || magic.some((byte, i) => bytes[i] !== byte)) {
    throw new ModelInvalid({ reason: "foreign", detail: "the bytes do not begin like a model's" })
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const version = view.getUint16(4, true)
  // Before the checksum: a later format may place it elsewhere.
  if (version !== formatVersion) {
    throw new ModelInvalid({
      reason: version > formatVersion ? "newer" : "damaged",
      detail: `it has format version ${version}, this code reads ${formatVersion}`
    })
  }
  const end = bytes.length - 4
  if (crc32(bytes.subarray(0, end)) !== view.getUint32(end, true)) {
    throw new ModelInvalid({ reason: "damaged", detail: "its checksum does not match" })
  }
  const numbersAt = headLength + view.getUint32(8, true)
  const description = parse(bytes.subarray(headLength, Math.min(numbersAt, end)))
  let at = numbersAt
  const arrays = description.arrays.map(([type, length]) => {
    const array = type === "f32" ? new Float32Array(length) : new Float64Array(length)
    if (at + array.byteLength > end)
      throw new ModelInvalid({ reason: "content", detail: "its arrays are cut short" })
    for (let i = 0; i < length; i++, at += array.BYTES_PER_ELEMENT) {
      const value = type === "f32" ? view.getFloat32(at, true) : view.getFloat64(at, true)
      if (!Number.isFinite(value))
        throw new ModelInvalid({ reason: "content", detail: "a parameter is not a number" })
      array[i] = value
    }
    return array
  })
  if (at !== end)
    throw new ModelInvalid({ reason: "content", detail: "it holds more than its description says" })
  return { ...description, arrays }
}

interface Description {
  readonly kind: string
  readonly name: string
  readonly meta: Readonly<Record<string, number>>
  readonly arrays: ReadonlyArray<readonly [type: "f32" | "f64", length: number]>
}

/** Most numbers of one array: far above any model here, low enough not to be a burden when a description lies. */
const lengthMax = 16_777_216

const parse = (bytes: Uint8Array): Description => {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(bytes))
  } catch (cause) {
    throw new ModelInvalid({ reason: "content", detail: `its description is not JSON (${String(cause)})` })
  }
  if (!isDescription(value))
    throw new ModelInvalid({ reason: "content", detail: "its description has another shape" })
  return value
}

const isDescription = (value: unknown): value is Description =>
  typeof value === "object" &&
  value !== null &&
  "kind" in value &&
  typeof value.kind === "string" &&
  "name" in value &&
  typeof value.name === "string" &&
  "meta" in value &&
  typeof value.meta === "object" &&
  value.meta !== null &&
  Object.values(value.meta).every((number) => typeof number === "number") &&
  "arrays" in value &&
  Array.isArray(value.arrays) &&
  value.arrays.every(
    (array) =>
      Array.isArray(array) &&
      (array[0] === "f32" || array[0] === "f64") &&
      Number.isInteger(array[1]) &&
      array[1] >= 0 &&
      array[1] <= lengthMax
  )

/** The array at `index`, which must have this length and hold 64-bit floats; throws `ModelInvalid`. */
export const doubles = (parts: Parts, index: number, length?: number): Float64Array => {
  const array = parts.arrays[index]
  if (array instanceof Float64Array && (length === undefined || array.length === length)) return array
  throw new ModelInvalid({
    reason: "content",
    detail: `array ${index} of a ${parts.kind} model is not what it should be`
  })
}

/** The whole number of this name, within bounds; throws `ModelInvalid`. */
export const whole = (parts: Parts, name: string, least: number, most: number): number => {
  const value = parts.meta[name]
  if (value !== undefined && Number.isInteger(value) && value >= least && value <= most) return value
  throw new ModelInvalid({ reason: "content", detail: `a ${parts.kind} model has ${name} ${value}` })
}
