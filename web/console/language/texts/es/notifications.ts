import type { Translation } from "../../texts";
import type { notifications as english } from "../en/notifications";

export const notifications = {
  "command.notifications": "Notificaciones: servicio y dispositivos",
  "ring.title": "Notificaciones",
  "ring.you": "Usted",
  "ring.onDuty": "De servicio",
  "ring.onDutyHint":
    "Cuando un cliente espera, suenan los dispositivos de quienes están de servicio. Fuera de servicio no suena ninguno de los suyos.",
  "ring.thisDevice": "Este dispositivo",
  "ring.switch": "Hacer sonar este dispositivo",
  "ring.hint":
    "Suena también con la consola cerrada, hasta que cierre la sesión aquí o no haya usado la consola durante 30 días.",
  "ring.test": "Hacer sonar ahora",
  "ring.blocked":
    "El navegador bloquea las notificaciones de este sitio. Permítalas en los ajustes del navegador para esta página (el icono junto a la dirección) y vuelva a cargar la página.",
  "ring.install":
    "En un iPhone o iPad, instale primero la consola: abra el menú Compartir de Safari, elija «Añadir a pantalla de inicio», abra Shoptalk desde allí y vuelva aquí.",
  "ring.unsupported":
    "Este navegador no puede sonar. Use una versión actual de Chrome, Edge, Firefox o Safari y abra la consola por https.",
  "ring.takenBack": "El navegador ya no permite notificaciones.",
  "ring.browserFailed": "El navegador no pudo registrar el dispositivo: {detail}",
  "ring.accepted": "La notificación va en camino a este dispositivo.",
  "ring.gone": "El servicio push ya no conoce este dispositivo. Desactívelo y actívelo de nuevo.",
  "ring.refused": "El servicio push rechaza los mensajes para este dispositivo: {detail}",
  "ring.failed": "No se pudo llegar a este dispositivo: {detail}",
  "ring.unknown": "El servidor no conoce este dispositivo. Desactívelo y actívelo de nuevo.",
} satisfies Translation<typeof english>;
