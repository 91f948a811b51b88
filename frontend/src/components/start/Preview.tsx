/** Small drawings of what an example gives. They are pictures, not data. */

const [LEFT, TOP, RIGHT, BOTTOM] = [38, 10, 318, 178];
const STEPS = 50;
const TOP_MA = 12;

/** Current in mA through the diode of the simulated bench: I_s 2.52 nA, n 1.752, R_s 0.568 Ω, 300 K. */
function diode(volts: number): number {
  const nv = 1.752 * 0.025852;
  let amps = 0;
  for (let i = 0; i < 60; i++) {
    const grown = 2.52e-9 * Math.exp((volts - amps * 0.568) / nv);
    amps -= (amps - grown + 2.52e-9) / (1 + (grown * 0.568) / nv);
  }
  return amps * 1000;
}

export function CurvePreview() {
  const x = (volts: number) => LEFT + ((RIGHT - LEFT) * volts) / 0.7;
  const y = (milliamps: number) => BOTTOM - ((BOTTOM - TOP) * milliamps) / TOP_MA;
  const points = Array.from({ length: STEPS + 1 }, (_, i) => (0.7 * i) / STEPS).map((volts) => [x(volts), y(diode(volts))] as const);
  return (
    <svg className="plot" viewBox="0 0 330 212" width="330" height="212" role="img" aria-label="A diode curve">
      {[0, 4, 8, 12].map((tick) => (
        <g key={tick}>
          <path className="grid" d={`M${LEFT} ${y(tick)}H${RIGHT}`} />
          <text className="tick" x={LEFT - 6} y={y(tick) + 4} textAnchor="end">{tick}</text>
        </g>
      ))}
      {[0, 1, 2, 3, 4, 5, 6, 7].map((tick) => (
        <g key={tick}>
          <path className="grid" d={`M${x(tick / 10)} ${TOP}V${BOTTOM}`} />
          <text className="tick" x={x(tick / 10)} y={BOTTOM + 15} textAnchor="middle">{tick / 10}</text>
        </g>
      ))}
      <path className="axis" d={`M${LEFT} ${TOP}V${BOTTOM}H${RIGHT}`} />
      <text x={(LEFT + RIGHT) / 2} y="207" textAnchor="middle">Voltage (V)</text>
      <text transform="translate(11 94) rotate(-90)" textAnchor="middle">Current (mA)</text>
      <path className="s s1" d={`M${points.map(([a, b]) => `${a.toFixed(1)} ${b.toFixed(1)}`).join("L")}`} />
      {points.map(([a, b]) => (
        <circle key={a} className="dot" cx={a} cy={b} r="1.6" />
      ))}
    </svg>
  );
}

/** A line that differs from example to example, so that cards can be told apart. */
export function MiniPreview({ name }: { name: string }) {
  const seed = [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 997, 7);
  const points = Array.from({ length: 57 }, (_, i) => {
    const t = i / 56;
    const height = 0.5 + 0.28 * Math.sin(2 * Math.PI * t * (1 + (seed % 3))) * (1 - (seed % 2) * t) - 0.1 * Math.sin(2 * Math.PI * t * (2 + (seed % 5)));
    return `${(16 + 168 * t).toFixed(1)} ${(84 - 72 * height).toFixed(1)}`;
  });
  return (
    <svg viewBox="0 0 200 96" fill="none" aria-hidden="true">
      <path d="M16 12V84H184" stroke="var(--plot-axis)" />
      <path d={`M${points.join("L")}`} stroke="var(--series-1)" strokeWidth="1.75" strokeLinejoin="round" />
    </svg>
  );
}
