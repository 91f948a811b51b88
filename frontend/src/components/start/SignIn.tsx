import { type FormEvent, useState } from "react";
import { signIn } from "../../store/arrival";
import { useEditor } from "../../store/editor";
import { Brand, Icon } from "../parts/Icon";

/** The page of somebody who is not signed in. */
export function SignIn() {
  const error = useEditor((state) => state.signInError);
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    void signIn(text).finally(() => setBusy(false));
  };
  return (
    <main className="lone">
      <form className="card" onSubmit={submit}>
        <span className="brand"><Brand /></span>
        <h1 className="h2">Sign in</h1>
        <p>
          Run <code>funcnodes link</code> in a terminal and open what it prints.
        </p>
        <label className="stack">
          Or paste the link here
          <span className="field">
            <input autoFocus value={text} autoComplete="off" spellCheck={false} onChange={(event) => setText(event.target.value)} />
          </span>
        </label>
        {error && (
          <p className="wrong" role="alert">
            <Icon name="alert" small /> {error}
          </p>
        )}
        <button type="submit" className="btn primary" disabled={busy || text.trim() === ""}>
          Sign in
        </button>
      </form>
    </main>
  );
}
