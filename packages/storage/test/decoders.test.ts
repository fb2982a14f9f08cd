import { assert, describe, it } from "@effect/vitest"
import { count, firstSeed } from "@troupe/vitest/counts"
import { vi } from "vitest"
import { seeded } from "../src/disk/SimFs.ts"
import { batchHeaderBytes, isBodyValid, readBatchHeader } from "../src/log/BatchHeader.ts"
import { type BatchView, learnSubjects, viewBatch } from "../src/log/BatchView.ts"
import { crc32c } from "../src/log/Crc32c.ts"
import { DeletedRecords } from "../src/log/DeletedRecords.ts"
import { eachDelete } from "../src/log/DeleteNote.ts"
import { decodeIndexFile, encodeIndexFile, indexHeaderAt, indexHeaderBytes } from "../src/log/IndexFile.ts"
import { logIdSeed } from "../src/log/LogId.ts"
import { decodeLogState, encodeLogState, stateHeaderAt, stateHeaderBytes } from "../src/log/LogState.ts"
import { OpenBatch } from "../src/log/OpenBatch.ts"
import { Segment } from "../src/log/Segment.ts"
import { decodeSegmentHeader, encodeSegmentHeader, segmentHeaderBytes } from "../src/log/SegmentHeader.ts"
import { squeezeBatch } from "../src/log/SqueezedBatch.ts"
import { SubjectDictionary } from "../src/log/SubjectDictionary.ts"
import { SubjectFilter } from "../src/log.ts"
import { recordOf } from "./sim-log.ts"

// The long counts take minutes.
vi.setConfig({ testTimeout: count({ quick: 60_000, long: 1_800_000 }) })

const logId = { low: 7, high: 9 }
const seed = logIdSeed(logId)

const batchOf = (rows: number, step = 1): Uint8Array => {
  const batch = new OpenBatch({ records: Math.max(1, rows), valueBytes: 4096, heapBytes: 1024 })
  for (let n = 1; n <= rows; n++) batch.addAt(recordOf(n), n % 5, (n - 1) * step)
  const place = { chain: 1, baseSequence: 1, epoch: 0, syncedTo: 1, seed }
  return batch.seal(place, undefined, rows * step).bytes.slice()
}

/** Puts checksums on whatever the bytes are now, so that damage gets past them. */
const forge = (bytes: Uint8Array): void => {
  const view = new DataView(bytes.buffer)
  const length = Math.min(view.getUint32(8, true), bytes.length)
  view.setUint32(4, crc32c(bytes, batchHeaderBytes, Math.max(batchHeaderBytes, length)), true)
  view.setUint32(0, crc32c(bytes, 4, batchHeaderBytes, seed), true)
}

/** Everything a reader can ask of a view. */
const readAllOf = (batch: BatchView): number => {
  let bytes = batch.values.length
  const rows = Math.min(batch.count, 200)
  for (let row = 0; row < rows; row++) {
    bytes += batch.value(row).length + batch.key(row).length + batch.headers(row).length + batch.mark(row)
    batch.subject(row)
    bytes += batch.rowOf(batch.sequence(row)) < batch.count ? 0 : 1
    batch.timeMillis(row)
    batch.isTombstone(row)
  }
  return bytes + batch.select(new SubjectFilter(() => true)).length
}

const mutate = (bytes: Uint8Array, random: () => number): Uint8Array => {
  const out = bytes.slice()
  const edits = 1 + Math.floor(random() * 6)
  for (let i = 0; i < edits; i++) {
    // The header fields that say how long things are deserve most of it.
    const at = Math.floor(random() * (random() < 0.6 ? Math.min(96, out.length) : out.length))
    out[at] =
      random() < 0.5
        ? Math.floor(random() * 256)
        : ([0, 1, 0x7f, 0x80, 0xff][Math.floor(random() * 5)] as number)
  }
  return out
}

