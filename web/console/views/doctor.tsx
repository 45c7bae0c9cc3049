import { useEffect, useMemo } from "preact/hooks";
import type { Finding } from "../../shared/protocol";
import { call } from "../api";
import { makeDoctor } from "../desk/doctor";
import { Dialog } from "./dialog";

const LEVELS = { ok: "OK", skipped: "Not checked", problem: "Problem" } as const;
const ORDER = ["problem", "skipped", "ok"] as const;

/** What is wrong between this browser and the server, for admins. */
export function DoctorDialog({ close }: { close: () => void }) {
  const doctor = useMemo(() => makeDoctor({ call, origin: location.origin }), []);
  useEffect(() => {
    doctor.run();
    return doctor.stop;
  }, []);
  const findings = doctor.findings.value;
  const problems = findings.filter(({ level }) => level === "problem").length;
  const progress = doctor.progress.value;
  return (
    <Dialog title="Doctor" close={close} className="wide">
      <p class="problem" role="alert">
        {doctor.problem.value}
      </p>
      <p role="status">
        {progress || (findings.length ? `${problems || "No"} problems found` : "")}
      </p>
      {progress.startsWith("A socket") && (
        <button type="button" onClick={doctor.skipQuiet}>
          Skip
        </button>
      )}
      <ul class="findings">
        {ORDER.flatMap((level) => findings.filter((finding) => finding.level === level)).map(
          (finding) => (
            <FindingItem key={finding.check} finding={finding} />
          ),
        )}
      </ul>
    </Dialog>
  );
}

function FindingItem({ finding }: { finding: Finding }) {
  const { level, title, detail, advice } = finding;
  return (
    <li>
      <b class={level === "problem" ? "problem" : ""}>
        {LEVELS[level]}: {title}
      </b>
      <p class="dim">{detail}</p>
      {advice.map(({ name, lines }) => (
        <div key={name}>
          {name}
          <pre>{lines}</pre>
        </div>
      ))}
    </li>
  );
}
