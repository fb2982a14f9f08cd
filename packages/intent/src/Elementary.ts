/**
 * exp, log and friends from `+ − × ÷` alone: the same bits on every machine and engine.
 *
 * ECMAScript leaves the last bits of `Math.exp` and `Math.log` to the engine; a probability made with them may differ
 * between two versions of it. Source of `exp` and `log`: fdlibm (Sun Microsystems, 1993); both are within 1 ulp.
 */

const ln2High = 0.6931471803691238
const ln2Low = 1.9082149292705877e-10
const log2e = Math.LOG2E

const lowestPower = -1074
/** 2^k at k − lowestPower. */
const powers = new Float64Array(1023 - lowestPower + 1)
for (let k = lowestPower, power = Number.MIN_VALUE; k <= 1023; k++, power *= 2)
  powers[k - lowestPower] = power

/** e^x. */
export const exp = (x: number): number => {
  if (!(x < 709.782712893384)) return Number.isNaN(x) ? x : Number.POSITIVE_INFINITY
  if (x < -745.1332191019411) return 0
  const k = Math.floor(x * log2e + 0.5)
  const high = x - k * ln2High
  const low = k * ln2Low
  const r = high - low
  const t = r * r
  const c =
    r -
    t *
      (0.16666666666666602 +
        t *
          (-0.0027777777777015593 +
            t * (6.613756321437934e-5 + t * (-1.6533902205465252e-6 + t * 4.1381367970572385e-8))))
  const y = 1 - (low - (r * c) / (2 - c) - high)
  // 2^1024 is no number, and below the normal ones a single step would round twice.
  if (k > 1023) return y * 2 * (powers[1023 - lowestPower] as number)
  return k < -1021
    ? y * (powers[k + 1000 - lowestPower] as number) * (powers[-1000 - lowestPower] as number)
    : y * (powers[k - lowestPower] as number)
}

const double = new Float64Array(1)
const words = new Uint32Array(double.buffer)
const highWord = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? 1 : 0

/** The natural logarithm of x. */
export const log = (x: number): number => {
  if (!(x > 0)) return x === 0 ? Number.NEGATIVE_INFINITY : Number.NaN
  if (x === Number.POSITIVE_INFINITY) return x
  let k = 0
  double[0] = x
  if ((words[highWord] as number) < 0x0010_0000) {
    k = -54
    double[0] = x * 18_014_398_509_481_984
  }
  const high = words[highWord] as number
  const shift = ((high & 0x000f_ffff) + 0x9_5f64) & 0x10_0000
  words[highWord] = (high & 0x000f_ffff) | (shift ^ 0x3ff0_0000)
  k += (high >>> 20) - 1023 + (shift >>> 20)
  const f = (double[0] as number) - 1
  const s = f / (2 + f)
  const z = s * s
  const w = z * z
  const odd =
    z * (0.6666666666666735 + w * (0.2857142874366239 + w * (0.1818357216161805 + w * 0.14798198605116586)))
  const even = w * (0.3999999999940942 + w * (0.22222198432149784 + w * 0.15313837699209373))
  const half = 0.5 * f * f
  return k * ln2High - (half - (s * (half + odd + even) + k * ln2Low) - f)
}

/** 1 / (1 + e^−x): the probability of log-odds x. */
export const sigmoid = (x: number): number => {
  if (x >= 0) return 1 / (1 + exp(-x))
  const e = exp(x)
  return e / (1 + e)
}

/** log(1 + e^x) without overflow: the log loss of a margin. */
export const softplus = (x: number): number => (x > 0 ? x + log1pSmall(exp(-x)) : log1pSmall(exp(x)))

/** log(1 + y) for 0 ≤ y ≤ 1, exact where 1 + y rounds to 1. */
const log1pSmall = (y: number): number => {
  const u = 1 + y
  return u === 1 ? y : (log(u) * y) / (u - 1)
}

/** e^−x for 0 ≤ x, within 1e-8 of it relatively: for gates that are stored as 32-bit floats. */
const expMinus = (x: number): number => {
  if (x > 87) return 0
  const k = Math.floor(x * log2e + 0.5)
  const r = k * ln2High - x
  const y =
    1 +
    r *
      (1 +
        r *
          (0.5 +
            r *
              (0.16666666666666666 +
                r *
                  (0.041666666666666664 +
                    r * (0.008333333333333333 + r * (0.001388888888888889 + r * 0.0001984126984126984))))))
  return y * (powers[-k - lowestPower] as number)
}

/** The logistic function to 32-bit accuracy. */
export const gateSigmoid = (x: number): number => {
  const e = expMinus(x < 0 ? -x : x)
  return (x < 0 ? e : 1) / (1 + e)
}

/** The hyperbolic tangent to 32-bit accuracy (absolutely: 1e-8). */
export const gateTanh = (x: number): number => {
  const e = expMinus(x < 0 ? -2 * x : 2 * x)
  const t = (1 - e) / (1 + e)
  return x < 0 ? -t : t
}
