import { useEffect, useMemo } from "preact/hooks";
import type { Finding } from "../../shared/protocol";
import { call } from "../api";
import { makeDoctor } from "../desk/doctor";
import { useLanguage } from "./context";
import { Dialog } from "./dialog";

const ORDER = ["problem", "skipped", "ok"] as const;

/** What is wrong between this browser and the server, for admins. */
export function DoctorDialog({ close }: { close: () => void }) {
  const language = useLanguage();
  const { t } = language;
  const doctor = useMemo(() => makeDoctor({ call, language, origin: location.origin }), []);
  useEffect(() => {
    doctor.run();
    return doctor.stop;
  }, []);
  const findings = doctor.findings.value;
  const problems = findings.filter(({ level }) => level === "problem").length;
  const progress = doctor.progress.value;
  return (
    <Dialog title={t("doctor.title")} close={close} className="wide">
      <p class="problem" role="alert">
        {doctor.problem.value}
      </p>
      <p role="status">
        {progress || (findings.length ? t("doctor.found", { count: problems }) : "")}
      </p>
      {doctor.isQuiet.value && (
        <button type="button" onClick={doctor.skipQuiet}>
          {t("doctor.skip")}
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
  const { t } = useLanguage();
  const { check, level, title, detail, advice } = finding;
  return (
    <li>
      <b class={level === "problem" ? "problem" : ""}>
        {t(`doctor.${level}`)}: {t(`check.${check}`, { title })}
      </b>
      <p class="dim" lang="en" dir="ltr">
        {detail}
      </p>
      {advice.map(({ name, lines }) => (
        <div key={name} lang="en" dir="ltr">
          {name}
          <pre>{lines}</pre>
        </div>
      ))}
    </li>
  );
}
