/** How numbers, quantities, ages and times are written and read.
 *
 *  A space before every unit, − for minus, SI prefixes where the unit takes them. What is typed is
 *  only interpreted to warn early; the worker reads the text itself.
 */

import type { RunView } from "./wire.gen";

export const DASH = "–";
const MINUS = "−";

/** Symbols that the laboratory writes for units that a program spells out. */
const SPELLED: Record<string, string> = {
  volt: "V", volts: "V", ampere: "A", amperes: "A", amp: "A", ohm: "Ω", ohms: "Ω", Ohm: "Ω",
  second: "s", seconds: "s", minute: "min", hour: "h", hertz: "Hz", watt: "W", kelvin: "K",
  degC: "°C", degree_Celsius: "°C", celsius: "°C", delta_degC: "Δ°C", delta_degree_Celsius: "Δ°C", delta_kelvin: "ΔK", degF: "°F", percent: "%",
  meter: "m", metre: "m", gram: "g", farad: "F", henry: "H", tesla: "T", pascal: "Pa",
  newton: "N", joule: "J", coulomb: "C", siemens: "S", degree: "°", dimensionless: "", "1": "",
};
const PREFIXABLE = new Set(["V", "A", "Ω", "s", "Hz", "W", "F", "H", "T", "Pa", "N", "J", "C", "S", "m", "g", "K", "bar", "eV", "l", "Vrms", "Vpp", "Vpk"]);
const PREFIXES: Array<[string, number]> = [
  ["f", -15], ["p", -12], ["n", -9], ["µ", -6], ["m", -3], ["", 0], ["k", 3], ["M", 6], ["G", 9], ["T", 12],
];
const EXPONENTS: Record<string, number> = { ...Object.fromEntries(PREFIXES), u: -6, "μ": -6 };

export interface Shown {
  text: string;
  unit: string;
}

/** A unit as its symbol: "ohm" is "Ω", "us" is "µs". */
export function unitSymbol(unit: string): string {
  const known = SPELLED[unit];
  if (known !== undefined) return known;
  const split = splitUnit(unit);
  return split ? prefixOf(split.exponent) + split.base : unit.replaceAll("**", "^").replaceAll(" * ", "·").replaceAll(" / ", "/");
}

/** Base symbol and power of ten of a unit that takes SI prefixes; null where it takes none. */
export function splitUnit(unit: string): { base: string; exponent: number } | null {
  const symbol = SPELLED[unit] ?? unit;
  if (PREFIXABLE.has(symbol)) return { base: symbol, exponent: 0 };
  const head = symbol.charAt(0);
  const rest = SPELLED[symbol.slice(1)] ?? symbol.slice(1);
  const exponent = EXPONENTS[head];
  return exponent !== undefined && PREFIXABLE.has(rest) ? { base: rest, exponent } : null;
}

function prefixOf(exponent: number): string {
  return PREFIXES.find(([, e]) => e === exponent)?.[0] ?? "";
}

/** The power of ten (a multiple of three) that shows a magnitude best. Kelvin and grams stay put. */
export function bestExponent(magnitude: number, unit: string): number {
  const split = splitUnit(unit);
  if (!split || split.base === "K" || magnitude === 0 || !Number.isFinite(magnitude)) return split?.exponent ?? 0;
  if (magnitude >= 0.1 && magnitude < 1000) return split.exponent;
  const absolute = Math.log10(magnitude) + split.exponent;
  const three = Math.floor(absolute / 3 + 1e-9) * 3;
  if (split.base === "s" && three > 0) return 0;
  return Math.min(12, Math.max(-15, three));
}

/** Unit symbol at a power of ten: ("A", -3) is "mA". */
export function unitAt(unit: string, exponent: number): string {
  const split = splitUnit(unit);
  return split ? prefixOf(exponent) + split.base : unitSymbol(unit);
}

/** A measured value: four digits at most, three decimals below ten. */
export function measured(value: number, unit: string): Shown {
  if (!Number.isFinite(value)) return { text: notFinite(value), unit: unitSymbol(unit) };
  const exponent = bestExponent(Math.abs(value), unit);
  const scaled = value * 10 ** ((splitUnit(unit)?.exponent ?? 0) - exponent);
  return { text: signed(decimals(scaled, unit === "")), unit: unitAt(unit, exponent) };
}

