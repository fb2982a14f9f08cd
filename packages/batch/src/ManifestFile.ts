import * as Effect from "effect/Effect"
import type { BatchError } from "./BatchError.ts"
import * as Manifest from "./Manifest.ts"
import * as Versions from "./Versions.ts"

const name = "manifest"

/** The newest manifest of an archive with its version; 0 and an empty one where there is no archive. */
export const load = (
  directory: string
): Effect.Effect<{ readonly version: number; readonly manifest: Manifest.Manifest }, BatchError> =>
  Effect.map(Versions.newest(directory, name), ({ body, version }) => ({
    version,
    // The digest was checked: what is in the file is what `store` made.
    manifest: version === 0 ? Manifest.empty("") : (JSON.parse(body) as Manifest.Manifest)
  }))

/** The newest manifest of an archive: what a reader of the directory needs. */
export const manifestOf = (directory: string): Effect.Effect<Manifest.Manifest, BatchError> =>
  Effect.map(load(directory), ({ manifest }) => manifest)

/** Commits a manifest as version `version`; `Fenced` when another process did. */
export const store = (
  directory: string,
  version: number,
  manifest: Manifest.Manifest
): Effect.Effect<void, BatchError> => Versions.commit(directory, name, version, JSON.stringify(manifest))
