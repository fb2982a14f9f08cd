import { type Signal, signal } from "@preact/signals"
import type { StorageReport } from "../src/storage/StorageReport.ts"
import type { WalReport } from "../src/wal/WalReport.ts"

/** A story that a room tells when it is asked. */
export interface Story<Report> {
  readonly report: Signal<Report | undefined>
  readonly isRunning: Signal<boolean>
  readonly failure: Signal<string>
  readonly tell: () => Promise<void>
}

const story = <Report>(path: string, body: () => object): Story<Report> => {
  const report = signal<Report | undefined>(undefined)
  const isRunning = signal(false)
  const failure = signal("")
  const tell = async () => {
    isRunning.value = true
    failure.value = ""
    try {
      const answer = await fetch(path, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body())
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
