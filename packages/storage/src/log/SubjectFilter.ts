import type { SubjectDictionary } from "./SubjectDictionary.ts"

/**
 * Which subjects a reader wants, as a bitmap over the subject numbers of each segment: the test is run once a subject,
 * and a row costs one look-up.
 */
export class SubjectFilter {
  private readonly wants: (subject: string) => boolean
  private readonly perSegment = new WeakMap<
    SubjectDictionary,
    { bits: Uint8Array; known: number; any: boolean }
  >()

  constructor(wants: (subject: string) => boolean) {
    this.wants = wants
  }

  /** 1 for each subject number of the segment that is wanted; index 0 (no subject) is never. */
  idsIn(dictionary: SubjectDictionary): Uint8Array {
    return this.entry(dictionary).bits
  }

  /** True when the segment has a subject that is wanted. */
  wantsAnyOf(dictionary: SubjectDictionary): boolean {
    return this.entry(dictionary).any
  }

  private entry(dictionary: SubjectDictionary): { bits: Uint8Array; known: number; any: boolean } {
    const size = dictionary.names.length
    let entry = this.perSegment.get(dictionary)
    if (entry === undefined) {
      entry = { bits: new Uint8Array(Math.max(16, size)), known: 1, any: false }
      this.perSegment.set(dictionary, entry)
    }
    if (entry.bits.length < size) {
      const wider = new Uint8Array(size * 2)
      wider.set(entry.bits)
      entry.bits = wider
    }
    for (; entry.known < size; entry.known++) {
      if (!this.wants(dictionary.names[entry.known] as string)) continue
      entry.bits[entry.known] = 1
      entry.any = true
    }
    return entry
  }
}
