import { assert, describe, it } from "@effect/vitest"
import { Actor, ActorSystem, type Message as Any, Message, Supervision, Telemetry } from "@troupe/runtime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Tracer from "effect/Tracer"
import { TestClock } from "effect/testing"

class Refused extends Schema.TaggedError<Refused>()("Refused", {}) {}
class Ship extends Message.Class<Ship>()("Ship", {
  payload: { n: Schema.Int },
  success: Schema.Int,
  error: Refused
}) {}
class Break extends Message.Class<Break>()("Break", {}) {}
class Order extends Message.Class<Order>()("Order", {
  payload: { n: Schema.Int },
  success: Schema.Int,
  error: Refused
}) {}
const Carrier = Actor.make("test/Carrier", [Ship, Break])
const Outer = Actor.make("test/Outer", [Order])
const Shop = Actor.make("test/Shop", [Order])

/** A shop whose handler asks a carrier, which answers at once. */
const shops = Layer.mergeAll(
  Carrier.toLayer(
    {
      Ship: ({ n }: Ship) => (n < 0 ? Effect.fail(new Refused()) : Effect.succeed(n)),
      Break: () => Effect.die(new Error("broken"))
    },
    { supervision: Supervision.restart({ schedule: Schedule.spaced("1 second") }) }
  ),
  Shop.toLayer({
    Order: ({ n }: Order) =>
      Effect.flatMap(Carrier.ref("c"), (carrier) => carrier.ask(new Ship({ n }))).pipe(
        Effect.catchTag("AskError", Effect.die)
      )
  })
)

interface Ended {
  readonly name: string
  readonly parent: string | undefined
  readonly sender: unknown
  readonly ok: boolean
}

/** Runs with every span that ends noted. */
const traced = <A, E>(
  options: Telemetry.Options,
  program: (spans: Array<Ended>) => Effect.Effect<A, E, ActorSystem>
) => {
  const spans: Array<Ended> = []
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      const end = span.end.bind(span)
      span.end = (time, exit) => {
        const parent = Option.getOrUndefined(options.parent)
        if (options.sampled) {
          spans.push({
            name: options.name,
            parent: parent?._tag === "Span" ? parent.name : undefined,
            sender: span.attributes.get("actor.sender"),
            ok: exit._tag === "Success"
          })
        }
        end(time, exit)
      }
      return span
    }
  })
  const layer = Layer.mergeAll(shops, Telemetry.layer(options)).pipe(Layer.provideMerge(ActorSystem.layer))
  return Effect.provide(program(spans), layer, { local: true }).pipe(
    Effect.provideService(Tracer.Tracer, tracer)
  )
}

const order = (n: number) => Effect.flatMap(Shop.ref("s"), (shop) => Effect.exit(shop.ask(new Order({ n }))))

