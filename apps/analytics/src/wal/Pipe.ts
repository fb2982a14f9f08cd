/**
 * Messages between a process and its child over a pipe: `u32` length, `u8` kind, `u8` length of the name, name, payload.
 *
 * A frame of the shipping protocol travels under the name of its replica; what the child says itself has no name.
 */
export const kinds = { frame: 1, acknowledged: 2, status: 3 } as const

/** One message. */
export interface PipeMessage {
  readonly kind: number
  readonly name: string
  readonly payload: Uint8Array
}

const utf8 = new TextEncoder()
const text = new TextDecoder()
const headBytes = 6
/** More than any frame of the protocol; a longer one means that the pipe carries something else. */
const messageBytesMax = 4 * 1024 * 1024

/** A message as bytes. */
export const encode = ({ kind, name, payload }: PipeMessage): Uint8Array => {
  const named = utf8.encode(name)
  const bytes = new Uint8Array(headBytes + named.length + payload.length)
  new DataView(bytes.buffer).setUint32(0, bytes.length, true)
  bytes[4] = kind
  bytes[5] = named.length
  bytes.set(named, headBytes)
  bytes.set(payload, headBytes + named.length)
  return bytes
}

/** Cuts a stream of bytes into messages; what is not whole yet waits for the next piece. */
export const makeDecoder = () => {
  let rest: Uint8Array = new Uint8Array(0)
  return (piece: Uint8Array): ReadonlyArray<PipeMessage> => {
    const all = new Uint8Array(rest.length + piece.length)
    all.set(rest)
    all.set(piece, rest.length)
    const view = new DataView(all.buffer)
    const messages: Array<PipeMessage> = []
    let at = 0
    while (at + headBytes <= all.length) {
      const length = view.getUint32(at, true)
      if (length < headBytes || length > messageBytesMax)
        throw new RangeError(`a message of ${length} bytes in the pipe`)
      if (at + length > all.length) break
      const nameEnd = at + headBytes + (all[at + 5] ?? 0)
      messages.push({
        kind: all[at + 4] ?? 0,
        name: text.decode(all.subarray(at + headBytes, nameEnd)),
        payload: all.slice(nameEnd, at + length)
      })
      at += length
    }
    rest = all.subarray(at)
    return messages
  }
}
