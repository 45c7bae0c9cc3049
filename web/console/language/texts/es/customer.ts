import type { Translation } from "../../texts";
import type { customer as english } from "../en/customer";

export const customer = {
  "suggestion.name": "Sugerencia",
  "suggestion.by": "{name} sugiere",
  "suggestion.stale": "El cliente ha escrito desde entonces.",
  "suggestion.take": "Usar",
  "suggestion.dismiss": "Descartar",
  "profile.name": "Sobre el cliente",
  "profile.firstVisit": "Primera visita",
  "profile.lastVisit": "Última visita",
  "profile.language": "Idioma",
  "profile.localTime": "Hora local",
  "profile.attributes": "De la tienda",
  "profile.dropped": "Lo que firmó la tienda se descartó:",
  "profile.pages": "Páginas",
  "profile.others": "Otras conversaciones",
  "cards.name": "En la tienda",
  "cards.again": "Volver a cargar",
  "cards.loading": "Cargando de la tienda",
  "cards.none": "La tienda no tiene nada sobre este cliente.",
  "cards.failed": "No se ha podido cargar de la tienda:",
} satisfies Translation<typeof english>;
