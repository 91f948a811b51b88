import { type ReactNode, useState } from "react";
import { endText, nodeNamed, nodeOf, outcome, pointsText, rangeText, span, writeText } from "../../model/dryrun";
import { duration, measured, whole, withUnit } from "../../model/format";
import type { DryReport as Report, DryRunView, NodeView, WriteReport } from "../../model/wire.gen";
import { Icon } from "../parts/Icon";
import { Chip } from "../parts/Lamp";
import { Said } from "../parts/Said";

interface Around {
  nodes: Record<string, NodeView>;
  onShow: (id: string) => void;
}

/** What a dry run found, the gravest first; each line leads to its node. */
export function DryReport({ view, ...around }: Around & { view: DryRunView }) {
  const { report } = view.evidence;
  const { mark, text } = outcome(view);
  return (
    <>
      <div className="dryhead" data-testid="dry-outcome" data-fine={view.fine}>
        <Chip mark={mark} />
        <p><Said text={text} /></p>
      </div>
      {report.state !== "refused" && <Figures report={report} />}
      <Sentences title="Why the real run would be refused" lines={report.refused} testid="dry-refused" grave {...around} />
      <Sentences title="Errors" lines={report.errors} testid="dry-errors" grave {...around} />
      <Sentences title="Warnings" lines={report.warnings} testid="dry-warnings" {...around} />
      <Devices report={report} {...around} />
      <Writes writes={report.writes} written={report.written} {...around} />
      <End report={report} {...around} />
      <Rows report={report} />
      <Sentences title="Files it would write" lines={report.files} testid="dry-files" {...around} />
      <p className="dim">Tried in {duration(report.took_s)} on simulators in memory. Nothing was opened, written to or kept.</p>
    </>
  );
}

function Figures({ report }: { report: Report }) {
  return (
    <dl className="dryfigures" data-testid="dry-figures">
      <div><dt>Takes</dt><dd>{span(report.duration_s)}</dd></div>
      <div><dt>Points</dt><dd>{pointsText(report).replace(/ points?$/, "")}</dd></div>
      <div><dt>Writes</dt><dd>{whole(report.written)}</dd></div>
    </dl>
  );
}

function Section({ title, children, testid }: { title: string; children: ReactNode; testid: string }) {
  return (
    <section data-testid={testid}>
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function Show({ id, what, nodes, onShow }: Around & { id: string | null; what: string }) {
  const node = id === null ? undefined : nodes[id];
  if (!node) return null;
  return (
    <button type="button" className="btn sm ghost" aria-label={`Show ${node.name}: ${what}`} onClick={() => onShow(node.id)}>
      <Icon name="eye" small />
      Show
    </button>
  );
}

function Sentences({ title, lines, grave = false, testid, ...around }: Around & { title: string; lines: string[]; grave?: boolean; testid: string }) {
  if (!lines.length) return null;
  return (
    <Section title={title} testid={testid}>
      <ul className={`drylist ${grave ? "grave" : ""}`}>
        {lines.map((line) => (
          <li key={line}>
            {grave && <Icon name="alert" small />}
            <span className="grow"><Said text={line} /></span>
            <Show id={nodeNamed(around.nodes, line)} what={line} {...around} />
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** Each device with what it would be set to, beside its limits, and what answered in its place. */
function Devices({ report, ...around }: Around & { report: Report }) {
  if (!report.devices.length) return null;
  return (
    <Section title="Devices, and the extremes of what they would be set to" testid="dry-devices">
      {report.devices.map((device) => (
        <div className="drydevice" key={device.device}>
          <p>
            <b>{device.device}</b> <span className="dim">{device.simulated || `not simulated: ${device.trouble}`}</span>
          </p>
          <ul className="drylist">
            {report.ranges.filter((range) => range.device === device.device).map((range) => (
              <li key={range.member}>
                <span className="what">{range.title || range.member}</span>
                <span className="value">{rangeText(range)}</span>
                <span className="grow dim">{range.limits ? `limits ${range.limits}` : "no limits"}</span>
                <Show id={nodeOf(around.nodes, range.device, range.member)} what={`extremes of ${range.member}`} {...around} />
              </li>
            ))}
          </ul>
        </div>
      ))}
    </Section>
  );
}

const FEW = 60;

function Writes({ writes, written, ...around }: Around & { writes: WriteReport[]; written: number }) {
  const [all, setAll] = useState(false);
  if (!writes.length) return null;
  const shown = all ? writes : writes.slice(0, FEW);
  return (
    <Section title={`Writes, in order (${whole(written)} in all)`} testid="dry-writes">
      <ol className="drylist">
        {shown.map((write, n) => (
          <li key={n}>
            <span className="when">{span(write.began)}</span>
            <span className="what">{write.device}.{write.member}</span>
            <span className="grow value">{writeText(write)}</span>
            <Show id={nodeOf(around.nodes, write.device, write.member)} what={`write ${n + 1}`} {...around} />
          </li>
        ))}
      </ol>
      {shown.length < writes.length && (
        <button type="button" className="btn sm" onClick={() => setAll(true)}>
          All {whole(writes.length)} lines
        </button>
      )}
    </Section>
  );
}

function End({ report, ...around }: Around & { report: Report }) {
  if (!report.end.length) return null;
  return (
    <Section title="At the end" testid="dry-end">
      <ul className="drylist">
        {report.end.map((end) => {
          const { text, bad } = endText(end);
          return (
            <li key={`${end.device}.${end.member}`}>
              {bad && <Icon name="alert" small />}
              <span className="what">{end.device}.{end.member}</span>
              <span className="grow value">{text}</span>
              <Show id={nodeOf(around.nodes, end.device, end.member)} what={`end of ${end.member}`} {...around} />
            </li>
          );
        })}
      </ul>
    </Section>
  );
}

function Rows({ report }: { report: Report }) {
  if (!report.recorders.length) return null;
  return (
    <Section title="Rows" testid="dry-rows">
      {report.recorders.map((each, n) => (
        <div className="drydevice" key={n}>
          <p><b>{each.recorder}</b> <span className="dim">{whole(each.rows)} {each.rows === 1 ? "row" : "rows"}</span></p>
          <ul className="drylist">
            {each.columns.map((column) => (
              <li key={column.name}>
                <span className="what">{column.name}</span>
                <span className="grow value">
                  {column.lowest !== null && column.highest !== null && `${withUnit(measured(column.lowest, column.unit))} to ${withUnit(measured(column.highest, column.unit))}`}
                  {column.not_ok > 0 && ` ${whole(column.not_ok)} not ok`}
                </span>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </Section>
  );
}
