import { useNodes, ViewportPortal } from "@xyflow/react";
import type { CSSProperties } from "react";
import { frameBoxes, SECTION_WORDS, type SectionBox } from "../../model/frames";
import { nodesIn } from "../../model/scope";
import type { Rect } from "../../model/place";
import type { NodeView } from "../../model/wire.gen";
import { useEditor } from "../../store/editor";
import type { CardNode } from "../cards/NodeCard";
import { Icon } from "../parts/Icon";
import { cardsOf } from "./frameCards";

const NONE: Record<string, NodeView> = {};

/** Frames as containers behind the cards, where there are any. */
export function FrameLayer() {
  const any = useEditor((state) => Object.values(nodesIn(state.graph?.nodes ?? NONE, state.scope)).some((node) => node.is_frame));
  return any ? <Layer /> : null;
}

function Layer() {
  const nodes = useNodes<CardNode>();
  const views = useEditor((state) => state.graph?.nodes ?? NONE);
  const drag = useEditor((state) => state.drag);
  const cards = cardsOf(nodes, views);
  // Of what is in the hand only frames are drawn anew: a node that leaves a box is seen to leave it.
  const boxes = drag ? [...drag.boxes, ...frameBoxes(cards.filter((card) => drag.ids.includes(card.id)))] : frameBoxes(cards);
  const isTarget = (box: SectionBox) => drag?.target?.frame === box.frame && drag.target.section === box.section;
  return (
    <ViewportPortal>
      {boxes.map((box) => (
        <section key={box.id} className="frame" style={at(box.rect)} data-testid="frame" data-frame={box.id} aria-label={`Frame ${views[box.id]?.name ?? ""}`}>
          <h3>
            <Icon name="group" small />
            {views[box.id]?.name}
          </h3>
        </section>
      ))}
      {boxes.flatMap((box) => box.sections).map((section) => (
        <Section key={`${section.frame} ${section.section}`} box={section} target={isTarget(section)} />
      ))}
      {drag?.slots.map((slot) => (
        <Section key={`${slot.frame} ${slot.section}`} box={slot} target={isTarget(slot)} slot />
      ))}
    </ViewportPortal>
  );
}

function Section({ box, target, slot = false }: { box: SectionBox; target: boolean; slot?: boolean }) {
  const look = ["section", box.section, target && "target", slot && "slot"].filter(Boolean).join(" ");
  return (
    <div className={look} style={at(box.rect)} data-testid={slot ? "slot" : "section"} data-frame={box.frame} data-section={box.section} title={SECTION_WORDS[box.section]}>
      <span>{box.section}</span>
      {slot && <small>{SECTION_WORDS[box.section].split(",")[0]}</small>}
    </div>
  );
}

function at({ x, y, width, height }: Rect): CSSProperties {
  return { transform: `translate(${x}px, ${y}px)`, width, height };
}
