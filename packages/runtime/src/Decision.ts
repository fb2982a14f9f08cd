/** What a command leads to: events to store, and the answer made of the state after them. */
export interface Decision<out Event, in State, out Answer> {
  readonly _tag: "Decision"
  readonly events: ReadonlyArray<Event>
  readonly reply: (next: State) => Answer
}

/** Stores one event, and answers with `reply` of the state after it; without `reply` the answer is `void`. */
export const persist: {
  <Event extends { readonly _tag: string }>(event: Event): Decision<Event, unknown, void>
  <Event extends { readonly _tag: string }, State, Answer>(
    event: Event,
    reply: (next: State) => Answer
  ): Decision<Event, State, Answer>
} = <Event, State>(
  event: Event,
  reply: (next: State) => unknown = () => undefined
): Decision<Event, State, never> => ({ _tag: "Decision", events: [event], reply: reply as never })

/** Stores several events as one commit, all or none; the answer is made of the state after the last. */
export const persistAll: {
  <Event extends { readonly _tag: string }>(events: ReadonlyArray<Event>): Decision<Event, unknown, void>
  <Event extends { readonly _tag: string }, State, Answer>(
    events: ReadonlyArray<Event>,
    reply: (next: State) => Answer
  ): Decision<Event, State, Answer>
} = <Event, State>(
  events: ReadonlyArray<Event>,
  reply: (next: State) => unknown = () => undefined
): Decision<Event, State, never> => ({ _tag: "Decision", events, reply: reply as never })

/** Stores nothing and answers with `answer`. */
export const reply = <Answer>(answer: Answer): Decision<never, unknown, Answer> => ({
  _tag: "Decision",
  events: [],
  reply: () => answer
})

/** Stores nothing; the answer is `void`. */
export const noop: Decision<never, unknown, void> = reply(undefined)
