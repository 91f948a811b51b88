import * as Radix from "@radix-ui/react-dialog";
import type { ReactNode } from "react";
import { EStopButton } from "../bar/EStopButton";
import { Icon } from "../parts/Icon";

/** A modal dialog. E-STOP stays in reach inside it. */
export function Dialog(props: {
  title: string;
  onClose: () => void;
  children: ReactNode;
  actions?: ReactNode;
  wide?: boolean;
  describedBy?: string;
}) {
  return (
    <Radix.Root open onOpenChange={(open) => !open && props.onClose()}>
      <Radix.Portal>
        <Radix.Overlay className="scrim" />
        <Radix.Content className={`dialog ${props.wide ? "wide" : ""}`} aria-describedby={undefined}>
          <header>
            <Radix.Title className="h2">{props.title}</Radix.Title>
            <span className="grow" />
            <Radix.Close className="btn ghost icon" aria-label="Close">
              <Icon name="x" />
            </Radix.Close>
          </header>
          <div className="dialog-body">{props.children}</div>
          <footer>
            <EStopButton compact />
            <span className="grow" />
            {props.actions}
          </footer>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
