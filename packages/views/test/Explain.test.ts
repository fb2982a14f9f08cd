import { assert, describe, it } from "@effect/vitest"
import { Broker, layerMemory, Subject } from "@troupe/broker"
import { count, firstSeed, patience } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import { Codec, Explain, Outputs, View } from "../src/index.ts"
import { outputTopic } from "../src/View.ts"
import { asProcess } from "./killing.ts"

const partitions = 2
const utf8 = new TextEncoder()
const text = new TextDecoder()

interface Like {
  readonly post: string
  readonly weight: number
}
interface Passed extends Like {
  /** The like's sequence in the first topic. */
  readonly source: number
}
interface Counted {
  readonly post: string
  readonly source: number
  readonly added: number
  readonly total: number
  readonly revision: number
}

/** The first stage drops what `keeps` does not let through. */
const filtering = (version: number, keeps: (like: Passed) => boolean) =>
  View.define<null, Passed>({
    name: "passed",
    version,
    initial: () => null,
    fold: (state, chunk) => ({
      state,
      outputs: chunk
        .map((record): Passed => ({ ...JSON.parse(text.decode(record.data)), source: record.sequence }))
        .filter(keeps)
    }),
    state: Codec.plainJson(),
    output: Codec.plainJson()
  })

/** The second one sums weights; `add` is what a like counts. */
const summing = (version: number, stage: ReturnType<typeof filtering>, add: (like: Passed) => number) =>
  View.define<Record<string, { total: number; revision: number }>, Counted>({
    name: "sums",
    version,
    initial: () => ({}),
    fold: (state, chunk) => {
      const outputs: Array<Counted> = []
      for (const record of chunk) {
        for (const like of Outputs.ofRecord(stage, record)) {
          const held = state[like.post] ?? { total: 0, revision: 0 }
          const added = add(like)
          const next = { total: held.total + added, revision: held.revision + 1 }
          state[like.post] = next
          outputs.push({ post: like.post, source: like.source, added, ...next })
        }
      }
      return { state, outputs }
    },
    state: Codec.plainJson(),
    output: Codec.plainJson()
  })

const version = (view: ReturnType<typeof summing>) => ({
  view,
  table: {
    key: ({ post }: Counted) => post,
    revision: ({ revision }: Counted) => revision,
    row: ({ total }: Counted) => ({ total })
  },
  contribution: ({ added, post, source }: Counted) => ({ key: post, sequence: source, effect: { added } })
})

const likeAt = (index: number, seed: number): Like => ({
  post: `post-${(index * 7 + seed) % 11}`,
  weight: 1 + ((index * (seed + 3)) % 5)
})

/** Both stages of both versions, over the likes of a seed. */
const rebuilt = (
  likes: ReadonlyArray<Like>,
  keeps: (like: Passed) => boolean,
  add: (like: Passed) => number,
  chunkRecords = 16
) =>
  Effect.gen(function* () {
    const broker = yield* Broker
    const input = yield* broker.topic({ name: "likes" })
    yield* input.appendAll(
      likes.map((like) => ({
        subject: Subject.partitionSubject(Subject.partitionOf(like.post, partitions)),
        data: utf8.encode(JSON.stringify(like))
      }))
    )
    const stages = (number: number, keeps: (like: Passed) => boolean, add: (like: Passed) => number) =>
      Effect.gen(function* () {
        const first = filtering(number, keeps)
        yield* asProcess(first, { input, partitions, chunkRecords }, broker, (running) => running.caughtUp())
        const between = yield* broker.topic({ name: outputTopic(first) })
        const second = summing(number, first, add)
        yield* asProcess(second, { input: between, partitions, chunkRecords: 3 }, broker, (running) =>
          running.caughtUp()
        )
        return version(second)
      })
    const before = yield* stages(
      1,
      () => true,
      ({ weight }) => weight
    )
    return { before, after: yield* stages(2, keeps, add) }
  })

/** Sums by post, computed without any of the code under test. */
const sums = (
  likes: ReadonlyArray<Like>,
  through: number,
  counts: (like: Passed) => number | undefined
): Map<string, { total: number; inputs: Map<number, number> }> => {
  const posts = new Map<string, { total: number; inputs: Map<number, number> }>()
  likes.slice(0, through).forEach((like, index) => {
    const source = index + 1
    const added = counts({ ...like, source })
    if (added === undefined) return
    const held = posts.get(like.post) ?? { total: 0, inputs: new Map() }
    held.total += added
    held.inputs.set(source, added)
    posts.set(like.post, held)
  })
  return posts
}

const local = Effect.provide(layerMemory, { local: true })