describe("spans", () => {
  it.effect("a sampled message has one, and what its handler sends continues the trace", () =>
    traced({ sample: 1 }, (spans) =>
      Effect.gen(function* () {
        yield* order(1)
        yield* order(-1)
        assert.deepStrictEqual(spans, [
          { name: "test/Carrier Ship", parent: "test/Shop Order", sender: "test/Shop/s", ok: true },
          { name: "test/Shop Order", parent: undefined, sender: undefined, ok: true },
          { name: "test/Carrier Ship", parent: "test/Shop Order", sender: "test/Shop/s", ok: false },
          { name: "test/Shop Order", parent: undefined, sender: undefined, ok: false }
        ])
      })
    )
  )

  it.effect(
    "a message that is sent in a sampled span continues it whatever the share, one of an unsampled span does not",
    () =>
      traced({ sample: 0 }, (spans) =>
        Effect.gen(function* () {
          yield* order(1)
          yield* order(1).pipe(Effect.withSpan("unsampled", { sampled: false }))
          assert.deepStrictEqual(spans, [])
          yield* order(1).pipe(Effect.withSpan("checkout"))
          assert.deepStrictEqual(
            spans.map(({ name, parent }) => [name, parent]),
            [
              ["test/Carrier Ship", "test/Shop Order"],
              ["test/Shop Order", "checkout"],
              ["checkout", undefined]
            ]
          )
        })
      )
  )

  it.effect("the span in which the layer was built is no parent of what handlers send", () =>
    traced({ sample: 0 }, (spans) =>
      Effect.gen(function* () {
        yield* Layer.build(Outer.toLayer({ Order: ({ n }: Order) => Effect.as(order(n), n) })).pipe(
          Effect.withSpan("main")
        )
        const outer = yield* Outer.ref("o")
        yield* outer.ask(new Order({ n: 1 }))
        assert.deepStrictEqual(
          spans.map(({ name }) => name),
          ["main"]
        )
      }).pipe(Effect.scoped)
    )
  )

  it.effect("the share of messages that begin a trace is the sample", () =>
    traced({ sample: 0.1 }, (spans) =>
      Effect.gen(function* () {
        const carrier = yield* Carrier.ref("c")
        for (let n = 0; n < 2000; n++) yield* carrier.ask(new Ship({ n }))
        assert.isAbove(spans.length, 150)
        assert.isBelow(spans.length, 250)
      })
    ).pipe(Random.withSeed("telemetry"))
  )

  it.effect("end with the scope of the layer", () =>
    Effect.gen(function* () {
      const handled: Array<Any.Any> = []
      const system = yield* ActorSystem
      yield* Effect.scoped(
        Effect.andThen(
          system.trace(({ message }, handler) => {
            handled.push(message)
            return handler
          }),
          order(1)
        )
      )
      assert.strictEqual(handled.length, 2)
      yield* order(1)
      assert.strictEqual(handled.length, 2)
    }).pipe(Effect.provide(shops.pipe(Layer.provideMerge(ActorSystem.layer))))
  )

  it("a share that is none is refused", () => {
    for (const sample of [-0.1, 1.1, Number.NaN]) assert.throws(() => Telemetry.layer({ sample }), RangeError)
  })
})

describe("metrics", () => {
  it.effect("are brought up to date once an interval, and at the end", () =>
    Effect.gen(function* () {
      const value = (id: string, actor?: string) =>
        Effect.map(Metric.snapshot, (all) => {
          const found = all.find((metric) => metric.id === id && metric.attributes?.["actor"] === actor)
          return found === undefined ? undefined : (found.state as { count?: number; value?: number })
        })
      yield* traced({ sample: 0, interval: "10 seconds" }, () =>
        Effect.gen(function* () {
          for (let n = 0; n < 3; n++) yield* order(n)
          const carrier = yield* Carrier.ref("c")
          yield* carrier.tell(new Break())
          yield* TestClock.adjust("9 seconds")
          assert.isUndefined(yield* value("troupe_messages_sent"))
          yield* TestClock.adjust("1 second")
          assert.strictEqual((yield* value("troupe_messages_sent"))?.count, 7)
          assert.strictEqual((yield* value("troupe_messages_dead_lettered"))?.count, 1)
          assert.strictEqual((yield* value("troupe_messages_queued"))?.value, 0)
          assert.strictEqual((yield* value("troupe_messages_handled", "test/Shop"))?.count, 3)
          assert.strictEqual((yield* value("troupe_messages_handled", "test/Carrier"))?.count, 3)
          assert.strictEqual((yield* value("troupe_actor_restarts", "test/Carrier"))?.count, 1)
          assert.strictEqual((yield* value("troupe_actors", "test/Shop"))?.value, 1)
          yield* order(1)
        })
      )
      // The last interval did not end.
      assert.strictEqual((yield* value("troupe_messages_sent"))?.count, 9)
      assert.strictEqual((yield* value("troupe_messages_handled", "test/Shop"))?.count, 4)
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )
})
