/** `topic.json`: what a topic is, under a checksum, because limits that were damaged would drop records. */
import { crc32 } from "node:zlib"
import type { TopicSettings } from "@troupe/broker/backend"
import { DamagedFile } from "./Directories.ts"

const formatVersion = 1

/** The file as it is written. JSON leaves out what is undefined. */
interface TopicFile {
  readonly version: number
  readonly settings: Partial<TopicSettings> & Pick<TopicSettings, "name" | "discard" | "dedupeWindowMillis">
  /** CRC-32 of the settings, in this order and as JSON; files of before have none. */
  readonly checksum?: number
}

const keys = ["version", "settings", "checksum"]

/** Every setting, in one order, also those that JSON leaves out because they are undefined. */
const inOrder = (settings: TopicFile["settings"]): TopicSettings => ({
  name: settings.name,
  maxAgeMillis: settings.maxAgeMillis,
  maxBytes: settings.maxBytes,
  maxRecords: settings.maxRecords,
  maxRecordsPerSubject: settings.maxRecordsPerSubject,
  maxRecordBytes: settings.maxRecordBytes,
  discard: settings.discard,
  dedupeWindowMillis: settings.dedupeWindowMillis
})

const checksumOf = (settings: TopicSettings): number => crc32(JSON.stringify(settings))

/** What to write for a topic of these settings. */
export const topicFile = (settings: TopicSettings): TopicFile => {
  const ordered = inOrder(settings)
  return { version: formatVersion, settings: ordered, checksum: checksumOf(ordered) }
}

const isTopicFile = (content: unknown): content is TopicFile =>
  typeof content === "object" &&
  content !== null &&
  "version" in content &&
  "settings" in content &&
  typeof content.settings === "object" &&
  content.settings !== null

/** The settings in a file that was read; throws `DamagedFile` for one that is not as it was written, or of a later version. */
export const settingsIn = (file: string, content: unknown): TopicSettings => {
  const damaged = "is not as it was written: it was damaged or edited. Restore it from a backup"
  if (!isTopicFile(content)) throw new DamagedFile(file, damaged)
  if (content.version !== formatVersion) {
    throw new DamagedFile(
      file,
      `is of format version ${content.version}, this code reads ${formatVersion}: upgrade @troupe/broker-embedded`
    )
  }
  const settings = inOrder(content.settings)
  const isIntact = content.checksum === undefined || content.checksum === checksumOf(settings)
  if (!isIntact || Object.keys(content).some((key) => !keys.includes(key)))
    throw new DamagedFile(file, damaged)
  return settings
}
