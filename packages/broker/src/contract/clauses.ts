/** One sentence of the port's contract, and the tests that hold a backend to it. */
export type Clause =
  | { readonly clause: string; readonly tests: ReadonlyArray<string> }
  | { readonly clause: string; readonly notYet: string }

const covered = (clause: string, ...tests: ReadonlyArray<string>): Clause => ({ clause, tests })

/** Every clause of the contract: what tests it, or why nothing does yet. Printed by each run of the suite. */
export const clauses: ReadonlyArray<Clause> = [
  covered(
    "Sequences are 1, 2, 3 … per topic, never reused, gaps allowed",
    "append-1",
    "append-5",
    "restart-1"
  ),
  covered(
    "A record holds sequence, subject, time, headers, data and id as appended",
    "append-1",
    "append-2",
    "subscription-1"
  ),
  covered(
    "Subjects and filters: tokens, `*`, a final `>`; others are rejected",
    "append-3",
    "append-all-8",
    "read-4",
    "read-5",
    "subscription-2"
  ),
  covered(
    "Ids are encoded as tokens; a key's partition is FNV-1a 32 modulo N, as in the NATS server",
    "subject-1",
    "kv-7"
  ),
  covered(
    "Topics: names, the same specification is a no-op, another one an error",
    "topic-1",
    "topic-2",
    "topic-3",
    "topic-4",
    "topic-5"
  ),
  covered(
    "An append is answered after the durability point and survives the end of the backend",
    "restart-1"
  ),
  covered(
    "An append survives what its durability class names: `restart` ends the backend as hard as that",
    "durable-1"
  ),
  covered(
    "`expectLast` is the last sequence of that subject, 0 = none; one writer wins",
    "expect-1",
    "expect-2",
    "expect-3",
    "expect-4",
    "restart-3"
  ),
  covered(
    "`expectLastOn` fences on another concrete subject; no wildcards, not both",
    "fence-1",
    "fence-2",
    "append-all-9",
    "restart-3"
  ),
  covered(
    "A failure is one tagged error with a reason and a remedy; `Conflict` says what is there",
    "expect-1",
    "expect-2",
    "fence-1",
    "append-all-4"
  ),
  covered(
    "`Rejected` names the limit, size, subject or argument",
    "append-3",
    "limits-3",
    "limits-5",
    "limits-9",
    "limits-10",
    "limits-11",
    "subscription-12"
  ),
  covered(
    "`Busy`, `Unavailable`, `Unknown` and their retries",
    "fault-1",
    "fault-2",
    "fault-3",
    "fault-4",
    "fault-5"
  ),
  covered(
    "A repeated id changes nothing and answers the first sequence",
    "dedupe-1",
    "dedupe-3",
    "dedupe-4",
    "dedupe-6"
  ),
  covered("The de-duplication window counts from the first append", "dedupe-5"),
  covered("De-duplication survives a restart for stored records", "restart-2"),
  covered("De-duplication comes before the expectation", "dedupe-2"),
  covered(
    "`appendAll`: all or nothing, consecutive, at most 1 000",
    "append-all-1",
    "append-all-2",
    "append-all-3",
    "append-all-4",
    "append-all-9"
  ),
  covered(
    "`appendAll`: a check on a subject written earlier in the call, or a duplicate id, rejects it",
    "append-all-5",
    "append-all-6",
    "append-all-7"
  ),
  covered("Many appends may be in flight; accepted in call order", "append-4"),
  covered(
    "`read`: position, filters, to, limit; ends at the end; chunks",
    "read-1",
    "read-2",
    "read-3",
    "read-4",
    "read-6",
    "read-7",
    "read-8",
    "read-9"
  ),
  covered("`follow` never ends: no gap, no repeat", "follow-1", "follow-2", "follow-3"),
  covered("`follow` across reconnects", "follow-4"),
  covered("`last`, `lastPerSubject`, `info`", "last-1", "last-2", "last-3", "info-1", "info-2"),
  covered(
    "`fresh` comes from the leader: it sees what was acknowledged; `any` answers too",
    "fresh-1",
    "read-8"
  ),
  covered("`purge` by filter, below, keep", "purge-1", "purge-2"),
  covered("`delete` of one record", "delete-1"),
  covered("A roll-up drops the older records of its subject atomically", "rollup-1", "rollup-2"),
  covered("`maxAge` and `ttl`: late by at most 2 s, never early", "limits-1", "limits-2", "limits-3"),
  covered(
    "`maxRecords`, `maxRecordsPerSubject`, `maxBytes`, `maxRecordBytes`, `discard`",
    "limits-4",
    "limits-5",
    "limits-6",
    "limits-7",
    "limits-8",
    "limits-9",
    "limits-10",
    "limits-11"
  ),
  covered(
    "Opening a subscription again is a no-op, with another specification an error; `update`; `reset`",
    "subscription-4",
    "subscription-5",
    "subscription-7",
    "subscription-13",
    "restart-5",
    "restart-10"
  ),
  covered("Where a subscription begins", "subscription-3"),
  covered(
    "Filters of a subscription; subscriptions are independent; deleting one",
    "subscription-2",
    "subscription-8",
    "subscription-9",
    "subscription-11"
  ),
  covered(
    "At least once; first deliveries in sequence order",
    "subscription-1",
    "delivery-1",
    "delivery-6",
    "reader-6"
  ),
  covered("Redeliveries come before new records", "delivery-5"),
  covered(
    "`maxAckPending`: 1 is strict order across retries; it bounds all readers",
    "delivery-11",
    "reader-4",
    "subscription-5"
  ),
  covered("`retry` takes a delay and keeps it", "delivery-4"),
  covered(
    "Acks are idempotent; `ackConfirmed` waits; `reject` settles",
    "delivery-2",
    "delivery-3",
    "delivery-12"
  ),
  covered("Acks are not fenced: a late ack settles the second delivery", "delivery-8"),
  covered("`ackWait` redelivers; `working` starts it anew", "delivery-6", "delivery-7"),
  covered("In flight = prefetched; default prefetch 1", "reader-2", "reader-3", "reader-7"),
  covered("Several readers share a subscription", "reader-1"),
  covered(
    "`maxDeliver`: skipped, reported, stays in the topic",
    "delivery-9",
    "delivery-10",
    "delivery-13",
    "subscription-14"
  ),
  covered(
    "`advisories` tell live, at most once, what is used up or rejected, to everybody who listens",
    "adv-1",
    "adv-2",
    "adv-3",
    "adv-4",
    "adv-5",
    "adv-7",
    "adv-8",
    "adv-10",
    "restart-12"
  ),
  covered("`advisories`: what a listener missed is said", "adv-6", "adv-9"),
  covered("`paused`", "subscription-6"),
  covered("`info`: pending, ackPending, redelivered, ackFloor", "subscription-10", "info-1"),
  covered(
    "Closing hands out or gives back what is buffered at once; interruption loses none",
    "reader-5",
    "reader-6"
  ),
  covered("A subscription survives a restart, with its attempts", "restart-4", "restart-5", "restart-7"),
  covered(
    "KeyValue: get, put, create, update, delete, purge, keys, history",
    "kv-1",
    "kv-2",
    "kv-3",
    "kv-4",
    "kv-5",
    "kv-6",
    "kv-7",
    "restart-6"
  ),
  covered(
    "KeyValue: a watch is the latest state and marks where it is current",
    "kv-8",
    "kv-9",
    "kv-10",
    "kv-11"
  ),
  covered(
    "KeyValue: ttl a key; a lease is renewed by compare-and-set with a ttl",
    "kv-12",
    "kv-13",
    "kv-14",
    "restart-11"
  ),
  covered(
    "`working` is sent automatically at ackWait/3; default prefetch = concurrency",
    "consumer-1",
    "consumer-2",
    "consumer-3",
    "consumer-4"
  ),
  covered(
    "Ownership: a claim record in the topic whose sequence is the epoch; scope-bound",
    "own-1",
    "own-4",
    "own-10",
    "restart-9"
  ),
  covered(
    "Ownership: after a new claim every append of the old owner is rejected",
    "own-2",
    "own-3",
    "restart-9"
  ),
  covered(
    "Ownership: a lease of at least 15 s, renewed by compare-and-set, lost at the first conflict",
    "own-5",
    "own-6",
    "own-9"
  ),
  covered("Ownership: owned appends share a group a partition in flight", "own-7", "own-8"),
  covered("Partitioned consumption: order per key, parallel partitions, rebalance", "part-1", "part-2"),
  covered("Time: `appendAt` is never early, and late by at most 250 ms", "at-1", "at-2", "at-5"),
  covered(
    "Time: a waiting record is a record on a subject of its own; it is replaceable and cancellable",
    "at-1",
    "at-3",
    "at-4"
  ),
  covered(
    "Time: ids and expectations of `appendAt`; what is rejected; ttl and limits",
    "at-6",
    "at-7",
    "at-8",
    "at-9"
  ),
  covered("Time: `appendAt` survives a restart", "restart-8")
]

/** The clauses that nothing tests yet, one a line. */
export const uncovered = (): ReadonlyArray<string> =>
  clauses.flatMap((clause) => ("notYet" in clause ? [`${clause.clause} — ${clause.notYet}`] : []))
