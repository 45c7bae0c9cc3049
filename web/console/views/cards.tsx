import { useEffect } from "preact/hooks";
import type { Card } from "../../shared/protocol";
import type { ShopCards } from "../desk/cards";
import { Icon } from "../icons";
import { useDesk, useLanguage } from "./context";
import { ServerText } from "./server-text";

/** What the shop's own server says about the customer, such as their orders. */
export function Cards({ id }: { id: string }) {
  const { t } = useLanguage();
  const { cards } = useDesk();
  useEffect(() => {
    cards.load(id);
    return cards.stop;
  }, [id]);
  const shown = cards.of(id);
  if (!shown || shown.state === "off") return null;
  return (
    <section class="profile" aria-label={t("cards.name")} aria-busy={shown.state === "loading"}>
      <header>
        <h3>{t("cards.name")}</h3>
        <button
          type="button"
          class="plain"
          aria-label={t("cards.again")}
          onClick={() => cards.load(id)}
        >
          <Icon name="reopen" />
        </button>
      </header>
      <Shown cards={shown} />
    </section>
  );
}

function Shown({ cards }: { cards: ShopCards }) {
  const { t } = useLanguage();
  switch (cards.state) {
    case "off":
      return null;
    case "loading":
      return <p class="dim">{t("cards.loading")}</p>;
    case "failed":
      return (
        <p class="problem">
          {t("cards.failed")} <ServerText text={cards.reason} />
        </p>
      );
    case "refused":
      return (
        <p class="problem">
          {t("cards.failed")} {cards.error}
        </p>
      );
    case "loaded":
      if (!cards.cards.length) return <p class="dim">{t("cards.none")}</p>;
      return (
        <ul>
          {cards.cards.map((card) => (
            <ShopCard key={JSON.stringify(card)} card={card} />
          ))}
        </ul>
      );
  }
}

function ShopCard({ card: { title, lines, link } }: { card: Card }) {
  return (
    <li class="shop-card">
      <strong dir="auto">
        {link ? (
          <a href={link} target="_blank" rel="noopener noreferrer nofollow">
            {title}
          </a>
        ) : (
          title
        )}
      </strong>
      {lines.length > 0 && <p dir="auto">{lines.join("\n")}</p>}
    </li>
  );
}
