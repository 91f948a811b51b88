/** What a unit measures, as far as the page needs it to say why a wire does not fit.
 *
 *  The worker has the final say; a unit that is unknown here is never called wrong.
 */

import { unitSymbol } from "./format";

/** Exponents of m, kg, s, A, K. */
type Powers = readonly [number, number, number, number, number];

const UNITS: Record<string, Powers> = {
  "": [0, 0, 0, 0, 0], "%": [0, 0, 0, 0, 0], "°": [0, 0, 0, 0, 0], rad: [0, 0, 0, 0, 0],
  m: [1, 0, 0, 0, 0], g: [0, 1, 0, 0, 0], s: [0, 0, 1, 0, 0], min: [0, 0, 1, 0, 0], h: [0, 0, 1, 0, 0],
  A: [0, 0, 0, 1, 0], K: [0, 0, 0, 0, 1], "°C": [0, 0, 0, 0, 1], "°F": [0, 0, 0, 0, 1],
  Hz: [0, 0, -1, 0, 0], N: [1, 1, -2, 0, 0], Pa: [-1, 1, -2, 0, 0], bar: [-1, 1, -2, 0, 0],
  J: [2, 1, -2, 0, 0], eV: [2, 1, -2, 0, 0], W: [2, 1, -3, 0, 0], C: [0, 0, 1, 1, 0],
  V: [2, 1, -3, -1, 0], Ω: [2, 1, -3, -2, 0], S: [-2, -1, 3, 2, 0], F: [-2, -1, 4, 2, 0],
  H: [2, 1, -2, -2, 0], T: [0, 1, -2, -1, 0], l: [3, 0, 0, 0, 0],
};
const PREFIX = /^[fpnuµμmckMGT](?=.)/;
const NAMES: Record<string, string> = {
  V: "volts", A: "amperes", s: "seconds", min: "minutes", h: "hours", Hz: "hertz", Ω: "ohms", W: "watts",
  K: "kelvins", "°C": "degrees Celsius", m: "metres", g: "grams", N: "newtons", Pa: "pascals", J: "joules",
  C: "coulombs", F: "farads", H: "henries", T: "teslas", S: "siemens", "%": "per cent", bar: "bars",
};

function one(symbol: string): Powers | null {
  const bare = unitSymbol(symbol);
  return UNITS[bare] ?? UNITS[unitSymbol(bare.replace(PREFIX, ""))] ?? null;
}

/** Dimension of a unit such as "mV", "V/s" or "m*s**-2"; null where a part of it is unknown. */
export function dimension(unit: string): Powers | null {
  const text = unit.trim().replaceAll("**", "^").replaceAll("·", "*").replaceAll(" ", "");
  const total = [0, 0, 0, 0, 0] as [number, number, number, number, number];
  for (const [, operator, symbol = "", power = "1"] of text.matchAll(/([*/]?)([^*/^]+)(?:\^(-?\d+))?/g)) {
    const powers = one(symbol === "1" ? "" : symbol);
    if (!powers) return null;
    const sign = (operator === "/" ? -1 : 1) * Number(power);
    powers.forEach((p, i) => (total[i as 0] += sign * p));
  }
  return total;
}

export function sameDimension(a: string, b: string): boolean | null {
  const [da, db] = [dimension(a), dimension(b)];
  if (!da || !db) return null;
  return da.every((power, i) => power === db[i]);
}

/** A unit in words for a sentence: "seconds", else the symbol. */
export function unitWords(unit: string): string {
  if (unit === "") return "plain numbers";
  const symbol = unitSymbol(unit);
  return NAMES[symbol] ?? NAMES[unitSymbol(symbol.replace(PREFIX, ""))] ?? symbol;
}
