import { useRef, useState } from "react";
import { fitted } from "../../model/prompts";
import type { AnswerFieldProps } from "./AnswerField";

/** A picture from a file or a camera, seen before it is sent; always sent as a PNG. */
export function PictureField({ labelledBy, disabled, onChange }: AnswerFieldProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [said, setSaid] = useState("");
  const take = async (file: File | undefined) => {
    onChange("");
    setSaid("");
    if (!file || !canvas.current) return;
    try {
      onChange(await drawn(file, canvas.current));
      setSaid(file.name);
    } catch {
      setSaid(`${file.name} is no picture that this browser can read.`);
    }
  };
  return (
    <div className="picture">
      <input type="file" accept="image/*" disabled={disabled} aria-labelledby={labelledBy} onChange={(event) => void take(event.target.files?.[0])} />
      <canvas ref={canvas} width={0} height={0} aria-hidden />
      <p className="due" role="status">{said}</p>
    </div>
  );
}

/** Draws the picture, no larger than it may be; its bytes as a PNG. */
async function drawn(file: File, canvas: HTMLCanvasElement): Promise<Uint8Array> {
  const bitmap = await createImageBitmap(file);
  Object.assign(canvas, fitted(bitmap.width, bitmap.height));
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/png"));
  if (!blob) throw new Error("The picture cannot be made a PNG.");
  return new Uint8Array(await blob.arrayBuffer());
}