/** A measured value ± its standard uncertainty, which has two digits. */
export function uncertain(value: number, u: number, unit: string): Shown {
  const exponent = bestExponent(Math.max(Math.abs(value), u), unit);
  const factor = 10 ** ((splitUnit(unit)?.exponent ?? 0) - exponent);
  const digits = 1 - Math.floor(Math.log10(u * factor));
  const size = Math.abs(value) * factor;
  if (digits > 9 || digits < -6 || size >= 1e7 || (size !== 0 && size < 1e-4)) {
    return { text: signed(`${power(value * factor)} ± ${power(u * factor)}`), unit: unitAt(unit, exponent) };
  }
  const rounded = (each: number) => (digits >= 0 ? each.toFixed(digits) : String(Math.round(each * 10 ** digits) * 10 ** -digits));
  return { text: signed(`${rounded(value * factor)} ± ${rounded(u * factor)}`), unit: unitAt(unit, exponent) };
}

/**
 * The same where there is little room: 2.2304(12) mA is 2.2304 mA ± 0.0012 mA (JCGM 100:2008,
 * 7.2.2); from one on, the uncertainty is written whole: 12.3(1.2) V.
 */
export function concise(value: number, u: number, unit: string): Shown {
  const shown = uncertain(value, u, unit);
  const [number = "", spread = ""] = shown.text.split(" ± ");
  const digits = spread.startsWith("0.") ? String(Number(spread.slice(2))) : spread;
  return { text: `${number}(${digits})`, unit: shown.unit };
}

/** What a port shows on a card: with its uncertainty, where it carries one. */
export function shortText(value: unknown, u: number | null, unit: string): Shown {
  return isUncertain(value, u) ? concise(value, u as number, unit) : portText(value, unit);
}

/** What a port shows: with its uncertainty, where it carries one. */
export function valueText(value: unknown, u: number | null, unit: string): Shown {
  return isUncertain(value, u) ? uncertain(value, u as number, unit) : portText(value, unit);
}

function isUncertain(value: unknown, u: number | null): value is number {
  return typeof value === "number" && Number.isFinite(value) && u !== null && u > 0;
}

/** A value somebody chose: no digits beyond what it has. */
export function exact(value: number, unit: string): Shown {
  if (!Number.isFinite(value)) return { text: notFinite(value), unit: unitSymbol(unit) };
  const exponent = bestExponent(Math.abs(value), unit);
  const scaled = value * 10 ** ((splitUnit(unit)?.exponent ?? 0) - exponent);
  return { text: signed(shortest(scaled)), unit: unitAt(unit, exponent) };
}

export function withUnit({ text, unit }: Shown): string {
  return unit === "" ? text : `${text} ${unit}`;
}

function notFinite(value: number): string {
  if (Number.isNaN(value)) return DASH;
  return value > 0 ? "∞" : `${MINUS}∞`;
}

function signed(text: string): string {
  return text.replaceAll("-", MINUS);
}

/** Twelve digits hide what binary fractions add. */
function shortest(value: number): string {
  const number = Number(value.toPrecision(12));
  const size = Math.abs(number);
  return size !== 0 && (size < 1e-4 || size >= 1e7) ? power(number) : String(number);
}

function decimals(value: number, bare: boolean): string {
  const size = Math.abs(value);
  if (Number.isInteger(Number(value.toPrecision(12))) && (bare || size >= 100 || size === 0)) return size < 1e7 ? String(Math.round(value)) : power(value);
  if (size >= 1e7 || size < 1e-4) return power(value);
  if (size < 0.1) return value.toPrecision(3);
  return value.toFixed(size < 10 ? 3 : size < 100 ? 2 : size < 1000 ? 1 : 0);
}

function power(value: number): string {
  const [mantissa = "0", exponent = "0"] = value.toExponential(3).split("e");
  return `${Number(mantissa)}e${Number(exponent)}`;
}

/** Limits in words: "1 µA to 20 mA"; "" where there are none. */
export function limits(min: number | null, max: number | null, unit: string): string {
  const low = min === null ? null : grouped(exact(min, unit));
  const high = max === null ? null : grouped(exact(max, unit));
  if (low && high) return `${low.unit === high.unit || min === 0 ? low.text : withUnit(low)} to ${withUnit(high)}`;
  if (low) return `from ${withUnit(low)}`;
  return high ? `up to ${withUnit(high)}` : "";
}

