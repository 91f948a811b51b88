import { portText, whole, withUnit } from "../../model/format";
import type { TableBody as Table } from "../../model/wire.gen";

/** The first rows of a table. */
export function TableBody({ table, label }: { table: Table; label: string }) {
  const { columns, rows, total } = table;
  return (
    <div className="bodyscroll nodrag nowheel" tabIndex={0} role="region" aria-label={`${label} a table`}>
      <table>
        <thead>
          <tr>
            {columns.map((name, i) => (
              <th key={i} scope="col">{name}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            <tr key={i}>
              {columns.map((_, k) => (
                <td key={k} className={typeof row[k] === "number" ? "num" : "m"}>{cellText(row[k])}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {total > rows.length && <p className="more">{whole(rows.length)} of {whole(total)} rows</p>}
    </div>
  );
}

function cellText(cell: unknown): string {
  if (cell === null || cell === undefined) return "";
  return typeof cell === "number" ? withUnit(portText(cell, "")) : String(cell);
}
