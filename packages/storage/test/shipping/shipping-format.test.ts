import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { count, firstSeed } from "@troupe/vitest/counts"
import { seeded } from "../../src/disk/SimFs.ts"
import { crc32c } from "../../src/log/Crc32c.ts"
import { decideHello, decideWelcome, helloTable, welcomeTable } from "../../src/shipping/CommonPoint.ts"
import {
  decodeFrame,
  encodeFrame,
  epochBytes,
  type Frame,
  frameAt,
  frameFlag,
  frameHeaderBytes,
  frameKind,
  frameVersion,
  pieceBytesMax,
  pointBytes,
  welcomeDecision
} from "../../src/shipping/Frame.ts"
import { replicaNoteAt, replicaNoteBytes, replicaNoteMagic } from "../../src/shipping/ReplicaNote.ts"

const page = readFileSync(new URL("../../../../docs/shipping-format.md", import.meta.url), "utf8")

const tableUnder = (heading: string, nth = 0): ReadonlyArray<ReadonlyArray<string>> => {
  const section = page.split(/^## /m).find((s) => s.startsWith(`${heading}\n`)) ?? ""
  const table = section.split("\n\n").filter((block) => block.startsWith("| "))[nth] ?? ""
  return table
    .trimEnd()
    .split("\n")
    .slice(2)
    .map((row) =>
      row
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim())
    )
}

const widths: Record<string, number> = {
  u8: 1,
  u16: 2,
  u32: 4,
  u64: 8,
  f64: 8,
  point: pointBytes,
  "–": 0,
  "u8[8]": 8
}

/** Fields with their places, after checking that they follow one another without a gap from `begin` to `end`. */
const fieldsOf = (rows: ReadonlyArray<ReadonlyArray<string>>, begin: number, end: number) => {
  let at = begin
  for (const [place, field, type] of rows as ReadonlyArray<[string, string, string]>) {
    assert.strictEqual(Number(place), at, `${field} does not begin where the field before ends`)
    assert.isDefined(widths[type], type)
    at += widths[type] as number
  }
  assert.strictEqual(at, end)
  return Object.fromEntries(rows.map(([place, field]) => [field, Number(place)]))
}

const named = (rows: ReadonlyArray<ReadonlyArray<string>>) =>
  Object.fromEntries(rows.map(([value, name]) => [name, Number(value)]))

describe("docs/shipping-format.md says what the code does", () => {
  it("header, kinds, flags and decisions", () => {
    const header = tableUnder("Frame header")
    assert.deepStrictEqual(fieldsOf(header, 0, frameHeaderBytes), { ...frameAt.header })
    assert.strictEqual(Number(header.find((row) => row[1] === "version")?.[3]), frameVersion)
    assert.deepStrictEqual(named(tableUnder("Frame header", 1)), { ...frameKind })
    const flags = tableUnder("Frame header", 2).map(([bit, name]) => [name, 1 << Number(bit)])
    assert.deepStrictEqual(Object.fromEntries(flags), { ...frameFlag })
    assert.deepStrictEqual(named(tableUnder("Welcome", 1)), { ...welcomeDecision })
    assert.include(page, pieceBytesMax.toLocaleString("en").replaceAll(",", " "))
  })

  it("every payload", () => {
    assert.deepStrictEqual(fieldsOf(tableUnder("Point"), 0, pointBytes), { ...frameAt.point })
    assert.deepStrictEqual(fieldsOf(tableUnder("Hello"), frameHeaderBytes, 72), { ...frameAt.hello })
    assert.deepStrictEqual(fieldsOf(tableUnder("Hello", 1), 0, epochBytes), { ...frameAt.epoch })
    assert.deepStrictEqual(fieldsOf(tableUnder("Welcome"), frameHeaderBytes, 64), { ...frameAt.welcome })
    assert.deepStrictEqual(fieldsOf(tableUnder("Bytes"), frameHeaderBytes, 72), { ...frameAt.bytes })
    assert.deepStrictEqual(fieldsOf(tableUnder("Ack"), frameHeaderBytes, 88), { ...frameAt.ack })
    assert.deepStrictEqual(fieldsOf(tableUnder("Replica note"), 0, replicaNoteBytes), { ...replicaNoteAt })
    assert.strictEqual(new TextDecoder().decode(replicaNoteMagic), "TROUPREP")
  })

  it("both decision tables", () => {
    const cell = (text: string) => (text === "any" ? "any" : text.split(", "))
    assert.deepStrictEqual(
      tableUnder("Handshake").map(([log, epoch, wants, common, proof, decision]) => ({
        log: cell(log as string),
        epoch: cell(epoch as string),
        wants: cell(wants as string),
        common: cell(common as string),
        proof: cell(proof as string),
        decision
      })),
      helloTable as unknown as []
    )
    assert.deepStrictEqual(
      tableUnder("Handshake", 1).map(([point, proof, loses, decision]) => ({
        point: cell(point as string),
        proof: cell(proof as string),
        loses: cell(loses as string),
        decision
      })),
      welcomeTable as unknown as []
    )
  })
})

