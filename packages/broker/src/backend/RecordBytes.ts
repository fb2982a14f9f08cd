import type { Headers } from "../TopicRecord.ts"

/** What one record counts for in `maxBytes` and `info`: subject, headers, id and data. */
export const recordBytes = (record: {
  readonly subject: string
  readonly data: Uint8Array
  readonly headers: Headers
  readonly messageId?: string | undefined
}): number => {
  let bytes = record.subject.length + record.data.length + (record.messageId?.length ?? 0)
  for (const name in record.headers) bytes += name.length + (record.headers[name] as string).length + 4
  return bytes
}
