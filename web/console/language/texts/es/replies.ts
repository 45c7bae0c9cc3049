import type { Translation } from "../../texts";
import type { replies as english } from "../en/replies";

export const replies = {
  "composer.unfilled": "Complete {place} antes de enviar.",
  "replies.title": "Respuestas predefinidas",
  "replies.hint":
    "Al escribir, teclee / y algunas letras, y elija con las flechas y la tecla Intro. No se envía nada hasta que usted lo envíe.",
  "replies.none": "Todavía no hay ninguna.",
  "replies.shortcut": "Atajo",
  "replies.shortcutHint": "Una palabra, que se escribe tras una barra.",
  "replies.name": "Título",
  "replies.nameHint": "De qué trata; solo lo ven los agentes.",
  "replies.content": "Texto",
  "replies.places": "Esto se rellena al insertarla: {places}",
  "replies.shared": "De todos",
  "replies.own": "Suya",
  "replies.share": "Para todos los agentes",
  "replies.actions": "Acciones",
  "replies.edit": "Editar",
  "replies.editOf": "Editar /{shortcut}",
  "replies.delete": "Eliminar",
  "replies.deleteOf": "Eliminar /{shortcut}",
  "replies.deleteQuestion": "¿Eliminar /{shortcut}?",
  "replies.deleted": "/{shortcut} se ha eliminado.",
  "replies.new": "Nueva respuesta predefinida",
  "replies.change": "Cambiar /{shortcut}",
  "replies.save": "Guardar respuesta",
  "replies.saved": "/{shortcut} se ha guardado.",
  "replies.cancel": "Cancelar",
  "replies.file": "Archivo CSV",
  "replies.fileHint": "Una tabla con las columnas shortcut, title, content y shared.",
  "replies.export": "Exportar CSV",
  "replies.import": "Importar CSV",
  "replies.imported":
    "{count, plural, one {Se ha añadido # respuesta.} other {Se han añadido # respuestas.}}",
  "replies.refused": "Línea {line, number}, /{shortcut}: {reason}",
  "replies.noCsv":
    "No es un archivo CSV con las columnas shortcut y content en la primera línea. No se ha añadido nada.",
  "command.replies": "Respuestas predefinidas",
} satisfies Translation<typeof english>;
