import type { NodeView } from "../../model/wire.gen";
import { CurveBody } from "./CurveBody";
import { ImageBody } from "./ImageBody";
import { MapBody } from "./MapBody";
import { PlotBody } from "./PlotBody";
import { TableBody } from "./TableBody";
import { TextBody } from "./TextBody";
import { useBody } from "./useBody";

/** What a node's card shows beneath its ports: a plot, a curve, a picture, a table, text or JSON. */
export function CardBody({ node }: { node: NodeView }) {
  if (node.body === "") return null;
  if (node.body === "plot") return <PlotBody node={node} />;
  return node.body === "map" ? <MapBody node={node} /> : <AskedBody node={node} />;
}

function AskedBody({ node }: { node: NodeView }) {
  const shown = useBody(node);
  const label = `${node.name} shows`;
  const empty = shown === null || (!shown.figure && !shown.image && !shown.table && shown.text === null);
  return (
    <div className="body shown" data-testid="body" data-kind={node.body}>
      {empty && <p className="bodyless">Nothing yet. It shows what arrives.</p>}
      {shown?.figure && <CurveBody figure={shown.figure} label={label} />}
      {shown?.image && <ImageBody png={shown.image} label={label} />}
      {shown?.table && <TableBody table={shown.table} label={label} />}
      {shown?.text != null && <TextBody text={shown.text} label={label} plain={node.body === "text"} />}
    </div>
  );
}
