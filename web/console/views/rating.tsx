import type { Rating } from "../../shared/protocol";
import { useDesk, useLanguage } from "./context";

/** The stars of a score, for the eye alone. */
function Stars({ score }: { score: number }) {
  return (
    <span class="stars" aria-hidden="true">
      {"★".repeat(score)}
      {"☆".repeat(5 - score)}
    </span>
  );
}

/** What the customer thinks of the conversation that this message has closed, if they said so. */
export function RatingOf({ closing }: { closing: number }) {
  const { rich, format } = useLanguage();
  const { conversation, ratings } = useDesk();
  const rating = ratings.list.value.find((each) => each.closing === closing);
  const room = conversation.room.value;
  if (!rating || !room) return null;
  const name = <bdi>{format.visitor(room)}</bdi>;
  return (
    <div class="system rating">
      <p>
        <Stars score={rating.score} /> {rich("rating.given", { name, score: rating.score })}
      </p>
      <Comment rating={rating} />
    </div>
  );
}

/** All ratings of the open conversation in its details, the newest first. */
export function RatingDetails() {
  const { t, format } = useLanguage();
  const all = useDesk().ratings.list.value.toReversed();
  if (!all.length) return null;
  return (
    <>
      <dt>{t("rating.title")}</dt>
      {all.map((rating) => (
        <dd key={rating.closing} class="rating">
          <Stars score={rating.score} /> {t("rating.score", { score: rating.score })}
          <small class="dim">{format.dayAndTime(rating.changed_at)}</small>
          <Comment rating={rating} />
        </dd>
      ))}
    </>
  );
}

function Comment({ rating: { comment } }: { rating: Rating }) {
  return comment ? (
    <blockquote class="comment" dir="auto">
      {comment}
    </blockquote>
  ) : null;
}
