import { Embedded } from "@troupe/broker-embedded"
import { count, firstSeed } from "@troupe/vitest/counts"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { assert, describe, it } from "vitest"
import { Faults } from "../src/Faults.ts"
import type { LaneEvent } from "../src/LaneEvent.ts"
import * as Outcome from "../src/Outcome.ts"
import { Services } from "../src/Services.ts"
import * as Orders from "./OrdersProcess.ts"

const placement = {
  shopper: "shopper-1",
  cardToken: "tok-1",
  zip: "12345",
  lines: [{ sku: "sku-mug", quantity: 1, priceCents: 1299 }]
}

const place = (url: string, reference: string) =>
  fetch(`${url}/orders?mode=queued`, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": reference },
    body: JSON.stringify(placement)
  })

const timeline = async (url: string, orderId: string) =>
  (await (await fetch(`${url}/orders/${orderId}`)).json()) as ReadonlyArray<LaneEvent>

const isDone = (steps: ReadonlyArray<LaneEvent>) => steps.at(-1)?.status === "shipped"

/** What the payment service's book says, read from the files themselves once the shop is closed. */
const paymentBook = (directory: string) =>
  Effect.gen(function* () {
    const services = yield* Services
    return yield* Stream.runCollect(services.paymentLedger)
  }).pipe(
    Effect.provide(
      Services.layer.pipe(
        Layer.provide(Faults.layer({ seed: 1, speed: 1 })),
        Layer.provide(Embedded.layer({ directory: `${directory}/topics`, durability: "os" }))
      )
    ),
    Effect.runPromise
  )

describe("kill -9 of the shop", () => {
  it(
    "loses no accepted order and charges none twice",
    async () => {
      for (let seed = firstSeed(); seed < firstSeed() + count({ quick: 2, long: 40 }); seed++) {
        using directory = Orders.temporaryDirectory()
        const accepted: Array<string> = []
        {
          await using shop = await Orders.open("--data", directory.path, "--seed", String(seed))
          // Four shoppers at a time, so that orders are under way when the shop dies.
          const killAfter = 5 + (((seed * 2654435761) % 2 ** 32) % 60)
          let next = 0
          const shopper = async () => {
            for (;;) {
              const answer = await place(shop.url, `cart-${next++}`).catch(() => undefined)
              const body = await answer?.json().catch(() => undefined)
              if (answer === undefined || body === undefined) return
              assert.strictEqual(answer.status, 202)
              accepted.push((body as { readonly orderId: string }).orderId)
              if (accepted.length === killAfter) shop.kill("SIGKILL")
            }
          }
          await Promise.all([shopper(), shopper(), shopper(), shopper()])
        }
        assert.isAbove(accepted.length, 0, `seed ${seed}`)
        {
          await using shop = await Orders.open("--data", directory.path, "--seed", String(seed))
          // The same cart again is the same order.
          const again = (await (await place(shop.url, "cart-0")).json()) as { readonly orderId: string }
          assert.strictEqual(again.orderId, "queued:cart-0", `seed ${seed}`)
          for (const orderId of accepted) {
            while (!isDone(await timeline(shop.url, orderId)))
              await new Promise((resolve) => setTimeout(resolve, 20))
          }
          shop.kill("SIGINT")
          await shop.ended
        }
        const book = await paymentBook(directory.path)
        const charged = new Set(
          book
            .filter(({ kind, lane }) => kind === "charge" && lane === "queued")
            .map(({ reference }) => reference)
        )
        assert.strictEqual(
          Outcome.chargedTwice(book.filter(({ lane }) => lane === "queued")),
          0,
          `seed ${seed}`
        )
        for (let i = 0; i < accepted.length; i++)
          assert.isTrue(charged.has(`cart-${i}`), `seed ${seed}: cart-${i}`)
      }
    },
    count({ quick: 60_000, long: 900_000 })
  )

  it("names the process that holds the directory", async () => {
    using directory = Orders.temporaryDirectory()
    await using shop = await Orders.open("--data", directory.path)
    const second = await Orders.start("--port", "0", "--data", directory.path).ended
    assert.strictEqual(second.code, 1)
    assert.include(second.stderr, `in use by process ${shop.pid}`)
  })
})
