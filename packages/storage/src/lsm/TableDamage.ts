/** Thrown by the plain core for bytes of a table that are not what was written; callers see it as `LsmCorrupt`. */
export class TableDamage extends Error {
  override readonly name = "TableDamage"
  readonly file: string
  readonly from: number
  readonly to: number
  readonly expected: string
  readonly found: string

  constructor(file: string, from: number, to: number, expected: string, found: string) {
    super(`${file}: bytes ${from} to ${to}: expected ${expected}, found ${found}`)
    this.file = file
    this.from = from
    this.to = to
    this.expected = expected
    this.found = found
  }
}

/** Thrown for a table of a version that this code does not read; callers see it as `LsmUnsupported`. */
export class TableUnsupported extends Error {
  override readonly name = "TableUnsupported"
  readonly file: string
  readonly version: string

  constructor(file: string, version: string) {
    super(`${file}: format version ${version}`)
    this.file = file
    this.version = version
  }
}
