import type { Translation } from "../../texts";
import type { tokens as english } from "../en/tokens";

export const tokens = {
  "tokens.title": "Tokens de API",
  "tokens.hint":
    "Para programas de la tienda: un programa envía su token como Bearer y puede hacer lo que dicen sus permisos.",
  "tokens.list": "Tokens",
  "tokens.none": "No hay tokens.",
  "tokens.make": "Crear un token",
  "tokens.name": "Nombre del programa",
  "tokens.nameHint": "Los clientes lo ven junto a lo que escribe el programa.",
  "tokens.lifetime": "Válido durante",
  "tokens.days": "{count, plural, one {# día} other {# días}}",
  "tokens.endless": "Hasta que se termine",
  "tokens.rights": "Puede",
  "tokens.right.rooms:read": "leer conversaciones",
  "tokens.right.messages:write": "escribir a los clientes",
  "tokens.right.drafts:write": "sugerir respuestas a los agentes",
  "tokens.right.export": "exportar conversaciones",
  "tokens.submit": "Crear token",
  "tokens.made": "El token {name} está creado.",
  "tokens.secret": "El token, que solo se muestra esta vez",
  "tokens.secretHint":
    "Guárdelo donde el programa lee sus secretos. Si se pierde, termínelo y cree otro.",
  "tokens.copy": "Copiar",
  "tokens.copied": "Copiado",
  "tokens.used": "usado {ago}",
  "tokens.unused": "aún sin usar",
  "tokens.until": "hasta {time}",
  "tokens.past": "caducado {time}",
  "tokens.end": "Terminar",
  "tokens.endOf": "Terminar {name}",
  "tokens.question": "¿Terminar {name}? Los programas que lo usan dejarán de funcionar.",
  "tokens.ended": "El token {name} ha terminado.",
  "command.tokens": "Tokens de API",
  "settings.openTokens": "Abrir Tokens de API",
} satisfies Translation<typeof english>;
