/** What a unit measures, as far as the page needs it to say why a wire does not fit.
 *
 *  The worker has the final say; a unit that is unknown here is never called wrong. As in the worker,
 *  what only looks alike is kept apart: volts rms and peak to peak, gauge pressure, standard flow.
 */

import { unitSymbol } from "./format";

/** Exponents by what is measured; a kind of its own, such as "rms", stands beside the SI's. */
type Powers = Readonly<Record<string, number>>;

const SI = ["m", "kg", "s", "A", "K"] as const;
const si = (...powers: number[]): Powers =>
  Object.fromEntries(SI.map((base, i) => [base, powers[i] ?? 0] as const).filter(([, power]) => power !== 0));
const own = (kind: string, s = 0): Powers => ({ [kind]: 1, ...(s === 0 ? {} : { s }) });

const PRESSURE = si(-1, 1, -2);
const ENERGY = si(2, 1, -2);
const POWER = si(2, 1, -3);
const VOLTAGE = si(2, 1, -3, -1);
const FLUX_DENSITY = si(0, 1, -2, -1);
const FIELD = si(-1, 0, 0, 1);
const TEMPERATURE = si(0, 0, 0, 0, 1);
const FREQUENCY = si(0, 0, -1);

const UNITS: Record<string, Powers> = {
  "": {}, "%": {}, ppm: {}, ppb: {},
  "°": own("angle"), rad: own("angle"), deg: own("angle"), turn: own("angle"), rev: own("angle"),
  rpm: own("angle", -1), rps: own("angle", -1), count: own("count"), cps: own("count", -1),
  m: si(1), g: si(0, 1), s: si(0, 0, 1), min: si(0, 0, 1), h: si(0, 0, 1), A: si(0, 0, 0, 1),
  K: TEMPERATURE, "°C": TEMPERATURE, "°F": TEMPERATURE, ΔK: TEMPERATURE, "Δ°C": TEMPERATURE, "Δ°F": TEMPERATURE,
  Hz: FREQUENCY, N: si(1, 1, -2), J: ENERGY, eV: ENERGY, W: POWER, C: si(0, 0, 1, 1), Ah: si(0, 0, 1, 1),
  V: VOLTAGE, Ω: si(2, 1, -3, -2), S: si(-2, -1, 3, 2), F: si(-2, -1, 4, 2), H: si(2, 1, -2, -2), l: si(3),
  T: FLUX_DENSITY, G: FLUX_DENSITY, Oe: FIELD,
  Pa: PRESSURE, bar: PRESSURE, bara: PRESSURE, Torr: PRESSURE, torr: PRESSURE, psi: PRESSURE, psia: PRESSURE,
  Pag: own("gauge"), barg: own("gauge"), psig: own("gauge"),
  Vrms: own("rms"), Vpk: own("peak"), Vpp: own("peak to peak"),
  Arms: own("current rms"), Apk: own("current peak"), App: own("current peak to peak"),
  VA: own("apparent power"), var: own("reactive power"),
  sccm: own("standard flow"), SCCM: own("standard flow"), sccs: own("standard flow"),
  slm: own("standard flow"), SLM: own("standard flow"), slpm: own("standard flow"), SLPM: own("standard flow"),
  "%RH": own("humidity"), dB: own("level"), Np: own("level"), Bq: own("decays"), Sv: own("dose"), Gy: si(2, 0, -2),
};
const LEVEL = /^dB(m|mW|W|[µuμ]W|V|mV|[µuμ]V|mA|[µuμ]A)(?=\/|$)/;
const PREFIX = /^[fpnuµμmckMGT](?=.)/;
const NAMES: Record<string, string> = {
  V: "volts", A: "amperes", s: "seconds", min: "minutes", h: "hours", Hz: "hertz", Ω: "ohms", W: "watts",
  K: "kelvins", "°C": "degrees Celsius", m: "metres", g: "grams", N: "newtons", Pa: "pascals", J: "joules",
  C: "coulombs", F: "farads", H: "henries", T: "teslas", S: "siemens", "%": "per cent", bar: "bars",
  G: "gauss", Oe: "oersteds", Vrms: "volts rms", Vpp: "volts peak to peak", dB: "decibels",
  "Δ°C": "differences of degrees Celsius", ΔK: "differences of kelvins",
};

