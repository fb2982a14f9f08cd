import { existsSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import type { Status } from "../src/Api.ts"
import type { DiffReport } from "../src/social/DiffReport.ts"
import type { ReplayShown } from "../src/social/SocialApi.ts"
import type { ReprocessProgress, SocialStatus } from "../src/social/SocialStatus.ts"
import type { TrendingReport } from "../src/social/TrendingReport.ts"
import * as Analytics from "./AnalyticsProcess.ts"

interface Changed {
  readonly id: string
  readonly version: number
  readonly sequence: number
  readonly key: string
}

const directory = Analytics.temporaryDirectory()
let app: Awaited<ReturnType<typeof Analytics.live>>
beforeAll(async () => {
  app = await Analytics.live("--data", directory.path, "--seed", "9")
})
afterAll(async () => {
  await app.stop()
  assert.isFalse(existsSync(join(directory.path, "app.json")))
  directory[Symbol.dispose]()
})

/** The events of the rows that change, behind an id, until one fits. */
const changesUntil = async (done: (changed: Changed) => boolean, lastEventId?: string) => {
  const leave = new AbortController()
  const headers = lastEventId === undefined ? {} : { "last-event-id": lastEventId }
  const answer = await fetch(`${app.url}/social/trending/events`, { headers, signal: leave.signal })
  assert.strictEqual(answer.status, 200)
  const changes: Array<Changed> = []
  let text = ""
  try {
    for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk
      const events = text.split("\n\n")
      text = events.pop() ?? ""
      for (const event of events) {
        const id = /^id: (.*)$/m.exec(event)?.[1] ?? ""
        const changed = { id, ...JSON.parse(/^data: (.*)$/m.exec(event)?.[1] ?? "{}") } as Changed
        changes.push(changed)
        if (done(changed)) return changes
      }
    }
  } finally {
    leave.abort()
  }
  throw new Error(`the stream ended after ${changes.length} changes`)
}

describe("the API", () => {
  it("says where the clicks stand", async () => {
    const status = await app.get<Status>("/status")
    assert.deepInclude(status, { broker: "memory", durability: "memory" })
    assert.strictEqual(status.partitions.length, 4)
    const headers = { "last-event-id": "x" }
    assert.strictEqual((await fetch(`${app.url}/sessions/events`, { headers })).status, 400)
  })
})

describe("a directory that an app holds", () => {
  it("names the app, and commands on it are sent there; their flags must be its own", async () => {
    const file = join(directory.path, "app.json")
    assert.include(JSON.parse(readFileSync(file, "utf8")), { pid: app.run.pid, url: app.url })
    assert.strictEqual(statSync(file).mode & 0o777, 0o600)

    const ask = (...args: ReadonlyArray<string>) => Analytics.start(...args, "--data", directory.path).ended
    const [said, refused, ofItsOwn] = await Promise.all([
      ask("trending", "--json", "--seed", "9"),
      ask("batch", "--broker", "nats"),
      ask("replay", "--events", "5")
    ])
    assert.strictEqual(said.code, 0, said.stderr)
    assert.include(said.stderr, `Asking the app that holds ${directory.path}`)
    assert.isAtLeast(JSON.parse(said.stdout).records, 10_000)
    assert.strictEqual(refused.code, 1)
    assert.include(refused.stderr, "has memory")
    assert.strictEqual(ofItsOwn.code, 1)
    assert.include(ofItsOwn.stderr, "takes no --events")
  })

  it("is free again when the app was killed: a command answers from the files", async () => {
    using killed = Analytics.temporaryDirectory()
    const { run } = await Analytics.live("--data", killed.path, "--broker", "embedded")
    run.kill("SIGKILL")
    await run.ended
    assert.isTrue(existsSync(join(killed.path, "app.json")))
    const { code, stderr, stdout } = await Analytics.start("trending", "--json", "--data", killed.path).ended
    assert.strictEqual(code, 0, stderr)
    assert.notInclude(stderr, "Asking the app")
    assert.isAtLeast(JSON.parse(stdout).records, 10_000)
  })
})