function grouped(shown: Shown): Shown {
  return /^.?\d{5,}$/.test(shown.text) ? { ...shown, text: whole(Number(shown.text.replace(MINUS, "-"))) } : shown;
}

export interface Typed {
  value: number;
  unit: string;
}

/** A number with or without a unit as people type it: "0.8 V", "800mV", "−3", "1,5". */
export function parseTyped(text: string): Typed | null {
  const match = /^\s*([+\-−]?)\s*(\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE]([+\-−]?\d+))?\s*([^\d\s.,+\-−].*?)?\s*$/.exec(text);
  if (!match) return null;
  const [, sign = "", digits = "", exponent = "0", unit = ""] = match;
  const value = Number(`${digits.replace(",", ".")}e${exponent.replace(MINUS, "-")}`);
  if (!Number.isFinite(value)) return null;
  return { value: sign === "-" || sign === MINUS ? -value : value, unit };
}

/** The typed number in another unit of the same base; null where only the worker can say. */
export function inUnit(typed: Typed, unit: string): number | null {
  if (typed.unit === "" || unitSymbol(typed.unit) === unitSymbol(unit)) return typed.value;
  const from = splitUnit(typed.unit);
  const to = splitUnit(unit);
  if (!from || !to || from.base !== to.base) return null;
  return Number((typed.value * 10 ** (from.exponent - to.exponent)).toPrecision(15));
}

/** What a text means for a field that shows `shownUnit` beside it: a bare number is in that unit.
 *  Returns what to send: a number in the port's own unit, or the text with its unit. */
export function fieldValue(text: string, portUnit: string, shownUnit: string): number | string {
  const typed = parseTyped(text);
  if (!typed) return text.trim();
  const plain = `${typed.value}`;
  if (typed.unit !== "") return `${plain} ${typed.unit}`;
  return shownUnit === unitSymbol(portUnit) ? typed.value : `${plain} ${shownUnit}`;
}

/** Age in seconds as "0.2 s", "38 s", "4 min", "3 h", "2 d". */
export function age(seconds: number): string {
  if (seconds < 9.95) return `${Math.max(0, seconds).toFixed(1)} s`;
  if (seconds < 59.5) return `${Math.round(seconds)} s`;
  if (seconds < 3570) return `${Math.round(seconds / 60)} min`;
  if (seconds < 84600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

/** How long something took: "12 ms", "1.2 s", "38 s", "4 min". */
export function duration(seconds: number): string {
  if (seconds < 0.001) return "< 1 ms";
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  return age(seconds);
}

/** Time left as "0:12" or "1:02:03". */
export function countdown(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  const tail = `${h ? String(m).padStart(2, "0") : m}:${String(s).padStart(2, "0")}`;
  return h ? `${h}:${tail}` : tail;
}

/** What a run still takes, in words: what is not known is not guessed. */
export function timeToGo(run: Pick<RunView, "left_s" | "left_at_most">): string {
  if (run.left_s === null) return "time left unknown";
  return `${run.left_at_most ? "at most " : ""}${countdown(run.left_s)} left`;
}

/** Why a run stands still, as far as somebody says so. */
export function pausedFor(run: Pick<RunView, "message">): string {
  return run.message ? `paused: ${run.message}` : "paused, outputs held";
}

/** Wall time as "12:06:04", with milliseconds where asked. */
export function clockTime(epoch: number, milliseconds = false): string {
  const at = new Date(epoch * 1000);
  const pad = (n: number, width = 2) => String(n).padStart(width, "0");
  const time = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  return milliseconds ? `${time}.${pad(at.getMilliseconds(), 3)}` : time;
}

/** A whole number with spaces between thousands: "2 500". */
export function whole(value: number): string {
  return signed(String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, "\u00a0"));
}

/** Any port value as short text; the unit apart. */
export function portText(value: unknown, unit: string, chosen = false): Shown {
  if (value === null || value === undefined) return { text: DASH, unit: unitSymbol(unit) };
  if (typeof value === "number") return chosen ? exact(value, unit) : measured(value, unit);
  if (typeof value === "bigint") return { text: signed(String(value)), unit: unitSymbol(unit) };
  if (typeof value === "boolean") return { text: value ? "on" : "off", unit: "" };
  if (typeof value === "string") return { text: value, unit: "" };
  return { text: JSON.stringify(value) ?? DASH, unit: "" };
}
