import { SECTION_WORDS, SECTIONS } from "../../model/frames";
import type { NodeView } from "../../model/wire.gen";
import { set, useEditor } from "../../store/editor";

const NONE: Record<string, NodeView> = {};

/** What the selected frame holds. */
export function FrameSection({ node }: { node: NodeView }) {
  const nodes = useEditor((state) => state.graph?.nodes ?? NONE);
  const held = Object.values(nodes).filter((each) => each.frame === node.id);
  return (
    <section className="sect" aria-label="Frame">
      <h3>Holds</h3>
      <dl className="kv">
        {SECTIONS.map((section) => {
          const ids = held.filter((each) => each.section === section).map((each) => each.id);
          return (
            <div className="kvrow" key={section}>
              <dt title={SECTION_WORDS[section]}>{section}</dt>
              <dd>
                {ids.length ? (
                  <button type="button" className="link" title="Select them" onClick={() => set({ selection: ids })}>
                    {ids.length === 1 ? "1 node" : `${ids.length} nodes`}
                  </button>
                ) : (
                  "–"
                )}
              </dd>
            </div>
          );
        })}
      </dl>
      {held.length === 0 && <p className="dim small">Drag a node onto enter, body or finally beneath the frame’s card.</p>}
    </section>
  );
}
