export { type Collector, deadLetters, inspected } from "./Collector.ts"
export { ExpectationFailed } from "./ExpectationFailed.ts"
export { type Expected, type Probe, probe, type Replies } from "./Probe.ts"
export { settle } from "./Time.ts"
