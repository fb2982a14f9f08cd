// An actor keeps its state to itself and handles one message at a time. The first message brings it to life; when it
// crashes its supervision starts it again, and a message that keeps crashing it ends as a dead letter, never silently.
import { Actor, ActorSystem, Message, Supervision } from "@troupe/runtime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"

class SoldOut extends Schema.TaggedError<SoldOut>()("SoldOut", { left: Schema.Int }) {}

class Add extends Message.Class<Add>()("Add", { payload: { pieces: Schema.Int } }) {}
class Take extends Message.Class<Take>()("Take", {
  payload: { pieces: Schema.Int },
  success: Schema.Int,
  error: SoldOut
}) {}
class Drop extends Message.Class<Drop>()("Drop", { payload: {} }) {}

const Shelf = Actor.make("warehouse/Shelf", [Add, Take, Drop])

const shelves = Shelf.toLayer(
  Effect.sync(() => {
    let pieces = 0
    return Shelf.of({
      Add: (message) =>
        Effect.sync(() => {
          pieces += message.pieces
        }),
      Take: (message) =>
        message.pieces > pieces
          ? Effect.fail(new SoldOut({ left: pieces }))
          : Effect.sync(() => {
              pieces -= message.pieces
              return pieces
            }),
      Drop: () => Effect.die("the shelf fell down")
    })
  }),
  { supervision: Supervision.restart({ schedule: Schedule.spaced("10 millis") }) }
)

const program = Effect.gen(function* () {
  const shelf = yield* Shelf.ref("shelf-1")
  yield* shelf.tell(new Add({ pieces: 5 }))
  yield* Console.log("left on the shelf:", yield* shelf.ask(new Take({ pieces: 3 })))

  const soldOut = yield* Effect.flip(shelf.ask(new Take({ pieces: 3 })))
  yield* Console.log("a domain error goes to whoever asked:", soldOut._tag)

  yield* shelf.tell(new Drop())
  yield* shelf.tell(new Add({ pieces: 1 }))
  yield* Console.log("after a crash it starts anew:", yield* shelf.ask(new Take({ pieces: 1 })))

  const system = yield* ActorSystem
  yield* Console.log("counted:", yield* system.counters)
})

await Effect.runPromise(Effect.provide(program, shelves.pipe(Layer.provideMerge(ActorSystem.layer))))
