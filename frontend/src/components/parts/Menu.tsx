import * as Radix from "@radix-ui/react-dropdown-menu";
import type { ReactNode } from "react";
import { Icon } from "./Icon";

export function Menu({ trigger, children, align = "start" }: { trigger: ReactNode; children: ReactNode; align?: "start" | "end" }) {
  return (
    <Radix.Root modal={false}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content className="menu" align={align} sideOffset={4} collisionPadding={8}>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

export function Item({ icon, children, onSelect, hint, disabled }: { icon?: string; children: ReactNode; onSelect: () => void; hint?: string; disabled?: boolean }) {
  return (
    <Radix.Item className="menu-item" onSelect={onSelect} disabled={disabled ?? false}>
      {icon ? <Icon name={icon} small /> : <span className="menu-gap" />}
      <span className="grow">{children}</span>
      {hint && <kbd>{hint}</kbd>}
    </Radix.Item>
  );
}

export function Choice<T extends string>({ value, options, onChange }: { value: T; options: Array<[T, string]>; onChange: (value: T) => void }) {
  return (
    <Radix.RadioGroup value={value} onValueChange={(next) => onChange(next as T)}>
      {options.map(([key, label]) => (
        <Radix.RadioItem key={key} className="menu-item" value={key}>
          <span className="menu-gap">
            <Radix.ItemIndicator>
              <Icon name="check" small />
            </Radix.ItemIndicator>
          </span>
          {label}
        </Radix.RadioItem>
      ))}
    </Radix.RadioGroup>
  );
}

export const Label = ({ children }: { children: ReactNode }) => <Radix.Label className="menu-label">{children}</Radix.Label>;
export const Line = () => <Radix.Separator className="menu-line" />;
