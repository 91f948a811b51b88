import { Dialog } from "./Dialog";

const KEYS: Array<[string, Array<[string, string]>]> = [
  ["Running", [["Run, or go on", "Ctrl Enter"], ["Stop", "Ctrl Alt Enter"], ["Answer the oldest question", "Q"], ["E-STOP, wherever the focus is", "Ctrl .|Ctrl Alt .|Pause"]]],
  [
    "Editing",
    [
      ["Find a node", "/"], ["Add a node here", "Ctrl K"], ["Connect the selected node", "C"], ["Undo", "Ctrl Z"],
      ["Redo", "Ctrl Shift Z|Ctrl Y"], ["Copy, paste", "Ctrl C|Ctrl V"], ["Duplicate", "Ctrl D"], ["Remove", "Del"],
      ["Make a subgraph of the selection", "Ctrl Shift G"], ["Nudge the selection", "← ↑ → ↓"], ["Pin the port under the pointer", "P"], ["Tidy what is selected, or all", "L"],
    ],
  ],
  ["View", [["Fit", "F"], ["Select all", "Ctrl A"], ["Pan", "Space drag|Right drag"], ["Zoom", "Wheel"], ["Open a subgraph, come back", "Enter|Alt ↑"], ["Walk through nodes", "Tab"], ["This list", "?"]]],
];

export function HelpDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keys" onClose={onClose} wide>
      <div className="keys">
        {KEYS.map(([title, rows]) => (
          <section key={title}>
            <h3>{title}</h3>
            <dl>
              {rows.map(([what, keys]) => (
                <div key={what}>
                  <dt>{what}</dt>
                  <dd>
                    {keys.split("|").map((combination, i) => (
                      <span key={combination}>
                        {i > 0 && <span className="dim"> or </span>}
                        {combination.split(" ").map((key) => (
                          <kbd key={key}>{key}</kbd>
                        ))}
                      </span>
                    ))}
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <p className="dim">Single letters act while the canvas has the focus. Double-click the canvas to add a node there.</p>
    </Dialog>
  );
}
