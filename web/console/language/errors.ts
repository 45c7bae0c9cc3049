import type { ErrorCode } from "../../shared/protocol";
import { Refused } from "../api";
import type { Translate } from "./translate";

export type DescribeError = ReturnType<typeof makeDescribe>["describeError"];

/** What to tell an agent about a call or a frame that the server refused. */
export function makeDescribe(t: Translate) {
  return { describeError, describeRefusal };

  /** What to tell about a call that failed. */
  function describeError(error: unknown): string {
    if (!(error instanceof Refused)) return t("error.unreachable");
    const { status, problem, retryAfterS } = error;
    if (status === 429) return describeWait(retryAfterS);
    const details = problem.errors?.map(({ field, message }) => `${field} ${message}`);
    const detail = details?.length ? details.join("; ") : error.message;
    return describeRefusal(problem.code, asSentence(detail));
  }

  /**
   * A sentence by the code of a problem or an error frame; `detail` is the server's own one, in
   * English, which stands for itself in English and where no other is known.
   */
  function describeRefusal(code: ErrorCode | undefined, detail: string): string {
    return code ? t(`problem.${code}`, { detail }) : detail;
  }

  function describeWait(seconds: number): string {
    if (seconds > 90) return t("error.waitMinutes", { minutes: Math.ceil(seconds / 60) });
    return t("error.waitSeconds", { seconds: Math.max(1, seconds || 0) });
  }
}

const asSentence = (text: string) => {
  const clean = text.replaceAll("_", " ");
  return clean.charAt(0).toUpperCase() + clean.slice(1) + (/[.!?]$/.test(clean) ? "" : ".");
};
