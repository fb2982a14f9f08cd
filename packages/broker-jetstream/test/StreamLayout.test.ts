import { assert, describe, it } from "@effect/vitest"
import type { StreamConfig } from "@nats-io/jetstream"
import type { TopicSettings } from "@troupe/broker/backend"
import { differences, placeOf, streamConfig, topicOf } from "../src/StreamLayout.ts"

const settings: TopicSettings = {
  name: "orders",
  maxAgeMillis: undefined,
  maxBytes: undefined,
  maxRecords: undefined,
  maxRecordsPerSubject: undefined,
  maxRecordBytes: undefined,
  discard: "old",
  dedupeWindowMillis: 120_000
}
const place = placeOf("app", "orders")

/** The configuration as a server answers it: with its own fields beside. */
const answered = (
  config: ReturnType<typeof streamConfig>,
  change: Partial<StreamConfig> = {}
): StreamConfig =>
  ({
    ...config,
    compression: "none",
    max_consumers: -1,
    metadata: { ...config.metadata, "_nats.ver": "2.15.1" },
    ...change
  }) as StreamConfig

describe("StreamLayout", () => {
  it("one stream a topic, and back", () => {
    assert.deepStrictEqual(place, {
      topic: "orders",
      stream: "app=orders",
      noticeStream: "app=orders=exhausted",
      subjectPrefix: "app.orders."
    })
    assert.strictEqual(topicOf("app", "app=orders"), "orders")
    for (const foreign of ["app", "app=", "app2=orders", "app=orders=exhausted", "KV_app"]) {
      assert.isUndefined(topicOf("app", foreign), foreign)
    }
  })

  it("no two pairs of prefix and topic share a stream", () => {
    const names = ["a", "b", "a_b", "a-b", "b_a"]
    const streams = names.flatMap((prefix) => names.map((topic) => placeOf(prefix, topic).stream))
    assert.strictEqual(new Set(streams).size, streams.length)
  })

  it("the same settings differ in nothing, whatever the server adds", () => {
    const config = streamConfig(place, settings, 1)
    assert.deepStrictEqual(differences(config, answered(config)), [])
  })

  it("other settings are named as the port names them", () => {
    const had = answered(streamConfig(place, { ...settings, maxRecords: 5, discard: "reject" }, 3))
    const asked = streamConfig(place, settings, 1)
    assert.deepStrictEqual([...differences(asked, had)].sort(), ["discard", "maxRecords", "replicas"])
  })

  it("a field that the server dropped or somebody changed is named as NATS names it", () => {
    const config = streamConfig(place, settings, 1)
    assert.deepStrictEqual(differences(config, answered(config, { allow_direct: false })), ["allow_direct"])
    const { allow_atomic: _, ...without } = answered(config)
    assert.deepStrictEqual(differences(config, without as StreamConfig), ["allow_atomic"])
    assert.deepStrictEqual(differences(config, answered(config, { metadata: {} })), ["metadata"])
  })

  it("ids are not remembered longer than records are kept", () => {
    const config = streamConfig(place, { ...settings, maxAgeMillis: 1_000 }, 1)
    assert.strictEqual(config.duplicate_window, config.max_age)
  })
})