describe("the API of the social feed", () => {
  it("says where the feed and its versions stand, and what trends in the rows of the served one", async () => {
    const status = await app.get<SocialStatus>("/social/status")
    assert.isAtLeast(status.records, 10_000)
    assert.deepInclude(status.alias, { current: 1, previous: null, revision: 1 })
    assert.deepStrictEqual(
      status.editions.map(({ isRunning }) => isRunning),
      [true, false]
    )
    assert.strictEqual(status.reprocess.phase, "idle")
    const trending = await app.get<TrendingReport>("/social/trending")
    assert.deepInclude(trending, { version: 1, month: "2026-01" })
    assert.strictEqual(trending.trendingDay.length, 5)
    assert.isAbove(trending.rows, 1_000)
  })

  it("goes on with the rows that changed behind the id that a reader saw last", async () => {
    let seen = 0
    const first = await changesUntil(() => ++seen === 60)
    const from = first[20]
    if (from === undefined) throw new Error("too few changes")
    assert.strictEqual(from.id, `1-${from.sequence}`)
    // State, not a log: of each row that was seen behind it, that change or a newer one comes.
    const due = new Map(first.slice(21).map(({ key, sequence }) => [key, sequence]))
    const again = await changesUntil(({ key, sequence }) => {
      if (sequence >= (due.get(key) ?? Number.POSITIVE_INFINITY)) due.delete(key)
      return due.size === 0
    }, from.id)
    const sequences = again.map(({ sequence }) => sequence)
    assert.isAbove(Math.min(...sequences), from.sequence)
    assert.deepStrictEqual(
      sequences,
      [...new Set(sequences)].sort((a, b) => a - b)
    )
  })

  it("begins anew behind an id of another version, and refuses what is no id", async () => {
    const [change] = await changesUntil(() => true, "2-999999999")
    assert.strictEqual(change?.version, 1)
    for (const id of ["x", "1", "0-1", "1--1", "1-1e9"]) {
      const answer = await fetch(`${app.url}/social/trending/events`, { headers: { "last-event-id": id } })
      assert.strictEqual(answer.status, 400, id)
      await answer.body?.cancel()
    }
  })

  it("refuses bodies that do not fit, as problems", async () => {
    const bad = [
      await app.post("/social/replay", { key: "" }),
      await app.post("/social/replay", { key: "x".repeat(201) }),
      await app.post("/social/replay", { key: 7 }),
      await app.post("/stories/compare", { seed: 7, events: 50_001 }),
      await app.post("/stories/compare", { seed: -1, events: 1_000 }),
      await app.post("/stories/compare", { seed: 7 })
    ]
    for (const { body, status, type } of bad) {
      assert.strictEqual(status, 400)
      assert.include(type ?? "", "application/problem+json")
      assert.strictEqual(body.errors?.[0]?.path[0], "payload")
    }
    const huge = await fetch(`${app.url}/social/replay`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ key: "x".repeat(100_000) })
    })
    assert.isAtLeast(huge.status, 400)
    assert.isBelow(huge.status, 500)
  })

  it("says that there never was such a row, and how rows are named", async () => {
    const { body, status } = await app.post("/social/replay", { key: "hour/2026-01-05T13/0/nobody" })
    assert.strictEqual(status, 404)
    assert.include(body.detail, "hour/2026-01-05T13/2/cats")
  })

  it("replays to the same bytes, and shows how a row came about", async () => {
    const [change] = await changesUntil(({ key }) => key.startsWith("hour/"))
    const { body, status } = await app.post<typeof ReplayShown.Type>("/social/replay", {
      key: change?.key ?? ""
    })
    assert.strictEqual(status, 200)
    assert.isTrue(body.replayEqualsLive)
    assert.isAbove(body.steps.length, 0)
    assert.strictEqual(body.stepsLeftOut, 0)
  })

  it("knows nothing of a version that does not run: no diff, no promotion, nothing to go back to", async () => {
    for (const path of ["/social/diff", "/social/promote", "/social/rollback"]) {
      const { body, status, type } = await app.post(path)
      assert.strictEqual(status, 409, path)
      assert.include(type ?? "", "application/problem+json")
      assert.strictEqual(body.type, "urn:troupe:refused")
    }
    assert.strictEqual((await app.get<SocialStatus>("/social/status")).alias.current, 1)
  })

  it("does one thing of a kind at a time, goes on when the one who asked leaves, and shows how far it is", async () => {
    const leave = new AbortController()
    const asked = fetch(`${app.url}/social/reprocess`, { method: "POST", signal: leave.signal })
    const phases = new Set<string>()
    const phase = async () => {
      const progress = await app.get<ReprocessProgress>("/social/reprocess/progress")
      phases.add(progress.phase)
      return progress.phase
    }
    while ((await phase()) === "idle");
    for (const path of ["/social/reprocess", "/social/batch", "/social/promote"]) {
      const { body, status } = await app.post(path)
      assert.strictEqual(status, 409)
      assert.include(body, { type: "urn:troupe:still-running", running: "A reprocess" })
    }
    leave.abort()
    await asked.catch(() => undefined)
    while ((await phase()) !== "idle");
    assert.include([...phases], "measuring")
    const { body, status } = await app.post<DiffReport>("/social/diff")
    assert.strictEqual(status, 200)
    assert.strictEqual(body.unexplained, 0)
    assert.isAbove(body.changed, 0)
  })
})
