import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

/** How far a reader may fall behind before it loses the oldest events. */
const backlog = 16_384

/** Hands events to whoever listens now; nobody listening costs one comparison. */
export class Hub<A> {
  private readonly queues = new Set<Queue.Queue<A, Cause.Done>>()
  /** True while somebody listens. */
  active = false
  /** Events that readers have lost because they were too far behind, all readers together. */
  lost = 0
  private ended = false

  emit(event: A): void {
    for (const queue of this.queues) {
      if (Queue.isFullUnsafe(queue)) this.lost++
      Queue.offerUnsafe(queue, event)
    }
  }

  /** Ends every stream, now and later. */
  end(): void {
    this.ended = true
    for (const queue of this.queues) Queue.endUnsafe(queue)
  }

  readonly stream: Stream.Stream<A> = Stream.callback<A>(
    (queue) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          this.queues.add(queue)
          this.active = true
          if (this.ended) Queue.endUnsafe(queue)
        }),
        () =>
          Effect.sync(() => {
            this.queues.delete(queue)
            this.active = this.queues.size > 0
          })
      ),
    { bufferSize: backlog, strategy: "sliding" }
  )
}
