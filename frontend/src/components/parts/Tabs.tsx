import type { KeyboardEvent, ReactNode } from "react";

export interface TabSpec<T extends string> {
  key: T;
  label: string;
  count?: number;
}

/** A row of tabs; arrow keys walk along it. Panels name themselves `p-<key>`. */
export function Tabs<T extends string>(props: { label: string; tabs: Array<TabSpec<T>>; value: T; onChange: (tab: T) => void; children?: ReactNode }) {
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const index = props.tabs.findIndex((tab) => tab.key === props.value);
    const next = props.tabs[(index + step + props.tabs.length) % props.tabs.length];
    if (!next) return;
    props.onChange(next.key);
    event.currentTarget.querySelector<HTMLElement>(`#t-${next.key}`)?.focus();
  };
  return (
    <div className="tabs">
      <div role="tablist" aria-label={props.label} className="tablist" onKeyDown={onKeyDown}>
        {props.tabs.map((tab) => (
          <button
            type="button"
            key={tab.key}
            className="tab"
            role="tab"
            id={`t-${tab.key}`}
            aria-controls={`p-${tab.key}`}
            aria-selected={tab.key === props.value}
            tabIndex={tab.key === props.value ? 0 : -1}
            onClick={() => props.onChange(tab.key)}
          >
            {tab.label} {tab.count !== undefined && <span className="count">{tab.count}</span>}
          </button>
        ))}
      </div>
      {props.children}
    </div>
  );
}

export function TabPanel({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="tabpanel" role="tabpanel" id={`p-${name}`} aria-labelledby={`t-${name}`}>
      {children}
    </div>
  );
}