/** Kinds of their own: what they are easily taken for, and why they are not converted into it. */
const WAVEFORM = "what one is in the other depends on the waveform";
const PHASE = "what one is in the other depends on the phase";
const LIKENESS: Record<string, readonly [Powers, string]> = {
  rms: [VOLTAGE, WAVEFORM], peak: [VOLTAGE, WAVEFORM], "peak to peak": [VOLTAGE, WAVEFORM],
  "current rms": [si(0, 0, 0, 1), WAVEFORM], "current peak": [si(0, 0, 0, 1), WAVEFORM],
  "current peak to peak": [si(0, 0, 0, 1), WAVEFORM],
  "apparent power": [POWER, PHASE], "reactive power": [POWER, PHASE],
  gauge: [PRESSURE, "gauge pressure counts from the pressure around"],
  "standard flow": [si(3, 0, -1), "standard flow counts gas at standard conditions"],
  humidity: [{}, "relative humidity is a share of what the air can hold"],
  level: [{}, "decibels may compare powers or amplitudes"],
  decays: [FREQUENCY, "not every decay is counted"],
  dose: [si(2, 0, -2), "what one is in the other depends on the radiation"],
};

/** As it is looked up: "bar(g)" is "barg", "% r.H." is "%RH". */
function spelled(unit: string): string {
  return unit.trim().replaceAll("**", "^").replaceAll("·", "*").replaceAll(" ", "")
    .replace(/%r\.?h\.?/i, "%RH").replace(/\((g|gauge)\)/, "g").replace(/\((a|abs|absolute)\)/, "");
}

function one(symbol: string): Powers | null {
  if (UNITS[symbol]) return UNITS[symbol];
  const bare = unitSymbol(symbol);
  return UNITS[bare] ?? UNITS[unitSymbol(bare.replace(PREFIX, ""))] ?? null;
}

/** Dimension of a unit such as "mV", "V/s", "m*s**-2" or "dBm/Hz"; null where a part of it is unknown. */
export function dimension(unit: string): Powers | null {
  const text = spelled(unit).replace(LEVEL, (_, reference: string) => {
    const symbol = reference === "m" ? "mW" : reference;
    return /[VA]$/.test(symbol) ? `${symbol}rms` : symbol;
  });
  const total: Record<string, number> = {};
  for (const [, operator, symbol = "", power = "1"] of text.matchAll(/([*/]?)([^*/^]+)(?:\^(-?\d+))?/g)) {
    const powers = one(symbol === "1" ? "" : symbol);
    if (!powers) return null;
    const sign = (operator === "/" ? -1 : 1) * Number(power);
    for (const [base, p] of Object.entries(powers)) total[base] = (total[base] ?? 0) + sign * p;
  }
  return Object.fromEntries(Object.entries(total).filter(([, power]) => power !== 0));
}

/** Whether one unit can be converted into the other; null where a part is unknown here. */
export function sameDimension(a: string, b: string): boolean | null {
  const [da, db] = [dimension(a), dimension(b)];
  if (!da || !db) return null;
  if (!equal(da, db)) return areFrequencies(da, db);
  return !equal(da, TEMPERATURE) || isDifference(a) === isDifference(b);
}

/** Why two units that are easily taken for each other are not converted, or "". */
export function whyNot(a: string, b: string): string {
  const [da, db] = [dimension(a), dimension(b)];
  if (!da || !db) return "";
  if (equal(da, db)) return "a difference of temperatures is no temperature";
  if (LEVEL.test(spelled(a)) || LEVEL.test(spelled(b))) return "a level has a reference of its own";
  if ([da, db].every((each) => equal(each, FIELD) || equal(each, FLUX_DENSITY))) {
    return "flux density follows from the field only where the material is known";
  }
  const [[likeA, whyA], [likeB, whyB]] = [likeness(da), likeness(db)];
  return equal(likeA, likeB) ? whyA || whyB : "";
}

function likeness(powers: Powers): readonly [Powers, string] {
  const [kind, ...others] = Object.entries(powers);
  return (kind?.[1] === 1 && others.length === 0 && LIKENESS[kind[0]]) || [powers, ""];
}

/** 60 rpm are 1 Hz: turns, radians and counts a second are frequencies, though not each other's. */
function areFrequencies(a: Powers, b: Powers): boolean {
  const rates = [FREQUENCY, own("angle", -1), own("count", -1)];
  const known = [a, b].every((each) => rates.some((rate) => equal(rate, each)));
  return known && (equal(a, FREQUENCY) || equal(b, FREQUENCY));
}

function isDifference(unit: string): boolean {
  return /^(Δ|delta_|[fpnuµμmkMGT]Δ)/.test(spelled(unit));
}

function equal(a: Powers, b: Powers): boolean {
  const bases = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...bases].every((base) => (a[base] ?? 0) === (b[base] ?? 0));
}

/** A unit in words for a sentence: "seconds", else the symbol. */
export function unitWords(unit: string): string {
  if (unit === "") return "plain numbers";
  const symbol = unitSymbol(unit);
  return NAMES[symbol] ?? NAMES[unitSymbol(symbol.replace(PREFIX, ""))] ?? symbol;
}
