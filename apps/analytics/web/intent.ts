/** What the room about shoppers' intent shows. */
import { signal } from "@preact/signals"
import type { LayersReport } from "../src/intent/LayersReport.ts"
import type { OpenReport } from "../src/intent/OpenReport.ts"

/** The open sessions with their probabilities. */
export const open = signal<OpenReport | undefined>(undefined)

/** The last clicks, their sessions, their symbols. */
export const layers = signal<LayersReport | undefined>(undefined)

/** What a symbol stands for; position 0 is symbol 1. */
export const kindOf = (symbol: number): string =>
  ["view", "detail", "add", "remove", "purchase", "click"][symbol - 1] ?? "view"

/** Asks what came in and who may buy. */
export const refreshIntent = async () => {
  const [opened, layered] = await Promise.all([fetch("/intent/open"), fetch("/intent/layers")])
  open.value = (await opened.json()) as OpenReport
  layers.value = (await layered.json()) as LayersReport
}
