/**
 * A binary heap: the smallest item first. What the simulator keeps its time with; for simulations beside it.
 */
export interface MinHeap<A> {
  readonly peek: () => A | undefined
  readonly push: (item: A) => void
  readonly pop: () => A | undefined
  /** Restores the order after the first item's place in it changed: cheaper than a pop and a push. */
  readonly settle: () => void
  readonly size: () => number
}

/** Makes an empty heap; `before(a, b)` says that `a` comes out first. */
export const make = <A>(before: (a: A, b: A) => boolean): MinHeap<A> => {
  const items: Array<A> = []

  const down = () => {
    const item = items[0] as A
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= items.length) break
      if (child + 1 < items.length && before(items[child + 1] as A, items[child] as A)) child++
      if (!before(items[child] as A, item)) break
      items[at] = items[child] as A
      at = child
    }
    items[at] = item
  }

  return {
    peek: () => items[0],
    push: (item) => {
      let at = items.length
      items.push(item)
      while (at > 0) {
        const parent = (at - 1) >> 1
        if (!before(item, items[parent] as A)) break
        items[at] = items[parent] as A
        at = parent
      }
      items[at] = item
    },
    pop: () => {
      const first = items[0]
      const last = items.pop()
      if (items.length > 0) {
        items[0] = last as A
        down()
      }
      return first
    },
    settle: () => {
      if (items.length > 1) down()
    },
    size: () => items.length
  }
}
