/**
 * The payload of a commit: outputs one after the other, each preceded by its length in bytes as a LEB128 number.
 * Concatenating payloads concatenates their outputs, so a digest over them does not see where commits were cut.
 */

const lengthBytes = (length: number): number => {
  let bytes = 1
  for (let rest = length; rest > 127; rest = Math.floor(rest / 128)) bytes++
  return bytes
}

/** Bytes that an output of this length takes in a payload. */
export const sizeOf = (output: Uint8Array): number => lengthBytes(output.length) + output.length

/** Puts outputs into one payload. */
export const join = (outputs: ReadonlyArray<Uint8Array>): Uint8Array => {
  let size = 0
  for (const output of outputs) size += sizeOf(output)
  const payload = new Uint8Array(size)
  let at = 0
  for (const output of outputs) {
    let rest = output.length
    while (rest > 127) {
      payload[at++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    payload[at++] = rest
    payload.set(output, at)
    at += output.length
  }
  return payload
}

/** The outputs of a payload, as views into it. Throws `RangeError` for a payload that `join` cannot have made. */
export const split = (payload: Uint8Array): Array<Uint8Array> => {
  const outputs: Array<Uint8Array> = []
  let at = 0
  while (at < payload.length) {
    let length = 0
    let scale = 1
    let byte = 128
    while (byte > 127) {
      const next = payload[at++]
      if (next === undefined) throw new RangeError("a payload ends inside a length")
      byte = next
      length += (byte & 127) * scale
      scale *= 128
    }
    if (at + length > payload.length) throw new RangeError("a payload ends inside an output")
    outputs.push(payload.subarray(at, at + length))
    at += length
  }
  return outputs
}

/** Cuts outputs into groups whose payloads have at most `limit` bytes, greedily and in order; no outputs make one empty group. */
export const pack = (
  outputs: ReadonlyArray<Uint8Array>,
  limit: number
): ReadonlyArray<ReadonlyArray<Uint8Array>> => {
  const groups: Array<Array<Uint8Array>> = []
  let group: Array<Uint8Array> = []
  let size = 0
  for (const output of outputs) {
    const bytes = sizeOf(output)
    if (group.length > 0 && size + bytes > limit) {
      groups.push(group)
      group = []
      size = 0
    }
    group.push(output)
    size += bytes
  }
  groups.push(group)
  return groups
}
