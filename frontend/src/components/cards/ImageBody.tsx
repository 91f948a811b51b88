import { useMemo } from "react";

const CHUNK = 0x8000;

/** A picture, as large as the card allows; its pixels stay sharp when there are few of them. */
export function ImageBody({ png, label }: { png: Uint8Array; label: string }) {
  const source = useMemo(() => `data:image/png;base64,${btoa(latin1(png))}`, [png]);
  return <img src={source} alt={`${label} a picture`} draggable={false} />;
}

/** In pieces, since a call takes only so many arguments. */
function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK) text += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  return text;
}
