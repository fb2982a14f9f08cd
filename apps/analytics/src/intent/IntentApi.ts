import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import * as Schema from "effect/Schema"
import { Failed, Refused } from "../Problems.ts"
import { LayersReport } from "./LayersReport.ts"
import { OpenReport } from "./OpenReport.ts"
import { Role, StoredModel } from "./TrainReport.ts"

/** The longest model that an app takes, in characters of Base64: an LSTM of some 200 units. */
export const blobMax = 1_048_576

/** Shoppers' intent: open sessions with their probabilities, what they are made of, and the models. */
export const group = HttpApiGroup.make("intent").add(
  HttpApiEndpoint.get("open", "/intent/open", { success: OpenReport }),
  HttpApiEndpoint.get("layers", "/intent/layers", { success: LayersReport }),
  HttpApiEndpoint.post("model", "/intent/models", {
    payload: Schema.Struct({
      role: Role,
      /** What `ModelBlob.encode` made. */
      blob: Schema.Uint8ArrayFromBase64.check(Schema.isMaxLength(blobMax))
    }),
    success: StoredModel,
    error: [Refused, Failed]
  })
)
