// Version 2 of a view is proved against DuckDB, promoted by one compare-and-set, and rolled back by another. Readers ask an alias which
// version to read; both versions go on running. A version that is not proved is not promoted.
import { Archive, Batch, Columns, Proof } from "@troupe/batch"
import { Broker } from "@troupe/broker"
import { Embedded } from "@troupe/broker-embedded"
import { ActorSystem } from "@troupe/runtime"
import { Alias, Codec, Serving, type Table, View, Views } from "@troupe/views"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { temporaryDirectory } from "./temporary-directory.ts"

const utf8 = new TextEncoder()
const text = new TextDecoder()

type Count = { readonly tag: string; readonly uses: number }

/** How often each tag was used; version 2 takes `Cats` for `cats`. */
const tags = (version: number, spelled: (tag: string) => string) =>
  View.define<Record<string, number>, Count>({
    name: "tags",
    version,
    initial: () => ({}),
    fold: (state, chunk) => ({
      state,
      outputs: chunk.map(({ data }) => {
        const tag = spelled(text.decode(data))
        const uses = (state[tag] ?? 0) + 1
        state[tag] = uses
        return { tag, uses }
      })
    }),
    state: Codec.plainJson(),
    output: Codec.plainJson()
  })

const table: Table.TableSpec<Count> = {
  key: ({ tag }) => tag,
  revision: ({ uses }) => uses,
  row: ({ uses }) => ({ uses })
}

const program = Effect.gen(function* () {
  const posts = yield* (yield* Broker).topic({ name: "posts" })
  for (let post = 0; post < 200; post++) {
    const tag = ["cats", "Cats", "dogs", "birds"][(post * post) % 7] ?? "cats"
    yield* posts.append({ subject: "p.0", data: utf8.encode(tag) })
  }

  const [v1, v2] = [tags(1, (tag) => tag), tags(2, (tag) => tag.toLowerCase())]
  for (const view of [v1, v2]) {
    yield* (yield* Views.run(view, { input: posts, partitions: 1 })).caughtUp()
    yield* (yield* Serving.run(view, table)).caughtUp()
  }
  yield* Alias.begin("tags", Alias.targetOf(v1))

  // What a reader does at each request.
  const ask = Effect.gen(function* () {
    const { current } = yield* Alias.resolve("tags")
    const { rows } = yield* Serving.rows(current.version === 1 ? v1 : v2)
    return `version ${current.version}: ${[...rows].map(([tag, { uses }]) => `${tag} ${uses}`).join(", ")}`
  })
  yield* Console.log(yield* ask)

  // The same counts, by a program that knows nothing of the view.
  const archive = yield* Archive.open({
    topic: posts,
    directory: `${yield* temporaryDirectory}/archive`,
    columns: Columns.define({ tag: "text" }, ({ data }) => ({ tag: text.decode(data) }))
  })
  const { through } = yield* archive.run()
  const batch = yield* Batch.open({ archives: { posts: archive.directory } })
  const counted = (tag: string) =>
    Proof.ofSql(batch, {
      sql: `SELECT 0 AS partition, 0 AS hour, ${tag} AS key, count(*) AS uses FROM posts GROUP BY ALL`,
      fields: { uses: "integer" }
    })
  const { rows } = yield* Serving.rows(v2)
  const promoteIf = (computed: Effect.Success<ReturnType<typeof counted>>) =>
    Effect.gen(function* () {
      const { differences, proved } = yield* Proof.prove(
        computed,
        Proof.ofRows(rows, () => ({ partition: 0, hour: 0 }))
      )
      const evidence = { digest: v2.digest, proved, through, differences: differences.length }
      const positions = { from: through, to: through }
      return yield* Alias.promote("tags", { to: Alias.targetOf(v2), evidence, positions })
    })

  const refused = yield* Effect.flip(promoteIf(yield* counted("tag")))
  yield* Console.log("against other counts:", refused.message)
  yield* promoteIf(yield* counted("lower(tag)"))
  yield* Console.log(yield* ask)
  yield* Alias.rollback("tags")
  yield* Console.log(yield* ask)
})

const broker = Layer.unwrap(
  Effect.map(temporaryDirectory, (directory) => Embedded.layer({ directory, durability: "os" }))
)

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Layer.merge(broker, ActorSystem.layer))))
