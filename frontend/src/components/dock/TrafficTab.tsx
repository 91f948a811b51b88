import { useEffect, useMemo, useRef, useState } from "react";
import { clockTime, whole } from "../../model/format";
import { directionMark, filtered, type Message, visible } from "../../model/traffic";
import { api } from "../../store/api";
import { useEditor } from "../../store/editor";
import { Icon } from "../parts/Icon";
import { useTraffic } from "./useTraffic";

const ROW = 22;
const SLOW_MS = 1000;

/** Every byte to and from the instruments; only the rows in sight are drawn. */
export function TrafficTab() {
  const worker = useEditor((state) => state.worker);
  const devices = useEditor((state) => state.graph?.devices) ?? {};
  const [hold, setHold] = useState(false);
  const [device, setDevice] = useState("");
  const [words, setWords] = useState("");
  const [badOnly, setBadOnly] = useState(false);
  const { traffic, clear } = useTraffic(worker, hold);
  const shown = useMemo(() => filtered(traffic.messages, { device, words, badOnly }), [traffic.messages, device, words, badOnly]);
  const bad = useMemo(() => traffic.messages.filter((each) => each.bad).length, [traffic.messages]);
  return (
    <>
      <div className="dockbar">
        <label className="field">
          <Icon name="filter" />
          <input placeholder="Filter, e.g. smu :READ" aria-label="Filter traffic" value={words} onChange={(event) => setWords(event.target.value)} />
        </label>
        <span className="field pick dev">
          <select aria-label="Device" value={device} onChange={(event) => setDevice(event.target.value)}>
            <option value="">All devices</option>
            {Object.keys(devices).map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </span>
        <button type="button" className="btn sm ghost" aria-pressed={badOnly} onClick={() => setBadOnly(!badOnly)}>
          Errors only {bad > 0 && <span className="count">{bad}</span>}
        </button>
        <span className="grow" />
        <span className="dim small" data-testid="traffic-count">
          {whole(shown.length)} {shown.length === 1 ? "message" : "messages"}, {hold ? "held" : "following"}
          {traffic.missed > 0 && `, ${whole(traffic.missed)} passed too quickly to be kept`}
        </span>
        <button type="button" className="btn sm ghost" aria-pressed={hold} onClick={() => setHold(!hold)}>
          <Icon name={hold ? "play" : "pause"} small />
          {hold ? "Follow" : "Hold view"}
        </button>
        <button type="button" className="btn sm ghost" onClick={clear}>Clear</button>
        <a className="btn sm" href={api.trafficUrl(worker, device)} download title="What the worker keeps of it, to be replayed without an instrument">
          <Icon name="download" small />
          Replay file
        </a>
      </div>
      <Messages messages={shown} follow={!hold} />
    </>
  );
}

function Messages({ messages, follow }: { messages: Message[]; follow: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const [view, setView] = useState({ top: 0, height: 400 });
  const look = () => {
    const { current } = box;
    if (!current) return;
    atEnd.current = current.scrollHeight - current.scrollTop - current.clientHeight < 2 * ROW;
    setView({ top: current.scrollTop, height: current.clientHeight });
  };
  const last = messages.at(-1)?.key;
  useEffect(() => {
    if (box.current && follow && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [last, follow]);
  useEffect(() => {
    if (!box.current) return;
    const observer = new ResizeObserver(look);
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  const { from, to } = visible(messages.length, ROW, view.top, view.height);
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="Messages" ref={box} onScroll={look}>
      <table className="data traffic" aria-rowcount={messages.length + 1}>
        <thead>
          <tr>
            <th>Time</th>
            <th>Device</th>
            <th className="dir">Direction</th>
            <th className="num">Latency</th>
            <th className="bytes">Bytes</th>
          </tr>
        </thead>
        <tbody>
          <Gap rows={from} />
          {messages.slice(from, to).map((message, i) => (
            <Row key={message.key} message={message} index={from + i + 2} />
          ))}
          <Gap rows={messages.length - to} />
        </tbody>
      </table>
      {messages.length === 0 && <p className="none">Nothing here yet. Connect a device, or widen the filter.</p>}
    </div>
  );
}

function Row({ message, index }: { message: Message; index: number }) {
  const mark = directionMark(message.direction);
  const slow = message.ms !== null && message.ms >= SLOW_MS;
  return (
    <tr className={message.bad ? "bad" : ""} aria-rowindex={index} data-testid="traffic-row" data-direction={message.direction}>
      <td className="m">{clockTime(message.t, true)}</td>
      <td>{message.device}</td>
      <td className="dir">
        <span>
          <Icon name={mark.icon} />
          {mark.word}
        </span>
      </td>
      <td className={`num ${slow ? "slow" : ""}`}>{message.ms === null ? "" : `${message.ms < 100 ? message.ms.toFixed(1) : whole(message.ms)} ms`}</td>
      <td className="bytes">
        {message.text}
        {message.end && <u>{message.end}</u>}
      </td>
    </tr>
  );
}

/** Room for rows that are not drawn. */
function Gap({ rows }: { rows: number }) {
  return rows > 0 ? <tr aria-hidden="true" style={{ height: rows * ROW }} /> : null;
}
