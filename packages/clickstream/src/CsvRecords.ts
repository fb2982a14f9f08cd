/**
 * A streaming CSV reader (RFC 4180): text in pieces of any size, whole records out.
 *
 * Fields are separated by `,`; a field in `"` may hold commas, line breaks and doubled quotes; lines end with LF or CRLF.
 * Empty lines are no records. A malformed record (a quote inside a plain field, text after a closing quote, a quote that
 * is never closed, a record over the limit) costs exactly its first line, and reading goes on at the next one: one stray
 * quote cannot swallow the rest of a file. Where pieces are cut never changes the outcome.
 */

/** A record, or the first line of a malformed one with what is wrong. */
export interface CsvRecord {
  /** 1-based line on which the record begins. */
  readonly line: number
  readonly fields: ReadonlyArray<string>
  /** Why the record is malformed; `fields` then holds its first line as it stands. */
  readonly fault?: string
}

/** Default longest record, in UTF-16 units: far above any real row, low enough to hold in memory. */
export const maxRecordLength = 1_048_576

const comma = 44
const quote = 34
const lineFeed = 10
const carriageReturn = 13

/** Where a reader stands between two pieces; owned by the reader that made it. */
export interface CsvReader {
  /** Takes a piece of text and appends the records that are complete now to `into`. */
  readonly push: (text: string, into: Array<CsvRecord>) => void
  /** Ends the text: what is left is the last record. */
  readonly end: (into: Array<CsvRecord>) => void
}

/** Makes a reader at line 1. */
export const make = (options?: { readonly maxLength?: number }): CsvReader => {
  const limit = options?.maxLength ?? maxRecordLength
  let rest = ""
  let line = 1
  let skipping = false

  /** Reads as many whole records of `rest` as there are; at the end of the text, all of it. */
  const scan = (atEnd: boolean, into: Array<CsvRecord>): void => {
    const text = rest
    let at = 0
    // First quote at or after `at`: most lines have none and are split without looking at each character.
    let nextQuote = text.indexOf('"')
    while (at < text.length) {
      const lineEnd = text.indexOf("\n", at)
      if (skipping) {
        if (lineEnd < 0) {
          at = text.length
          break
        }
        skipping = false
        at = lineEnd + 1
        line++
        continue
      }
      const stop = lineEnd < 0 ? text.length : lineEnd
      if (stop - at > limit) {
        into.push({ line, fields: [text.slice(at, at + limit)], fault: `is longer than ${limit} characters` })
        skipping = true
        at += limit
        continue
      }
      if (nextQuote >= 0 && nextQuote < at) nextQuote = text.indexOf('"', at)
      if (nextQuote < 0 || nextQuote > stop) {
        if (lineEnd < 0 && !atEnd) break
        const end = stop > at && text.charCodeAt(stop - 1) === carriageReturn ? stop - 1 : stop
        if (end > at) into.push({ line, fields: text.slice(at, end).split(",") })
        at = stop + 1
        line++
        continue
      }
      const quoted = readQuoted(text, at, limit, atEnd)
      if (quoted === undefined) break
      if (quoted.fault === undefined) {
        into.push({ line, fields: quoted.fields })
        for (let i = at; i < quoted.next; i++) if (text.charCodeAt(i) === lineFeed) line++
        at = quoted.next
        continue
      }
      // Malformed: the first line is given up once its end is in sight.
      if (lineEnd < 0 && !atEnd) break
      const end = stop > at && text.charCodeAt(stop - 1) === carriageReturn ? stop - 1 : stop
      into.push({ line, fields: [text.slice(at, end)], fault: quoted.fault })
      at = stop + 1
      line++
    }
    rest = at >= text.length ? "" : at === 0 ? text : text.slice(at)
  }

  return {
    push: (text, into) => {
      rest = rest === "" ? text : rest + text
      scan(false, into)
    },
    end: (into) => scan(true, into)
  }
}

interface Quoted {
  readonly fields: ReadonlyArray<string>
  /** Where the next record begins. */
  readonly next: number
  readonly fault: string | undefined
}

const malformed = (fault: string): Quoted => ({ fields: [], next: 0, fault })

/** Reads the record at `start` character by character; `undefined` when its end is not in sight yet. */
const readQuoted = (text: string, start: number, limit: number, atEnd: boolean): Quoted | undefined => {
  const fields: Array<string> = []
  let at = start
  for (;;) {
    if (text.charCodeAt(at) === quote) {
      let value = ""
      let from = at + 1
      for (;;) {
        const close = text.indexOf('"', from)
        if (close < 0 || close - start > limit) {
          if (atEnd) return malformed("has a quote that is not closed")
          return text.length - start > limit
            ? malformed(`has a quote that is not closed within ${limit} characters`)
            : undefined
        }
        if (close + 1 >= text.length && !atEnd) return undefined
        value += text.slice(from, close)
        if (text.charCodeAt(close + 1) !== quote) {
          at = close + 1
          break
        }
        value += '"'
        from = close + 2
      }
      fields.push(value)
    } else {
      const from = at
      let code = text.charCodeAt(at)
      while (at < text.length && code !== comma && code !== lineFeed) {
        if (code === quote) return malformed("has a quote inside a plain field")
        if (at - start > limit) return malformed(`is longer than ${limit} characters`)
        at++
        code = text.charCodeAt(at)
      }
      if (at >= text.length && !atEnd) return undefined
      const end = at > from && code !== comma && text.charCodeAt(at - 1) === carriageReturn ? at - 1 : at
      fields.push(text.slice(from, end))
    }
    if (at >= text.length) return { fields, next: at, fault: undefined }
    const code = text.charCodeAt(at)
    if (code === comma) {
      at++
      if (at >= text.length) {
        if (!atEnd) return undefined
        fields.push("")
        return { fields, next: at, fault: undefined }
      }
      continue
    }
    if (code === lineFeed) return { fields, next: at + 1, fault: undefined }
    if (code === carriageReturn) {
      if (at + 1 >= text.length) {
        return atEnd ? { fields, next: at + 1, fault: undefined } : undefined
      }
      if (text.charCodeAt(at + 1) === lineFeed) return { fields, next: at + 2, fault: undefined }
    }
    return malformed("has text after a closing quote")
  }
}
