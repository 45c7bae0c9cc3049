import { useEffect } from "preact/hooks";
import type { PageVisit, Summary, VisitorAnswer } from "../../shared/protocol";
import { languageName, timeIn, valueText } from "../desk/profile";
import { useDesk, useLanguage } from "./context";
import { Preview } from "./conversations";

/** Who the customer is, apart from their name: below the details of a conversation. */
export function Profile({ id }: { id: string }) {
  const { t } = useLanguage();
  const { profile } = useDesk();
  useEffect(() => void profile.load(id), [id]);
  const known = profile.of(id);
  return (
    <section class="profile" aria-label={t("profile.name")}>
      {profile.problem.value && <p class="problem">{profile.problem.value}</p>}
      {known && (
        <>
          <Facts profile={known} />
          <Attributes profile={known} />
          <Pages pages={known.pages} />
          <Others rooms={known.rooms} />
        </>
      )}
    </section>
  );
}

function Facts({ profile }: { profile: VisitorAnswer }) {
  const { t, format, locale } = useLanguage();
  const { attributes } = profile;
  const language = languageName(attributes?.language, locale.value);
  const time = timeIn(attributes?.time_zone, locale.value);
  return (
    <dl>
      <dt>{t("profile.firstVisit")}</dt>
      <dd>{format.dayAndTime(profile.first_visit_at)}</dd>
      <dt>{t("profile.lastVisit")}</dt>
      <dd>{format.dayAndTime(profile.last_visit_at)}</dd>
      {language && (
        <>
          <dt>{t("profile.language")}</dt>
          <dd>
            <bdi>{language}</bdi>
          </dd>
        </>
      )}
      {time && (
        <>
          <dt>{t("profile.localTime")}</dt>
          <dd>
            <bdi>{time}</bdi>
          </dd>
        </>
      )}
    </dl>
  );
}

function Attributes({ profile }: { profile: VisitorAnswer }) {
  const { t } = useLanguage();
  const { attributes, attributes_problem } = profile;
  const entries = Object.entries(attributes ?? {});
  if (!entries.length && !attributes_problem) return null;
  return (
    <>
      <h3>{t("profile.attributes")}</h3>
      {attributes_problem && (
        <p class="problem">
          {t("profile.dropped")} <span lang="en">{attributes_problem}</span>
        </p>
      )}
      <dl>
        {entries.map(([key, value]) => (
          <div key={key}>
            <dt>
              <bdi>{key}</bdi>
            </dt>
            <dd>
              <bdi>{valueText(value)}</bdi>
            </dd>
          </div>
        ))}
      </dl>
    </>
  );
}

function Pages({ pages }: { pages: readonly PageVisit[] }) {
  const { t, format } = useLanguage();
  if (!pages.length) return null;
  return (
    <>
      <h3 id="profile-pages">{t("profile.pages")}</h3>
      <ol aria-labelledby="profile-pages">
        {pages.map(({ url, at }) => (
          <li key={at}>
            <a href={url} target="_blank" rel="noopener noreferrer nofollow">
              <bdi dir="ltr">{url.replace(/^https?:\/\//, "")}</bdi>
            </a>{" "}
            <small class="dim">{format.dayAndTime(at)}</small>
          </li>
        ))}
      </ol>
    </>
  );
}

function Others({ rooms }: { rooms: readonly Summary[] }) {
  const { t, format } = useLanguage();
  const { conversation } = useDesk();
  if (!rooms.length) return null;
  return (
    <>
      <h3 id="profile-others">{t("profile.others")}</h3>
      <ul aria-labelledby="profile-others">
        {rooms.map((room) => (
          <li key={room.id}>
            <button type="button" class="plain" onClick={() => conversation.open(room.id)}>
              <span class="dim">
                {format.dayAndTime(room.last_message_at ?? room.created_at)} ·{" "}
                {t(`conversation.${room.status}`)}
              </span>
              <br />
              <span dir="auto">
                <Preview room={room} />
              </span>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}
