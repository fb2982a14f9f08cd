/**
 * The three products that an LSTM's time goes into, over 32-bit arrays. Not exported from the package.
 *
 * Sums are kept in 64-bit locals, four rows by two columns at a time, so that each number loaded is used often. A sum runs
 * over its terms in order whatever else is computed beside it: batch and single step give the same bits.
 */

/**
 * `out[b][r] += Σ_k matrix[r][k] · input[b][k]` for so many rows b. `rows` must be a multiple of 4. `outAt` and `inputAt`
 * are where the first row of each begins.
 */
export const addProducts = (
  out: Float32Array,
  outAt: number,
  matrix: Float32Array,
  input: Float32Array,
  inputAt: number,
  rows: number,
  width: number,
  count: number
): void => {
  let b = 0
  for (; b + 1 < count; b += 2) {
    const x0 = inputAt + b * width
    const x1 = x0 + width
    const o0 = outAt + b * rows
    const o1 = o0 + rows
    for (let r = 0; r < rows; r += 4) {
      const m0 = r * width
      const m1 = m0 + width
      const m2 = m1 + width
      const m3 = m2 + width
      let a00 = 0
      let a01 = 0
      let a10 = 0
      let a11 = 0
      let a20 = 0
      let a21 = 0
      let a30 = 0
      let a31 = 0
      for (let k = 0; k < width; k++) {
        const x = input[x0 + k] as number
        const y = input[x1 + k] as number
        let w = matrix[m0 + k] as number
        a00 += w * x
        a01 += w * y
        w = matrix[m1 + k] as number
        a10 += w * x
        a11 += w * y
        w = matrix[m2 + k] as number
        a20 += w * x
        a21 += w * y
        w = matrix[m3 + k] as number
        a30 += w * x
        a31 += w * y
      }
      out[o0 + r] = (out[o0 + r] as number) + a00
      out[o0 + r + 1] = (out[o0 + r + 1] as number) + a10
      out[o0 + r + 2] = (out[o0 + r + 2] as number) + a20
      out[o0 + r + 3] = (out[o0 + r + 3] as number) + a30
      out[o1 + r] = (out[o1 + r] as number) + a01
      out[o1 + r + 1] = (out[o1 + r + 1] as number) + a11
      out[o1 + r + 2] = (out[o1 + r + 2] as number) + a21
      out[o1 + r + 3] = (out[o1 + r + 3] as number) + a31
    }
  }
  if (b < count) addProduct(out, outAt + b * rows, matrix, input, inputAt + b * width, rows, width)
}

/** `addProducts` for one row: the step of a single open session. */
export const addProduct = (
  out: Float32Array,
  outAt: number,
  matrix: Float32Array,
  input: Float32Array,
  inputAt: number,
  rows: number,
  width: number
): void => {
  for (let r = 0; r < rows; r += 4) {
    const m0 = r * width
    const m1 = m0 + width
    const m2 = m1 + width
    const m3 = m2 + width
    let a0 = 0
    let a1 = 0
    let a2 = 0
    let a3 = 0
    for (let k = 0; k < width; k++) {
      const x = input[inputAt + k] as number
      a0 += (matrix[m0 + k] as number) * x
      a1 += (matrix[m1 + k] as number) * x
      a2 += (matrix[m2 + k] as number) * x
      a3 += (matrix[m3 + k] as number) * x
    }
    const o = outAt + r
    out[o] = (out[o] as number) + a0
    out[o + 1] = (out[o + 1] as number) + a1
    out[o + 2] = (out[o + 2] as number) + a2
    out[o + 3] = (out[o + 3] as number) + a3
  }
}

/**
 * `into[r][k] += Σ_b left[b][r] · right[b][k]` for so many b: the gradient of a matrix. `rows` must be a multiple of 4,
 * `width` of 2.
 */
export const addOuter = (
  into: Float32Array,
  left: Float32Array,
  leftAt: number,
  right: Float32Array,
  rightAt: number,
  rows: number,
  width: number,
  count: number
): void => {
  for (let r = 0; r < rows; r += 4) {
    for (let k = 0; k < width; k += 2) {
      let a00 = 0
      let a01 = 0
      let a10 = 0
      let a11 = 0
      let a20 = 0
      let a21 = 0
      let a30 = 0
      let a31 = 0
      let l = leftAt + r
      let x = rightAt + k
      for (let b = 0; b < count; b++, l += rows, x += width) {
        const u = right[x] as number
        const v = right[x + 1] as number
        let w = left[l] as number
        a00 += w * u
        a01 += w * v
        w = left[l + 1] as number
        a10 += w * u
        a11 += w * v
        w = left[l + 2] as number
        a20 += w * u
        a21 += w * v
        w = left[l + 3] as number
        a30 += w * u
        a31 += w * v
      }
      let o = r * width + k
      into[o] = (into[o] as number) + a00
      into[o + 1] = (into[o + 1] as number) + a01
      o += width
      into[o] = (into[o] as number) + a10
      into[o + 1] = (into[o + 1] as number) + a11
      o += width
      into[o] = (into[o] as number) + a20
      into[o + 1] = (into[o + 1] as number) + a21
      o += width
      into[o] = (into[o] as number) + a30
      into[o + 1] = (into[o + 1] as number) + a31
    }
  }
}

/** Writes the transpose of a `rows` × `width` matrix. */
export const transpose = (from: Float32Array, into: Float32Array, rows: number, width: number): void => {
  for (let r = 0; r < rows; r++) {
    for (let k = 0; k < width; k++) into[k * rows + r] = from[r * width + k] as number
  }
}
