import { type Signal, signal } from "@preact/signals"
import type { BatchReport } from "../src/social/BatchReport.ts"
import type { CompareShown } from "../src/social/CompareShown.ts"
import type { DiffReport } from "../src/social/DiffReport.ts"
import type { ReprocessReport } from "../src/social/ReprocessReport.ts"
import type { ReplayShown } from "../src/social/SocialApi.ts"
import type { SwitchReport } from "../src/social/SwitchReport.ts"
import type { StorageReport } from "../src/storage/StorageReport.ts"
import type { WalReport } from "../src/wal/WalReport.ts"

/** A story that a room tells when it is asked. */
export interface Story<Report> {
  readonly report: Signal<Report | undefined>
  readonly isRunning: Signal<boolean>
  readonly failure: Signal<string>
  readonly tell: () => Promise<void>
}

const story = <Report>(path: string, body?: () => object): Story<Report> => {
  const report = signal<Report | undefined>(undefined)
  const isRunning = signal(false)
  const failure = signal("")
  const tell = async () => {
    isRunning.value = true
    failure.value = ""
    try {
      const answer = await fetch(path, {
        method: "POST",
        ...(body === undefined
          ? {}
          : { headers: { "content-type": "application/json" }, body: JSON.stringify(body()) })
      })
      const said = await answer.json()
      if (answer.ok) report.value = said as Report
      else failure.value = said.detail ?? `The app answered ${answer.status}.`
    } catch {
      failure.value = "The app does not answer."
    }
    isRunning.value = false
  }
  return { report, isRunning, failure, tell }
}

const anySeed = () => Math.floor(Math.random() * 1_000_000)

/** The store under several writers, killed three times. */
export const storageStory = story<StorageReport>("/stories/storage", () => ({ seed: anySeed(), kill: true }))

/** The write-ahead log whose primary is killed. */
export const walStory = story<WalReport>("/stories/wal", () => ({ seed: anySeed() }))

/** The archive, and the proof of the current version against DuckDB. */
export const batchStory = story<BatchReport>("/social/batch")

/** Records of the feed that Lambda and Kappa are compared on. */
export const compareEvents = signal(20_000)

/** Lambda beside Kappa. */
export const compareStory = story<CompareShown>("/stories/compare", () => ({
  seed: anySeed(),
  events: compareEvents.value
}))

/** The row whose history a replay shows; empty for none. */
export const replayKey = signal("")

/** Everything folded again. */
export const replayStory = story<typeof ReplayShown.Type>("/social/replay", () => {
  const key = replayKey.value.trim()
  return key === "" ? {} : { key }
})

/** Version 2 over the history, beside version 1. */
export const reprocessStory = story<ReprocessReport>("/social/reprocess")

/** Version 2 beside version 1, row by row. */
export const diffStory = story<DiffReport>("/social/diff")

/** Readers are told to read version 2. */
export const promoteStory = story<SwitchReport>("/social/promote")

/** Readers are told to read the version before. */
export const rollbackStory = story<SwitchReport>("/social/rollback")