describe("the difference of two versions", () => {
  it.effect(
    "is explained by exactly the inputs that count differently, through all stages and at any cut",
    () =>
      Effect.gen(function* () {
        const seeds = count({ quick: 12, long: 500 })
        for (let seed = firstSeed(); seed < firstSeed() + seeds; seed++) {
          yield* Effect.gen(function* () {
            const likes = Array.from({ length: 150 }, (_, index) => likeAt(index, seed))
            const drops = (like: Passed) => like.source % (7 + (seed % 5)) === 0
            const add = ({ source, weight }: Passed) => (source % 13 === seed % 13 ? weight + 1 : weight)
            const { after, before } = yield* rebuilt(likes, (like) => !drops(like), add, 1 + (seed % 20))
            const through = seed % 3 === 0 ? 150 : 20 + ((seed * 17) % 130)
            const explanation = yield* Explain.explain(before, after, { through })

            const old = sums(likes, through, ({ weight }) => weight)
            const now = sums(likes, through, (like) => (drops(like) ? undefined : add(like)))
            const expected = [...new Set([...old.keys(), ...now.keys()])]
              .sort()
              .filter((key) => old.get(key)?.total !== now.get(key)?.total)
              .map((key) => {
                const [a, b] = [old.get(key)?.inputs, now.get(key)?.inputs]
                const sequences = [...(a?.keys() ?? [])].filter(
                  (sequence) => a?.get(sequence) !== b?.get(sequence)
                )
                return { key, before: old.get(key)?.total, after: now.get(key)?.total, sequences }
              })
            assert.isAbove(expected.length, 0, `seed ${seed}`)
            assert.deepStrictEqual(
              explanation.differences.map(({ after, before, key, sequences }) => ({
                key,
                before: before?.["total"],
                after: after?.["total"],
                sequences: [...sequences]
              })) as Array<unknown>,
              expected,
              `seed ${seed}`
            )
            const all = Explain.report(explanation)
            assert.strictEqual(all.unexplained.count, 0, `seed ${seed}`)
            assert.strictEqual(all.explained, expected.length, `seed ${seed}`)
            assert.strictEqual(
              all.changed.count + all.added.count + all.removed.count,
              expected.length,
              `seed ${seed}`
            )
            assert.strictEqual(all.same, now.size - all.changed.count - all.added.count, `seed ${seed}`)

            // One cause forgotten: its rows, and no others, are left over.
            const forgetful = Explain.report(explanation, {
              expected: (sequence) => sequence % (7 + (seed % 5)) === 0,
              examples: 1000
            })
            assert.deepStrictEqual(
              forgetful.unexplained.examples.map(({ key }) => key),
              expected
                .filter(({ sequences }) => sequences.some((sequence) => sequence % (7 + (seed % 5)) !== 0))
                .map(({ key }) => key),
              `seed ${seed}`
            )
          }).pipe(local)
        }
      }),
    patience(30_000)
  )

  it.effect("says what an input did in each version, and reads only the keys it is asked for", () =>
    Effect.gen(function* () {
      const likes = Array.from({ length: 60 }, (_, index) => likeAt(index, 1))
      const { after, before } = yield* rebuilt(
        likes,
        ({ source }) => source !== 5,
        ({ source, weight }) => (source === 9 ? 100 : weight)
      )
      const [fifth, ninth] = [likes[4], likes[8]]
      assert.isTrue(fifth !== undefined && ninth !== undefined && fifth.post !== ninth.post)
      if (fifth === undefined || ninth === undefined) return
      const whole = yield* Explain.explain(before, after)
      assert.deepStrictEqual(
        Object.fromEntries(whole.differences.map(({ inputs, key }) => [key, inputs])) as unknown,
        {
          [fifth.post]: [{ sequence: 5, before: [{ added: fifth.weight }], after: [] }],
          [ninth.post]: [{ sequence: 9, before: [{ added: ninth.weight }], after: [{ added: 100 }] }]
        }
      )
      const one = yield* Explain.explain(before, after, { keys: new Set([ninth.post]) })
      assert.deepStrictEqual(
        one.differences,
        whole.differences.filter(({ key }) => key === ninth.post)
      )
      assert.deepStrictEqual([...one.before.keys()], [ninth.post])
    }).pipe(local)
  )

  it.effect(
    "without an input that caused it is never explained, and counts are not bounded by examples",
    () =>
      Effect.gen(function* () {
        const likes = Array.from({ length: 60 }, (_, index) => likeAt(index, 1))
        const { after, before } = yield* rebuilt(
          likes,
          () => true,
          ({ weight }) => weight
        )
        // The same contributions, but the rows say something else.
        const lying: typeof after = {
          ...after,
          table: { ...after.table, row: ({ total }) => ({ total: total + 1 }) }
        }
        const report = Explain.report(yield* Explain.explain(before, lying), {
          expected: () => true,
          examples: 2
        })
        assert.strictEqual(report.explained, 0)
        assert.strictEqual(report.unexplained.count, 11)
        assert.strictEqual(report.unexplained.examples.length, 2)
        assert.match(report.unexplained.examples[0]?.reason ?? "", /every input did the same/)
        assert.deepStrictEqual(
          [report.changed.count, report.changed.examples.length, report.same],
          [11, 2, 0]
        )

        const equal = Explain.report(yield* Explain.explain(before, after))
        assert.deepStrictEqual(
          [equal.equal, equal.explained, equal.unexplained.count, equal.same],
          [true, 0, 0, 11]
        )
      }).pipe(local)
  )
})
