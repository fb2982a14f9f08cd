import { Logistic, ModelBlob, score, Training } from "@troupe/intent"
import { hasBrowser, launch } from "@troupe/vitest/browser"
import { patience } from "@troupe/vitest/counts"
import * as Schema from "effect/Schema"
import { assert, describe, it } from "vitest"
import { LayersReport } from "../src/intent/LayersReport.ts"
import { OpenReport } from "../src/intent/OpenReport.ts"
import { SessionsReport } from "../src/intent/SessionsReport.ts"
import { StoredModel, TrainReport } from "../src/intent/TrainReport.ts"
import * as Analytics from "./AnalyticsProcess.ts"

type App = Awaited<ReturnType<typeof Analytics.live>>

const openOf = async (app: App) => Schema.decodeUnknownSync(OpenReport)(await app.get("/intent/open"))

/** Asks until the answer is as it should be. */
const until = async <A>(ask: () => Promise<A>, is: (answer: A) => boolean): Promise<A> => {
  for (;;) {
    const answer = await ask()
    if (is(answer)) return answer
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

describe("scores of a live run", () => {
  it(
    "come after every click, with reasons, and go on with a model that is stored meanwhile",
    async () => {
      using directory = Analytics.temporaryDirectory()
      const data = ["--data", directory.path]
      await using app = await Analytics.live(...data, "--speed", "2000")
      const first = await until(
        () => openOf(app),
        ({ sessions }) => sessions.length > 2
      )
      assert.deepInclude(first, { swaps: 0, refused: null, fromClicks: 5 })
      assert.deepInclude(first.champion, { model: "logistic" })
      assert.deepInclude(first.challenger, { model: "lstm-16" })
      for (const session of first.sessions) {
        assert.isAtLeast(session.clicks, 5)
        assert.strictEqual(session.history.at(-1), session.champion)
        assert.isAbove(session.challenger ?? 0, 0)
        assert.isAbove(session.reasons.length, 0)
      }
      assert.deepStrictEqual(
        first.sessions.map(({ champion }) => champion),
        first.sessions.map(({ champion }) => champion).toSorted((a, b) => (b ?? 0) - (a ?? 0))
      )

      // A model that says the same of everybody, put in by hand: what is shown next is its word.
      const even = Training.now(Logistic.train([]))
      const put = await app.post<unknown>("/intent/models", {
        role: "champion",
        blob: Buffer.from(ModelBlob.encode(even)).toString("base64")
      })
      const stored = Schema.decodeUnknownSync(StoredModel)(put.body)
      assert.deepInclude(stored, { model: "logistic", role: "champion", checksum: ModelBlob.checksum(even) })
      const swapped = await until(
        () => openOf(app),
        ({ swaps }) => swaps === 1
      )
      assert.deepInclude(swapped.champion, { revision: stored.revision, checksum: stored.checksum })
      const [said] = score(even, [1])
      for (const { champion } of swapped.sessions) assert.strictEqual(champion, said)
      assert.strictEqual(swapped.challenger?.checksum, first.challenger?.checksum)

      const learn = ["--events", "8000", "--model", "markov-2", "--role", "challenger"]
      const trained = await Analytics.start("train", "--json", ...data, ...learn).ended
      assert.strictEqual(trained.code, 0, trained.stderr)
      const made = Schema.decodeUnknownSync(TrainReport)(JSON.parse(trained.stdout))
      assert.deepInclude(made, { storedBy: "app", role: "challenger", model: "markov-2" })
      const both = await until(
        () => openOf(app),
        ({ swaps }) => swaps === 2
      )
      assert.deepInclude(both.challenger, { checksum: made.checksum, revision: made.revision })

      const damaged = await app.post("/intent/models", { role: "champion", blob: "AAAA" })
      assert.deepInclude(damaged, { status: 409 })
      assert.match(damaged.body.detail, /not a usable model/)
      assert.strictEqual((await app.post("/intent/models", { role: "nobody", blob: "AAAA" })).status, 400)
      assert.strictEqual((await openOf(app)).swaps, 2)

      const layers = Schema.decodeUnknownSync(LayersReport)(await app.get("/intent/layers"))
      const shown = new Map(layers.sessions.map((session) => [session.sessionId, session]))
      const newest = layers.raw[0]
      const events = shown.get(newest?.sessionId ?? "")?.events ?? []
      assert.isTrue(events.some(({ eventId }) => eventId === newest?.eventId))

      const asked = await Analytics.start("sessions", "--json", ...data).ended
      const sessions = Schema.decodeUnknownSync(SessionsReport)(JSON.parse(asked.stdout))
      assert.match(asked.stderr, /^Asking the app that holds /)
      assert.isAbove(sessions.shown.length, 0)
      assert.isAbove(sessions.open?.scored ?? 0, first.scored)
    },
    patience(60_000)
  )

  it.skipIf(!hasBrowser)(
    "are on the page, beside the clicks, sessions and symbols that they come from",
    async () => {
      using directory = Analytics.temporaryDirectory()
      await using app = await Analytics.live("--data", directory.path, "--speed", "3000")
      const browser = await launch()
      try {
        const page = await browser.newPage({ viewport: { width: 400, height: 900 } })
        page.setDefaultTimeout(25_000)
        const errors: Array<string> = []
        page.on("pageerror", (error) => errors.push(error.message))
        await page.goto(app.url)
        const room = page.getByRole("region", { name: "Shopper intent", exact: true })
        const rows = (label: string) => room.getByRole("region", { name: label }).locator("tbody tr")
        await rows("Open sessions, likeliest buyers first").nth(2).waitFor()
        const gauge = room.getByRole("img", { name: /^champion \d+\.\d %, challenger \d+\.\d %$/ })
        await gauge.first().waitFor()
        assert.strictEqual(await rows("The last clicks").count(), 12)
        await rows("Their sessions and symbols").nth(6).waitFor()
        // Trajectories end before a purchase: no model is ever shown a 5.
        for (const text of await room.locator(".symbols").allTextContents()) {
          assert.match(text, /^(… )?([12346 ]+|–)\s*(│ \d+ cut)?$/)
        }
        assert.match(
          (await room.locator("dl").textContent()) ?? "",
          /logistic, revision \d.*lstm-16, revision \d/
        )
        const width = await page.evaluate("document.documentElement.scrollWidth")
        assert.strictEqual(width, 400)
        assert.deepStrictEqual(errors, [])
      } finally {
        await browser.close()
      }
    },
    patience(60_000)
  )
})
