/** The icon sprite: one symbol each, used by name. */
export const SYMBOLS: Record<string, { box: string; body: string }> = {
  "i-play": {
    box: "0 0 16 16",
    body: `<path d="M5 3.2v9.6l7.5-4.8z"/>`,
  },
  "i-pause": {
    box: "0 0 16 16",
    body: `<path d="M5.5 3.5v9M10.5 3.5v9"/>`,
  },
  "i-stop": {
    box: "0 0 16 16",
    body: `<rect x="4" y="4" width="8" height="8" rx="1"/>`,
  },
  "i-octagon": {
    box: "0 0 16 16",
    body: `<path d="M5.4 2h5.2L14 5.4v5.2L10.6 14H5.4L2 10.6V5.4z"/><path d="M5.2 8h5.6"/>`,
  },
  "i-search": {
    box: "0 0 16 16",
    body: `<circle cx="7" cy="7" r="4.25"/><path d="m10.2 10.2 3.3 3.3"/>`,
  },
  "i-star": {
    box: "0 0 16 16",
    body: `<path d="m8 2.4 1.7 3.5 3.8.5-2.8 2.7.7 3.8L8 11.1l-3.4 1.8.7-3.8-2.8-2.7 3.8-.5z"/>`,
  },
  "i-down": {
    box: "0 0 16 16",
    body: `<path d="m4.5 6.5 3.5 3.5 3.5-3.5"/>`,
  },
  "i-right": {
    box: "0 0 16 16",
    body: `<path d="m6.5 4.5 3.5 3.5-3.5 3.5"/>`,
  },
  "i-check": {
    box: "0 0 16 16",
    body: `<path d="m3.5 8.5 3 3 6-7"/>`,
  },
  "i-x": {
    box: "0 0 16 16",
    body: `<path d="m4.5 4.5 7 7M11.5 4.5l-7 7"/>`,
  },
  "i-bolt": {
    box: "0 0 16 16",
    body: `<path d="M9 1.8 3.8 9H8l-1 5.2L12.2 7H8z"/>`,
  },
  "i-turn": {
    box: "0 0 16 16",
    body: `<path d="M13 8a5 5 0 1 1-1.6-3.7M13 2.5v2.7h-2.7"/>`,
  },
  "i-ring": {
    box: "0 0 16 16",
    body: `<circle cx="8" cy="8" r="4.5"/>`,
  },
  "i-square": {
    box: "0 0 16 16",
    body: `<rect x="4" y="4" width="8" height="8" rx="1"/>`,
  },
  "i-pin": {
    box: "0 0 16 16",
    body: `<path d="M6 2.5h4l-.6 4 2.1 2v1.2h-7V8.5l2.1-2zM8 9.7v4"/>`,
  },
  "i-plus": {
    box: "0 0 16 16",
    body: `<path d="M8 3.5v9M3.5 8h9"/>`,
  },
  "i-minus": {
    box: "0 0 16 16",
    body: `<path d="M3.5 8h9"/>`,
  },
  "i-more": {
    box: "0 0 16 16",
    body: `<path d="M3.5 8h.01M8 8h.01M12.5 8h.01" stroke-width="2"/>`,
  },
  "i-sweep": {
    box: "0 0 16 16",
    body: `<path d="M2.5 13h2.6V9.7h2.9V6.3h2.9V3h2.6"/>`,
  },
  "i-source": {
    box: "0 0 16 16",
    body: `<circle cx="8" cy="8" r="5.5"/><path d="M5 8.6c1-2.4 2-2.4 3-.6s2 1.8 3-.6"/>`,
  },
  "i-meter": {
    box: "0 0 16 16",
    body: `<path d="M2.5 11.5a5.5 5.5 0 1 1 11 0z"/><path d="m8 11.5 2.2-4"/>`,
  },
  "i-record": {
    box: "0 0 16 16",
    body: `<circle cx="8" cy="8" r="5.5"/><circle cx="8" cy="8" r="2" fill="currentColor"/>`,
  },
  "i-chart": {
    box: "0 0 16 16",
    body: `<path d="M2.5 2.5v11h11"/><path d="M5 11c3.5 0 5-2 6.5-7"/>`,
  },
  "i-note": {
    box: "0 0 16 16",
    body: `<path d="M3 3h10v6.5L9.5 13H3zM13 9.5H9.5V13"/>`,
  },
  "i-group": {
    box: "0 0 16 16",
    body: `<rect x="2.5" y="2.5" width="11" height="11" rx="2" stroke-dasharray="2.5 2"/>`,
  },
  "i-subgraph": {
    box: "0 0 16 16",
    body: `<rect x="2" y="2.500" width="12" height="11" rx="2"/><rect x="4.500" y="5" width="3" height="3" rx=".8"/><rect x="8.500" y="8.500" width="3" height="3" rx=".8"/><path d="M7.500 6.500h1.200a1.300 1.300 0 0 1 1.300 1.300v.7"/>`,
  },
  "i-input": {
    box: "0 0 16 16",
    body: `<path d="M9.500 3H12a1.500 1.500 0 0 1 1.500 1.500v7A1.500 1.500 0 0 1 12 13H9.500M2.500 8h7M7 5.200 9.800 8 7 10.800"/>`,
  },
  "i-output": {
    box: "0 0 16 16",
    body: `<path d="M6.500 3H4a1.500 1.500 0 0 0-1.500 1.500v7A1.500 1.500 0 0 0 4 13h2.500M6.500 8h7M11 5.200 13.800 8 11 10.800"/>`,
  },
  "i-up": {
    box: "0 0 16 16",
    body: `<path d="M8 13V3.500M4.200 7.200 8 3.500l3.800 3.700"/>`,
  },
  "i-device": {
    box: "0 0 16 16",
    body: `<rect x="2" y="4" width="12" height="8.5" rx="1.5"/><path d="M4.5 7h4M4.5 9.6h2.5"/><circle cx="11.2" cy="8.2" r="1.3"/>`,
  },
  "i-sun": {
    box: "0 0 16 16",
    body: `<circle cx="8" cy="8" r="2.75"/><path d="M8 1.8v1M8 13.2v1M1.8 8h1M13.2 8h1M3.6 3.6l.7.7M11.7 11.7l.7.7M3.6 12.4l.7-.7M11.7 4.3l.7-.7"/>`,
  },
  "i-lock": {
    box: "0 0 16 16",
    body: `<rect x="3.5" y="7" width="9" height="6.5" rx="1.2"/><path d="M5.5 7V5a2.5 2.5 0 0 1 5 0v2"/>`,
  },
  "i-unlock": {
    box: "0 0 16 16",
    body: `<rect x="3.5" y="7" width="9" height="6.5" rx="1.2"/><path d="M5.5 7V5a2.5 2.5 0 0 1 4.8-1"/>`,
  },
  "i-download": {
    box: "0 0 16 16",
    body: `<path d="M8 2.5v7.3M4.8 7 8 10l3.2-3M3 13.2h10"/>`,
  },
  "i-filter": {
    box: "0 0 16 16",
    body: `<path d="M2.5 4h11M4.5 8h7M6.5 12h3"/>`,
  },
  "i-copy": {
    box: "0 0 16 16",
    body: `<rect x="5.5" y="5.5" width="8" height="8" rx="1.2"/><path d="M10.5 5.5v-2A1 1 0 0 0 9.5 2.5h-6a1 1 0 0 0-1 1v6a1 1 0 0 0 1 1h2"/>`,
  },
  "i-log": {
    box: "0 0 16 16",
    body: `<path d="M3 4h10M3 8h10M3 12h6"/>`,
  },
  "i-clock": {
    box: "0 0 16 16",
    body: `<circle cx="8" cy="8" r="5.5"/><path d="M8 4.8V8l2.2 1.6"/>`,
  },
  "i-table": {
    box: "0 0 16 16",
    body: `<rect x="2.5" y="3" width="11" height="10" rx="1"/><path d="M2.5 6.5h11M2.5 9.8h11M7 6.5V13"/>`,
  },
  "i-server": {
    box: "0 0 16 16",
    body: `<rect x="2.5" y="2.8" width="11" height="4.4" rx="1"/><rect x="2.5" y="8.8" width="11" height="4.4" rx="1"/><path d="M5 5h.01M5 11h.01" stroke-width="2"/>`,
  },
  "i-alert": {
    box: "0 0 16 16",
    body: `<path d="M8 2.5 14 13H2zM8 6.5v3M8 11.3v.01"/>`,
  },
  "i-undo": {
    box: "0 0 16 16",
    body: `<path d="M5.5 3 2.8 5.7l2.7 2.7"/><path d="M3 5.7h6.2a3.6 3.6 0 0 1 0 7.3H6"/>`,
  },
  "i-redo": {
    box: "0 0 16 16",
    body: `<path d="m10.5 3 2.7 2.7-2.7 2.7"/><path d="M13 5.7H6.8a3.6 3.6 0 0 0 0 7.3H10"/>`,
  },
  "i-fit": {
    box: "0 0 16 16",
    body: `<path d="M2.5 5.5v-3h3M10.5 2.5h3v3M13.5 10.5v3h-3M5.5 13.5h-3v-3"/>`,
  },
  "i-tidy": {
    box: "0 0 16 16",
    body: `<rect x="2.5" y="3" width="4" height="4" rx=".8"/><rect x="9.5" y="3" width="4" height="4" rx=".8"/><rect x="9.5" y="9.5" width="4" height="4" rx=".8"/><path d="M6.5 5h3M11.5 7v2.5"/>`,
  },
  "i-help": {
    box: "0 0 16 16",
    body: `<circle cx="8" cy="8" r="5.5"/><path d="M6.4 6.4A1.7 1.7 0 0 1 9.7 7c0 1.1-1.7 1.3-1.7 2.3M8 11.2v.01"/>`,
  },
  "i-thermo": {
    box: "0 0 16 16",
    body: `<path d="M6.5 8.8V3.5a1.5 1.5 0 0 1 3 0v5.3a3 3 0 1 1-3 0z"/><path d="M8 6v5.5"/>`,
  },
  "i-fx": {
    box: "0 0 16 16",
    body: `<path d="M10.5 3c-1.6-.6-2.6.2-2.8 2L7 11c-.2 1.8-1.2 2.5-2.5 2M5 7h5"/>`,
  },
  "i-wave": {
    box: "0 0 16 16",
    body: `<path d="M1.8 8c1.6-5 3.1-5 4.7-1.2l.9 2.4C9 13 10.500 13 14.2 8" />`,
  },
  "i-sliders": {
    box: "0 0 16 16",
    body: `<path d="M3 5h5M11 5h2M3 11h2M8 11h5"/><circle cx="9.5" cy="5" r="1.5"/><circle cx="6.5" cy="11" r="1.5"/>`,
  },
  "i-panel": {
    box: "0 0 16 16",
    body: `<rect x="2.5" y="3" width="11" height="10" rx="1.2"/><path d="M2.5 8.5h6M8.5 3v10"/>`,
  },
  "i-heat": {
    box: "0 0 16 16",
    body: `<path d="M4 13c-1.500-3 1.500-4 0-7M8 13c-1.500-3 1.500-4 0-7M12 13c-1.500-3 1.500-4 0-7M3 3h10"/>`,
  },
  "i-left": {
    box: "0 0 16 16",
    body: `<path d="M13 8H3.500M7 4.500 3.500 8 7 11.500"/>`,
  },
  "i-rightarrow": {
    box: "0 0 16 16",
    body: `<path d="M3 8h9.500M9 4.500 12.500 8 9 11.500"/>`,
  },
  "i-eyeoff": {
    box: "0 0 16 16",
    body: `<path d="M2 8c2-3 4-4 6-4s4 1 6 4c-2 3-4 4-6 4s-4-1-6-4zM3 13 13 3"/>`,
  },
  "i-pulse": {
    box: "0 0 16 16",
    body: `<path d="M1.800 8.500h3l1.600-4.500 3 8 1.700-3.500h3"/>`,
  },
  "i-logic": {
    box: "0 0 16 16",
    body: `<path d="M3 3.500h4a4.500 4.500 0 0 1 0 9H3zM11.500 8H14"/>`,
  },
  "i-file": {
    box: "0 0 16 16",
    body: `<path d="M4 2h5l3.500 3.500V14H4zM9 2v3.500h3.500"/>`,
  },
  "i-net": {
    box: "0 0 16 16",
    body: `<circle cx="8" cy="3.800" r="1.800"/><circle cx="3.800" cy="12" r="1.800"/><circle cx="12.200" cy="12" r="1.800"/><path d="M8 5.600v2.900M8 8.500l-3 2M8 8.500l3 2"/>`,
  },
  "i-drag": {
    box: "0 0 16 16",
    body: `<path d="M6 4h.01M10 4h.01M6 8h.01M10 8h.01M6 12h.01M10 12h.01" stroke-width="2"/>`,
  },
  "p-number": {
    box: "0 0 12 12",
    body: `<circle cx="6" cy="6" r="4.5" fill="currentColor"/>`,
  },
  "p-quantity": {
    box: "0 0 12 12",
    body: `<circle cx="6" cy="6" r="4.500" fill="var(--surface-2)" stroke="currentColor" stroke-width="1.5"/><circle cx="6" cy="6" r="2" fill="currentColor"/>`,
  },
  "p-bool": {
    box: "0 0 12 12",
    body: `<circle cx="6" cy="6" r="4.500" fill="var(--surface-2)" stroke="currentColor" stroke-width="1.5"/><path d="M6 1.500a4.500 4.500 0 0 0 0 9z" fill="currentColor"/>`,
  },
  "p-text": {
    box: "0 0 12 12",
    body: `<rect x="1" y="4" width="10" height="4" rx="1" fill="currentColor"/>`,
  },
  "p-array": {
    box: "0 0 12 12",
    body: `<rect x="1" y="1" width="4.400" height="4.400" rx=".8" fill="currentColor"/><rect x="6.600" y="1" width="4.400" height="4.400" rx=".8" fill="currentColor"/><rect x="1" y="6.600" width="4.400" height="4.400" rx=".8" fill="currentColor"/><rect x="6.600" y="6.600" width="4.400" height="4.400" rx=".8" fill="currentColor"/>`,
  },
  "p-table": {
    box: "0 0 12 12",
    body: `<rect x="1" y="1" width="10" height="2.600" rx=".6" fill="currentColor"/><rect x="1" y="4.700" width="10" height="2.600" rx=".6" fill="currentColor"/><rect x="1" y="8.400" width="10" height="2.600" rx=".6" fill="currentColor"/>`,
  },
  "p-device": {
    box: "0 0 12 12",
    body: `<path d="M6 .8 10.600 3.400v5.200L6 11.200 1.400 8.600V3.400z" fill="currentColor"/>`,
  },
  "p-image": {
    box: "0 0 12 12",
    body: `<rect x="1.500" y="1.500" width="9" height="9" rx="1" fill="var(--surface-2)" stroke="currentColor" stroke-width="1.5"/><rect x="4" y="4" width="4" height="4" fill="currentColor"/>`,
  },
  "p-trigger": {
    box: "0 0 12 12",
    body: `<path d="M2.500 1.500v9L10.800 6z" fill="currentColor"/>`,
  },
  "p-any": {
    box: "0 0 12 12",
    body: `<circle cx="6" cy="6" r="4.200" fill="var(--surface-2)" stroke="currentColor" stroke-width="1.5"/>`,
  },
  "i-times": {
    box: "0 0 16 16",
    body: `<path d="m4.5 4.5 7 7M11.5 4.5l-7 7"/>`,
  },
  "i-divide": {
    box: "0 0 16 16",
    body: `<path d="M3.5 8h9M8 4.3h.01M8 11.7h.01" stroke-width="2"/>`,
  },
  "i-power": {
    box: "0 0 16 16",
    body: `<path d="m3 12.500 5-6M3 6.500l5 6M10.500 5V2.500L9.500 3"/>`,
  },
  "i-greater": {
    box: "0 0 16 16",
    body: `<path d="m4.500 3.500 7 4.500-7 4.500"/>`,
  },
  "i-less": {
    box: "0 0 16 16",
    body: `<path d="m11.500 3.500-7 4.500 7 4.500"/>`,
  },
  "i-not": {
    box: "0 0 16 16",
    body: `<path d="M2.500 8H11M8 3.800 11 8l-3 4.200z"/><circle cx="12.500" cy="8" r="1.300"/>`,
  },
  "i-number": {
    box: "0 0 16 16",
    body: `<path d="M6.200 2.800 5 13.200M11 2.800 9.800 13.200M3 6h10.500M2.500 10H13"/>`,
  },
  "i-text": {
    box: "0 0 16 16",
    body: `<path d="M3.500 5V3.500h9V5M8 3.500v9M6.300 12.500h3.400"/>`,
  },
  "i-switch": {
    box: "0 0 16 16",
    body: `<rect x="2" y="4.500" width="12" height="7" rx="3.500"/><circle cx="10.500" cy="8" r="1.700"/>`,
  },
  "i-hourglass": {
    box: "0 0 16 16",
    body: `<path d="M4 2.500h8M4 13.500h8M5 2.500c0 3.500 6 7.500 6 11M11 2.500c0 3.500-6 7.500-6 11"/>`,
  },
  "i-eye": {
    box: "0 0 16 16",
    body: `<path d="M2 8c2-3 4-4 6-4s4 1 6 4c-2 3-4 4-6 4s-4-1-6-4z"/><circle cx="8" cy="8" r="1.600"/>`,
  },
};