describe("CRC-32C", () => {
  it("agrees with the published check values", () => {
    const bytes = (text: string) => new TextEncoder().encode(text)
    assert.strictEqual(crc32c(bytes("123456789")), 0xe3069283)
    // RFC 3720, appendix B.4.
    assert.strictEqual(crc32c(new Uint8Array(32)), 0x8a9136aa)
    assert.strictEqual(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43)
    assert.strictEqual(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e)
    assert.strictEqual(crc32c(Uint8Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c)
    assert.strictEqual(crc32c(new Uint8Array(0)), 0)
  })

  it("goes on from what came before, at any split and any alignment", () => {
    const random = seeded(firstSeed())
    const bytes = Uint8Array.from({ length: 300 }, () => Math.floor(random() * 256))
    const whole = crc32c(bytes)
    for (let split = 0; split <= bytes.length; split++) {
      assert.strictEqual(
        crc32c(bytes, split, bytes.length, crc32c(bytes, 0, split)),
        whole,
        `split at ${split}`
      )
    }
  })
})

describe("decoders take any bytes: an answer or a refusal, never an exception, never more memory than there is input", () => {
  it("batches, with forged checksums", () => {
    const random = seeded(firstSeed())
    const valid = [batchOf(0), batchOf(1), batchOf(7), batchOf(40), batchOf(9, 3)]
    let viewed = 0
    let refused = 0
    for (let run = 0; run < count({ quick: 20_000, long: 2_000_000 }); run++) {
      const bytes = mutate(valid[run % valid.length] as Uint8Array, random)
      if (run % 3 !== 0) forge(bytes)
      const view = new DataView(bytes.buffer)
      const where = `TROUPE_SEED=${firstSeed()}, run ${run}`
      try {
        const header = readBatchHeader(bytes, view, 0, seed)
        if (header === undefined || !isBodyValid(bytes, 0, header)) continue
        const dictionary = new SubjectDictionary()
        const batch = viewBatch(bytes, view, 0, header, dictionary, 0)
        if (typeof batch === "string") {
          refused++
          continue
        }
        learnSubjects(batch, header, dictionary)
        eachDelete(batch, () => {})
        const squeezed = squeezeBatch(batch, header, dictionary, 0, (sequence) => sequence % 2 === 0)
        if (typeof squeezed !== "string") readAllOf(squeezed)
        assert.isAtMost(readAllOf(batch), 1 << 22)
        viewed++
      } catch (error) {
        assert.fail(`${where}: ${error instanceof Error ? error.stack : error}`)
      }
    }
    assert.isAbove(viewed, 100)
    assert.isAbove(refused, 100)
  })

  it("state files, with forged checksums, and random noise", () => {
    const random = seeded(firstSeed())
    const deleted = [1, 500].map((base) => {
      const one = new DeletedRecords(base)
      for (let i = 0; i < 40; i++)
        one.add(base + Math.floor(random() * 300), base + Math.floor(random() * 300) + 300)
      return one
    })
    const cleaned = [
      { below: 10, atMillis: 5 },
      { below: 90, atMillis: 7.5 }
    ]
    const state = encodeLogState({ appliedTo: 77, cleaned, deleted }, logId)
    const again = decodeLogState(state, logId)
    assert.deepStrictEqual(again?.cleaned, cleaned)
    assert.strictEqual(again?.appliedTo, 77)
    assert.deepStrictEqual(
      again?.deleted.map((d) => [d.count, ...d.bits]),
      deleted.map((d) => [d.count, ...d.bits])
    )
    let accepted = 0
    for (let run = 0; run < count({ quick: 10_000, long: 1_000_000 }); run++) {
      const forged = mutate(state, random)
      const view = new DataView(forged.buffer)
      const crc = crc32c(forged, stateHeaderBytes, forged.length, crc32c(forged, 0, stateHeaderAt.fileCrc))
      view.setUint32(stateHeaderAt.fileCrc, crc, true)
      const noise = Uint8Array.from({ length: Math.floor(random() * 200) }, () => Math.floor(random() * 256))
      for (const bytes of [forged, noise, state.subarray(0, Math.floor(random() * state.length))]) {
        const decoded = decodeLogState(bytes, logId)
        if (decoded === undefined) continue
        accepted++
        for (const one of decoded.deleted) assert.isAtMost(one.bits.length * 4, state.length)
      }
    }
    assert.isAbove(accepted, 100)
  })

  it("segment headers and index files, and random noise", () => {
    const random = seeded(firstSeed())
    const header = {
      logId,
      baseSequence: 1,
      epoch: 0,
      generation: 0,
      createdMillis: 5,
      previousChain: 0
    }
    const segment = new Segment("a", header, 256)
    for (let n = 0; n < 30; n++) segment.subjects.note([segment.subjects.idOf(`orders.${n % 7}`)], 1, n * 100)
    for (let n = 0; n < 20; n++) segment.index.note(64 + n * 300, n * 4, n * 100)
    const head = encodeSegmentHeader(header)
    const index = encodeIndexFile(segment)
    assert.strictEqual(decodeIndexFile(index, "a", header)?.subjects.size, 7)
    let accepted = 0
    for (let run = 0; run < count({ quick: 10_000, long: 1_000_000 }); run++) {
      const noise = Uint8Array.from({ length: Math.floor(random() * 200) }, () => Math.floor(random() * 256))
      for (const bytes of [
        mutate(head, random),
        noise,
        head.subarray(0, Math.floor(random() * segmentHeaderBytes))
      ]) {
        decodeSegmentHeader(bytes)
      }
      const forged = mutate(index, random)
      const view = new DataView(forged.buffer)
      const crc = crc32c(forged, indexHeaderBytes, forged.length, crc32c(forged, 0, indexHeaderAt.fileCrc))
      view.setUint32(indexHeaderAt.fileCrc, crc, true)
      for (const bytes of [forged, noise, index.subarray(0, Math.floor(random() * index.length))]) {
        const decoded = decodeIndexFile(bytes, "a", header)
        if (decoded === undefined) continue
        accepted++
        decoded.index.locate(Math.floor(random() * 100))
        decoded.index.locateTime(random() * 5000)
      }
    }
    assert.isAbove(accepted, 100)
  })
})