describe("the handshake tables", () => {
  it("decide everything: only the same log streams, nothing committed is cut, nothing unproven goes on", () => {
    for (const log of ["same", "other", "none"] as const)
      for (const epoch of ["newer", "known"] as const)
        for (const wants of ["stream", "snapshot"] as const)
          for (const common of ["kept", "removed", "none"] as const)
            for (const proof of ["ok", "bad", "theirs"] as const) {
              const decision = decideHello({ log, epoch, wants, common, proof })
              if (log === "other") assert.strictEqual(decision, "refuse")
              else if (epoch === "newer") assert.strictEqual(decision, "depose")
              else if (decision === "stream")
                assert.deepStrictEqual([log, wants, common], ["same", "stream", "kept"])
              if (decision === "stream") assert.notStrictEqual(proof, "bad")
            }
    for (const point of ["end", "inside", "after"] as const)
      for (const proof of ["ok", "bad"] as const)
        for (const loses of ["uncommitted", "committed"] as const) {
          const decision = decideWelcome({ point, proof, loses })
          if (decision === "cut")
            assert.deepStrictEqual([point, proof, loses], ["inside", "ok", "uncommitted"])
          if (decision === "stream") assert.deepStrictEqual([point, proof], ["end", "ok"])
        }
  })
})

const number = (random: () => number): number => Math.floor(random() * 2 ** (1 + Math.floor(random() * 52)))
const small = (random: () => number): number => Math.floor(random() * 2 ** 32)

const frameOf = (random: () => number): Frame => {
  const point = () => ({
    segment: number(random),
    position: small(random),
    sequence: number(random),
    chain: small(random)
  })
  const place = () => ({ segment: number(random), position: small(random) })
  const common = {
    logId: { low: small(random), high: small(random) },
    epoch: small(random),
    session: small(random)
  }
  const kinds: ReadonlyArray<() => Frame> = [
    () => ({
      _tag: "Hello",
      ...common,
      end: point(),
      committed: number(random),
      epochs: Array.from({ length: Math.floor(random() * 5) }, () => ({
        epoch: small(random),
        start: point()
      })),
      wantsSnapshot: random() < 0.5
    }),
    () => ({
      _tag: "Welcome",
      ...common,
      decision: (1 + Math.floor(random() * 4)) as 1 | 2 | 3 | 4,
      heartbeatMillis: small(random),
      point: point()
    }),
    () => ({
      _tag: "Bytes",
      ...common,
      at: place(),
      endSequence: number(random),
      endTimeMillis: random() * 1e13,
      committed: number(random),
      ackReceived: random() < 0.5,
      piece: Uint8Array.from({ length: Math.floor(random() * 200) }, () => Math.floor(random() * 256))
    }),
    () => ({
      _tag: "Ack",
      ...common,
      next: place(),
      durableAt: place(),
      received: number(random),
      durable: number(random),
      applied: number(random),
      again: random() < 0.5
    }),
    () => ({ _tag: "Fence", ...common })
  ]
  return (kinds[Math.floor(random() * kinds.length)] as () => Frame)()
}

describe("the codec", () => {
  it("a frame comes back as it went", () => {
    for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 2000, long: 100_000 }); seed++) {
      const frame = frameOf(seeded(seed))
      assert.deepStrictEqual(decodeFrame(encodeFrame(frame)), frame, `TROUPE_SEED=${seed}`)
    }
  })

  it("a flipped, cut, grown or random frame is Damaged: nothing throws, nothing is believed", () => {
    for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 4000, long: 200_000 }); seed++) {
      const random = seeded(seed)
      const good = encodeFrame(frameOf(random))
      const choice = random()
      let bad = good.slice()
      if (choice < 0.5) {
        const at = Math.floor(random() * bad.length)
        bad[at] = (bad[at] as number) ^ (1 << Math.floor(random() * 8))
      } else if (choice < 0.7) bad = bad.slice(0, Math.floor(random() * bad.length))
      else if (choice < 0.8) bad = Uint8Array.from([...bad, 0])
      else bad = Uint8Array.from({ length: Math.floor(random() * 200) }, () => Math.floor(random() * 256))
      assert.strictEqual(decodeFrame(bad)._tag, "Damaged", `TROUPE_SEED=${seed}`)
    }
  })

  it("a frame whose checksum holds and whose fields lie is Damaged: kinds, lengths, counts and versions", () => {
    for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 4000, long: 200_000 }); seed++) {
      const random = seeded(seed)
      const bytes = encodeFrame(frameOf(random))
      const view = new DataView(bytes.buffer)
      const at = 4 + Math.floor(random() * (bytes.length - 4))
      bytes[at] = Math.floor(random() * 256)
      if (random() < 0.3 && bytes.length > 68) view.setUint32(frameAt.hello.epochs, 0xffff_ffff, true)
      view.setUint32(0, crc32c(bytes, 4), true)
      // Either way it answers; what it answers is a frame that can be encoded again.
      const decoded = decodeFrame(bytes)
      if (decoded._tag !== "Damaged")
        assert.strictEqual(encodeFrame(decoded).length, bytes.length, `TROUPE_SEED=${seed}`)
    }
  })
})
