/**
 * Models as bytes: the same model gives the same bytes, and a decoded model the same probabilities, bit for bit.
 *
 * About 2 kB for logistic regression, 19 kB for an LSTM of 32 units.
 */
import * as Blob from "./Blob.ts"
import * as Boosting from "./Boosting.ts"
import * as LengthOnly from "./LengthOnly.ts"
import * as Logistic from "./Logistic.ts"
import * as Lstm from "./Lstm.ts"
import * as LstmGenerative from "./LstmGenerative.ts"
import * as Markov from "./Markov.ts"
import type { Model, ModelKind } from "./Model.ts"
import { ModelInvalid } from "./ModelInvalid.ts"
import * as Motifs from "./Motifs.ts"
import * as Prior from "./Prior.ts"

const readers: Readonly<Record<ModelKind, (parts: Blob.Parts) => Model>> = {
  prior: Prior.ofParts,
  length: LengthOnly.ofParts,
  markov: Markov.ofParts,
  logistic: Logistic.ofParts,
  motifs: Motifs.ofParts,
  boosting: Boosting.ofParts,
  lstm: Lstm.ofParts,
  "lstm-generative": LstmGenerative.ofParts
}

const isKind = (kind: string): kind is ModelKind => Object.hasOwn(readers, kind)

/** The format version that `encode` writes, and the newest that `decode` reads. */
export const formatVersion = Blob.formatVersion

/** A model as bytes. */
export const encode = (model: Model): Uint8Array => Blob.encode(model.parts)

/** The model in these bytes; throws `ModelInvalid` with a remedy for bytes that are foreign, newer, damaged or no model. */
export const decode = (bytes: Uint8Array): Model => {
  const parts = Blob.decode(bytes)
  if (isKind(parts.kind)) return readers[parts.kind](parts)
  throw new ModelInvalid({
    reason: "newer",
    detail: `it is of kind "${parts.kind}", which this code does not know`
  })
}

/** The checksum of a model as eight hexadecimal digits: a short name for a version. */
export const checksum = (model: Model): string => {
  const bytes = encode(model)
  return new DataView(bytes.buffer)
    .getUint32(bytes.length - 4, true)
    .toString(16)
    .padStart(8, "0")
}
